"""The plan of a run is gone through with measured times: how long it takes, and how long each network has."""

from __future__ import annotations

from typing import Any

import pytest

from sixfold.quoting._plan import Timed, searched, timed


def network(name: str, training: float, folds: int = 1, first: int = 1) -> Timed:
    return Timed(name, 5.0, training, 1.0, 0.01, round(training * 100), 10, folds, first)


def share(rows: int, seconds: float, **more: Any) -> dict[str, Any]:
    recipe = {"epochs": 10, "steps": None, "patience": None}
    told = {"rows": rows, "seconds": seconds, "recipe": recipe, "batch": 32, "epochs": 1, "judging": 0.0}
    return {**told, "steps": max(1, rows // 32), "pace": 0.1, "export_seconds": 1.0, "was_cut": True, **more}


@pytest.mark.parametrize("minutes", [1, 3, 10])
def test_a_search_on_the_clock_takes_about_its_time(minutes: int) -> None:
    seconds, _ = searched([network("cnn", 400), network("resnet", 900)], minutes * 60.0, None)
    assert 0.75 * minutes * 60 <= seconds <= minutes * 60 + 2


def test_unasked_each_network_comes_to_its_end_once() -> None:
    seconds, longest = searched([network("trees", 2), network("mlp", 20)], None, None)
    assert seconds == pytest.approx(2 * 5 + 22 + 2 + 1)
    assert longest == {"trees": 8, "mlp": 26}


def test_unasked_a_search_ends_after_three_minutes() -> None:
    assert searched([network("cnn", 1000), network("resnet", 1000)], None, None)[0] <= 182


def test_what_was_cut_is_trained_longer_with_what_is_left() -> None:
    _, longest = searched([network("cnn", 5), network("resnet", 500)], 300.0, None)
    assert longest["resnet"] > 150


def test_the_number_of_trials_ends_a_search() -> None:
    seconds, _ = searched([network("trees", 1)], 600.0, 3)
    assert seconds < 40


def test_steps_of_the_whole_follow_from_its_rows_and_its_recipe() -> None:
    found = timed("cnn", [share(320, 3.0), share(640, 2.0)], wall=15.0, rows=32_000, validation=1.0, folds=(1, 1))
    assert found.steps == 10 * 1000
    assert found.step == pytest.approx(2.0 / 20)
    assert found.start == pytest.approx(15 - 5 - 2 + (3.0 - 10 * 0.1))


def test_a_share_that_had_no_time_for_steps_tells_nothing_of_their_pace() -> None:
    starved = share(1280, 2.0, steps=1)
    found = timed("mlp", [share(320, 3.0), share(640, 2.0), starved], wall=15.0, rows=32, validation=1.0, folds=(1, 1))
    assert found.step == pytest.approx(2.0 / 20)


def test_a_bound_on_steps_bounds_the_quote() -> None:
    recipe = {"epochs": 1000, "steps": 500, "patience": None}
    one = share(640, 2.0, recipe=recipe)
    assert timed("gpt", [one, one], wall=9.0, rows=100_000, validation=1.0, folds=(1, 1)).steps == 500


def test_a_network_that_stopped_by_itself_on_a_share_is_taken_to_do_so_again() -> None:
    recipe = {"epochs": 100, "steps": None, "patience": 4}
    one = share(640, 2.0, recipe=recipe, epochs=9, was_cut=False)
    assert timed("bert", [one], wall=9.0, rows=6400, validation=1.0, folds=(1, 1)).epochs == 9


def test_fits_grow_with_their_rows_and_loading_the_libraries_happens_once() -> None:
    fits = [share(100 * 2**power, 1.0 * 2**power, recipe={}, was_cut=False) for power in range(4)]
    fits[0]["seconds"] = 5.0
    found = timed("trees", fits, wall=25.0, rows=1600, validation=1.0, folds=(5, 5))
    assert found.training == pytest.approx(16.0, rel=0.1)
    assert found.whole() == pytest.approx(found.start + 5 * (found.training + 1.0))


def test_a_fit_that_the_clock_ended_tells_nothing_of_how_long_it_takes() -> None:
    fits = [share(100, 2.0, recipe={}, was_cut=False), share(200, 4.0, recipe={}, was_cut=False)]
    cut = share(400, 4.0, recipe={}, was_cut=True)
    assert timed("ngrams", [*fits, cut], wall=12.0, rows=400, validation=1.0, folds=(1, 1)).training > 7
