"""Sensitivity at a stated specificity and the other way round; and what a medical product says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from sixfold.errors import ProductError
from sixfold.evaluation._decide import reaching
from sixfold.evaluation.chapters.screening import Screening, _predictive
from sixfold.product import Product
from sixfold.stages import Evaluate

if TYPE_CHECKING:
    from tests.evaluation.conftest import Case


def asked(product: Product, **evaluate: Any) -> Product:
    return product.changed(evaluate=evaluate)


def judged(case: Case) -> tuple[dict[str, Any], dict[str, Any], str]:
    work = case.work()
    Evaluate().run(case.product, case.inputs, work)
    report = json.loads(case.store.get(work.members["report.json"]))
    decision = json.loads(case.store.get(work.members["decision.json"]))
    return report, decision, case.store.get(work.members["report.html"]).decode()


def test_a_stated_specificity_moves_the_threshold_and_is_reached(
    build: Callable[..., Case], tumour_product: Product, tumour_rows: pl.DataFrame
) -> None:
    plain = judged(build(tumour_product, tumour_rows))
    report, decision, page = judged(build(asked(tumour_product, specificity=0.9, prevalence=0.02), tumour_rows))
    found = report["chapters"]["screening"]
    assert "screening" not in plain[0]["chapters"]
    assert decision["threshold"] != plain[1]["threshold"]
    assert found["specificity"]["high"] >= 0.9
    assert found["threshold"] == decision["threshold"]
    assert found["positive_predictive_value"]["value"] < found["sensitivity"]["value"]
    assert "1,000 cases of which 20" in page
    assert "certified medical device" not in page


def test_a_medical_product_says_plainly_what_it_is_not(
    build: Callable[..., Case], tumour_product: Product, tumour_rows: pl.DataFrame
) -> None:
    report, _, page = judged(build(asked(tumour_product, medical=True), tumour_rows))
    assert report["product"]["medical"] is True
    assert page.count("not a certified medical device") >= 2
    assert "不是经认证的医疗器械" in page


def test_of_new_rows_the_stated_share_is_told_right() -> None:
    draw = np.random.default_rng(0)
    shares = {"specificity": [], "sensitivity": []}
    for _ in range(200):
        y = draw.integers(0, 2, 240)
        likely = 1 / (1 + np.exp(-draw.normal(2 * y - 1, 1)))
        for figure, kind in (("specificity", 0), ("sensitivity", 1)):
            threshold = reaching(figure, 0.9, likely[:120], y[:120])
            new = likely[120:][y[120:] == kind]
            shares[figure].append(np.mean((new >= threshold) == bool(kind)))
    assert np.mean(shares["specificity"]) == pytest.approx(0.9, abs=0.015)
    assert np.mean(shares["sensitivity"]) == pytest.approx(0.9, abs=0.015)


def test_predictive_values_follow_bayes_and_hold_their_values() -> None:
    used = {name: {"value": 0.9, "low": 0.85, "high": 0.94} for name in ("sensitivity", "specificity")}
    found = _predictive(used, 0.01, 0)
    assert found["positive_predictive_value"]["value"] == pytest.approx(0.009 / (0.009 + 0.099))
    for one in found.values():
        assert one["low"] < one["value"] < one["high"]


def test_gates_can_ask_for_each_of_the_four_shares() -> None:
    shares = {name.replace(" ", "_"): {"value": 0.5} for name in Screening.asked_for}
    assert Screening.figures(shares) == dict.fromkeys(
        ("sensitivity", "specificity", "positive predictive value", "negative predictive value"), 0.5
    )


@pytest.mark.parametrize(
    ("evaluate", "says"),
    [
        ({"specificity": 0.9, "sensitivity": 0.9}, "state one"),
        ({"specificity": 1.5}, "less than 1"),
    ],
)
def test_what_cannot_be_stated_is_refused(tumour_product: Product, evaluate: dict[str, Any], says: str) -> None:
    with pytest.raises(ProductError, match=says):
        asked(tumour_product, **evaluate)


def test_a_specificity_of_many_classes_is_refused_and_says_what_to_do(digits_product: Product) -> None:
    with pytest.raises(ProductError) as raised:
        asked(digits_product, specificity=0.9)
    assert raised.value.slug == "not_yes_no"
    assert "yes_no" in str(raised.value)
