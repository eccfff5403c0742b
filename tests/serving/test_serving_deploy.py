"""The stage that deploys: from artefacts to a service."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from sixfold.product import Product
from sixfold.progress import Event
from sixfold.progress import Note as NoteEvent
from sixfold.security import Home
from sixfold.serving import Bundle, Engine, same_answer
from sixfold.stages import Deploy, bundle_from
from sixfold.store import Artefact, Store, Workspace
from sixfold.targets.local import Local


def artefacts(bundle: Bundle, store: Store) -> dict[str, Artefact]:
    """What the stages before would have left, of a model that is there already."""
    prepare, train, evaluate = (Workspace(store, stage, stage) for stage in ("prepare", "train", "evaluate"))
    fields = {"given": [field.to_json() for field in bundle.given.values()], "target": bundle.target.to_json()}
    prepare.write_json("fields.json", fields)
    prepare.write_json("shards.json", [])
    train.write("graph.onnx", bundle.graphs["graph"])
    evaluate.write_json("decision.json", bundle.decision.model_dump())
    evaluate.write_json("sample.json", bundle.sample)
    evaluate.write("report.html", b"<!doctype html><title>Report</title>")
    about = {"figures": {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "rows": 100}}}
    return {
        work.stage: store.keep(work.stage, work.key, about if work is evaluate else {}, work.members)
        for work in (prepare, train, evaluate)
    }


@pytest.mark.slow
def test_the_stage_deploys_what_was_evaluated(home: Home, store: Store, table_bundle: Bundle) -> None:
    told: list[Event] = []
    inputs = artefacts(table_bundle, store)
    work = Workspace(store, "deploy", "deploy", listener=told.append)
    try:
        receipt = Deploy().run(table_bundle.product, inputs, work)
        said = httpx.post(f"{receipt['url']}/predict", json=table_bundle.sample["row"]).json()
        assert same_answer(table_bundle.sample["answer"], said["answers"][0])
        assert httpx.get(f"{receipt['url']}/report").text.startswith("<!doctype html>")
        assert httpx.get(f"{receipt['url']}/about").json()["headline"]["value"] == 0.9
        assert [receipt["url"] in str(event) for event in told if isinstance(event, NoteEvent)] == [True]
        assert Deploy().run(table_bundle.product, inputs, work) == receipt
    finally:
        Local(home).stop("tumour")


def test_the_columns_keep_the_order_they_were_prepared_in(home: Home, store: Store, table_bundle: Bundle) -> None:
    record = table_bundle.product.to_mapping()
    turned = Product(**{**record, "given": dict(reversed(record["given"].items()))})
    assert list(turned.given) != list(table_bundle.given)
    work = Workspace(store, "deploy", "deploy")
    bundle = bundle_from(turned, artefacts(table_bundle, store), work)
    assert list(bundle.given) == list(table_bundle.given)
    row = table_bundle.sample["row"]
    assert same_answer(Engine(bundle).answers([row])[0], table_bundle.sample["answer"])
    names = list(bundle.given)
    one = {name: bundle.given[name].encode([row[name]]) for name in names}
    assert np.asarray(Engine(bundle).outputs(one)).shape == (1, 1)
