"""A quote of a real, small product: measured, kept, shown, and set beside what came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightgbm")

from sixfold.cli import main
from sixfold.errors import InputError, ProductError
from sixfold.evaluation.chapters.quoted import Quoted
from sixfold.pipeline import Run, Sixfold
from sixfold.product import Product
from sixfold.progress import Event, Stage
from sixfold.quoting import Quote
from sixfold.security import Home
from sixfold.stages import Train

STAGES = ["collect", "prepare", "train", "evaluate", "deploy", "deliver"]
DECLARED = """name: tumours
data: sklearn:breast_cancer
given: {worst radius: number, worst texture: number, mean concavity: number}
predict: {target: category}
train: {network: trees, price: {hour: 12, currency: yuan}}
"""


def product(**train: Any) -> Product:
    return Product(
        name="tumours",
        data="sklearn:breast_cancer",
        given={"worst radius": "number", "worst texture": "number"},
        predict={"target": "category"},
        train={"network": "trees", **train},
    )


@pytest.fixture(scope="module")
def quoted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Quote, list[Event], Run]:
    """A product quoted and then run as far as `evaluate`, in a home of its own."""
    folder = tmp_path_factory.mktemp("quoted")
    (folder / "product.yaml").write_text(DECLARED)
    heard: list[Event] = []
    house = Sixfold(Home(folder / "home"), heard.append)
    from sixfold.pipeline import load

    declared = load(folder / "product.yaml")
    quote = house.quote(declared)
    return folder, quote, heard, house.run(declared, until="evaluate")


@pytest.mark.slow
def test_every_stage_is_quoted_by_doing_it(quoted: tuple[Path, Quote, list[Event], Run]) -> None:
    _, quote, heard, _ = quoted
    assert [stage.stage for stage in quote.stages] == STAGES
    assert all(stage.seconds > 0 and stage.peak_bytes > 50 << 20 for stage in quote.stages)
    assert [event.stage for event in heard if isinstance(event, Stage) and event.state == "started"][:6] == STAGES
    assert quote.rows["train"] + quote.rows["validation"] + quote.rows["test"] == 569


@pytest.mark.slow
def test_the_price_of_the_file_is_what_it_costs(quoted: tuple[Path, Quote, list[Event], Run]) -> None:
    _, quote, _, _ = quoted
    assert (quote.machine.hour, quote.machine.currency, quote.machine.price_from) == (12, "yuan", None)
    assert quote.total_cost == pytest.approx(quote.total_seconds / 3600 * 12, rel=0.01)


@pytest.mark.slow
def test_the_quoted_figure_has_an_interval_of_ten_points_at_most(
    quoted: tuple[Path, Quote, list[Event], Run],
) -> None:
    _, quote, _, _ = quoted
    assert quote.quality is not None
    expected = quote.quality.expected
    assert 0.7 < expected.low <= expected.value <= expected.high <= 1
    assert expected.high - expected.low <= 0.1 + 1e-9
    assert [point.rows for point in quote.quality.curves[0].points] == sorted(
        point.rows for point in quote.quality.curves[0].points
    )


@pytest.mark.slow
def test_nothing_is_left_of_a_quote_but_itself(quoted: tuple[Path, Quote, list[Event], Run]) -> None:
    folder, quote, _, run = quoted
    assert list((folder / "home" / "scratch").iterdir()) == []
    assert Sixfold(Home(folder / "home")).quoted(run.product) == quote
    leaks = [path for path in (folder / "home").rglob("*") if path.is_file() and b"yardstick" in path.read_bytes()]
    assert leaks == []


@pytest.mark.slow
def test_the_report_and_the_status_set_the_quote_beside_what_came(
    quoted: tuple[Path, Quote, list[Event], Run],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, quote, _, run = quoted
    assert b"Quoted, and what came" in run.report.html
    assert "报价与实际" in run.report.html.decode()
    monkeypatch.setenv("SIXFOLD_HOME", str(folder / "home"))
    assert main(["status", "tumours"]) == 0
    assert "Time quoted" in capsys.readouterr().out
    assert main(["status", "tumours", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["products"][0]
    assert told["quote"]["totals"]["seconds"] == pytest.approx(quote.total_seconds, abs=0.1)
    assert told["used"]["train"]["peak_bytes"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_command_tells_it_in_both_languages(
    quoted: tuple[Path, Quote, list[Event], Run],
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sixfold.cli.quote import text_of
    from sixfold.language import use_language

    use_language(language)
    try:
        said = text_of(quoted[1])
    finally:
        use_language(None)
    assert "{" not in said
    assert ("合计" in said) == (language == "zh")


@pytest.mark.slow
def test_what_was_made_is_not_quoted_again(quoted: tuple[Path, Quote, list[Event], Run]) -> None:
    folder, _, _, run = quoted
    again = Sixfold(Home(folder / "home")).quote(run.product)
    assert [stage.is_made for stage in again.stages] == [True, True, True, True, False, False]
    assert again.total_seconds == pytest.approx(sum(stage.seconds for stage in again.stages[4:]))


def test_a_price_changes_no_model() -> None:
    assert Train().depends_on(product()) == Train().depends_on(product(price={"hour": 2, "currency": "euros"}))


def test_a_sum_of_money_says_of_which() -> None:
    with pytest.raises(ProductError) as caught:
        product(price={"hour": 2})
    assert "currency" in caught.value.says()


@pytest.mark.slow
def test_a_part_of_the_source_that_tells_nothing_of_the_whole_is_said_so(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["size,kind", *(f"{number / 7},{'a' if number < 250_000 else 'b'}" for number in range(500_000))]
    (tmp_path / "sorted.csv").write_text("\n".join(lines))
    monkeypatch.setattr("sixfold.quoting._make._COLLECTING", 0.0)
    declared = Product(
        name="sorted",
        data=str(tmp_path / "sorted.csv"),
        given={"size": "number"},
        predict={"kind": "category"},
        train={"network": "trees"},
    )
    with pytest.raises(InputError) as caught:
        Sixfold(home).quote(declared)
    assert caught.value.code == "input.quote_needs_rows"
    assert list(home.folder("scratch").iterdir()) == []


def found(low: float, high: float, actual: float, seconds: float = 10.0) -> dict[str, Any]:
    took = {"seconds": seconds, "peak_bytes": 1 << 30}
    stages = [{"stage": "train", "quoted": {"seconds": 10.0, "peak_bytes": 1 << 30}, "actual": took}]
    expected = {"value": (low + high) / 2, "low": low, "high": high, "chance": 0.9}
    came = {"value": actual, "low": actual - 0.02, "high": actual + 0.02}
    quality = {"figure": "accuracy", "quoted": expected, "actual": came}
    return {"when": "2026-01-01T10:00:00+00:00", "stages": stages, "quality": quality, "verdict": "go"}


@pytest.mark.parametrize(
    ("actual", "says"), [(0.9, "within the quoted"), (0.95, "became better"), (0.7, "became worse")]
)
def test_the_chapter_says_whether_the_figure_came_as_quoted(actual: float, says: str) -> None:
    report = {"figures": [{"name": "accuracy", "higher_is_better": True}]}
    assert says in Quoted.body(found(0.88, 0.92, actual), report)


def test_the_chapter_says_whether_time_came_as_quoted_and_gates_can_ask() -> None:
    report = {"figures": [{"name": "accuracy", "higher_is_better": True}]}
    assert "came as quoted" in Quoted.body(found(0.88, 0.92, 0.9, seconds=11), report)
    assert "otherwise than quoted" in Quoted.body(found(0.88, 0.92, 0.9, seconds=20), report)
    assert Quoted.figures(found(0.88, 0.92, 0.9, seconds=20)) == {"time over quote": 1.0}
