"""Classes: one of several, or yes or no, with a chance for each."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _class_page as shown
from sixfold.evaluation._appraisal import (
    Encoded,
    Judged,
    Report,
    Section,
    SideBySide,
    Thumbnails,
    Yardstick,
    described,
)
from sixfold.evaluation._class_figures import FIGURES, Scored, class_figures, confusion
from sixfold.evaluation._decide import asked, chances, decide, decided
from sixfold.evaluation._formula import Asked, Formula
from sixfold.evaluation._linear import Inputs, piecewise
from sixfold.evaluation._worth import ClassWorth, Worth
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision

__all__ = ["Classes"]

_ITERATIONS = (20, 200)
_MOST_WORK = 1e10
"""Rows × inputs × classes × iterations of the linear model: about 4 s on one core, at four operations each."""

_BINS = 15
"""Guo et al. 2017."""

_MOST_CELLS_SIDE = 100
_MOST_PAIRS = 10


class Classes(SideBySide[Scored]):
    """Judged by the right class and by how far its chances can be believed.

    Calibrated on validation rows; compared with the most frequent class and with logistic regression.
    """

    title: ClassVar[Text] = Text("classes", "类别")
    formulas: ClassVar[tuple[Formula, ...]] = FIGURES
    baselines: ClassVar[Mapping[str, Text]] = {
        "majority": Text("Always the most frequent class", "总猜最常见的类"),
        "linear": Text("A simple linear model", "简单的线性模型"),
    }

    asked_for: ClassVar[Mapping[str, Asked]] = {
        "calibration error": Asked(
            Text("Calibration error (ECE)", "校准误差（ECE）"),
            Text(
                "Its chances are not to be believed yet: hold out more validation rows, from which they are calibrated "
                "(`prepare: {split: {validation: 0.2}}`), train for fewer epochs, or smooth labels "
                "(`train: {label_smoothing: 0.1}`).",
                "它给出的概率还不可信：请留出更多验证行用于校准（`prepare: {split: {validation: 0.2}}`）、"
                "减少训练轮次，或使用标签平滑（`train: {label_smoothing: 0.1}`）。",
            ),
        )
    }

    @property
    def classes(self) -> list[str]:
        """The classes, in the order of the network's outputs."""
        classes: list[str] = self.task.target.state["classes"]
        return classes

    def truth(self, encoded: Array) -> Array:
        return encoded.astype(np.int64) - 1

    def is_known(self, truth: Array) -> Array:
        """Not rows of a class that no training row has."""
        return np.asarray(truth >= 0)

    def decide(self, outputs: Array, truth: Array) -> Decision:
        return decide(self.task, outputs, truth)

    def told(self, decision: Decision) -> Text:
        temperature, threshold = f"{decision.temperature:.3f}", f"{decision.threshold:.3f}"
        told = Text(f"temperature {temperature}, threshold {threshold}", f"温度 {temperature}，阈值 {threshold}")
        if decision.asks is None:
            return told
        low, high = (f"{end:.3f}" for end in decision.asks)
        return Text(f"{told.en}, a person from {low} to {high}", f"{told.zh}，{low} 到 {high} 之间由人回答")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Scored:
        probabilities = chances(outputs, decision)
        return Scored(truth, probabilities, decided(probabilities, self.task, decision))

    def leaning(self, outputs: Array, decision: Decision) -> Array:
        return chances(outputs, decision)

    def losses(self, answered: Scored) -> Array:
        return answered.surprise

    def yardsticks(
        self, given: Mapping[str, Field], sample: Encoded, training: Array, *, seed: int = 0
    ) -> list[Yardstick]:
        """The majority class, and logistic regression (multinomial, L2 with C = 1, by L-BFGS) on the encoded columns.

        The linear model is left out where the rows it would learn from are all of one class.
        """
        counts = np.bincount(training[training >= 0], minlength=len(self.classes))
        found = [_majority(counts)]
        if len(np.unique(sample.y)) > 1:
            found.append(_linear(given, sample, len(counts), seed))
        return found

    def guessed(self, outputs: Array, truth: Array) -> Scored:
        return Scored(truth, outputs, outputs.argmax(axis=1))

    def parts(self, judged: Judged[Scored]) -> dict[str, Any]:
        answered, classes = judged.answered, self.classes
        truths = {"train": judged.training, "validation": judged.validation.truth, "test": judged.test.truth}
        counts = {split: np.bincount(truth[truth >= 0], minlength=len(classes)) for split, truth in truths.items()}
        matrix, pairs = _confused(classes, answered)
        uncalibrated = self.answered(judged.test.outputs, judged.test.truth, Decision())
        return {
            "classes": classes,
            "by_class": _by_class(classes, answered, counts),
            "confusion": matrix,
            "confused": pairs,
            "calibration": _calibration(answered, uncalibrated, judged, has_threshold=self.task.output.units == 1),
            "wrong_rows": int((answered.right == 0).sum()),
        }

    def worth(self, judged: Judged[Scored]) -> Worth | None:
        worth, answered = ClassWorth.of(self.task), judged.answered
        if worth is None:
            return None
        asking = asked(answered.probabilities, self.task, judged.decision)
        ways = worth.accounts(answered.y, answered.probabilities, answered.decided, asking, judged.training)
        return Worth(ways, worth.curve(answered.y, answered.probabilities))

    def worst(self, answered: Scored, most: int) -> Array:
        """The most confidently wrong rows."""
        wrong = np.flatnonzero(answered.right == 0)
        sureness = answered.probabilities[wrong, answered.decided[wrong]]
        return wrong[np.argsort(-sureness, kind="stable")][:most]

    def typical(self, answered: Scored, most: int) -> Array:
        """Rows that were answered rightly, those of middling confidence first."""
        right = np.flatnonzero(answered.right == 1)
        places = right if right.size else np.arange(answered.rows)
        sureness = answered.probabilities[places, answered.decided[places]]
        return places[np.argsort(np.abs(sureness - np.median(sureness)), kind="stable")][:most]

    def example(self, answered: Scored, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        said = int(answered.decided[place])
        return {
            "right": self.classes[int(answered.y[place])],
            "said": self.classes[said],
            "confidence": float(answered.probabilities[place, said]),
        }

    def kept(self, answered: Scored) -> dict[str, Array]:
        return {
            "y": answered.y,
            "probabilities": answered.probabilities.astype(np.float32),
            "decided": answered.decided,
        }

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, text = {"type": ["number", "null"]}, {"type": "string"}
        whole = {"type": "integer", "minimum": 0}
        rows = described(train=whole, validation=whole, test=whole)
        parts = {
            "classes": {"type": "array", "items": text},
            "by_class": {
                "type": "array",
                "items": described(name=text, precision=number, recall=number, f1=number, support=whole, rows=rows),
            },
            "confusion": {"type": ["array", "null"], "items": {"type": "array", "items": whole}},
            "confused": {"type": "array", "items": described(right=text, said=text, rows=whole, share=number)},
            "calibration": described(
                temperature=number,
                threshold=number,
                decided_on=whole,
                ece=number,
                ece_before=number,
                bins={"type": "array", "items": described(confidence=number, right=number, rows=whole)},
            ),
            "wrong_rows": whole,
        }
        return parts, {"right": text, "said": text, "confidence": number}

    @classmethod
    def told_to_gates(cls, report: Report) -> dict[str, float | None]:
        return {"calibration error": report["calibration"]["ece"]}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_class(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        return [shown.mistakes(report, thumbnails), shown.trust(report)]

    @classmethod
    def groups(cls, report: Report) -> list[tuple[str, Mapping[str, int]]]:
        return [(entry["name"], entry["rows"]) for entry in report["by_class"]]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()


def _majority(counts: Array) -> Yardstick:
    shares = counts / counts.sum()

    def outputs(arrays: Mapping[str, Array]) -> Array:
        return np.broadcast_to(shares, (len(next(iter(arrays.values()))), len(shares)))

    return Yardstick("majority", {"training_rows": int(counts.sum())}, outputs)


def _linear(given: Mapping[str, Field], sample: Encoded, classes: int, seed: int) -> Yardstick:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    begun = time.monotonic()
    read = Inputs.fitted(given, sample.arrays)
    inputs, y = read(sample.arrays), sample.y
    work = max(1, inputs.shape[0] * inputs.shape[1] * (1 if classes == 2 else classes))  # noqa: PLR2004
    iterations = int(np.clip(_MOST_WORK // work, *_ITERATIONS))
    if work * iterations > _MOST_WORK:
        # Very many inputs and classes: fewer rows, so that the time stays bounded.
        rows = np.random.default_rng(seed).permutation(len(inputs))
        rows = np.sort(rows[: max(2 * classes, int(len(inputs) * _MOST_WORK / (work * iterations)))])
        inputs, y = inputs[rows], y[rows]
    # Without their mean, inputs make the same model in fewer steps: the intercept takes it up, and is not penalised.
    centre = inputs.mean(axis=0)
    model = LogisticRegression(max_iter=iterations, random_state=seed)
    # Its steps are short: several threads gain little on a quiet machine, and wait for each other on a busy one.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        model.fit(inputs - centre, y)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    about = {
        "training_rows": len(inputs),
        "inputs": int(inputs.shape[1]),
        "iterations": int(np.max(model.n_iter_)),
        "converged": converged,
        "seconds": round(time.monotonic() - begun, 2),
    }

    def likely(inputs: Array) -> Array:
        probabilities = np.zeros((len(inputs), classes))
        probabilities[:, model.classes_] = model.predict_proba(inputs - centre)
        return probabilities

    return Yardstick("linear", about, lambda arrays: piecewise(likely, read, arrays))


def _by_class(classes: Sequence[str], scored: Scored, counts: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Each class: precision, recall, F1 and support on test rows, and its rows in each split."""
    return [
        {
            "name": name,
            "precision": entry.precision,
            "recall": entry.recall,
            "f1": entry.f1,
            "support": entry.support,
            "rows": {split: int(count[index]) for split, count in counts.items()},
        }
        for index, (name, entry) in enumerate(zip(classes, class_figures(scored), strict=True))
    ]


def _confused(classes: Sequence[str], scored: Scored) -> tuple[list[list[int]] | None, list[dict[str, Any]]]:
    """The confusion matrix (``None`` beyond 100 classes), and the most frequent confusions, the most frequent first."""
    wrong = scored.right == 0
    pairs, rows = np.unique(np.stack([scored.y[wrong], scored.decided[wrong]]), axis=1, return_counts=True)
    support = np.bincount(scored.y, minlength=len(classes))
    listed = [
        {
            "right": classes[pairs[0, index]],
            "said": classes[pairs[1, index]],
            "rows": int(rows[index]),
            "share": float(rows[index] / support[pairs[0, index]]),
        }
        for index in np.argsort(-rows, kind="stable")[:_MOST_PAIRS]
    ]
    return (confusion(scored).tolist() if len(classes) <= _MOST_CELLS_SIDE else None), listed


def _calibration(scored: Scored, before: Scored, judged: Judged[Scored], *, has_threshold: bool) -> dict[str, Any]:
    """How far confidence and truth are apart on test rows, before and after calibration (ECE, Guo et al. 2017)."""
    bins, ece = _reliability(scored)
    return {
        "temperature": judged.decision.temperature,
        "threshold": judged.decision.threshold if has_threshold else None,
        "decided_on": judged.decided_on,
        "ece": ece,
        "ece_before": _reliability(before)[1],
        "bins": bins,
    }


def _reliability(scored: Scored) -> tuple[list[dict[str, Any]], float]:
    sure = scored.probabilities[np.arange(scored.rows), scored.decided]
    places = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    rows = np.bincount(places, minlength=_BINS)
    confidence = np.bincount(places, sure, _BINS)
    right = np.bincount(places, scored.right, _BINS)
    bins = [
        {"confidence": float(confidence[i] / rows[i]), "right": float(right[i] / rows[i]), "rows": int(rows[i])}
        for i in np.flatnonzero(rows)
    ]
    return bins, float(np.abs(confidence - right).sum() / scored.rows)
