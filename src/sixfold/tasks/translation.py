"""A text from a text: a translation, a summary, an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.families import Options
from sixfold.fields import Array
from sixfold.fields.text import Text as TextField
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._decoding import Cache, beam_search
from sixfold.tasks._graphs import GRAPH, Graphs
from sixfold.tasks._task import Figure, setting
from sixfold.tasks._tokens import OfTokens

__all__ = ["Translation"]

_ROWS_AT_ONCE = 32
"""Rows that are written in step: each is as many texts as there are beams."""

_TIMES_AS_LONG, _AND_MORE = 3, 16
"""A text to write may be so many times as long as what was read, and have so many tokens more: what goes on beyond
goes in circles."""


class Translation(OfTokens):
    """Generate a ``text`` from columns of which one at least is a text: the network writes it token by token.

    The answer is the likeliest text that beam search finds, for its length. Of what is too long to be read whole there
    is none.
    """

    title: ClassVar[Text] = Text("sequence to sequence", "序列到序列")
    pattern: ClassVar[str] = "texts"
    hub_task: ClassVar[str] = "translation"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("bleu"),
        Figure("chrf"),
        Figure("length_failures", higher_is_better=False),
        Figure("repetition_failures", higher_is_better=False),
    )
    reads_whole: ClassVar[bool] = True

    class Settings(Options):
        """How a text is searched for."""

        beams: int = setting(
            4,
            Text("Beams", "候选数"),
            Text("How many texts are followed at once; 1 is quickest.", "同时跟踪多少个候选文本；1 最快。"),
            ge=1,
            le=16,
        )
        most: int | None = setting(
            None,
            Text("Most tokens", "最多词元数"),
            Text(
                "The most tokens of an answer; left out, three times what was given and 16 more.",
                "答案最多多少个词元；留空则为所给内容的三倍再加 16 个。",
            ),
            ge=1,
            le=4096,
        )
        length_power: float = setting(
            1.0,
            Text("Length", "长度倾向"),
            Text(
                "Above 1, longer texts are preferred; below, shorter ones.",
                "大于 1 偏向长文本，小于 1 偏向短文本。",
            ),
            ge=0,
            le=3,
        )

    @classmethod
    def matches(cls, product: Product) -> bool:
        kinds = [spec.kind for spec in product.given.values()]
        return product.verb == "generate" and product.target.kind == "text" and "text" in kinds

    def respond(self, graphs: Graphs, arrays: Mapping[str, Array], settings: Options) -> Array:
        """The tokens of n answers, int32 (n, length): up to and with their end, then 0."""
        assert isinstance(settings, self.Settings)
        count, longest = len(next(iter(arrays.values()))), self.target.state["length"]
        found = np.zeros((count, longest), np.int32)
        for start in range(0, count, _ROWS_AT_ONCE):
            part = {name: array[start : start + _ROWS_AT_ONCE] for name, array in arrays.items()}
            memory = dict(zip(graphs.outputs(GRAPH), graphs.run(GRAPH, graphs.feed(GRAPH, part)), strict=True))
            read = memory["there"].sum(axis=1).astype(np.int64)
            limits = np.minimum(longest, _TIMES_AS_LONG * read + _AND_MORE)
            if settings.most is not None:
                limits = np.minimum(limits, settings.most)
            cache = Cache(graphs, len(limits), memory)
            end = self.target.state["end"]
            tokens = beam_search(
                cache,
                limits,
                beams=settings.beams,
                end=end,
                power=settings.length_power,
                silent=self.target.state["silent"],
            )
            found[start : start + len(tokens), : tokens.shape[1]] = tokens
        return found

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:  # noqa: ARG002
        return [{self.target.name: text} for text in self.texts(outputs)]

    def texts(self, tokens: Array) -> list[str]:
        """Tokens (n, length) as texts, empty where nothing is said."""
        assert isinstance(self.target, TextField)
        return [text or "" for text in self.target.decode(tokens)]

    def answer_schema(self) -> Mapping[str, Any]:
        name = self.target.name
        return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
