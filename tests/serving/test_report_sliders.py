"""The sliders of the report's chapter on money, in a real browser: the same figures as the public function's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sixfold
from sixfold.evaluation.chapters.economics import Economics

WAYS = {
    "product": {"earned": 6.432, "errors": 0.6528, "people": 0.296},
    "no_model": {"earned": 0.0, "errors": 0.0, "people": 0.0},
    "always_yes": {"earned": 7.32, "errors": 7.024, "people": 0.0},
    "people": {"earned": 6.588, "errors": 0.7024, "people": 4.0},
}
ASSUMED = {"price": 0.5, "volume": 40_000.0, "machine_hour": 1.2, "training": 5000.0}
SECONDS = 0.02


def told(**changed: float) -> sixfold.Economics:
    return sixfold.economics(WAYS, seconds=SECONDS, **{**ASSUMED, **changed})


def found() -> dict[str, Any]:
    gap = {"value": 1.0, "low": 0.5, "high": 1.5}
    return {
        "currency": "CNY",
        "rows": 1000,
        "ways": {name: {**way, "asked": 0.1, "value": gap} for name, way in WAYS.items()},
        "against": {name: gap for name in WAYS if name != "product"},
        "against_plain": {},
        "decides": True,
        "threshold": 0.2,
        "asks": None,
        "curve": [],
        "speed": {"seconds": SECONDS, "seconds_in_batch": SECONDS, "answers": 30, "cores": 2},
        "assumed": {**ASSUMED, "hour_from": None, "training_given": True, "person": None},
        "economics": told().to_json(),
        "people": None,
    }


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    path = tmp_path / "page.html"
    body = Economics.body(found(), {})
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><body data-ready>{body}<script>{{{Economics.script()}}}</script>',
        "utf-8",
    )
    browser.open(path.as_uri())
    return browser


def shown(page: Any, name: str) -> str:
    cell = f"document.querySelector('[data-of={name}]')"
    return str(page.value(f"({cell}.querySelector('[lang=en]') ?? {cell}).textContent"))


def move(page: Any, name: str, value: float) -> None:
    page.value(
        f"(() => {{ const slider = document.querySelector('[name={name}]'); slider.value = {value};"
        "slider.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def money(value: float) -> str:
    from sixfold.evaluation import money as written

    return written(value, "CNY").en


def test_a_slider_that_is_moved_and_put_back_shows_what_the_report_says(page: Any) -> None:
    cells = "[...document.querySelectorAll('[data-of]')].map((cell) => cell.textContent).join('|')"
    before = page.value(cells)
    move(page, "price", 2)
    assert page.value(cells) != before
    page.value("document.querySelector('[data-economics] button').click()")
    assert page.value(cells) == before


@pytest.mark.parametrize(
    ("slider", "place", "changed"),
    [
        ("price", 2.0, {"price": 2.0}),
        ("price", 0.0, {"price": 0.0}),
        ("error_cost", 2.5, {"error_cost": 2.5}),
        ("volume", 1.0, {"volume": 400_000.0}),
        ("volume", -2.0, {"volume": 400.0}),
    ],
)
def test_the_sliders_compute_as_the_public_function_does(
    page: Any, slider: str, place: float, changed: dict[str, float]
) -> None:
    move(page, slider, place)
    wanted = told(**changed)
    assert shown(page, "value_per_1000") == money(wanted.per_1000["product"])
    assert shown(page, "gain_per_1000") == money(wanted.gain_per_1000 or 0)
    assert shown(page, "gain_per_month") == money(wanted.gain_per_month or 0)
    assert shown(page, "cost_per_1000") == money(wanted.cost_per_1000 or 0)
    if wanted.margin is not None:
        assert shown(page, "margin") == f"{wanted.margin * 100:.1f}\u00a0%".replace("-", "−")
        assert shown(page, "profit_per_month") == money(wanted.profit_per_month or 0)
    if wanted.payback_months is not None:
        assert float(shown(page, "payback_months").replace(",", "")) == pytest.approx(wanted.payback_months, rel=0.006)
