"""The networks of a run, measured: a few real steps of each on shares of the rows, by the child that trains."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.evaluation import Answered, Appraisal, Graph, appraisal_of, compared, formula
from sixfold.families import find
from sixfold.fields import Array, input_names
from sixfold.metering import Meter, Used
from sixfold.networks import Facts, Fitted, Network, Proposal
from sixfold.product import Product
from sixfold.quoting._plan import Timed, timed
from sixfold.quoting._sample import Sample, Scratch
from sixfold.stages import folds_of, trial_of
from sixfold.store import ROW, Artefact, Member, Prepared
from sixfold.tasks import Decision, graph_members, task_of
from sixfold.training import Contender, Result, Search, mean_of, run_trial

__all__ = ["Measured", "Networks", "Shares"]

_JUDGED_OF_TRAINING = 0.2
_MOST_JUDGED, _MOST_JUDGED_DEAR = 2000, 100
"""Rows that judge a share; fewer where an answer is dear (a text is written word by word)."""

_HALVINGS = {True: 4, False: 3}
"""Shares of the rows, each twice the one before: of networks that are fitted, and of those trained in steps."""

_FEWEST = 8
_FEWEST_STEPS = 10
"""Of training: who took fewer had only begun, and says nothing of the curve."""

_LATE = 1.6
"""Of the time that it was given, what a child may take before it is ended: a busy machine starts slowly."""

_RESAMPLES = 200
"""Draws of the rows that judge: each is carried on by itself."""

_HIGH = 0.75
"""Where in a space of settings a bigger network is drawn from: near the end that has more of everything."""


@dataclass(frozen=True)
class Shares:
    """What shares of the rows gave one network, judged on rows that it did not learn from.

    Args:
        rows: Of each share (k,), ascending.
        passes: How often each row was seen, of each share (k,).
        values: The headline figure of each.
        draws: The same with the judging rows drawn anew (draws, k).
        outputs: What the last said of the judging rows (n, …).
        answered: The same, as answers.
    """

    rows: tuple[int, ...]
    passes: tuple[float, ...]
    values: tuple[float, ...]
    draws: Array
    outputs: Array
    answered: Answered


@dataclass(frozen=True)
class Measured:
    """One network, measured.

    Args:
        contender: Which.
        time: A whole training of it.
        shares: How good it was; ``None`` where no figure was defined.
        used: What measuring it took of the machine.
        result: What the child made.
        predicting: Seconds that an answer of the last share takes.
    """

    contender: Contender
    time: Timed
    shares: Shares | None
    used: Used
    result: Result
    predicting: float

    @property
    def graph_bytes(self) -> int:
        """Of the graph of the share with most rows."""
        return self.result.stored()[f"{len(self.result.about['shares']) - 1}/graph.onnx"].size

    @property
    def last(self) -> Mapping[str, Any]:
        """What the share with most rows says of itself."""
        told: Mapping[str, Any] = self.result.about["shares"][-1]
        return told


class Networks:
    """The networks that a run of a product will try, and a way to measure each.

    Args:
        product: The declaration.
        house: Where trials run.
        sample: The prepared rows.
        seconds: What training may take in the run; ``None``: it is not bounded.
    """

    def __init__(self, product: Product, house: Scratch, sample: Sample, seconds: float | None) -> None:
        self._product, self._house, self._sample = product, house, sample
        self._work = house.work("train", "train", product.train.seed)
        self.prepared = Prepared.open(sample.artefact, self._work)
        self.task = task_of(product)(product, self.prepared.target, self.prepared.outcome)
        self.appraisal: Appraisal[Any] = appraisal_of(self.task.pattern)(self.task)
        self.times = sample.times
        rows = {split: self.prepared.rows(split) for split in ("train", "validation", "test")}
        self.rows = {split: round(count * self.times) for split, count in rows.items()}
        known = self.rows["train"] + self.rows["validation"]
        self.folds = folds_of(sample.artefact.about["split"], known, self.prepared.given, seconds)
        self.template = trial_of(product, sample.artefact, self._work)
        self._learnable, self._judging, self._truth = self._apart()

    def contenders(self) -> list[Contender]:
        """The network that is named, or those that a search first looks at, in its order."""
        if self.template.network != "auto":
            kind = _kind(self.template.network)
            folds = self.folds.fitted if issubclass(kind, Fitted) else 1
            is_heavy = not issubclass(kind, Fitted)
            return [Contender(kind, self.template.options, Proposal(), (), folds, is_heavy)]
        return self._search().contenders()

    def bigger(self, than: Contender) -> Contender | None:
        """A network of the same kind with more of everything that its space of settings counts; ``None``: its space
        counts nothing."""
        network, draw = than.kind(than.kind.Options(**than.options)), _More()
        forms = {
            name: self.prepared.given[column].form
            for column, name in input_names(self.prepared.given).items()
            if not than.columns or column in than.columns
        }
        facts = Facts(self.rows["train"], target=self.prepared.target.state)
        try:
            proposal = network.varied(draw, forms, self.task.output, facts)
        except (TrainingError, KeyError, IndexError, ValueError, ZeroDivisionError):
            return None  # a space that goes by rows in memory, which are not here
        if proposal is None or not draw.counted:
            return None
        return replace(than, proposal=Proposal({**than.proposal.options, **proposal.options}, than.proposal.recipe))

    def measure(self, one: Contender, seconds: float, *, only_last: bool = False, must_end: bool = True) -> Measured:
        """Train shares of the rows, judge each, and time it all.

        Args:
            one: Which network.
            seconds: Wall-clock time that it may take.
            only_last: Whether the largest share alone is trained.
            must_end: Whether it is ended where it takes far longer; not the one without which there is no quote.

        Raises:
            TrainingError: It cannot be trained on these rows, or not in that time.
        """
        halvings = _HALVINGS[issubclass(one.kind, Fitted)]
        counts = [self._learnable >> power for power in range(halvings - 1, -1, -1)]
        shares = tuple(dict.fromkeys(max(_FEWEST, count) for count in counts[-1 if only_last else 0 :]))
        trial = self.template.model_copy(
            update={
                "network": one.kind.kind(),
                "options": {**one.options, **one.proposal.options},
                "said": {**one.proposal.recipe, **self.template.said},
                "columns": one.columns,
                "rows": self.rows["train"],
                "shares": shares,
                "seconds": seconds,
                "reserve": min(1.5 * len(shares), 0.35 * seconds),
            }
        )
        with Meter() as meter:
            result = run_trial(trial, self._work.listener, _LATE * seconds + 10 if must_end else None)
        found, predicting = self._judged(result, len(shares))
        return Measured(one, self._timed(one, result, meter.used.seconds), found, meter.used, result, predicting)

    def kept(self, one: Measured, mixed: Sequence[Measured] = ()) -> Artefact:
        """The model of the largest share, as the stage `train` would leave it: as large as the folds and the mixture
        will make it, so that what comes after can be measured.

        Args:
            one: The network.
            mixed: Those that a search would mix, itself among them; none: it answers alone.
        """
        number, work = len(one.result.about["shares"]) - 1, self._work
        members = {
            name.split("/")[1]: member for name, member in one.result.stored().items() if name.startswith(f"{number}/")
        }
        about = {"network": one.contender.kind.kind(), **one.last}
        network = {
            "kind": about["network"],
            "options": {},
            "given": [],
            "recipe": about["recipe"],
            "layers": [],
            "versions": about["versions"],
        }
        work.members.clear()
        work.write_json("network.json", network)
        several = [
            graph
            for member in (mixed or (one,))
            for graph in [self._graphs(member.result.stored(), len(member.result.about["shares"]) - 1)["graph"]]
            * member.contender.folds
        ]
        if len(several) > 1 and self.task.output.form in ("vector", "arms"):
            work.write("graph.onnx", mean_of(several, self.task.output.activation))
        members |= work.members
        told = {
            **about,
            "validation": about["judged"],
            "figure": None,
            "wall_seconds": one.result.about["wall_seconds"],
            "sealing_seconds": 0.0,
        }
        return self._house.store.keep("train", "train", told, members, one.used.seconds)

    def _search(self) -> Search:
        train = self._product.train
        given = {name: self.prepared.given[column].form for column, name in input_names(self.prepared.given).items()}
        columns = list(self.prepared.given)
        return Search(
            *(self.template, given, self.task, self.rows["train"], train.options, self._work, None, train.trials),
            *(self.folds, columns),
        )

    def _timed(self, one: Contender, result: Result, wall: float) -> Timed:
        rows, folds = self.rows["train"], one.folds
        if folds > 1:
            rows = round((rows + self.rows["validation"]) * (1 - 1 / folds))
        validation = self.times * (1.0 if folds == 1 else (rows / (folds - 1)) / max(1, self.rows["validation"]))
        is_bounded = self._product.train.minutes is not None
        first = 1 if one.is_heavy and is_bounded else folds
        return timed(one.kind.kind(), result.about["shares"], wall, rows, validation, (folds, first))

    def _apart(self) -> tuple[int, dict[str, Array], Array]:
        """How many of the training rows are learned from; the others, and validation rows, which judge."""
        training = self.prepared.whole("train", self._work)
        validation = self.prepared.whole("validation", self._work)
        total = len(training[ROW])
        learnable = max(min(total, _FEWEST), round(total * (1 - _JUDGED_OF_TRAINING)))
        arrays = {name: np.concatenate([validation[name], array[learnable:]]) for name, array in training.items()}
        most = _MOST_JUDGED if self.appraisal.most_decided_on is None else _MOST_JUDGED_DEAR
        arrays = {name: array[:most] for name, array in arrays.items()}
        truth = self.appraisal.truth(self.task.taken(arrays))
        beside = {name: array for name, array in arrays.items() if name not in (ROW, self.prepared.target.name)}
        places, truth = self.appraisal.asked(beside, truth)
        known = self.appraisal.is_known(truth)
        arrays = {name: array[places][known] for name, array in arrays.items()}
        return learnable, arrays, truth[known]

    @property
    def judged_rows(self) -> int:
        """How many rows judge."""
        return len(self._truth)

    def _judged(self, result: Result, count: int) -> tuple[Shares | None, float]:
        name, answers, outputs, taken = self.task.judged_by[0].name, {}, np.zeros(0), 0.0
        told = result.about["shares"]
        # A fit that the clock ended tells of the clock; steps that it ended, of as many steps: where those were some.
        counted = [
            place
            for place, one in enumerate(told)
            if (one["steps"] >= _FEWEST_STEPS if one["recipe"] else not one["was_cut"])
        ]
        counted = counted or [count - 1]
        for number in counted:
            graph = Graph(self._graphs(result.stored(), number), self.prepared.given, self.task)
            begun = time.perf_counter()
            outputs = graph.outputs(self._judging, len(self._truth))
            taken = time.perf_counter() - begun
            answers[str(number)] = self.appraisal.answered(outputs, self._truth, self._decision(outputs))
        figures = compared([name], answers, resamples=_RESAMPLES, seed=self._product.train.seed)
        values = [figures[str(number)][name] for number in counted]
        a_row = taken / max(1, len(self._truth))
        if any(one.value is None for one in values):
            return None, a_row
        drawn = min(len(one.draws) for one in values)
        draws = np.stack([one.draws[:drawn] for one in values], axis=1)
        draws = draws[np.isfinite(draws).all(axis=1)]
        shares = Shares(
            tuple(int(told[place]["rows"]) for place in counted),
            tuple(_passes(told[place]) for place in counted),
            tuple(float(one.value or 0.0) for one in values),
            draws,
            outputs,
            answers[str(counted[-1])],
        )
        return (shares if len(draws) else None), a_row

    def mixed(self, several: Sequence[Shares]) -> float | None:
        """The headline figure of the mean of what several networks said; ``None`` where their outputs cannot be
        averaged."""
        if self.task.output.form != "vector" or len({one.outputs.shape for one in several}) != 1:
            return None
        outputs = np.mean([one.outputs for one in several], axis=0)
        answered = self.appraisal.answered(outputs, self._truth, self._decision(outputs))
        value = float(formula(self.task.judged_by[0].name).of(answered, np.ones(answered.rows)))
        return value if math.isfinite(value) else None

    def _decision(self, outputs: Array) -> Decision:
        return self.appraisal.decide(outputs, self._truth) if self.appraisal.most_decided_on != 0 else Decision()

    def _graphs(self, members: Mapping[str, Member], number: int) -> dict[str, bytes]:
        here = {name.split("/")[1]: member for name, member in members.items() if name.startswith(f"{number}/")}
        found = graph_members(list(here))
        return {name: self._house.store.get(here[member]) for member, name in found.items()}


class _More:
    """A draw that takes more of whatever is counted, and leaves alone what is not: a bigger network."""

    def __init__(self) -> None:
        self.counted = False

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:  # noqa: ARG002
        """The middle: rates and strengths are as they were, where a space lies about what is usual."""
        return math.sqrt(low * high) if log else (low + high) / 2

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:  # noqa: ARG002
        """Near the upper end."""
        self.counted = True
        if log:
            return round(float(low * (high / low) ** _HIGH))
        return math.ceil(low + _HIGH * (high - low))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ARG002
        """The largest of numbers; of other things the first."""
        if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in choices):
            self.counted = True
            return max(choices)
        return choices[0]


def _passes(one: Mapping[str, Any]) -> float:
    """How often each row of a share was seen; 1 of a network that is fitted."""
    return float(one["steps"]) * float(one["batch"]) / max(1, int(one["rows"])) if one["recipe"] else 1.0


def _kind(name: str) -> type[Network]:
    family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
    return find(family, name)
