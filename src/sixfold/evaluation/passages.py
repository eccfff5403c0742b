"""Passages: how likely texts are found that were never seen, and whether what is written is its own."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _passage_page as shown
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
from sixfold.evaluation._formula import Answered, Formula, figure
from sixfold.evaluation._kneser_ney import KneserNey
from sixfold.fields import Array, Field
from sixfold.fields.text import Text as TextField
from sixfold.language import Text
from sixfold.tasks import Decision
from sixfold.tasks.writing import Writing

__all__ = ["Passages"]

_MOST_COUNTED = 5_000_000
"""Training tokens that the n-grams are counted in: beyond, they take more memory than they are worth."""

_MOST_SEARCHED = 5_000_000
"""Characters of training text that verbatim runs are looked for in."""

_RUNS = (8, 16, 32, 64)
_RUN, _PRIME = 8, np.uint64(0x100000001B3)
_SHOWN_SAMPLES = 6
_LONGEST_SHOWN = 600
_IN_CIRCLES = re.compile(r"(.{1,40}?)\1{2,}", re.DOTALL)
_CIRCLE_LETTERS = 12


@dataclass(frozen=True)
class Found(Answered):
    """Rows with how unlikely a model found their text.

    Args:
        nats: −log of its probability (n,).
        tokens: How many tokens that is of, its end included (n,).
        characters: How many characters it has, its end counted as one (n,).
        texts: The texts (n,).
    """

    nats: Array
    tokens: Array
    characters: Array
    texts: Sequence[str]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.nats)

    @property
    def by_token(self) -> Array:
        """Nats for each token of a row (n,)."""
        return np.asarray(self.nats / np.maximum(self.tokens, 1))

    def kept(self, keep: Array) -> Found:
        """The rows where ``keep`` is true."""
        texts = [self.texts[place] for place in np.flatnonzero(keep).tolist()]
        return Found(self.nats[keep], self.tokens[keep], self.characters[keep], texts)


@figure(
    Text("Perplexity", "困惑度"),
    Text(
        "Among how many equally likely tokens it would be as unsure of the next one, on average. 1 would be to know "
        "every token beforehand. Lower is better.",
        "平均而言，它对下一个词元的不确定程度，相当于在多少个同样可能的词元中选择。"
        "1 表示每个词元都能事先知道。越低越好。",
    ),
    "amount",
)
def perplexity(found: Found, counts: Array) -> float:
    return math.exp(float((found.nats * counts).sum() / max((found.tokens * counts).sum(), 1)))


@figure(
    Text("Bits per character", "每字符比特数"),
    Text(
        "How many yes-or-no questions each character would still take, on average; it does not depend on how the "
        "text is cut into tokens. Lower is better.",
        "平均每个字符还需要回答多少个是非题；与文本怎样切分成词元无关。越低越好。",
    ),
    "number",
)
def bits_per_character(found: Found, counts: Array) -> float:
    return float((found.nats * counts).sum() / math.log(2) / max((found.characters * counts).sum(), 1))


class Passages(SideBySide[Found]):
    """Judged by how likely held-out texts are found, against n-grams with Kneser–Ney smoothing.

    What it writes out of nothing is looked at as well: how much of it stands word for word in the training texts,
    beside how much of held-out texts does; and how much goes in circles.
    """

    title: ClassVar[Text] = Text("passages", "文段")
    formulas: ClassVar[tuple[Formula, ...]] = (perplexity, bits_per_character)
    baselines: ClassVar[Mapping[str, Text]] = {
        "kneser_ney": Text("Counting runs of five tokens (Kneser–Ney)", "统计连续五个词元（Kneser–Ney）"),
    }
    most_decided_on: ClassVar[int | None] = 0
    samples: ClassVar[int] = 100

    def truth(self, encoded: Array) -> Array:
        """The target's tokens (n, length), int32."""
        return encoded

    def is_known(self, truth: Array) -> Array:
        """Not rows without a text."""
        return np.asarray((truth != 0).any(axis=1))

    def decide(self, outputs: Array, truth: Array) -> Decision:  # noqa: ARG002
        """Nothing is decided: texts are drawn."""
        return Decision()

    def told(self, decision: Decision) -> Text:  # noqa: ARG002
        return Text("nothing to decide: texts are drawn", "无需决定：文本是抽取出来的")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Found:  # noqa: ARG002
        texts = self._texts(truth)
        ended = (truth == self._field.state["end"]).any(axis=1)
        characters = np.array([len(text) for text in texts], np.int64) + ended
        return Found(outputs[:, 0], outputs[:, 1], characters, texts)

    def yardsticks(
        self,
        given: Mapping[str, Field],  # noqa: ARG002
        sample: Encoded,  # noqa: ARG002
        training: Array,
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """Runs of up to five tokens, counted in all training texts up to five million tokens."""
        begun = time.monotonic()
        counted = np.cumsum((training != 0).sum(axis=1)) <= _MOST_COUNTED
        counted[:1] = True
        learned = training[counted]
        model = KneserNey.fitted(learned, self._field.state["vocabulary"])
        name = self._field.name

        def outputs(arrays: Mapping[str, Array]) -> Array:
            tokens = arrays[name]
            return np.stack([-np.log(model.chances(tokens)).sum(axis=1), (tokens != 0).sum(axis=1)], axis=1)

        about = {
            "training_rows": len(learned),
            "training_tokens": int((learned != 0).sum()),
            "seconds": round(time.monotonic() - begun, 2),
        }
        return [Yardstick("kneser_ney", about, outputs)]

    def guessed(self, outputs: Array, truth: Array) -> Found:
        return self.answered(outputs, truth, Decision())

    def parts(self, judged: Judged[Found]) -> dict[str, Any]:
        assert judged.samples is not None
        answers = self.task.answers(judged.samples, judged.decision)
        samples = [answer[self._field.name] for answer in answers]
        learned = _Learned(_searchable(self._texts(judged.training)))
        runs = [learned.longest_run(text) for text in samples]
        # Held-out texts, cut to the lengths of the samples: so much of what people write anew was written before.
        others = _like(judged.answered.texts, samples)
        unseen = [learned.longest_run(text) for text in others]
        longest = int(np.argmax([len(run) for run in runs])) if runs else 0
        return {
            "tokens": {"test": int(judged.answered.tokens.sum()), "characters": int(judged.answered.characters.sum())},
            "samples": [text[:_LONGEST_SHOWN] for text in samples[:_SHOWN_SAMPLES]],
            "memory": {
                "samples": len(samples),
                "searched_characters": len(learned.text),
                "runs": _spread(runs),
                "unseen_runs": _spread(unseen),
                "longer": [
                    {
                        "characters": most,
                        "samples": sum(len(run) > most for run in runs),
                        "unseen": sum(len(run) > most for run in unseen),
                    }
                    for most in _RUNS
                ],
                "whole_texts": _whole_texts(samples, learned.text),
                "longest": runs[longest] if runs else "",
                "longest_sample": samples[longest][:_LONGEST_SHOWN] if runs else "",
            },
            "repetition": {
                "circles": sum(_goes_in_circles(text) for text in samples),
                "unseen_circles": sum(_goes_in_circles(text) for text in others),
                "distinct_pairs": _distinct_pairs(samples),
                "unseen_distinct_pairs": _distinct_pairs(others),
                "unfinished": sum(answer["finish"] == "length" for answer in answers),
            },
        }

    def worst(self, answered: Found, most: int) -> Array:
        """The rows whose tokens were found least likely."""
        return np.argsort(-answered.by_token, kind="stable")[:most]

    def typical(self, answered: Found, most: int) -> Array:
        """The rows whose tokens were found as likely as those of half of all."""
        return np.argsort(np.abs(answered.by_token - np.median(answered.by_token)), kind="stable")[:most]

    def example(self, answered: Found, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {
            "text": answered.texts[place][:_LONGEST_SHOWN],
            "perplexity": math.exp(min(float(answered.by_token[place]), 700.0)),
        }

    def kept(self, answered: Found) -> dict[str, Array]:
        return {"nats": answered.nats, "tokens": answered.tokens, "characters": answered.characters}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole, word = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}, {"type": "string"}
        spread = described(median=number, high=number, most=whole)
        parts = {
            "tokens": described(test=whole, characters=whole),
            "samples": {"type": "array", "items": word},
            "memory": described(
                samples=whole,
                searched_characters=whole,
                runs=spread,
                unseen_runs=spread,
                longer={"type": "array", "items": described(characters=whole, samples=whole, unseen=whole)},
                whole_texts=whole,
                longest=word,
                longest_sample=word,
            ),
            "repetition": described(
                circles=whole,
                unseen_circles=whole,
                distinct_pairs=number,
                unseen_distinct_pairs=number,
                unfinished=whole,
            ),
        }
        return parts, {"text": word, "perplexity": number}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:  # noqa: ARG003
        return ""

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:  # noqa: ARG003
        return [shown.samples(report), shown.memory(report), shown.surprises(report)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    def _texts(self, tokens: Array) -> list[str]:
        return [text or "" for text in self._field.decode(tokens)]

    @property
    def _field(self) -> TextField:
        assert isinstance(self.task, Writing)
        assert isinstance(self.task.target, TextField)
        return self.task.target


def _searchable(texts: Sequence[str]) -> str:
    """Texts one behind the other, with a sign between that stands in none; the first so many characters."""
    kept, room = [], _MOST_SEARCHED
    for text in texts:
        if room <= 0:
            break
        kept.append(text[:room])
        room -= len(text)
    return "\0".join(["", *kept, ""])


class _Learned:
    """A text to look for pieces in; which runs of eight characters it has is known beforehand, for most it has not."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._runs = np.unique(_hashes(text))

    def longest_run(self, text: str) -> str:
        """The longest piece of ``text`` that stands here word for word."""
        hashes = _hashes(text)
        at = np.minimum(np.searchsorted(self._runs, hashes), max(len(self._runs) - 1, 0))
        may_be = self._runs[at] == hashes if len(self._runs) else np.zeros(len(hashes), bool)
        best, start, end = "", 0, 1
        while end <= len(text):
            piece = text[start:end]
            is_there = len(piece) < _RUN or bool(may_be[end - _RUN])
            if is_there and piece in self.text:
                best = piece if len(piece) > len(best) else best
                end += 1
            else:
                start += 1
                end = max(end, start + len(best) + 1)  # a shorter one would not be the longest
        return best


def _hashes(text: str) -> Array:
    """A number for each run of eight characters of a text."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    places = max(0, len(codes) - _RUN + 1)
    found = np.zeros(places, np.uint64)
    for offset in range(_RUN):
        found = found * _PRIME + codes[offset : offset + places]
    return found


def _whole_texts(samples: Sequence[str], learned: str) -> int:
    """How many samples are a training text, whole and word for word."""
    return sum(f"\0{text}\0" in learned for text in samples if text)


def _like(texts: Sequence[str], samples: Sequence[str]) -> list[str]:
    """Pieces of texts as long as the samples: the beginning of each, then what follows that, as far as they reach."""
    found: list[str] = []
    for turn in range(len(samples)):
        for text in texts:
            if len(found) == len(samples):
                return found
            length = len(samples[len(found)])
            piece = text[turn * length :][:length]
            if piece and (turn == 0 or len(piece) == length):
                found.append(piece)
        if not found:
            break
    return found


def _spread(runs: Sequence[str]) -> dict[str, Any]:
    lengths = [len(run) for run in runs] or [0]
    return {"median": float(np.median(lengths)), "high": float(np.quantile(lengths, 0.9)), "most": max(lengths)}


def _goes_in_circles(text: str) -> bool:
    return any(
        sum(not letter.isspace() for letter in match.group(0)) >= _CIRCLE_LETTERS
        for match in _IN_CIRCLES.finditer(text)
    )


def _distinct_pairs(texts: Sequence[str]) -> float | None:
    """Of all pairs of neighbouring words (characters, in scripts without blanks), the share that is different (Li et
    al. 2016, distinct-2)."""
    pairs: list[tuple[str, str]] = []
    for text in texts:
        words = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+", text)
        pairs += list(pairwise(words))
    return len(set(pairs)) / len(pairs) if pairs else None
