"""Small real artefacts: scikit-learn's data, a logistic regression, and the ONNX graph of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from cases import Case, png
from PIL import Image as Pillow
from sklearn.datasets import load_breast_cancer, load_digits

from sixfold.product import Product
from sixfold.store import Store


@pytest.fixture
def digits_rows() -> pl.DataFrame:
    digits = load_digits()
    return pl.DataFrame(
        {
            "photo": [png(image * 15.9) for image in digits.images[:900]],
            "digit": [int(digit) for digit in digits.target[:900]],
            "__path__": [f"digits/{digit}/{row}.png" for row, digit in enumerate(digits.target[:900])],
        }
    )


@pytest.fixture
def digits_product() -> Product:
    return Product(
        name="sign-digits",
        goal="Read a handwritten digit from a small picture.",
        data="sklearn:digits",
        given={"photo": "image"},
        predict={"digit": "category"},
    )


@pytest.fixture
def digits_case(store: Store, digits_product: Product, digits_rows: pl.DataFrame) -> Case:
    return Case(store, digits_product, digits_rows)


@pytest.fixture
def tumour_rows() -> pl.DataFrame:
    data = load_breast_cancer()
    columns = {str(name): data.data[:, index].tolist() for index, name in enumerate(data.feature_names[:6])}
    columns["mean radius"][3] = None
    return pl.DataFrame({**columns, "malignant": ["yes" if kind == 0 else "no" for kind in data.target]})


@pytest.fixture
def tumour_product(tumour_rows: pl.DataFrame) -> Product:
    given = {name: "number" for name in tumour_rows.columns if name != "malignant"}
    return Product(name="tumour", data="tumours.csv", given=given, predict={"malignant": "yes_no"})


@pytest.fixture
def tumour_case(store: Store, tumour_product: Product, tumour_rows: pl.DataFrame) -> Case:
    return Case(store, tumour_product, tumour_rows)


@pytest.fixture
def build(store: Store) -> Callable[..., Case]:
    """Another case: ``build(product, rows, harm=…, data=…)``."""
    return lambda product, rows, **told: Case(store, product, rows, **told)


@pytest.fixture
def decoded() -> Callable[[str], Any]:
    return lambda text: Pillow.open(io.BytesIO(base64.b64decode(text)))
