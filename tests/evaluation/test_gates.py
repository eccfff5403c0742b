"""Gates: what each says of a report."""

from __future__ import annotations

from typing import Any

import pytest

from sixfold.errors import ProductError
from sixfold.evaluation import check_gates, gate_names, judge
from sixfold.product import Product, parse


def product(**gates: bool) -> Product:
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
    return {"figures": [figure], "rows": {"test": 1000}, "leaks": leaks, **changes}


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
