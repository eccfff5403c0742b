"""Go, go with conditions, or not yet: each reason says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from sixfold.prices import prices
from sixfold.quoting import Bought, Expected, Machine, Quality, Quote, StageQuote
from sixfold.quoting._verdict import judged

STAGES = ("collect", "prepare", "train", "evaluate", "deploy", "deliver")


def quality(**changed: Any) -> Quality:
    values: dict[str, Any] = {
        "figure": "accuracy",
        "higher_is_better": True,
        "expected": Expected(value=0.9, low=0.88, high=0.92, chance=0.9),
        "network": "cnn",
        "curves": (),
        "judged": 500,
        "yardstick": ("majority", 0.5),
        "twice": Bought(what="rows", value=0.005, low=0.0, high=0.01),
        "bigger": None,
    }
    return Quality(**{**values, **changed})


def quote(memory: int = 1 << 30, found: Quality | None = None, **changed: Any) -> Quote:
    stage = {"is_made": False, "seconds": 10.0, "cpu_seconds": 10.0, "disk_bytes": 1 << 20, "kwh": 0.0, "cost": 0.0}
    machine = Machine(
        cores=2,
        memory_bytes=8 << 30,
        disk_free_bytes=1 << 35,
        gflops=50.0,
        hour=0.1,
        currency="dollars",
        price_from="2025-06",
        is_energy_measured=False,
    )
    values: dict[str, Any] = {
        "product": "p",
        "time": "2026-01-01T00:00:00+00:00",
        "rows": {"train": 1000, "validation": 100, "test": 400, "looked_at": 1500},
        "stages": tuple(StageQuote(stage=name, peak_bytes=memory, **stage) for name in STAGES),
        "machine": machine,
        "rented": (),
        "quality": found if found is not None else quality(),
        "verdict": "go",
        "reasons": (),
        "seconds": 30.0,
        "most_seconds": 60.0,
        "plan": ("cnn",),
        "unmeasured": (),
    }
    return judged(Quote(**{**values, **changed}))


def keys(made: Quote) -> set[str]:
    return {reason.key for reason in made.reasons}


def test_a_good_model_on_a_large_machine_is_a_go_and_says_why() -> None:
    made = quote()
    assert made.verdict == "go"
    assert keys(made) == {"beats_guess", "time_known"}


def test_no_better_than_a_guess_is_not_yet() -> None:
    made = quote(found=quality(yardstick=("majority", 0.93)))
    assert made.verdict == "not_yet"
    assert made.reasons[0].key == "beats_guess"


def test_of_figures_that_are_better_the_smaller_the_other_end_counts() -> None:
    expected = Expected(value=3.0, low=2.9, high=3.1, chance=0.9)
    better = quality(figure="mean_absolute_error", higher_is_better=False, expected=expected, yardstick=("median", 5.0))
    worse = quality(figure="mean_absolute_error", higher_is_better=False, expected=expected, yardstick=("median", 2.0))
    assert quote(found=better).verdict == "go"
    assert quote(found=worse).verdict == "not_yet"


@pytest.mark.parametrize(
    ("changed", "key", "verdict"),
    [
        ({"memory": 7 << 30}, "memory_lacks", "conditions"),
        ({"memory": 9 << 30}, "memory_lacks", "not_yet"),
        ({"found": quality(twice=Bought(what="rows", value=0.04, low=0.02, high=0.06))}, "more_rows", "conditions"),
        (
            {"found": quality(expected=Expected(value=0.9, low=0.85, high=0.95, chance=0.5))},
            "unsure",
            "conditions",
        ),
        (
            {"found": quality(bigger=Bought(what="bigger cnn", value=0.03, low=0.01, high=0.05))},
            "other_network",
            "conditions",
        ),
        ({"unmeasured": ("resnet",)}, "unmeasured", "conditions"),
        ({"rows": {"train": 90, "validation": 10, "test": 25, "looked_at": 125}}, "few_test_rows", "conditions"),
    ],
)
def test_each_reason_is_told_in_both_languages(changed: dict[str, Any], key: str, verdict: str) -> None:
    made = quote(**changed)
    assert made.verdict == verdict
    reason = next(one for one in made.reasons if one.key == key)
    assert "{{" not in reason.en + reason.zh
    assert any("\u4e00" <= letter <= "\u9fff" for letter in reason.zh)


def test_a_quote_is_kept_as_it_was() -> None:
    made = quote()
    assert Quote.from_json(made.to_json()) == made


def test_the_shipped_prices_are_dated_and_complete() -> None:
    table = prices()
    assert len(table["date"]) == 7
    assert set(table["note"]) == {"en", "zh"}
    for machine in (table["core"], *table["accelerators"]["kinds"]):
        assert all(machine[name] > 0 for name in ("yuan", "dollars", "euros", "watts"))
