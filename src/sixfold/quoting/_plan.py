"""How long training will take: the plan of a run, gone through with measured times.

A search is walked through as :mod:`sixfold.training._search` walks: each network once, then who was cut for longer,
then variations while there is time. Nothing is trained here; every time was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sixfold.training import LONGER, MOST_TRIALS, UNASKED_SECONDS, first_slice

__all__ = ["Timed", "searched", "timed"]

_LEAST_PROGRESS = 0.05
"""Of a fit: who came less far when the clock ended it tells nothing of the rest."""

_MIXING = 1.0
"""Seconds that a search takes at its end, to mix and to keep what was finished."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A whole training of one network on all rows.

    Args:
        network: Its name.
        start: Seconds before training begins: the process, its libraries, the rows, the compilation.
        training: Seconds of training by the recipe, in one fold.
        export: Seconds of the export, of one fold.
        step: Seconds of a step; ``None`` of a network that is fitted.
        steps: Steps of the recipe.
        epochs: Epochs of the recipe; 1 of one that is fitted.
        folds: In how many folds it is trained in the end, and in a first look.
        first_folds: See ``folds``.
    """

    network: str
    start: float
    training: float
    export: float
    step: float | None
    steps: int
    epochs: int
    folds: int = 1
    first_folds: int = 1

    def whole(self, folds: int | None = None) -> float:
        """Seconds of a trial from start to export."""
        count = self.folds if folds is None else folds
        return self.start + count * (self.training + self.export)


def timed(
    network: str,
    shares: Sequence[Mapping[str, Any]],
    wall: float,
    rows: int,
    validation: float,
    folds: tuple[int, int],
) -> Timed:
    """The whole training of a network, from what shares of the rows took.

    Args:
        network: Its name.
        shares: What each share took, the fewest rows first (``about["shares"]`` of a trial).
        wall: Seconds of the child in all, from its start to its end.
        rows: How many rows a fold learns from.
        validation: How many times as many validation rows there will be.
        folds: In how many folds it is trained in the end, and in a first look.
    """
    last, export = shares[-1], max(float(one.get("export_seconds") or 0.0) for one in shares)
    inside = sum(float(one["seconds"]) + float(one.get("export_seconds") or 0.0) for one in shares)
    start = max(0.0, wall - inside)
    if not last["recipe"]:  # fitted; the first share also loads the libraries
        whole = [one for one in shares if not one["was_cut"]]
        told = whole if len(whole) > 1 else shares  # of one that the clock ended, how far it came tells the rest
        seconds = [one["seconds"] / max(_LEAST_PROGRESS, one.get("progress", 1.0)) for one in told[-2:]]
        fitting = _power([one["rows"] for one in told[-2:]], seconds, rows)
        loading = max(0.0, float(shares[0]["seconds"]) - float(shares[1]["seconds"])) if len(shares) > 1 else 0.0
        return Timed(network, start + loading, fitting, export, None, 1, 1, *folds)
    recipe, batch = last["recipe"], last["batch"]
    step = _step(shares)
    pieces = last["steps"] * batch / max(1, last["rows"] * last["epochs"])  # long texts are several rows to the network
    an_epoch = max(1, math.ceil(max(1.0, round(pieces, 1)) * rows / batch))
    epochs = _epochs(recipe, shares)
    steps = an_epoch * epochs if recipe["steps"] is None else min(recipe["steps"], an_epoch * epochs)
    judging = validation * float(last["judging"]) / max(1, last["epochs"])
    first = shares[0]
    compiling = max(0.0, float(first["seconds"]) - first["steps"] * step - float(first["judging"]))
    return Timed(network, start + compiling, steps * step + epochs * judging, export, step, steps, epochs, *folds)


def _step(shares: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of a step: over the share that took most of them; of the first, which also compiled, its pace."""
    place, most = max(enumerate(shares), key=lambda pair: int(pair[1]["steps"]))
    if place == 0 and most["pace"]:
        return float(most["pace"])
    return (float(most["seconds"]) - float(most["judging"])) / max(1, int(most["steps"]))


def _epochs(recipe: Mapping[str, Any], shares: Sequence[Mapping[str, Any]]) -> int:
    """The epochs of a recipe; where it stops by patience, as many as the largest share took that did so."""
    most = int(recipe["epochs"])
    if recipe["patience"] is None:
        return most
    stopped = [int(one["epochs"]) for one in shares if not one["was_cut"] and one["epochs"] < most]
    return stopped[-1] if stopped else most


def _power(rows: Sequence[int], seconds: Sequence[float], at: int) -> float:
    """Seconds for so many rows, from the last two of several: linear at most, constant at least."""
    if len(rows) == 1:
        return float(seconds[0]) * max(1.0, at / rows[0])
    grown = math.log(max(seconds[-1], 1e-3) / max(seconds[-2], 1e-3)) / math.log(rows[-1] / rows[-2])
    return float(float(seconds[-1]) * (at / rows[-1]) ** min(1.1, max(0.0, grown)))


def searched(networks: Sequence[Timed], budget: float | None, trials: int | None) -> tuple[float, dict[str, float]]:
    """Seconds that a search takes, and of each network those of its longest trial.

    Args:
        networks: In the order in which they are tried.
        budget: Seconds; ``None``: nobody says how long, so each is tried once, for three minutes in all.
        trials: The most trials.
    """
    is_asked, whole = budget is not None, UNASKED_SECONDS if budget is None else budget
    most, left, done = MOST_TRIALS if trials is None else trials, whole, 0
    longest: dict[str, float] = {}
    cut: list[Timed] = []
    for number, one in enumerate(networks):
        if done >= most or (number and left < _shortest(networks)):
            break
        is_shared = is_asked and len(networks) > 1
        share = min(left, first_slice(whole)) if is_shared else left
        took = min(share, one.whole(one.first_folds if is_shared else one.folds))
        if took >= share or (is_shared and one.first_folds < one.folds):
            cut.append(one)
        left, done = left - took, done + 1
        longest[one.network] = max(longest.get(one.network, 0.0), took)
    for one in cut:
        if done < most and left > max(_shortest(networks), LONGER * longest[one.network]):
            took = min(left, one.whole())
            left, done = left - took, done + 1
            longest[one.network] = max(longest[one.network], took)
    usual = min((longest[one.network] for one in networks if one.network in longest), default=whole)
    while is_asked and done < most and left > max(_shortest(networks), 1.1 * usual):
        left, done = left - usual, done + 1
    return whole - left + _MIXING, longest


def _shortest(networks: Sequence[Timed]) -> float:
    """The least time in which a search begins another trial."""
    return max(8.0, 1.5 * min(one.start + one.export for one in networks))
