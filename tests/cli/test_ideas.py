"""Ideas before any data: ranked by what they may bring, with the cheapest next test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sixfold.cli import main
from sixfold.errors import ProductError
from sixfold.ideas import Ideas, ideas_page, load_ideas, ranked

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ideas" / "ideas.yaml"


def idea(**more: Any) -> dict[str, Any]:
    return {
        "name": "one",
        "customer": "growers",
        "today": "by eye",
        "volume": {"given": 1000},
        "value": {"given": 10},
        "errors": {"given": 0.1},
        "error_cost": {"given": 20},
        "caught": {"given": 0.5},
        "making": {"given": 30_000},
        "chances": {"data": {"given": 0.5}, "customer": {"given": 0.8}},
        **more,
    }


def of(*ideas: dict[str, Any], **more: Any) -> Ideas:
    return Ideas.model_validate({"months": 24, "ideas": list(ideas), **more})


def test_what_is_known_exactly_is_worked_out_exactly() -> None:
    (found,) = ranked(of(idea()))
    # 1,000 × ½ × (10 · 0.9 − 20 · 0.1) = 3,500 a month; × 24 months × 0.4 − 30,000
    assert found.month == pytest.approx(3500)
    assert found.expected == found.low == found.high == pytest.approx(3600)
    assert found.chance == pytest.approx(0.4)
    assert found.loss == pytest.approx(0.6, abs=0.02)
    assert found.marks == {"given": 8, "assumed": 0, "measured": 0}
    assert found.test is None


def test_a_range_spreads_the_value_around_the_same_mean() -> None:
    (found,) = ranked(of(idea(volume={"assumed": [500, 1500]})))
    assert found.expected == pytest.approx(3600, rel=0.05)
    assert found.low < 0
    assert found.high > 7200


def test_nobody_runs_what_costs_more_than_it_brings() -> None:
    (found,) = ranked(of(idea(running={"given": 100})))
    assert found.month == 0
    assert found.expected == pytest.approx(-30_000)


def test_the_best_idea_comes_first_and_another_beside_it_changes_no_figure() -> None:
    better = idea(name="two", volume={"assumed": [1500, 2500]})
    both = ranked(of(idea(), better))
    assert [one.name for one in both] == ["two", "one"]
    assert both[0] == ranked(of(better))[0]


def test_the_test_named_next_is_the_one_worth_most_over_its_cost() -> None:
    unsure = idea(
        chances={"data": {"assumed": [0.0, 1.0]}, "customer": {"given": 0.8}}, making={"assumed": [29_000, 31_000]}
    )
    test = ranked(of(unsure))[0].test
    assert test.figure == "data"
    assert test.worth > test.costs
    assert not test.is_given
    dear = {**unsure, "volume": {"assumed": [100, 1900]}, "tests": {"data": 1_000_000}}
    assert ranked(of(dear))[0].test.figure == "volume"


def test_what_was_measured_or_given_needs_no_test() -> None:
    known = idea(volume={"measured": [500, 1500]}, value={"given": [9, 11]})
    assert ranked(of(known))[0].test is None


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({"volume": {"guessed": 3}}, "given, assumed and measured"),
        ({"volume": [5, 2]}, "[low, high]"),
        ({"errors": 1.5}, "between 0 and 1"),
        ({"making": -1}, "not below 0"),
        ({"tests": {"luck": 3}}, "there are volume"),
    ],
)
def test_what_cannot_be_is_refused_with_the_line_and_what_can(tmp_path: Path, more: dict[str, Any], hint: str) -> None:
    import yaml

    path = tmp_path / "ideas.yaml"
    path.write_text(yaml.safe_dump({"ideas": [idea(**more)]}), "utf-8")
    with pytest.raises(ProductError) as error:
        load_ideas(path)
    assert error.value.place.line
    assert hint in "\n".join(error.value.lines("en"))


def test_the_page_speaks_both_languages_marks_every_figure_and_escapes_names() -> None:
    page = ideas_page(found := of(idea(name="<script>alert(1)</script>")), ranked(found)).decode()
    assert "<script>alert(1)" not in page
    for text in ("Which idea first?", "先做哪个想法？", ">given<", ">给定<"):
        assert text in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_command_ranks_the_example_in_the_terminal_as_json_and_as_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "ideas.html"
    assert main(["ideas", str(EXAMPLE), "-o", str(page)]) == 0
    assert "Weld inspection" in capsys.readouterr().out
    assert page.stat().st_size > 10_000
    assert main(["--lang", "zh", "ideas", str(EXAMPLE), "-o", str(page)]) == 0
    assert "期望价值" in capsys.readouterr().out
    assert main(["ideas", str(EXAMPLE), "-o", str(page), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    expected = [one["expected"] for one in record["ideas"]]
    assert expected == sorted(expected, reverse=True)
    assert all(one["test"] is not None for one in record["ideas"])


def test_a_file_that_is_not_there_is_an_error_that_says_where_the_form_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["ideas", "nowhere.yaml"]) == 2
    assert "examples/ideas/ideas.yaml" in capsys.readouterr().err
