"""What stands in a text: words and pairs of words; runs of letters. In NumPy for fitting, in ONNX for the graph.

Both find the place of a run by the same whole-number arithmetic (feature hashing, Weinberger et al. 2009): the hash is
h ← (h · prime + next) mod 2^bits, one element after another. Padding stands at the end alone, so a run is whole where
its last element is there.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from sixfold.fields import Array

__all__ = ["Graph", "Letters", "View", "Words", "letters_of"]

_PRIME = 1_000_003
_BEGIN = 7
_WORD_BEGINS, _GOES_ON = "▁", "##"
_LONGEST_SPELLING = 24


class Graph:
    """An ONNX graph that grows node by node; names are given by itself."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        array = np.asarray(value)
        for name, known in self.constants.items():
            if array.size == 1 and known.dtype == array.dtype and known.shape == array.shape and known == array:
                return name
        name = f"constant_{len(self.constants)}"
        self.constants[name] = array
        return name

    def __call__(self, kind: str, *takes: str, **settings: Any) -> str:
        """The name of what a node of this kind gives."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(takes), [name], **settings))
        return name

    def whole(self, value: int) -> str:
        """A whole number."""
        return self.constant(np.int64(value))

    def along(self, x: str, start: int, end: int | str) -> str:
        """Places ``start`` to ``end`` of the second axis."""
        stop = end if isinstance(end, str) else self.constant(np.array([end], np.int64))
        begin, axis = self.constant(np.array([start], np.int64)), self.constant(np.array([1], np.int64))
        return self("Slice", x, begin, stop, axis)


class View(ABC):
    """One way to see a text: as places 1 … :attr:`size`, 0 for none, of whatever number."""

    size: int

    @abstractmethod
    def places(self, tokens: Array) -> Array:
        """Tokens (n, length) → int32 (n, count)."""

    @abstractmethod
    def placed(self, graph: Graph, tokens: str) -> str:
        """The same in a graph: int64 tokens (n, length) → int64 (n, count)."""


class Words(View):
    """Tokens at their own places, and pairs of them by hash behind those.

    Args:
        vocabulary: How many tokens there are.
        bits: Pairs share so many places as 2 to the power of this.
    """

    def __init__(self, vocabulary: int, bits: int) -> None:
        self.vocabulary, self._buckets = vocabulary, 1 << bits
        self.size = vocabulary + self._buckets

    def places(self, tokens: Array) -> Array:
        ids = tokens.astype(np.int64)
        first, second = ids[:, :-1], ids[:, 1:]
        pairs = (first * _PRIME + second) % self._buckets + self.vocabulary
        return np.concatenate([ids, np.where(second > 0, pairs, 0)], axis=1)

    def placed(self, graph: Graph, tokens: str) -> str:
        first, second = graph.along(tokens, 0, -1), graph.along(tokens, 1, _END)
        mixed = graph("Add", graph("Mul", first, graph.whole(_PRIME)), second)
        pairs = graph("Add", graph("Mod", mixed, graph.whole(self._buckets)), graph.whole(self.vocabulary))
        is_whole = graph("Greater", second, graph.whole(0))
        return graph("Concat", tokens, graph("Where", is_whole, pairs, graph.whole(0)), axis=1)


_END = np.iinfo(np.int64).max


class Letters(View):
    """Runs of one to four letters of the text that the tokens spell, across tokens.

    Args:
        spelling: The letters of each token as numbers from 1, 0 for none: (vocabulary, longest).
        bits: Runs share so many places as 2 to the power of this.
    """

    longest = 4

    def __init__(self, spelling: Array, bits: int) -> None:
        self._spelling, self._buckets = spelling.astype(np.int32), 1 << bits
        self.size = self._buckets

    def places(self, tokens: Array) -> Array:
        spelled = self._spelling[tokens].reshape(len(tokens), -1)  # (n, length · longest)
        there = spelled > 0
        counts = there.sum(axis=1)
        letters = np.zeros((len(tokens), max(int(counts.max(initial=0)), self.longest)), np.int64)
        letters[np.arange(letters.shape[1])[None] < counts[:, None]] = spelled[there]
        runs = np.full((len(tokens), letters.shape[1] + 1), _BEGIN, np.int64)
        found = []
        for order in range(self.longest):
            last = letters[:, order:]
            runs = (runs[:, :-1] * _PRIME + last) % self._buckets
            found.append(np.where(last > 0, runs + 1, 0))
        return np.concatenate(found, axis=1)

    def placed(self, graph: Graph, tokens: str) -> str:
        from onnx import TensorProto, numpy_helper

        zero, one = graph.whole(0), graph.whole(1)
        spelled = graph("Gather", graph.constant(self._spelling), tokens)  # (n, length, longest)
        spelled = graph("Reshape", spelled, graph.constant(np.array([0, -1], np.int64)))
        spelled = graph("Cast", spelled, to=TensorProto.INT64)
        there = graph("Greater", spelled, zero)
        count = graph("CumSum", graph("Cast", there, to=TensorProto.INT64), one)
        # Letters move up to the beginning; what is none goes behind the last place, where nothing is looked at.
        shape = graph("Shape", spelled)
        width = graph("Gather", shape, one)
        to = graph("Where", there, graph("Sub", count, one), width)
        room = graph("Add", shape, graph.constant(np.array([0, self.longest], np.int64)))
        nothing = graph("ConstantOfShape", room, value=numpy_helper.from_array(np.zeros(1, np.int64)))
        letters = graph("ScatterElements", nothing, to, spelled, axis=1)
        most = graph("ReduceMax", count, keepdims=0)
        most = graph("Max", most, graph.whole(self.longest))
        letters = graph.along(letters, 0, graph("Reshape", most, graph.constant(np.array([1], np.int64))))
        runs, found = graph.whole(_BEGIN), []
        for order in range(self.longest):
            last = graph.along(letters, order, _END)
            before = runs if order == 0 else graph.along(runs, 0, -1)
            mixed = graph("Add", graph("Mul", before, graph.whole(_PRIME)), last)
            runs = graph("Mod", mixed, graph.whole(self._buckets))
            is_whole = graph("Greater", last, zero)
            found.append(graph("Where", is_whole, graph("Add", runs, one), zero))
        return graph("Concat", *found, axis=1)


def letters_of(state: Mapping[str, Any], vocabulary: int) -> Array | None:
    """What each token of a fitted text column spells, in letters counted from 1: int32 (vocabulary, longest).

    Where words begin is a letter of its own. ``None`` where the column's tokenizer does not say its vocabulary.

    Args:
        state: What the fitted field knows.
        vocabulary: How many tokens there are.
    """
    model = state.get("tokenizer", {}).get("model", {})
    told = model.get("vocab")
    if not told:
        return None
    spelled = {token: number for number, (token, _) in enumerate(told)} if isinstance(told, list) else dict(told)
    special = {entry["content"] for entry in state["tokenizer"].get("added_tokens", ()) if entry.get("special")}
    has_marks = any(token.startswith(_GOES_ON) for token in spelled)
    texts = [""] * vocabulary
    for token, number in spelled.items():
        if 0 < number < vocabulary and token not in special:
            texts[number] = _spelling(token, has_marks=has_marks)[:_LONGEST_SPELLING]
    alphabet = {letter: number for number, letter in enumerate(sorted({*"".join(texts)}), start=1)}
    found = np.zeros((vocabulary, max(1, max(map(len, texts), default=1))), np.int32)
    for number, text in enumerate(texts):
        found[number, : len(text)] = [alphabet[letter] for letter in text]
    return found


def _spelling(token: str, *, has_marks: bool) -> str:
    """A token's letters; where a vocabulary marks what goes on (##ing), what is not marked begins a word."""
    if not has_marks:
        return token
    if token.startswith(_GOES_ON):
        return token.removeprefix(_GOES_ON)
    # Scripts that put no blanks between words are all of the category of other letters.
    is_spaced = unicodedata.category(token[0]) in ("Ll", "Lu", "Lt", "Nd") if token else False
    return f"{_WORD_BEGINS}{token}" if is_spaced else token
