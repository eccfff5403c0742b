"""The stage: from the artefacts of collect, prepare and train to figures, decision, sample and report."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from cases import without_chapters
from safetensors.numpy import load
from sklearn.metrics import accuracy_score

from sixfold.errors import DataError, ProductError, RunError
from sixfold.evaluation import collected_rows, schema
from sixfold.product import Product
from sixfold.progress import Note, Step
from sixfold.stages import Evaluate
from sixfold.tasks import Decision, task_of


class Evaluated:
    """What the stage made of a case."""

    def __init__(self, case: Any) -> None:
        self.events: list[Any] = []
        work = case.work("evaluate", self.events.append)
        self.about = Evaluate().run(case.product, case.inputs, work)
        self.members = {name: case.store.get(member) for name, member in work.members.items()}
        self.report = json.loads(self.members["report.json"])
        self.html = self.members["report.html"].decode()
        self.sample = json.loads(self.members["sample.json"])
        self.decision = Decision(**json.loads(self.members["decision.json"]))


class Page(HTMLParser):
    """The tags and the text of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def fits(value: Any, rule: dict[str, Any], where: str = "report") -> list[str]:
    """Where ``value`` breaks the JSON Schema ``rule``; of the keywords that report.json's schema uses."""
    if "anyOf" in rule:
        found = [fits(value, one, where) for one in rule["anyOf"]]
        return [] if [] in found else found[0]
    faults = []
    if "const" in rule and value != rule["const"]:
        faults.append(f"{where}: {value!r}")
    if "enum" in rule and value not in rule["enum"]:
        faults.append(f"{where}: {value!r}")
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "number": (int, float)}
    told = rule.get("type", [])
    for name in [told] if isinstance(told, str) else told:
        if value is None if name == "null" else isinstance(value, kinds[name]):
            break
    else:
        if told:
            return [f"{where}: {value!r} is no {told}"]
    if isinstance(value, dict):
        faults += [f"{where}.{name} is missing" for name in rule.get("required", []) if name not in value]
        for name, part in value.items():
            inner = rule.get("properties", {}).get(name, rule.get("additionalProperties", {}))
            faults += [f"{where}.{name} is unknown"] if inner is False else fits(part, inner, f"{where}.{name}")
    if isinstance(value, list):
        faults += [
            fault
            for number, part in enumerate(value)
            for fault in fits(part, rule.get("items", {}), f"{where}.{number}")
        ]
    return faults


@pytest.fixture
def digits(digits_case: Any) -> Evaluated:
    return Evaluated(digits_case)


@pytest.fixture
def tumour(tumour_case: Any) -> Evaluated:
    return Evaluated(tumour_case)


def test_it_writes_its_members_and_tells_the_headline_with_interval_and_rows(digits, digits_case):
    assert set(digits.members) == {
        "decision.json",
        "report.json",
        "report.html",
        "reference.json",
        "sample.json",
        "predictions.safetensors",
    }
    assert digits.about["headline"]["name"] == "accuracy"
    assert digits.about["headline"]["low"] < digits.about["headline"]["value"] < digits.about["headline"]["high"]
    assert digits.about["headline"]["rows"] == len(digits_case.splits["test"])
    assert [gate["name"] for gate in digits.about["gates"]] == ["beats baseline", "no leakage"]


def test_figures_are_those_of_the_exported_graph_on_test_rows_alone(digits, digits_case):
    work = digits_case.work()
    session = onnxruntime.InferenceSession(work.read(digits_case.inputs["train"], "graph.onnx"))
    arrays = digits_case.arrays["test"]
    (outputs,) = session.run(None, {"given_0": arrays["photo"]})
    expected = accuracy_score(arrays["digit"] - 1, outputs.argmax(axis=1))
    assert digits.about["figures"]["accuracy"]["value"] == pytest.approx(expected)


def test_predictions_are_kept_row_by_row(tumour, tumour_case):
    kept = load(tumour.members["predictions.safetensors"])
    assert sorted(kept["row"]) == tumour_case.splits["test"].tolist()
    right = (kept["y"] == kept["decided"]).mean()
    assert right == pytest.approx(tumour.about["figures"]["accuracy"]["value"])
    assert kept["probabilities"].sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("name", ["digits_case", "tumour_case"])
def test_the_sample_is_a_real_test_row_that_is_answered_rightly(name, request):
    case = request.getfixturevalue(name)
    evaluated = Evaluated(case)
    row, answer = evaluated.sample["row"], evaluated.sample["answer"]
    work = case.work()
    session = onnxruntime.InferenceSession(work.read(case.inputs["train"], "graph.onnx"))
    given = {f"given_{index}": field.encode([row[column]]) for index, (column, field) in enumerate(case.given.items())}
    (outputs,) = session.run(None, given)
    again = task_of(case.product)(case.product, case.target).answers(outputs, evaluated.decision)[0]
    assert again[case.target.name] == answer[case.target.name]
    assert again["confidence"] == pytest.approx(answer["confidence"], abs=1e-6)
    encoded = {column: field.encode([row[column]])[0] for column, field in case.given.items()}
    same = [
        number
        for number in range(len(case.splits["test"]))
        if all(np.array_equal(case.arrays["test"][column][number], value) for column, value in encoded.items())
    ]
    assert answer[case.target.name] in {case.target.decode(case.arrays["test"][case.target.name][[n]])[0] for n in same}


def test_the_report_fits_its_schema(digits, tumour):
    assert fits(digits.report, schema()) == []
    assert fits(tumour.report, schema()) == []
    assert fits({**digits.report, "rows": None}, schema()), "the check itself must be able to fail"


def test_every_figure_stands_with_interval_baselines_and_rows(tumour):
    for figure in tumour.report["figures"]:
        assert {"value", "low", "high", "rows", "against"} <= set(figure)
        assert set(figure["against"]) == {"majority", "linear"}
        assert set(figure["against"]["linear"]["difference"]) == {"value", "low", "high"}


def test_f1_of_yes_is_told_of_yes_or_no_alone(tumour, digits):
    assert "f1" in tumour.about["figures"]
    assert "f1" not in digits.about["figures"]


def test_the_worst_examples_are_wrong_and_the_surest_come_first(digits):
    worst = digits.report["worst"]
    assert worst
    assert all(example["said"] != example["right"] for example in worst)
    assert [example["confidence"] for example in worst] == sorted((e["confidence"] for e in worst), reverse=True)
    assert worst[0]["path"].startswith(f"digits/{worst[0]['right']}/")


def test_the_worst_examples_of_a_table_carry_their_values(tumour, tumour_case):
    example = tumour.report["worst"][0]
    assert example["values"]["mean radius"] == tumour_case.rows["mean radius"][example["row"]]


def test_a_model_that_is_broken_fails_the_gate(build, digits_product, digits_rows):
    evaluated = Evaluated(build(digits_product, digits_rows, harm=5.0))
    gate = next(gate for gate in evaluated.about["gates"] if gate["name"] == "beats baseline")
    assert not gate["passed"]


def test_leaked_rows_in_a_split_of_our_own_fail_the_gate(build, tumour_product, tumour_rows):
    data = {"shared_rows": {"train/test": 2, "train/validation": 0, "validation/test": 0}, "leaked_test_rows": [5]}
    evaluated = Evaluated(build(tumour_product, tumour_rows, data=data))
    assert not next(gate for gate in evaluated.about["gates"] if gate["name"] == "no leakage")["passed"]


def test_leak_free_figures_leave_the_leaked_rows_out(build, tumour_product, tumour_rows):
    plain = build(tumour_product, tumour_rows)
    leaked = plain.splits["test"][:20].tolist()
    data = {
        "split": {"way": "official", "official": ["test", "train"]},
        "shared_rows": {"train/test": 20, "train/validation": 0, "validation/test": 0},
        "leaked_test_rows": leaked,
    }
    evaluated = Evaluated(build(tumour_product, tumour_rows, data=data))
    free, kept = evaluated.report["leaks"]["leak_free"], load(evaluated.members["predictions.safetensors"])
    clean = ~np.isin(kept["row"], leaked)
    assert free["rows"] == clean.sum()
    assert free["value"] == pytest.approx((kept["y"] == kept["decided"])[clean].mean())


def test_without_test_rows_there_is_nothing_to_say(build, tumour_product, tumour_rows):
    case = build(tumour_product, tumour_rows, test_rows=0.0)
    with pytest.raises(DataError) as caught:
        Evaluated(case)
    assert caught.value.code == "data.no_test_rows"


def test_without_validation_rows_the_decision_is_neutral_and_the_report_stands(tumour_case):
    work = tumour_case.work("prepare")
    old = tumour_case.made["prepare"]
    shards = [shard for shard in work.read_json(old, "shards.json") if shard["split"] != "validation"]
    work.members.update(old.members)
    work.write_json("shards.json", shards)
    tumour_case.made["prepare"] = tumour_case.store.keep("prepare", "other", old.about, work.members)
    assert Evaluated(tumour_case).decision == Decision()


def test_a_graph_that_cannot_be_opened_or_is_not_finite_is_named(tumour_case):
    work, old = tumour_case.work("train"), tumour_case.made["train"]
    work.members.update(old.members)
    work.write("graph.onnx", b"not a graph")
    tumour_case.made["train"] = tumour_case.store.keep("train", "other", old.about, work.members)
    with pytest.raises(RunError) as caught:
        Evaluated(tumour_case)
    assert caught.value.code == "run.graph_fails"


def test_a_column_kind_that_encodes_json_otherwise_than_prepare_did_is_found(tumour_case, monkeypatch):
    from sixfold.fields.number import Number

    monkeypatch.setattr(Number, "json_value", lambda self, value: value * 3)
    with pytest.raises(RunError) as caught:
        Evaluated(tumour_case)
    assert caught.value.code == "run.sample_differs"
    assert caught.value.values["kinds"] == "number"


def test_it_depends_on_its_section_name_and_goal_and_refuses_unknown_gates(tumour_product):
    stage = Evaluate()
    same = tumour_product.changed(deliver={"terms": "none"})
    assert stage.depends_on(same) == stage.depends_on(tumour_product)
    assert stage.depends_on(tumour_product.changed(goal="Another.")) != stage.depends_on(tumour_product)
    with pytest.raises(ProductError, match=r"product\.unknown_gate"):
        stage.depends_on(tumour_product.changed(evaluate={"gates": {"nonesuch": False}}))


def test_the_same_inputs_give_the_same_bytes(tumour_case):
    first, second = Evaluated(tumour_case), Evaluated(tumour_case)
    first.report["baselines"]["linear"].pop("seconds")
    second.report["baselines"]["linear"].pop("seconds")
    assert first.report == second.report
    assert first.html == second.html


def test_it_tells_how_far_it_is_and_what_it_found(digits):
    steps = [event for event in digits.events if isinstance(event, Step)]
    assert steps[-1].done == steps[-1].total
    notes = [str(event) for event in digits.events if isinstance(event, Note)]
    assert any(note.startswith("Accuracy 9") for note in notes)
    assert any("no leakage" in note for note in notes)


def test_collected_rows_are_found_in_whichever_shard_they_are(tumour_case):
    last = tumour_case.rows.height - 1
    found = collected_rows(tumour_case.inputs["collect"], [last, 0, 300, 0], tumour_case.work())
    assert {row: values["mean area"] for row, values in found.items()} == {
        row: tumour_case.rows["mean area"][row] for row in (0, 300, last)
    }


def test_the_page_is_one_file_that_asks_nothing_of_the_network(digits, tumour):
    for evaluated in (digits, tumour):
        assert len(evaluated.members["report.html"]) < 3 << 20
        for tag, attributes in Page(evaluated.html).tags:
            for name in ("src", "href", "action", "data", "poster"):
                place = attributes.get(name) or ""
                assert place.startswith(("data:", "#")) or not place, (tag, place)
        assert "@import" not in evaluated.html
        assert not re.search(r"url\((?!#)", evaluated.html)
        assert "default-src 'none'" in evaluated.html


def test_the_page_says_everything_in_both_languages(digits):
    page = Page(digits.html)
    spoken = [
        (tag, attributes["lang"]) for tag, attributes in page.tags if "lang" in attributes and tag in ("span", "tspan")
    ]
    assert len(spoken) > 100
    assert [code for _, code in spoken] == ["en", "zh"] * (len(spoken) // 2)
    assert "Right on 9" in digits.html
    assert "个测试行中答对" in digits.html


def test_pictures_keep_their_text_as_text(digits):
    drawn = re.findall(r"<svg class=\"picture.*?</svg>", without_chapters(digits.html), re.DOTALL)
    assert len(drawn) == 3
    assert all("<text" in svg for svg in drawn)
    assert any("各轮的准确率" in svg for svg in drawn)
    assert not re.search(r"@\d+@", digits.html), "no token is left unspoken"
    assert "#0" not in "".join(re.findall(r"(?:fill|stroke): (#0\d+)", "".join(drawn)))


def test_the_worst_pictures_are_shown_by_their_pixels(digits):
    images = [attributes for tag, attributes in Page(without_chapters(digits.html)).tags if tag == "img"]
    assert len(images) == len(digits.report["worst"])
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    assert all("tiny" in image["class"] for image in images)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$\\frac{1}{2}$ & <b>",
    "@0@ {name} 阳性",
    "`code`",
]


def test_hostile_names_stay_names(build):
    random = np.random.default_rng(0)
    y = random.integers(0, len(HOSTILE), 400)
    rows = pl.DataFrame(
        {
            "</style><script>x": (y + random.normal(0, 0.8, 400)).tolist(),
            "kind": [HOSTILE[index] for index in y],
            "__path__": [f"<svg onload=alert({index})>" for index in range(400)],
        }
    )
    product = Product(
        name="hostile",
        goal="</script><script>alert('goal')</script>",
        data="x.csv",
        given={"</style><script>x": "number"},
        predict={"kind": "category"},
    )
    evaluated = Evaluated(build(product, rows))
    page = Page(evaluated.html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "img" not in [tag for tag, _ in page.tags]
    words = "".join(page.words)
    for name in HOSTILE[:4]:
        assert name in words
    assert fits(evaluated.report, schema()) == []


def test_lengths_of_texts_and_series_and_dates_are_told_in_a_line_each(build, tumour_product, tumour_rows):
    bars = {"quantiles": {"0.0": 3.0, "0.5": 17.0, "1.0": 64.0}, "histogram": {"edges": [3, 30, 64], "train": [9, 4]}}
    columns = {
        "note": {"kind": "text", "role": "given", "lengths": {"of": "tokens", "limit": 64, **bars}},
        "pulse": {"kind": "series", "role": "given", "channels": 12, "lengths": {"of": "steps", "limit": 64, **bars}},
        "day": {
            "kind": "date",
            "role": "given",
            "dates": {"first": "2001-02-03T00:00:00", "last": "2009-08-07T00:00:00", "by": "year", "train": [4, 9]},
        },
        "empty": {"kind": "text", "role": "given", "lengths": {"of": "tokens", "limit": 64}},
    }
    words = "".join(Page(Evaluated(build(tumour_product, tumour_rows, data={"columns": columns})).html).words)
    assert words.count("3 to 64, median 17") == 2
    for line in ("tokens", "个词元", "steps of 12 channels", "12 个通道", "2001-02-03 to 2009-08-07"):
        assert line in words


def test_thirty_classes_still_make_a_readable_matrix_and_sixty_a_list(build):
    random = np.random.default_rng(0)
    for classes in (30, 60):
        y = np.repeat(np.arange(classes), 30)
        rows = pl.DataFrame(
            {"size": (y + random.normal(0, 0.5, len(y))).tolist(), "kind": [f"class {n:02}" for n in y]}
        )
        product = Product(name=f"many-{classes}", data="x.csv", given={"size": "number"}, predict={"kind": "category"})
        evaluated = Evaluated(build(product, rows))
        assert ('class="matrix' in evaluated.html) == (classes == 30)
        assert len(evaluated.report["by_class"]) == classes
        assert evaluated.report["confused"]


def test_the_mean_course_of_a_series_is_drawn_for_each_class(build, tumour_product, tumour_rows):
    curve = {"rows": 9, "steps": [0, 5, 9], "channels": {"x": [1.0, 2.0, 1.5], "y": [0.0, 0.1, 0.3]}}
    about = {"kind": "series", "curves": [{"class": "<b>ill</b>", **curve}, {"class": "well", **curve}]}
    evaluated = Evaluated(build(tumour_product, tumour_rows, data={"columns": {"pulse": about}}))
    page = Page(evaluated.html)
    assert "The mean course of pulse over the training rows of each class." in "".join(page.words)
    assert "pulse · y" in page.words
    assert "<b>ill</b>" in page.words


def tried(name: str, **told: Any) -> dict[str, Any]:
    plain = {
        "network": name.partition(" ")[0],
        "options": {"hidden": [64]},
        "recipe": {"learning_rate": 0.00123},
        "seconds": 12.0,
        "state": "finished",
        "validation": 0.4,
        "parameters": 1234,
        "figure": {"name": "accuracy", "value": 0.91},
    }
    return {"name": name, **plain, **told}


@pytest.fixture
def searched_case(tumour_case):
    trials = [
        tried("mlp 1"),
        tried("trees 1", seconds=2.5, validation=0.35, figure={"name": "accuracy", "value": 0.93}),
        tried("mlp 2", state="failed", validation=None, figure=None, parameters=None),
        tried("<img src=x> 1", validation=0.9),
    ]
    about = {
        **tumour_case.made["train"].about,
        "search": trials,
        "ensemble": [{"trial": "trees 1", "weight": 0.7}, {"trial": "mlp 1", "weight": 0.3}],
        "why": {"key": "mixture", "best": "trees 1", "gain": 0.031, "seconds": 40.0},
    }
    work, old = tumour_case.work("train"), tumour_case.made["train"]
    work.members.update(old.members)
    tumour_case.made["train"] = tumour_case.store.keep("train", "searched", about, work.members)
    return tumour_case


def test_the_page_shows_what_the_search_tried_what_it_cost_and_what_it_chose(searched_case):
    evaluated = Evaluated(searched_case)
    page = Page(without_chapters(evaluated.html))
    words = "".join(page.words)
    for said in ("What was tried", "试过什么", "trees 1", "learning_rate 0.00123", "70.0%", "93.0%", "3.1%", "失败"):
        assert said in words
    assert [attributes.get("class") for tag, attributes in page.tags if tag == "tr"].count("ours") == 3
    assert "img" not in [tag for tag, _ in page.tags]
    assert len(re.findall(r"<svg class=\"picture", without_chapters(evaluated.html))) == 4
    assert fits(evaluated.report, schema()) == []


def test_what_a_preset_bought_is_told_with_its_paired_interval(searched_case, build, tumour_product, tumour_rows):
    weak = build(tumour_product, tumour_rows, harm=0.01).made["train"]
    work, old = searched_case.work("train"), searched_case.made["train"]
    work.members.update({**old.members, "rival.onnx": weak.members["graph.onnx"]})
    about = {**old.about, "rival": {"trial": "trees 1", "network": "trees"}}
    searched_case.made["train"] = searched_case.store.keep("train", "rivalled", about, work.members)
    evaluated = Evaluated(searched_case)
    told = evaluated.report["rival"]["figures"]["accuracy"]
    assert told["difference"]["value"] == pytest.approx(evaluated.about["figures"]["accuracy"]["value"] - told["value"])
    assert told["difference"]["low"] <= told["difference"]["value"] <= told["difference"]["high"]
    assert "What the preset bought" in evaluated.html
    assert "rival" not in evaluated.report["figures"][0]["against"], "it is no yardstick that a gate asks for"
    assert fits(evaluated.report, schema()) == []


def test_a_reason_that_this_version_does_not_know_leaves_the_table_standing(searched_case):
    searched_case.made["train"].about["why"]["key"] = "moonlight"
    assert "What was tried" in Evaluated(searched_case).html


def test_without_a_search_none_is_shown(tumour):
    assert "What was tried" not in tumour.html
