"""The stage `deliver`: from artefacts to a pack that was opened again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sixfold.errors import KeyringError, ServiceError
from sixfold.hashing import canonical_json
from sixfold.pack import open_pack
from sixfold.product import Product
from sixfold.security import Keyring
from sixfold.serving import Bundle
from sixfold.sources import Provenance
from sixfold.stages.deliver import Deliver
from sixfold.store import Artefact, Store, Workspace

FIGURE = {
    "name": "accuracy",
    "higher_is_better": True,
    "value": 0.9386,
    "low": 0.89,
    "high": 0.97,
    "rows": 114,
    "against": {"majority": {"value": 0.62}, "linear": {"value": 0.93}},
}
REPORT = {
    "data": {"findings": [], "columns": {}, "left_out": {"missing target": 3}, "split": {"way": "random"}},
    "rows": {"train": 400, "validation": 55, "test": 114},
    "product": {"task": {"en": "classification", "zh": "分类"}},
    "provenance": {
        "place": "/home/someone/secret folder/rows.csv",
        "name": "rows.csv",
        "detected": {"a": {"place": "x"}},
    },
    "figures": [FIGURE, {**FIGURE, "name": "auroc", "value": None, "low": None, "high": None, "against": {}}],
    "gates": [{"name": "no leakage", "state": "failed", "says": {"en": "A row stands twice.", "zh": "有一行重复。"}}],
}


def kept(store: Store, stage: str, about: dict[str, Any], members: dict[str, bytes]) -> Artefact:
    return store.keep(stage, f"key of {stage}", about, {name: store.put(data) for name, data in members.items()})


@pytest.fixture
def artefacts(store: Store, bundle: Bundle) -> dict[str, Artefact]:
    """What the four stages before would have made of the linear model."""
    place = "/home/someone/secret folder/rows.csv"
    name = Provenance(place, "table", "ab" * 32, 1).name
    provenance = {"place": place, "name": name, "digest": "ab" * 32, "licence": "CC BY 4.0", "origin": None}
    fields = {
        "given": [field.to_json() for field in bundle.given.values()],
        "target": bundle.target.to_json(),
    }
    shards = [{"name": "test-0", "split": "test", "rows": 114, "bytes": 1}]
    return {
        "collect": kept(store, "collect", {"rows": 569, "provenance": provenance}, {}),
        "prepare": kept(
            store, "prepare", {}, {"fields.json": canonical_json(fields), "shards.json": canonical_json(shards)}
        ),
        "train": kept(store, "train", {"network": "mlp"}, {"graph.onnx": bundle.graphs["graph"]}),
        "evaluate": kept(
            store,
            "evaluate",
            {},
            {
                "decision.json": canonical_json(bundle.decision.model_dump()),
                "report.json": canonical_json(REPORT),
                "report.html": bundle.report,
                "sample.json": canonical_json(bundle.sample),
            },
        ),
    }


@pytest.fixture
def work(store: Store, tmp_path: Path) -> Workspace:
    return Workspace(store, "deliver", "", folder=tmp_path / "tumours-delivery")


def test_the_receipt_tells_where_the_pack_is_and_how_it_is_verified(
    bundle: Bundle, artefacts: dict[str, Artefact], work: Workspace, keyring: Keyring
) -> None:
    receipt = Deliver().run(bundle.product, artefacts, work)
    assert json.loads(canonical_json(receipt)) == receipt
    pack = open_pack(receipt["pack"], Path(receipt["key_file"]).read_bytes())
    assert (receipt["sha256"], receipt["bytes"]) == (pack.verified.sha256, Path(receipt["pack"]).stat().st_size)
    assert receipt["recipients"] == [keyring.recipient]
    assert receipt["key"] == pack.manifest.signed_by
    assert receipt["verified"] is True
    assert pack.bundle(keyring.identity).version == receipt["version"] == bundle.version
    assert pack.manifest.provenance["data"] == "ab" * 32
    assert pack.manifest.provenance["train"] == artefacts["train"].digest


def test_delivering_twice_leaves_what_delivering_once_left(
    bundle: Bundle, artefacts: dict[str, Artefact], work: Workspace
) -> None:
    first = Deliver().run(bundle.product, artefacts, work)
    files = {path.name: path.read_bytes() for path in work.folder.iterdir()}
    assert Deliver().run(bundle.product, artefacts, work) == first
    assert {path.name: path.read_bytes() for path in work.folder.iterdir()} == files


def test_the_card_has_figures_baselines_and_overrides_but_no_folder_of_the_maker(
    bundle: Bundle, artefacts: dict[str, Artefact], work: Workspace, keyring: Keyring
) -> None:
    work.overrides = {"no leakage": "the row is a control"}
    product = bundle.product.changed(deliver={"terms": "For internal use."})
    receipt = Deliver().run(product, artefacts, work)
    pack = open_pack(receipt["pack"], keyring.public_signing_pem())
    front = yaml.safe_load(pack.card.split("---\n")[1])
    assert front["datasets"] == ["rows.csv"]
    assert front["license_name"] == "For internal use."
    assert front["model-index"][0]["results"][0]["metrics"] == [
        {"type": "accuracy", "name": "Accuracy", "value": 0.9386}
    ]
    assert "secret folder" not in pack.card
    assert "93.0 % (A simple linear model)" in pack.card
    assert pack.card.count("the row is a control") == 2
    assert [override.reason for override in pack.manifest.overrides] == ["the row is a control"]


def test_a_pack_for_a_customer_is_theirs_alone(
    bundle: Bundle, artefacts: dict[str, Artefact], work: Workspace, keyring: Keyring, customer: Keyring
) -> None:
    product = bundle.product.changed(deliver={"to": [customer.recipient]})
    receipt = Deliver().run(product, artefacts, work)
    pack = open_pack(receipt["pack"], keyring.public_signing_pem())
    assert pack.bundle(customer.identity).version == receipt["version"]
    assert receipt["recipients"] == [customer.recipient]


def test_a_recipient_that_is_none_is_said_before_anything_is_written(
    bundle: Bundle, artefacts: dict[str, Artefact], work: Workspace
) -> None:
    product: Product = bundle.product.changed(deliver={"to": ["nobody"]})
    with pytest.raises(KeyringError, match="not_a_recipient"):
        Deliver().run(product, artefacts, work)
    assert not work.folder.exists()


def test_a_model_that_answers_otherwise_is_not_delivered(
    bundle: Bundle, store: Store, artefacts: dict[str, Artefact], work: Workspace
) -> None:
    wrong = replace(bundle, sample={**bundle.sample, "answer": {**bundle.sample["answer"], "diagnosis": "neither"}})
    members = {**artefacts["evaluate"].members, "sample.json": store.put(canonical_json(wrong.sample))}
    evaluated = store.keep("evaluate", "wrong", {}, members)
    with pytest.raises(ServiceError, match="pack_answers_wrongly"):
        Deliver().run(bundle.product, {**artefacts, "evaluate": evaluated}, work)
    assert list(work.folder.glob("*.sixfold")) == []


def test_the_customer_gets_the_report_for_programs_and_the_data_sheet_sealed(
    bundle: Bundle, artefacts: dict[str, Artefact], work: Workspace, keyring: Keyring
) -> None:
    receipt = Deliver().run(bundle.product, artefacts, work)
    pack = open_pack(receipt["pack"], Path(receipt["key_file"]).read_bytes())
    papers = pack.bundle(keyring.identity).papers
    assert json.loads(papers["report.json"]) == {**REPORT, "provenance": {"name": "rows.csv", "detected": {"a": {}}}}
    sheet = papers["DATASHEET.md"].decode()
    assert "Datasheets for Datasets" in sheet
    assert "缺失" in sheet
    assert "secret folder" not in sheet
    assert not any(sheet[:300].encode() in data for data in pack.members.values())
