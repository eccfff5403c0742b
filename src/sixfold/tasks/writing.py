"""A text out of nothing, or from how it begins."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.errors import RequestError
from sixfold.families import Options
from sixfold.fields import Array
from sixfold.fields.text import Text as TextField
from sixfold.language import Text
from sixfold.product import Product
from sixfold.store import ROW
from sixfold.tasks._decision import Decision
from sixfold.tasks._decoding import Cache, drawn, gone_on, log_chances
from sixfold.tasks._graphs import GRAPH, Graphs
from sixfold.tasks._task import Figure, Streamed, setting
from sixfold.tasks._tokens import OfTokens

__all__ = ["Writing"]

_TEXTS_AT_ONCE = 32
_LOGITS_AT_ONCE = 4_000_000
"""Numbers of one run where texts are scored: so many tokens at once that they stay within 16 MB."""

_UNFINISHED = "\ufffd"
"""What stands where the last bytes of a character are still to come."""


class Writing(OfTokens, Streamed):
    """Generate a ``text`` where nothing is given: a causal language model, which draws the text token by token.

    A request may say how the text begins. What is judged is how likely the model finds texts that it never saw.
    """

    title: ClassVar[Text] = Text("text generation", "文本生成")
    pattern: ClassVar[str] = "passages"
    hub_task: ClassVar[str] = "text-generation"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("perplexity", higher_is_better=False),
        Figure("bits_per_character", higher_is_better=False),
    )
    own_inputs: ClassVar[tuple[str, ...]] = ("tokens", "past")
    sample_settings: ClassVar[Mapping[str, Any]] = {"temperature": 0.0, "most": 24}

    class Settings(Options):
        """How a text is drawn."""

        prompt: str | None = setting(
            None,
            Text("How it begins", "开头"),
            Text("The text goes on from here; left out, it begins anew.", "文本从这里接着写；留空则从头写起。"),
            widget="text",
            max_length=200_000,
        )
        most: int = setting(
            256,
            Text("Most tokens", "最多词元数"),
            Text("The most tokens that are written.", "最多写多少个词元。"),
            ge=1,
            le=8192,
        )
        temperature: float = setting(
            0.8,
            Text("Temperature", "温度"),
            Text(
                "How bold it is: 0 always takes the likeliest token, 1 draws as it has learned.",
                "有多大胆：0 总取最可能的词元，1 按学到的概率抽取。",
            ),
            ge=0,
            le=5,
        )
        top_p: float = setting(
            1.0,
            Text("Top p", "累积概率"),
            Text(
                "Draws only from the likeliest tokens that together have this probability.",
                "只从累积概率达到此值的最可能的词元中抽取。",
            ),
            gt=0,
            le=1,
        )
        top_k: int | None = setting(
            None,
            Text("Top k", "候选词元数"),
            Text("Draws only from so many of the likeliest tokens.", "只从这么多个最可能的词元中抽取。"),
            ge=1,
            le=100_000,
        )
        seed: int | None = setting(
            None,
            Text("Seed", "随机种子"),
            Text("The same seed draws the same text.", "相同的种子抽出相同的文本。"),
            ge=0,
            le=2**63 - 1,
        )
        stop: list[str] | None = setting(
            None,
            Text("Stop at", "遇到即停"),
            Text("Ends before any of these; several with | between.", "在其中任何一个之前结束；多个用 | 隔开。"),
            max_length=16,
        )

    @classmethod
    def matches(cls, product: Product) -> bool:
        return product.verb == "generate" and product.target.kind == "text" and not product.given

    def score(self, graphs: Graphs, arrays: Mapping[str, Array], target: Array) -> Array:  # noqa: ARG002
        """How unlikely each text was found, in nats, and of how many tokens: float64 (n, 2).

        Texts longer than what the model holds are taken in pieces that each begin with the token before: as it learned.
        """
        end = self._text.state["end"]
        probe = Cache(graphs, 1, name=GRAPH)
        vocabulary = probe.logits(np.full((1, 1), end, np.int32)).shape[-1]
        context = probe.length + (probe.left or 0)
        rows, length = target.shape
        pieces = -(-length // context)
        whole = np.zeros((rows, pieces * context + 1), np.int32)
        whole[:, 0], whole[:, 1 : length + 1] = end, target
        at = np.arange(pieces)[:, None] * context + np.arange(context + 1)
        cut = whole[:, at].reshape(rows * pieces, context + 1)
        owner = np.repeat(np.arange(rows), pieces)
        there = np.flatnonzero(cut[:, 1])
        there = there[np.argsort((cut[there] != 0).sum(axis=1), kind="stable")]
        found = np.zeros((rows, 2))
        step = max(1, _LOGITS_AT_ONCE // (context * vocabulary))
        for start in range(0, len(there), step):
            part = cut[there[start : start + step]]
            part = part[:, : 1 + int((part[:, 1:] != 0).sum(axis=1).max())]
            wanted = part[:, 1:]
            chances = log_chances(Cache(graphs, len(part), name=GRAPH).logits(part[:, :-1]))
            told = np.take_along_axis(chances, wanted[..., None], axis=-1)[..., 0]
            known = wanted != 0
            np.add.at(found[:, 0], owner[there[start : start + step]], -np.where(known, told, 0.0).sum(axis=1))
            np.add.at(found[:, 1], owner[there[start : start + step]], known.sum(axis=1))
        return found

    def respond(self, graphs: Graphs, arrays: Mapping[str, Array], settings: Options) -> Array:
        """The tokens of n texts, int32 (n, most): up to and with their end, then 0; without what they began with.

        Raises:
            RequestError: The prompt is longer than what the model holds.
        """
        assert isinstance(settings, self.Settings)
        numbers = arrays[ROW]
        count = len(numbers)
        found = np.zeros((count, settings.most), np.int32)
        for start in range(0, count, _TEXTS_AT_ONCE):
            texts = range(start, min(start + _TEXTS_AT_ONCE, count))
            steps, stopped = self._drawn(graphs, numbers[texts].tolist(), settings)
            for place, tokens in enumerate(steps):
                found[texts.start : texts.stop, place] = tokens
            for row, kept in stopped.items():
                found[start + row] = _padded(kept, settings.most)
        return found

    def stream(self, graphs: Graphs, settings: Options) -> Generator[str, None, dict[str, Any]]:
        """One text, in pieces as they are written; what it returns is the answer.

        Raises:
            RequestError: As for :meth:`respond`.
        """
        assert isinstance(settings, self.Settings)
        told, tokens = "", np.zeros((1, settings.most), np.int32)
        longest = max((len(stop) for stop in settings.stop or ()), default=0)
        steps, stopped = self._drawn(graphs, [0], settings)
        for place, token in enumerate(steps):
            tokens[0, place] = token[0]
            text = self._decoded(tokens[0, : place + 1])
            if text.endswith(_UNFINISHED) or self._text.state["end"] in tokens[0, : place + 1]:
                continue
            # What may be the beginning of where it stops is kept back until that is known.
            ready = text[: max(len(told), len(text) - longest)] if longest else text
            if len(ready) > len(told):
                yield ready[len(told) :]
                told = ready
        if stopped:
            tokens[0] = _padded(stopped[0], settings.most)
        answer = self.answers(tokens, Decision())[0]
        whole = answer[self.target.name]
        if len(whole) > len(told):
            yield whole[len(told) :]
        return answer

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:  # noqa: ARG002
        end = self._text.state["end"]
        return [{self.target.name: self._decoded(row), "finish": "stop" if end in row else "length"} for row in outputs]

    def answer_schema(self) -> Mapping[str, Any]:
        name = self.target.name
        finish = {
            "type": "string",
            "enum": ["stop", "length"],
            "description": "stop: the text came to its end, or to what it was to stop at; length: it was cut.",
        }
        return {"type": "object", "properties": {name: {"type": "string"}, "finish": finish}, "required": [name]}

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self._text.beginning(text))

    def _drawn(
        self, graphs: Graphs, texts: list[int], settings: Settings
    ) -> tuple[Iterator[Array], dict[int, list[int]]]:
        """The tokens of some texts, (n,) at a time; and, once they are read, of those that were stopped the tokens up
        to there: a stop may begin in the middle of one."""
        end, stops = self._text.state["end"], [stop for stop in settings.stop or () if stop]
        begun = [end, *self._text.beginning(settings.prompt or "")]
        self._hold_short(graphs, begun)
        seed = settings.seed if settings.seed is not None else int(np.random.default_rng().integers(2**63))
        choose = drawn(
            [np.random.default_rng([seed, text]) for text in texts],
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
        )
        said: list[list[int]] = [[] for _ in texts]
        stopped: dict[int, list[int]] = {}

        def told(chances: Array, rows: Array) -> Array:
            tokens = choose(chances, rows)
            for place, row in enumerate(rows.tolist()):
                said[row].append(int(tokens[place]))
                if stops and tokens[place] != end:
                    text = self._decoded(np.array(said[row]))
                    if any(stop in text for stop in stops):
                        stopped[row] = [*self._text.beginning(text[: min(_place(text, stop) for stop in stops)]), end]
                        tokens[place] = end
            return tokens

        first = np.array([begun] * len(texts))
        return gone_on(
            graphs, GRAPH, first, most=settings.most, end=end, choose=told, silent=self._text.state["silent"]
        ), stopped

    def _hold_short(self, graphs: Graphs, begun: list[int]) -> None:
        probe = Cache(graphs, 1, name=GRAPH)
        probe.logits(np.array([begun[:1]], np.int32))
        most = probe.length + (probe.left or 0)
        if len(begun) > most:
            reason = Text(
                f"it has {len(begun) - 1:,} tokens, and the model holds {most - 1:,}",
                f"它有 {len(begun) - 1:,} 个词元，而模型最多容纳 {most - 1:,} 个",
            )
            raise RequestError(
                "bad_setting", setting="prompt", reason=reason, known=", ".join(self.Settings.model_fields)
            )

    def _decoded(self, tokens: Array) -> str:
        return self._text.decode(tokens[None])[0] or ""

    @property
    def _text(self) -> TextField:
        assert isinstance(self.target, TextField)
        return self.target


def _padded(tokens: list[int], most: int) -> Array:
    row = np.zeros(most, np.int32)
    row[: len(tokens)] = tokens[:most]
    return row


def _place(text: str, stop: str) -> int:
    found = text.find(stop)
    return len(text) if found < 0 else found
