"""Texts: how near what was written is to what people wrote, and how often it goes wrong altogether."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _text_page as shown
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
from sixfold.evaluation._formula import Answered, Formula, figure, mean_of
from sixfold.evaluation._linear import Inputs
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision
from sixfold.tasks.translation import Translation

__all__ = ["Texts"]

_HAN, _UNSPACED = r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]", r"[\u3040-\u30ff\u0e00-\u0eff\u1000-\u109f]"
_MOSTLY = 0.5

_SHORT, _LONG, _FEW_LETTERS = 0.5, 2.0, 4
"""A length fails below half the shortest or above twice the longest right text, and by more than four letters."""

_IN_CIRCLES = re.compile(r"(.{1,20}?)\1{2,}")
_CIRCLE_LETTERS = 6
"""The same again three times running and more, over so many letters: in circles, unless a right text does so too."""

_MOST_GROUPS, _FEWEST_IN_GROUP = 5, 20


@dataclass(frozen=True)
class Written(Answered):
    """Rows with the text that was written and those that are right.

    Args:
        said: What was written (n,).
        right: Of each row every text that is right (n,), one at least.
        is_whole: Whether what was written came to its end (n,).
        tokenizer: How BLEU splits texts into words (sacreBLEU's name).
        stats: What BLEU (n, 10) and chrF (n, 18) count in each row, where that is known already.
    """

    said: Sequence[str]
    right: Sequence[tuple[str, ...]]
    is_whole: Array
    tokenizer: str
    stats: tuple[Array, Array] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.said)

    @cached_property
    def counted(self) -> tuple[Array, Array]:
        """What BLEU (n, 10) and chrF (n, 18) count in each row."""
        if self.stats is not None:
            return self.stats
        most = max((len(right) for right in self.right), default=1)
        streams = [[right[place] if place < len(right) else None for right in self.right] for place in range(most)]
        scorers = _bleu(self.tokenizer), _chrf()
        first, second = (
            np.array(scorer._extract_corpus_statistics(list(self.said), streams), np.float64) for scorer in scorers
        )
        return first, second

    @cached_property
    def by_row(self) -> Array:
        """The chrF of each row (n,)."""
        return np.array([_chrf()._compute_f_score(stats) for stats in self.counted[1].tolist()])

    @cached_property
    def fails_by_length(self) -> Array:
        """Whether a text is far too short or too long, or was cut off (n,)."""
        found = []
        for said, right, is_whole in zip(self.said, self.right, self.is_whole, strict=True):
            length, lengths = _letters(said), [_letters(text) for text in right]
            short, long = min(lengths), max(lengths)
            is_short = length < _SHORT * short and short - length > _FEW_LETTERS
            is_long = length > _LONG * long and length - long > _FEW_LETTERS
            found.append(not is_whole or length == 0 or is_short or is_long)
        return np.array(found, bool)

    @cached_property
    def fails_by_repetition(self) -> Array:
        """Whether a text goes in circles (n,)."""
        return np.array([_circles(said, right) for said, right in zip(self.said, self.right, strict=True)], bool)

    def kept(self, keep: Array) -> Written:
        """The rows where ``keep`` is true."""
        places = np.flatnonzero(keep).tolist()
        first, second = self.counted
        return Written(
            [self.said[place] for place in places],
            [self.right[place] for place in places],
            self.is_whole[keep],
            self.tokenizer,
            (first[keep], second[keep]),
        )


@figure(
    Text("BLEU", "BLEU"),
    Text(
        "How many of the words, and of the runs of two, three and four words, that were written stand in a right text "
        "too; 100 would be word for word the same (Papineni et al. 2002, by sacreBLEU). Higher is better.",
        "写出的词以及连续两个、三个、四个词的片段，有多少也出现在正确的文本中；100 表示逐词相同"
        "（Papineni 等，2002，由 sacreBLEU 计算）。越高越好。",
    ),
    "amount",
)
def bleu(written: Written, counts: Array) -> float:
    stats = (written.counted[0] * counts[:, None]).sum(axis=0).tolist()
    return float(_bleu(written.tokenizer)._compute_score_from_stats(stats).score)


@figure(
    Text("chrF", "chrF"),
    Text(
        "The same for runs of one to six letters, with what was left out weighing more than what was added; 100 would "
        "be letter for letter the same (Popović 2015). Higher is better.",
        "同样的比较，但以连续一到六个字符计，漏掉的内容比多出的内容分量更重；100 表示逐字相同"
        "（Popović，2015）。越高越好。",
    ),
    "amount",
)
def chrf(written: Written, counts: Array) -> float:
    stats = (written.counted[1] * counts[:, None]).sum(axis=0).tolist()
    return float(_chrf()._compute_f_score(stats))


@figure(
    Text("Wrong in length", "长度失常"),
    Text(
        "The share of texts that are less than half as long as the shortest right one or more than twice as long as "
        "the longest (and by more than four letters), that say nothing, or that never come to an end. Lower is better.",
        "长度不到最短正确文本的一半、或超过最长正确文本的两倍（且相差四个字符以上）、什么也没写、"
        "或写不到结尾的文本所占的比例。越低越好。",
    ),
    "share",
)
def length_failures(written: Written, counts: Array) -> float:
    return mean_of(written.fails_by_length, counts)


@figure(
    Text("In circles", "原地打转"),
    Text(
        "The share of texts that say the same three times running, over six letters and more, where no right text "
        "does. Lower is better.",
        "把同样的内容连说三遍以上（总共六个字符以上）、而正确文本并非如此的文本所占的比例。越低越好。",
    ),
    "share",
)
def repetition_failures(written: Written, counts: Array) -> float:
    return mean_of(written.fails_by_repetition, counts)


class Texts(SideBySide[Written]):
    """Judged by how near the text is to those that are right, for each question once.

    Rows that ask the same (a sentence with several translations) are one question with several right answers. Compared
    with the right text of the most similar training row, and with copying what was given.
    """

    title: ClassVar[Text] = Text("texts", "文本")
    formulas: ClassVar[tuple[Formula, ...]] = (bleu, chrf, length_failures, repetition_failures)
    baselines: ClassVar[Mapping[str, Text]] = {
        "nearest": Text("The answer to the most similar training row", "最相似训练行的答案"),
        "copy": Text("Copying what was given", "照抄所给的内容"),
    }
    most_decided_on: ClassVar[int | None] = 0

    def truth(self, encoded: Array) -> Array:
        """The target's tokens (n, length), int32."""
        return encoded

    def is_known(self, truth: Array) -> Array:
        """Not rows without a text."""
        return np.array([len(right) > 0 for right in truth]) if truth.dtype == object else (truth != 0).any(axis=1)

    def asked(self, arrays: Mapping[str, Array], truth: Array) -> tuple[Array, Array]:
        """Each question once, at its first row, with every text that is right (n,) of tuples of str."""
        flat = [np.ascontiguousarray(array).reshape(len(truth), -1).view(np.uint8) for array in arrays.values()]
        same: dict[bytes, list[int]] = {}
        for row, key in enumerate(np.concatenate(flat, axis=1)):
            same.setdefault(key.tobytes(), []).append(row)
        texts = self._task.target.decode(truth)
        places = np.array([rows[0] for rows in same.values()], np.int64)
        found = np.empty(len(places), object)
        for number, rows in enumerate(same.values()):
            found[number] = tuple(dict.fromkeys(text for row in rows if (text := texts[row])))
        return places, found

    def decide(self, outputs: Array, truth: Array) -> Decision:  # noqa: ARG002
        """Nothing is decided: the texts are what the search finds."""
        return Decision()

    def told(self, decision: Decision) -> Text:  # noqa: ARG002
        return Text("nothing to decide: texts are given as they are found", "无需决定：文本按搜索结果给出")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Written:  # noqa: ARG002
        is_whole = (outputs == self._task.target.state["end"]).any(axis=1)
        return Written(self._task.texts(outputs), list(truth), is_whole, self._tokenizer)

    def yardsticks(
        self,
        given: Mapping[str, Field],
        sample: Encoded,
        training: Array,  # noqa: ARG002
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """The right text of the training row (of the sample) whose given columns are most alike, and the given text.

        Rows are compared by the cosine of what a linear model would see: tokens weighted by how rare they are.
        """
        begun = time.monotonic()
        read = Inputs.fitted(given, sample.arrays)
        known = _unit(read(sample.arrays))
        texts = self._task.target.decode(sample.y)

        def nearest(arrays: Mapping[str, Array]) -> Array:
            found = []
            for start in range(0, len(next(iter(arrays.values()))), _ROWS_COMPARED):
                part = {name: array[start : start + _ROWS_COMPARED] for name, array in arrays.items()}
                found += (_unit(read(part)) @ known.T).argmax(axis=1).tolist()
            return np.array([texts[place] or "" for place in found], object)

        seconds = round(time.monotonic() - begun, 2)
        yardsticks = [Yardstick("nearest", {"training_rows": len(texts), "seconds": seconds}, nearest)]
        column = next((field for field in given.values() if field.kind() == "text"), None)
        if column is not None:

            def copied(arrays: Mapping[str, Array]) -> Array:
                return np.array([text or "" for text in column.decode(arrays[column.name])], object)

            yardsticks.append(Yardstick("copy", {"column": column.name}, copied))
        return yardsticks

    def guessed(self, outputs: Array, truth: Array) -> Written:
        return Written(outputs.tolist(), list(truth), np.ones(len(truth), bool), self._tokenizer)

    def parts(self, judged: Judged[Written]) -> dict[str, Any]:
        answered = judged.answered
        several = [len(right) for right in answered.right]
        return {
            "scoring": {
                "tokenizer": self._tokenizer,
                "bleu": str(_bleu(self._tokenizer).get_signature()),
                "chrf": str(_chrf().get_signature()),
                "right_texts": int(sum(several)),
                "most_right_texts": int(max(several, default=0)),
            },
            "failures": {
                "unfinished": int((~answered.is_whole).sum()),
                "length": int(answered.fails_by_length.sum()),
                "repetition": int(answered.fails_by_repetition.sum()),
            },
            "groups": _groups(answered),
        }

    def worst(self, answered: Written, most: int) -> Array:
        """The rows of the lowest chrF."""
        return np.argsort(answered.by_row, kind="stable")[:most]

    def typical(self, answered: Written, most: int) -> Array:
        """The rows whose chrF is nearest to the one that half of all exceed."""
        return np.argsort(np.abs(answered.by_row - np.median(answered.by_row)), kind="stable")[:most]

    def example(self, answered: Written, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {
            "right": list(answered.right[place]),
            "said": answered.said[place],
            "chrf": float(answered.by_row[place]),
        }

    def kept(self, answered: Written) -> dict[str, Array]:
        first, second = answered.counted
        return {"bleu": first.astype(np.int32), "chrf": second.astype(np.int32)}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole, word = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}, {"type": "string"}
        parts = {
            "scoring": described(tokenizer=word, bleu=word, chrf=word, right_texts=whole, most_right_texts=whole),
            "failures": described(unfinished=whole, length=whole, repetition=whole),
            "groups": {
                "type": "array",
                "items": described(low=whole, high=whole, rows=whole, bleu=number, chrf=number),
            },
        }
        return parts, {"right": {"type": "array", "items": word}, "said": word, "chrf": number}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_length(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:  # noqa: ARG003
        return [shown.examples_of(report)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    @property
    def _task(self) -> Translation:
        assert isinstance(self.task, Translation)
        return self.task

    @cached_property
    def _tokenizer(self) -> str:
        """sacreBLEU's: by characters where the target's vocabulary is mostly such as are written without blanks."""
        vocabulary = self._task.target.state["tokenizer"]["model"]["vocab"]
        letters = "".join(token for token in vocabulary if len(token) == 1)
        han, others = len(re.findall(_HAN, letters)), len(re.findall(_UNSPACED, letters))
        if others > _MOSTLY * han and others > _MOSTLY * len(letters) / 2:
            return "char"
        return "zh" if han > _MOSTLY * len(letters) else "13a"


_ROWS_COMPARED = 1024


@lru_cache
def _bleu(tokenizer: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, force=True)


@lru_cache
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _letters(text: str) -> int:
    return sum(not letter.isspace() for letter in text)


def _circles(said: str, right: Sequence[str]) -> bool:
    found = (match.group(0) for match in _IN_CIRCLES.finditer(said))
    return any(_letters(run) >= _CIRCLE_LETTERS and not any(run in text for text in right) for run in found)


def _groups(answered: Written) -> list[dict[str, Any]]:
    """Test rows by the length of the first right text, in groups of as many rows."""
    lengths = np.array([_letters(right[0]) for right in answered.right])
    groups = min(_MOST_GROUPS, answered.rows // _FEWEST_IN_GROUP)
    if groups < 2:  # noqa: PLR2004 — one group says what the figures say
        return []
    found = []
    for rows in np.array_split(np.argsort(lengths, kind="stable"), groups):
        counts = np.zeros(answered.rows)
        counts[rows] = 1
        found.append(
            {
                "low": int(lengths[rows].min()),
                "high": int(lengths[rows].max()),
                "rows": len(rows),
                "bleu": bleu.of(answered, counts),
                "chrf": chrf.of(answered, counts),
            }
        )
    return found
