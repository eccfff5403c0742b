"""The chapter that sets rows that were learned from beside rows that were not."""

from __future__ import annotations

from sixfold.evaluation import every_chapter
from sixfold.evaluation.chapters.overfitting import Overfitting


def found(seen: float, unseen: float, low: float, high: float) -> dict[str, object]:
    def one(value: float) -> dict[str, object]:
        return {"value": value, "low": value - 0.01, "high": value + 0.01, "rows": 100, "resamples": 1000}

    gap = {"value": seen - unseen, "low": low, "high": high}
    return {"figure": "accuracy", "seen": one(seen), "unseen": one(unseen), "gap": gap}


def test_a_gap_beyond_its_interval_is_called_one_and_says_what_helps() -> None:
    page = Overfitting.body(found(0.99, 0.8, 0.1, 0.2), {})
    assert "more rows" in page
    assert "增加数据" in page


def test_no_gap_is_told_apart_from_a_small_one() -> None:
    assert "no sign of overfitting" in Overfitting.body(found(0.9, 0.89, -0.02, 0.04), {})


def test_gates_can_ask_for_the_gap() -> None:
    assert Overfitting.figures(found(0.99, 0.8, 0.1, 0.2)) == {"overfitting": 0.99 - 0.8}


def test_chapters_stand_in_the_order_that_they_ask_for() -> None:
    orders = [kind.order for kind in every_chapter()]
    assert orders == sorted(orders)
