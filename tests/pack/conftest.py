"""One real pack: a linear model of scikit-learn's breast cancer rows, made by a supplier for a customer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from packing import COLUMNS, linear_bundle

from sixfold.language import Text
from sixfold.pack import Card, Column, DataSet, Figure, Gate, Override, Pack, write_pack
from sixfold.security import Home, Keyring
from sixfold.serving import Bundle


@pytest.fixture(scope="session", autouse=True)
def _no_keys_from_the_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("SIXFOLD_")]:
            patch.delenv(variable)
        yield


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return linear_bundle()


@pytest.fixture(scope="session")
def card(bundle: Bundle) -> Card:
    number = Text("a number", "数字")
    return Card(
        name="tumours",
        version=bundle.version,
        goal=bundle.product.goal or "",
        task=Text("classification", "分类"),
        hub_task="tabular-classification",
        network="mlp",
        given=[Column(name, number) for name in COLUMNS],
        target=Column("diagnosis", Text("one of several values", "若干取值之一")),
        data=DataSet("sklearn:breast_cancer", "0" * 64, 569, {"train": 387, "test": 114}, licence="CC BY 4.0"),
        figures=[
            Figure(
                "accuracy",
                Text("Accuracy", "准确率"),
                0.94,
                Text("94.0 %", "94.0%"),
                Text("89.5–97.4 %", "89.5–97.4%"),
                114,
                Text("62.3 % (Always the most frequent class)", "62.3%(总猜最常见的类)"),
            )
        ],
        gates=[Gate(Text("no leakage", "无泄漏"), Text("Failed", "未通过"), Text("A row | twice.", "有一行重复。"))],
        overrides=[Override(gate="no leakage", reason="the row is a control")],
    )


@pytest.fixture(scope="session")
def supplier(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(Home(tmp_path_factory.mktemp("supplier") / "home"))


@pytest.fixture(scope="session")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(Home(tmp_path_factory.mktemp("customer") / "home"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(Home(tmp_path_factory.mktemp("stranger") / "home"))


@pytest.fixture(scope="session")
def key(supplier: Keyring) -> bytes:
    """The supplier's public key, as the customer has it."""
    return supplier.public_signing_pem()


@pytest.fixture(scope="session")
def pack(
    bundle: Bundle, card: Card, supplier: Keyring, customer: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Pack:
    return write_pack(
        bundle,
        card,
        keyring=supplier,
        recipients=[customer.recipient],
        folder=tmp_path_factory.mktemp("delivery"),
        provenance={"data": "0" * 64},
    )


@pytest.fixture(scope="session")
def tampered_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tampered") / "tumours.sixfold"
