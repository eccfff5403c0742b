"""What answers are worth in money, row by row, and the decision that earns most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sixfold.errors import ProductError
from sixfold.fields import Array
from sixfold.product import Person, Product, Value
from sixfold.tasks import Decision, Task

__all__ = ["Account", "ClassWorth", "Valued", "Worth", "number_account", "number_accounts"]

_SURE = 2.0
"""Standard errors that the best of many decisions must earn more than the one that follows from costs and chances."""

_YES_NO = ("no", "yes")
_RESAMPLES, _FEWEST_RESAMPLES = 1000, 100
_MOST_COUNTED = 250_000_000
"""Rows × ways × resamples: about 2 s on one core."""


@dataclass(frozen=True)
class Account:
    """What one way of answering brings, row by row (n,), in the currency of product.yaml.

    Args:
        earned: What right answers earn.
        errors: What wrong answers cost.
        people: What the people cost who answer.
        asked: Whether a person answers: 1.0 or 0.0.
    """

    earned: Array
    errors: Array
    people: Array
    asked: Array

    @property
    def value(self) -> Array:
        """What is left (n,)."""
        return np.asarray(self.earned - self.errors - self.people)

    def means(self) -> dict[str, float]:
        """The mean of each part per case."""
        parts = {"earned": self.earned, "errors": self.errors, "people": self.people, "asked": self.asked}
        return {name: float(part.mean()) for name, part in parts.items()}


@dataclass(frozen=True)
class Worth:
    """What a finished model's answers bring, beside other ways of answering the same rows.

    Args:
        ways: ``product``: as it answers, with the people whom it asks; ``alone``: by its own decision with nobody
            asked; ``plain``: always the most likely answer; ``no_model``: the same answer for everyone; ``always_yes``;
            ``people``: all of it by people. A way that does not exist is left out.
        curve: Of yes or no, thresholds and what they are worth per case with nobody asked.
    """

    ways: Mapping[str, Account]
    curve: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Valued:
    """Ways of answering the same rows, each with what it is worth, to be held against each other.

    Args:
        names: The ways.
        means: What each is worth on average (ways,).
        draws: The same of each bootstrap sample of the rows (samples, ways); all ways of one sample on the same rows.
    """

    names: tuple[str, ...]
    means: Array
    draws: Array

    @classmethod
    def of(cls, values: Mapping[str, Array], seed: int) -> Self:
        """The ways by name, each with the worth of every row (n,)."""
        table = np.stack(list(values.values()), axis=1)  # (n, ways)
        rows = len(table)
        samples = int(min(_RESAMPLES, max(_FEWEST_RESAMPLES, _MOST_COUNTED // max(1, table.size))))
        random = np.random.default_rng(seed)
        counts = (np.bincount(random.integers(0, rows, rows), minlength=rows) for _ in range(samples))
        draws = np.stack([(table * count[:, None]).sum(axis=0) / rows for count in counts])
        return cls(tuple(values), table.mean(axis=0), draws)

    def of_way(self, name: str) -> dict[str, float]:
        """What a way is worth, with its 95 % interval."""
        place = self.names.index(name)
        return _with_ends(self.means[place], self.draws[:, place])

    def gap(self, ours: str, theirs: str) -> dict[str, float]:
        """By how much one way is worth more than another, with the paired 95 % interval."""
        one, other = self.names.index(ours), self.names.index(theirs)
        return _with_ends(self.means[one] - self.means[other], self.draws[:, one] - self.draws[:, other])


def _with_ends(mean: float, draws: Array) -> dict[str, float]:
    low, high = np.quantile(draws, (0.025, 0.975))
    return {"value": float(mean), "low": float(low), "high": float(high)}


@dataclass(frozen=True)
class ClassWorth:
    """What answers of classes are worth.

    Args:
        earns: What a right answer earns, of each class (classes,).
        costs: What each answer (across) costs where each class is right (down) (classes, classes); 0 where it is right.
        person: Who can be asked.
        is_binary: Whether it is yes or no, decided by a threshold.
    """

    earns: Array
    costs: Array
    person: Person
    is_binary: bool

    @classmethod
    def of(cls, task: Task) -> Self | None:
        """What product.yaml says; ``None`` where it says nothing of answers.

        Raises:
            ProductError: It speaks of a class that there is not.
        """
        value: Value = task.product.evaluate.value
        if not value.is_of_answers:
            return None
        is_binary = task.output.units == 1
        classes = list(_YES_NO) if is_binary else list(task.target.state["classes"])
        earns = _by_class(value.right, classes, task.product, "right")
        if is_binary:
            costs = np.array([[0.0, value.false_alarm], [value.missed, 0.0]])
        elif isinstance(value.wrong, dict):
            lines = {
                name: _by_class(told, classes, task.product, f"wrong.{name}") for name, told in value.wrong.items()
            }
            _by_class(dict.fromkeys(lines, 0.0), classes, task.product, "wrong")
            costs = np.array([lines.get(name, np.zeros(len(classes))) for name in classes])
        else:
            costs = np.full((len(classes), len(classes)), value.wrong)
        np.fill_diagonal(costs, 0.0)
        return cls(earns, costs, value.person, is_binary)

    @property
    def matrix(self) -> Array:
        """What each answer (across) is worth where each class is right (down)."""
        return np.asarray(np.diag(self.earns) - self.costs)

    @property
    def slips(self) -> Array:
        """What a person's wrong answer costs on average, of each class (classes,): any other class as likely."""
        return np.asarray(self.costs.sum(axis=1) / max(1, len(self.earns) - 1))

    @property
    def by_person(self) -> Array | None:
        """What a person's answer is worth where each class is right (classes,); ``None`` where nobody can be asked."""
        if self.person.costs is None:
            return None
        right = self.person.right
        return np.asarray(right * self.earns - (1 - right) * self.slips - self.person.costs)

    def account(self, y: Array, said: Array, asked: Array | None = None) -> Account:
        """What answers ``said`` (n,) bring where ``y`` (n,) is right, and a person answers those ``asked`` (n,)."""
        right = self.person.right
        person = np.zeros(len(y), bool) if asked is None else asked
        return Account(
            earned=np.where(person, right * self.earns[y], self.earns[y] * (said == y)),
            errors=np.where(person, (1 - right) * self.slips[y], self.costs[y, said]),
            people=np.where(person, self.person.costs or 0.0, 0.0),
            asked=person.astype(np.float64),
        )

    def account_of_any(self, y: Array, said: Array) -> Account:
        """The same of answers among which some are none (-1): those are wrong, and cost what errors do on average."""
        known, none = self.account(y, np.maximum(said, 0)), said < 0
        return Account(
            earned=np.where(none, 0.0, known.earned),
            errors=np.where(none, self.slips[y], known.errors),
            people=known.people,
            asked=known.asked,
        )

    def decision(self, chances: Array, y: Array, temperature: float) -> Decision:
        """The decision that earns most, fitted on validation rows.

        It begins with the one that follows from the costs and the calibrated chances (Elkan 2001; with the choice not
        to answer, Chow 1970), and leaves it only for one that earned more on these rows by two standard errors of the
        paired difference: the best of many decisions always looks better on the rows that chose it.

        Args:
            chances: Calibrated (n, classes).
            y: The right classes (n,).
            temperature: By which they were calibrated.
        """
        return self._of_two(chances[:, 1], y, temperature) if self.is_binary else self._of_many(chances, y, temperature)

    def accounts(self, y: Array, chances: Array, told: Array, asked: Array, training: Array) -> dict[str, Account]:
        """What each way of answering brings on the same rows.

        Args:
            y: The right classes (n,).
            chances: Calibrated chances (n, classes).
            told: What the product answers (n,).
            asked: Where it asks a person (n,).
            training: The classes of training rows, from which comes the one answer for everyone.
        """
        everyone = np.ones(len(y), bool)
        shares = np.bincount(training[training >= 0], minlength=len(self.earns)) / max(1, (training >= 0).sum())
        fixed = 0 if self.is_binary else int((shares @ self.matrix).argmax())
        ways = {
            "product": self.account(y, told, asked),
            "alone": self.account(y, told),
            "plain": self.account(y, chances.argmax(axis=1)),
            "no_model": self.account(y, np.full(len(y), fixed)),
        }
        if self.is_binary:
            ways["always_yes"] = self.account(y, np.ones(len(y), np.int64))
        if self.person.costs is not None:
            ways["people"] = self.account(y, told, everyone)
        return ways

    def curve(self, y: Array, chances: Array, steps: int = 101) -> list[tuple[float, float]]:
        """Of yes or no: thresholds, and what they are worth per case if nobody is asked; empty of several classes."""
        if not self.is_binary:
            return []
        places = np.linspace(0, 1, steps)
        worth = [np.where(chances[:, 1] >= place, self.matrix[y, 1], self.matrix[y, 0]).mean() for place in places]
        return [(float(place), float(value)) for place, value in zip(places, worth, strict=True)]

    def _of_two(self, likely: Array, y: Array, temperature: float) -> Decision:
        matrix, person = self.matrix, self.by_person
        no, yes = matrix[y, 0], matrix[y, 1]
        threshold = _crossing(matrix[:, 1] - matrix[:, 0], 0.5)
        order, cuts, places = _cuts(likely)
        gains = np.concatenate([[0.0], np.cumsum((no - yes)[order])])[cuts]
        other = _nearest(places, gains, threshold)
        plain, moved = np.where(likely >= threshold, yes, no), np.where(likely >= other, yes, no)
        threshold, best = (other, moved) if _earns_more(moved, plain) else (threshold, plain)
        if person is None:
            return Decision(temperature=temperature, threshold=threshold)
        by_person = person[y]

        def worth(low: float, high: float) -> Array:
            return np.where(likely < low, no, np.where(likely < high, by_person, yes))

        low = min(threshold, _crossing(person - matrix[:, 0], threshold))
        high = max(threshold, _crossing(matrix[:, 1] - person, threshold))
        below = np.concatenate([[0.0], np.cumsum((no - by_person)[order])])[cuts]
        above = np.concatenate([[0.0], np.cumsum((by_person - yes)[order])])[cuts]
        running = np.maximum.accumulate(below)
        last = int((running + above).argmax())
        first = int(below[: last + 1].argmax())
        choices = [(threshold, threshold), (low, high), (float(places[first]), float(places[last]))]
        values = [best, worth(low, high), worth(*choices[2])]
        start = 1 if low < high else 0
        chosen = 2 if _earns_more(values[2], values[start]) else start
        if chosen and _earns_more(values[0], values[chosen]):
            chosen = 0
        low, high = choices[chosen]
        asks = None if low >= high else (low, high)
        within = threshold if asks is None else min(max(threshold, low), high)
        return Decision(temperature=temperature, threshold=within, asks=asks)

    def _of_many(self, chances: Array, y: Array, temperature: float) -> Decision:
        matrix, rows = self.matrix, np.arange(len(y))
        off = ~np.eye(len(matrix), dtype=bool)
        is_even = np.ptp(self.earns) == 0 and (not off.any() or np.ptp(self.costs[off]) == 0)
        worth = None if is_even else tuple(map(tuple, matrix.tolist()))
        if worth is not None:
            plain, by_worth = chances.argmax(axis=1), (chances @ matrix).argmax(axis=1)
            if _earns_more(matrix[y, plain], matrix[y, by_worth]):
                worth = None
        decision = Decision(temperature=temperature, worth=worth)
        if (person := self.by_person) is None:
            return decision
        said = decision.best(chances)
        sure, alone, by_person = chances[rows, said], matrix[y, said], person[y]
        earned, lost, asked = self.earns[y].mean(), self.slips[y].mean(), by_person.mean()
        start = float(np.clip((asked + lost) / (earned + lost), 0.0, 1.0)) if earned + lost > 0 else 0.0
        order, cuts, places = _cuts(sure)
        gains = np.concatenate([[0.0], np.cumsum((by_person - alone)[order])])[cuts]
        other = _nearest(places, gains, start)
        values = {place: np.where(sure < place, by_person, alone) for place in (0.0, start, other)}
        chosen = other if _earns_more(values[other], values[start]) else start
        if _earns_more(values[0.0], values[chosen]):
            chosen = 0.0
        return decision.model_copy(update={"asks": (0.0, chosen) if chosen > 0 else None})


def number_accounts(value: Value, off: Array, off_of_median: Array) -> dict[str, Account]:
    """What each way of answering with numbers brings.

    A person who is wrong is taken to err as much as the model does where it errs: nothing else is known.

    Args:
        value: What product.yaml says.
        off: How far the product's answers are from the truth (n,).
        off_of_median: How far the median of the training rows is (n,).
    """
    assert isinstance(value.right, float)
    assert isinstance(value.wrong, float)
    ways = {"product": number_account(value, off), "no_model": number_account(value, off_of_median)}
    if value.person.costs is not None:
        ours = ways["product"].errors
        slip = float(ours[ours > 0].mean()) if (ours > 0).any() else 0.0
        whole = np.ones(len(off))
        right = value.person.right
        ways["people"] = Account(
            earned=whole * right * value.right,
            errors=whole * (1 - right) * slip,
            people=whole * value.person.costs,
            asked=whole,
        )
    return ways


def number_account(value: Value, off: Array) -> Account:
    """What numbers bring that are so far off the truth (n,)."""
    assert isinstance(value.right, float)
    assert isinstance(value.wrong, float)
    free = value.within or 0.0
    is_wrong = np.zeros(len(off), bool) if value.within is None else off > free
    nothing = np.zeros(len(off))
    errors = value.wrong * is_wrong + value.per_unit * np.maximum(0.0, off - free)
    return Account(earned=value.right * ~is_wrong, errors=errors, people=nothing, asked=nothing)


def _by_class(said: Any, classes: Sequence[str], product: Product, key: str) -> Array:
    """An amount for each class; those that a mapping does not name have 0."""
    if not isinstance(said, Mapping):
        return np.full(len(classes), float(said))
    for name in said:
        if str(name) not in classes:
            place = product.place(f"evaluate.value.{key}")
            raise ProductError("value_of_no_class", place=place, name=name, known=", ".join(classes))
    return np.array([float(said.get(name, 0.0)) for name in classes])


def _crossing(gain: Array, otherwise: float) -> float:
    """The chance of yes from which a gain, of no and of yes (2,), is not below 0, held within 0 and 1.

    ``otherwise`` where it never depends on the chance.
    """
    at_no, at_yes = float(gain[0]), float(gain[1])
    if at_yes - at_no <= 0:
        # It falls with the chance: then it is either good everywhere, or nowhere.
        return otherwise if at_yes == at_no == 0 else 0.0 if min(at_no, at_yes) >= 0 else 1.0
    return float(np.clip(-at_no / (at_yes - at_no), 0.0, 1.0))


def _cuts(likely: Array) -> tuple[Array, Array, Array]:
    """Rows by rising chance; how many lie below each place where a threshold can stand; and those places."""
    order = np.argsort(likely, kind="stable")
    scores = likely[order]
    distinct = np.flatnonzero(np.diff(scores) > 0)
    cuts = np.concatenate([[0], distinct + 1, [len(scores)]])
    places = np.concatenate([[0.0], (scores[distinct] + scores[distinct + 1]) / 2, [1.0]])
    return order, cuts, places


def _nearest(places: Array, gains: Array, start: float) -> float:
    """Of the places that gain most, the one nearest to ``start``."""
    best = places[gains >= gains.max() - 1e-9 * max(1.0, float(np.abs(gains).max()))]
    return float(best[np.argmin(np.abs(best - start))])


def _earns_more(ours: Array, theirs: Array) -> bool:
    """Whether one decision earned more than another on the same rows by two standard errors of the difference."""
    apart = ours - theirs
    return bool(apart.sum() > _SURE * np.sqrt((apart**2).sum()))
