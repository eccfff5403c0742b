"""Whether 90 % conformal sets hold the truth in 90 % of cases: on real data, over 20 resplits of rows never learned.

One model is trained on each set of data, by the product, and answers its official or drawn test rows, which it never
saw. These are then split anew into halves 20 times: on one half sets are fitted as the product fits them (temperature,
then the limit of the scores), on the other their coverage is measured. That shows what training 20 times would:
conformal coverage is a promise for any fixed model, over the draw of the rows that sets are fitted and measured on.
What the product itself delivers, fitted on its own validation rows and measured on all test rows, stands beside it.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.evaluation import chances, decide, decided
from sixfold.pipeline import Sixfold
from sixfold.product import Product
from sixfold.security import Home
from sixfold.stages import tested
from sixfold.store import Workspace
from sixfold.tasks import Sets

RESPLITS = 20
LEAST, MOST = 0.88, 0.92


@dataclass(frozen=True)
class Case:
    """Data, what is learned of it, and by what."""

    name: str
    data: Any
    given: dict[str, str]
    target: dict[str, Any]
    network: str
    minutes: float


def cases(folder: Path) -> list[Case]:
    """The three of the bar."""
    numbers = ("age", "education_num", "gain", "loss", "hours")
    words = ("workclass", "education", "marital", "occupation", "relationship", "race", "sex", "country")
    adult = {split: str(folder / f"adult_{split}.csv") for split in ("train", "test")}
    given = {**dict.fromkeys(numbers, "number"), **dict.fromkeys(words, "category")}
    return [
        Case("adult", adult, given, {"income": {"kind": "yes_no", "yes": ">50K"}}, "trees", 1.5),
        Case(
            "chnsenticorp",
            str(folder / "chnsenticorp.zip"),
            {"text_a": "text"},
            {"label": {"kind": "yes_no", "yes": "1"}},
            "ngrams",
            1.5,
        ),
        Case(
            "movie_review",
            str(folder / "movie_review_polarity.txt"),
            {"text": "text"},
            {"label": {"kind": "category"}},
            "ngrams",
            1.5,
        ),
    ]


def print_coverage(folder: Path) -> None:
    """A line for each set of data: coverage over the resplits, with sets that always name the answer and without."""
    print(
        "| data | network | accuracy | coverage, mean of 20 (least–most) | size | with the answer always named | size "
        "| delivered, 95 % interval | test rows | seconds |"
    )
    print(f"|{' --- |' * 10}")
    missed = []
    for case in cases(folder.resolve()):
        begun = time.monotonic()
        told = _measured(case)
        covered, served = told["covered"], told["served"]
        delivered = told["delivered"]
        print(
            f"| {case.name} | {case.network} | {told['accuracy']:.3f} "
            f"| {np.mean(covered):.4f} ({min(covered):.3f}–{max(covered):.3f}) | {np.mean(told['size']):.2f} "
            f"| {np.mean(served):.4f} | {np.mean(told['served_size']):.2f} "
            f"| {delivered['covered']:.3f} ({delivered['low']:.3f}–{delivered['high']:.3f}) | {told['rows']:,} "
            f"| {time.monotonic() - begun:.0f} |",
            flush=True,
        )
        if not LEAST <= np.mean(covered) <= MOST:
            missed.append(case.name)
    print(
        f"\nBar: the mean coverage of 90 % sets over {RESPLITS} resplits lies between {LEAST:.0%} and {MOST:.0%}. "
        + ("Held." if not missed else f"Missed on {', '.join(missed)}.")
        + "\nSets as they are served always name the answer: where the answer alone is right more often than 90 %, "
        "they hold the truth as often as it is."
    )


def _measured(case: Case) -> dict[str, Any]:
    product = Product(
        name=case.name,
        data=case.data,
        given=case.given,
        predict=case.target,
        train={"network": case.network, "minutes": case.minutes},
    )
    with tempfile.TemporaryDirectory() as home:
        house = Sixfold(Home(Path(home)))
        run = house.run(product, until="evaluate", write_report=False)
        work = Workspace(house.store, "benchmark", "")
        _, appraisal, rows = tested(product, run.artefacts, work)
        report = work.read_json(run.artefacts["evaluate"], "report.json")
    told: dict[str, Any] = {name: [] for name in ("covered", "size", "served", "served_size")}
    for seed in range(RESPLITS):
        order = np.random.default_rng(seed).permutation(len(rows.truth))
        fitted, held = np.array_split(order, 2)
        decision = decide(appraisal.task, rows.outputs[fitted], rows.truth[fitted])
        likely = chances(rows.outputs[held], decision)
        assert decision.sets is not None
        y, places = rows.truth[held], np.arange(len(held))
        plain = Sets.scores(decision.sets.way, likely) <= decision.sets.limit
        named = decision.sets.of(likely, decided(likely, appraisal.task, decision))
        for name, sets in (("covered", plain), ("served", named)):
            told[name].append(float(sets[places, y].mean()))
        told["size"].append(float(plain.sum(axis=1).mean()))
        told["served_size"].append(float(named.sum(axis=1).mean()))
    return {
        **told,
        "accuracy": report["figures"][0]["value"],
        "delivered": report["chapters"]["conformal"],
        "rows": len(rows.truth),
    }
