"""Gates: what each says of a report."""

from __future__ import annotations

from typing import Any

import pytest

from sixfold.errors import ProductError
from sixfold.evaluation import appraisals, check_gates, every_chapter, gate_names, judge
from sixfold.product import Bound, Product, parse

CHECKS = ("duplicate rows", "imbalance")


def product(**gates: bool | str) -> Product:
    told = {name.replace("_", " "): on for name, on in gates.items()}
    return Product(name="p", data="x.csv", given={"a": "number"}, predict={"k": "category"}, evaluate={"gates": told})


def report(**changes: Any) -> dict[str, Any]:
    against = {
        "majority": {"value": 0.5, "difference": {"value": 0.4, "low": 0.3, "high": 0.5}},
        "linear": {"value": 0.85, "difference": {"value": 0.05, "low": 0.01, "high": 0.09}},
    }
    figure = {"name": "accuracy", "value": 0.9, "higher_is_better": True, "against": against}
    leaks = {
        "official": [],
        "shared_rows": {"train/test": 0, "train/validation": 0, "validation/test": 0},
        "leaked_test_rows": 0,
        "leak_free": None,
    }
    return {
        "pattern": "classes",
        "chapters": {},
        "figures": [figure],
        "rows": {"test": 1000},
        "leaks": leaks,
        **changes,
    }


def leaking(shared: int, leaked: int, official: tuple[str, ...], low: float) -> dict[str, Any]:
    leaks = {
        "official": list(official),
        "shared_rows": {"train/test": shared, "train/validation": 0, "validation/test": 0},
        "leaked_test_rows": leaked,
        "leak_free": {"rows": 1000 - leaked, "value": 0.88, "difference": {"value": 0.02, "low": low, "high": 0.03}},
    }
    return report(leaks=leaks)


def verdict(name: str, told: dict[str, Any], of: Product | None = None):
    return next(found for found in judge(of or product(), told) if found.name == name)


def test_a_model_that_is_better_than_the_better_baseline_beyond_the_interval_passes():
    found = verdict("beats baseline", report())
    assert (found.state, found.passed, found.by) == ("passed", True, 0.05)
    assert "+5.0 points" in found.says("en")
    assert "5.0 个百分点" in found.says("zh")


def test_a_model_whose_interval_against_the_better_baseline_reaches_zero_fails():
    told = report()
    told["figures"][0]["against"]["linear"]["difference"]["low"] = -0.001
    found = verdict("beats baseline", told)
    assert (found.state, found.passed) == ("failed", False)
    assert found.mend("en")
    assert found.mend("zh")


def test_where_lower_is_better_the_better_baseline_is_the_lower_one():
    told = report()
    told["figures"][0] |= {"name": "log_loss", "higher_is_better": False}
    told["figures"][0]["against"]["majority"]["difference"]["low"] = -1
    assert verdict("beats baseline", told).state == "failed"


def test_a_figure_that_cannot_be_compared_fails_and_says_so():
    told = report()
    told["figures"][0]["value"] = None
    assert "cannot be compared" in verdict("beats baseline", told).says("en")


def test_no_shared_row_no_leakage():
    assert verdict("no leakage", report()).state == "passed"


def test_one_shared_row_in_a_split_of_our_own_fails():
    assert verdict("no leakage", leaking(1, 1, (), -0.01)).state == "failed"


@pytest.mark.parametrize(
    ("leaked", "low", "state"),
    [
        (10, 0.01, "warning"),  # 1.0 % is not above 1 %
        (11, 0.01, "failed"),  # above 1 %, and the figures flatter beyond noise
        (11, -0.01, "warning"),  # above 1 %, but the figures stand without them
        (500, -0.01, "warning"),
    ],
)
def test_an_official_split_fails_only_above_one_percent_and_where_the_figures_do_not_stand_without(leaked, low, state):
    found = verdict("no leakage", leaking(leaked, leaked, ("test", "train"), low))
    assert found.state == state
    assert found.passed == (state != "failed")


def test_an_official_split_of_which_nothing_is_left_without_the_leak_fails():
    told = leaking(1000, 1000, ("test", "train"), 0.0)
    told["leaks"]["leak_free"] = None
    assert verdict("no leakage", told).state == "failed"


def test_validation_rows_that_we_drew_from_official_training_rows_are_our_own_split():
    told = leaking(0, 0, ("test", "train"), 0.0)
    told["leaks"]["shared_rows"]["train/validation"] = 2
    assert verdict("no leakage", told).state == "failed"


def test_a_gate_that_is_turned_off_passes_but_still_says_what_it_found():
    found = verdict("no leakage", leaking(5, 5, (), 0.0), product(no_leakage=False))
    assert (found.state, found.passed) == ("off", True)
    assert "5 rows" in found.says("en")


def test_an_unknown_gate_is_an_error_that_names_the_line():
    declared = "name: p\ndata: x.csv\ngiven: {a: number}\npredict: {k: category}\n"
    text = f"{declared}evaluate:\n  gates:\n    beats basline: false\n"
    with pytest.raises(ProductError) as caught:
        check_gates(parse(text))
    assert caught.value.code == "product.unknown_gate"
    assert caught.value.place.line == 7
    assert "beats baseline" in caught.value.mend("en")


def test_there_are_two_gates_to_begin_with():
    assert gate_names() == ("beats baseline", "no leakage")


def test_a_verdict_goes_into_the_report_with_both_languages():
    record = verdict("beats baseline", report()).to_json()
    assert set(record) == {"name", "state", "passed", "says", "by", "mend"}
    assert set(record["says"]) == set(record["mend"]) == {"en", "zh"}


def asked(name: str, bound: bool | str, **changes: Any):
    return next(
        found for found in judge(product(**{name: bound}), report(**changes)) if found.name == name.replace("_", " ")
    )


def test_a_figure_within_its_bound_passes_and_says_by_how_much():
    found = asked("accuracy", ">= 0.88")
    assert (found.state, found.by) == ("passed", pytest.approx(0.02))


def test_a_figure_beyond_its_bound_fails_and_says_by_how_much_and_what_would_mend_it():
    found = asked("accuracy", ">= 95 %")
    assert (found.state, found.by) == ("failed", pytest.approx(-0.05))
    assert "5.0 points short" in found.says("en")
    assert "差 5.0 个百分点" in found.says("zh")
    assert "worst examples" in found.mend("en")


def test_a_figure_of_a_chapter_is_asked_by_its_name_and_brings_its_own_mend():
    number = {"value": 0.9, "low": 0.8, "high": 1.0, "rows": 100, "resamples": 1000}
    gap = {"value": 0.2, "low": 0.1, "high": 0.3}
    chapter = {"overfitting": {"figure": "accuracy", "seen": number, "unseen": number, "gap": gap}}
    found = asked("overfitting", "<= 0.1", chapters=chapter)
    assert (found.state, found.by) == ("failed", pytest.approx(-0.1))
    assert "smaller network" in found.mend("en")


def test_a_figure_of_the_pattern_is_asked_by_its_name():
    told = {"calibration": {"ece": 0.03}}
    assert asked("calibration_error", "<= 0.05", **told).state == "passed"
    assert asked("calibration_error", "< 0.03", **told).state == "failed"


def test_a_figure_that_was_not_measured_fails_and_says_so():
    found = asked("overfitting", "<= 0.1")
    assert (found.state, found.by) == ("failed", None)
    assert "could not be measured" in found.says("en")


def test_a_check_of_the_data_is_asked_to_find_nothing():
    text = {"en": "3 rows repeat others.", "zh": "3 行重复。"}
    finding = {
        "check": "duplicate rows",
        "severity": "warning",
        "says": text,
        "mend": {"en": "Remove.", "zh": "去掉。"},
    }
    assert asked("duplicate_rows", "none", data={"findings": []}).state == "passed"
    found = asked("duplicate_rows", "none", data={"findings": [finding]})
    assert (found.state, found.says("en"), found.mend("zh")) == ("failed", "3 rows repeat others.", "去掉。")


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [
        ("acuracy", ">= 0.9", "unknown_gate"),
        ("accuracy", True, "gate_asks_otherwise"),
        ("accuracy", "none", "gate_asks_otherwise"),
        ("duplicate_rows", ">= 0.9", "gate_asks_otherwise"),
        ("beats_baseline", ">= 0.9", "gate_asks_otherwise"),
    ],
)
def test_a_gate_that_cannot_be_asked_is_an_error_before_anything_is_done(name, said, code):
    with pytest.raises(ProductError) as caught:
        check_gates(product(**{name: said}), CHECKS)
    assert caught.value.slug == code
    if code == "unknown_gate":
        assert caught.value.values["guess"] == "accuracy"


def test_a_check_that_is_turned_off_cannot_be_asked():
    off = product(imbalance="none").changed(prepare={"checks": {"imbalance": "off"}})
    with pytest.raises(ProductError, match="gate_of_check_off"):
        check_gates(off, CHECKS)


def test_a_bound_that_is_none_is_an_error_of_the_declaration():
    with pytest.raises(ProductError, match="is no bound"):
        parse("name: p\ndata: x\ngiven: {a: number}\npredict: {k: category}\nevaluate: {gates: {accuracy: good}}\n")


def test_only_a_gate_that_stands_can_be_overridden():
    check_gates(product(accuracy=">= 0.9"), CHECKS, ["accuracy", "no leakage"])
    with pytest.raises(ProductError, match="unknown_gate"):
        check_gates(product(), CHECKS, ["accuracy"])


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [("≥ 90%", 0.9, True), ("> 0.9", 0.9, False), ("<= 5 %", 0.049, True), ("< −2", -2.0, False)],
)
def test_a_bound_is_read_as_people_write_it(text, value, holds):
    assert Bound.read(text).holds(value) is holds


def test_no_two_kinds_name_the_same_figure():
    names = [name for kind in every_chapter() for name in kind.asked_for]
    assert len(names) == len(set(names))
    for kind in appraisals():
        assert not set(kind.asked_for) & set(names), kind
