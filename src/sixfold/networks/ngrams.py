"""A linear model over words, pairs of words, and short runs of letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form
from sixfold.language import Text
from sixfold.networks._linear import fitted, loss_of, ratios_of, split
from sixfold.networks._network import Fitted, Rows
from sixfold.networks._ngram_views import Graph, Letters, View, Words, letters_of
from sixfold.tasks import Output

__all__ = ["Ngrams"]

_STRENGTHS = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7)
"""L2 penalties that are tried, the strongest first, each beginning where the former ended."""

_UNJUDGED = 1e-5
_WORSE_IN_A_ROW = 2
_TOLD_EVERY = 1.0

_FEWEST = 2
"""A pair or run that one row alone has teaches nothing about others."""

_MOST_ENTRIES = 60_000_000
"""Of the sparse matrix: half a gigabyte. Runs of letters are left out first, then rows."""

_MOST_WEIGHTS = 8_000_000
_SAMPLED, _ROWS_AT_ONCE = 500, 1000
_OPSET, _IR = 18, 10


class Ngrams(Fitted):
    """Logistic regression over words, pairs of words and runs of letters: quick, and hard to beat where texts are few.

    Words and pairs are tokens (fastText's features, Joulin et al. 2017); runs are one to four letters of what the
    tokens spell, so that misspelt, inflected and Chinese words are known by their parts. Counts are weighed by inverse
    document frequency, each row's words and each row's runs are brought to length 1, and the penalty is eased by naive
    Bayes log-count ratios where that helps on validation rows (Wang & Manning 2012). Numbers and categories beside the
    texts count as they are. The graph finds the very same features from the tokens.
    """

    title: ClassVar[Text] = Text("words, pairs of words and runs of letters", "词、词对与字符片段的线性模型")
    version: ClassVar[int] = 2

    class Options(KindOptions):
        """``letters``: whether to look at runs of letters too; left out, wherever memory allows.

        ``bits``: pairs and runs share so many places each as 2 to the power of this.
        """

        letters: bool | None = None
        bits: int = Setting(default=20, ge=10, le=24)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = [form.name for form in given.values()]
        return 25 if "tokens" in forms and all(name in ("tokens", "vector", "ids") for name in forms) else 0

    def fit(
        self,
        rows: Rows,
        validation: Rows,
        given: Mapping[str, Form],
        output: Output,
        seed: int,  # noqa: ARG002 — nothing is drawn at random
        tell: Callable[[int, int, float], bool],
    ) -> tuple[bytes, Mapping[str, Any]]:
        if not self.suits(given):
            kinds = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="ngrams", expected="texts", received=kinds)
        assert isinstance(self.options, Ngrams.Options)
        features = _Features.seen(rows, given, output, self.options)
        rows = Rows({name: x[: features.rows] for name, x in rows.inputs.items()}, rows.targets[: features.rows])
        x, held = features.matrix(rows.inputs), features.matrix(validation.inputs)
        is_judged = len(validation.targets) > 0
        ratios = ratios_of(x, rows.targets, output)
        ways = [ratios, None] if ratios is not None and is_judged else [ratios]
        strengths = _STRENGTHS if is_judged else (_UNJUDGED,)
        path = _Path(held, validation.targets, output, tell, len(ways) * len(strengths))
        for number, way in enumerate(ways):
            path.follow(x, rows.targets, way, strengths, number * len(strengths))
        weights, bias = path.best
        return features.graph(weights, bias, output), {"parameters": int(weights.size + bias.size)}


class _Path:
    """The best weights so far, along falling penalties."""

    def __init__(
        self, held: Any, targets: Array, output: Output, tell: Callable[[int, int, float], bool], most: int
    ) -> None:
        self._held, self._targets, self._output, self._tell, self._most = held, targets, output, tell, most
        self._least = np.inf
        self._is_late = False
        self._told = time.monotonic()
        self.best: tuple[Array, Array]

    def follow(self, x: Any, targets: Array, ratios: Array | None, strengths: tuple[float, ...], done: int) -> None:
        """From the strongest penalty on, until validation rows say twice that it is enough."""
        flat = np.zeros((x.shape[1] + 1) * self._output.units)
        lowest, worse = np.inf, 0
        for number, strength in enumerate(strengths):
            if self._is_late:
                return
            at = done + number

            def goes_on(flat: Array, at: int = at) -> bool:
                if time.monotonic() - self._told > _TOLD_EVERY:
                    self._judge(flat, ratios, at)
                return not self._is_late

            flat = fitted(x, targets, ratios, self._output, strength, flat, goes_on)
            if self._is_late:
                return
            loss = self._judge(flat, ratios, at + 1)
            worse = 0 if loss < lowest else worse + 1
            lowest = min(lowest, loss)
            if worse == _WORSE_IN_A_ROW:
                return

    def _judge(self, flat: Array, ratios: Array | None, done: int) -> float:
        weights, bias = split(flat, ratios, self._output)
        loss = 0.0
        if len(self._targets):
            loss = loss_of(self._held @ weights + bias, self._targets, self._output)
        if loss < self._least:
            self._least, self.best = loss, (weights, bias)
        self._is_late = not self._tell(done, self._most, loss)
        self._told = time.monotonic()
        return loss


@dataclass(frozen=True)
class _Seen:
    """A view of one column, as training rows fill it.

    Args:
        name: The column's input.
        view: What it looks at.
        feature: The feature of each place, 0 for none: (size + 1,) int32.
        rarity: The inverse document frequency of each feature (features + 1,), 0 for none.
    """

    name: str
    view: View
    feature: Array
    rarity: Array

    @property
    def count(self) -> int:
        """How many features."""
        return len(self.rarity) - 1

    def found(self, tokens: Array) -> tuple[Array, Array]:
        """Features of rows (n, occurrences), and what each weighs: every row of length 1."""
        features = self.feature[self.view.places(tokens)]
        weights = self.rarity[features]
        norms = np.sqrt((weights**2).sum(axis=1, keepdims=True))
        return features, weights / np.maximum(norms, 1e-6)


class _Features:
    """All features of the given columns, in one order: those of the views of texts, then numbers and categories.

    Args:
        seen: The views.
        plain: The forms of the other columns, by input name.
        given: All forms, by input name.
        rows: How many training rows fit into memory.
    """

    def __init__(self, seen: list[_Seen], plain: Mapping[str, Form], given: Mapping[str, Form], rows: int) -> None:
        self._seen, self._plain, self._given, self.rows = seen, plain, given, rows

    @classmethod
    def seen(cls, rows: Rows, given: Mapping[str, Form], output: Output, options: Ngrams.Options) -> _Features:
        """The features of training rows: every token, and pairs and runs of at least two rows."""
        texts = {name: form for name, form in given.items() if form.name == "tokens"}
        words: list[tuple[str, View]] = [(name, Words(form.vocabulary, options.bits)) for name, form in texts.items()]
        letters: list[tuple[str, View]] = []
        if options.letters is not False:
            spellings = {name: letters_of(rows.columns.get(name, {}), form.vocabulary) for name, form in texts.items()}
            letters = [(name, Letters(known, options.bits)) for name, known in spellings.items() if known is not None]
        count = len(rows.targets)
        if letters and options.letters is None and _entries(rows, [*words, *letters]) * count > _MOST_ENTRIES:
            letters = []
        views = [*words, *letters]
        kept = min(count, max(1, int(_MOST_ENTRIES / max(1.0, _entries(rows, views)))))
        most = max(1, _MOST_WEIGHTS // output.units // len(views))
        seen = [_of_view(name, view, rows.inputs[name][:kept], most) for name, view in views]
        return cls(seen, {name: form for name, form in given.items() if name not in texts}, given, kept)

    def matrix(self, inputs: Mapping[str, Array]) -> Any:
        """Rows as a sparse float32 matrix (n, features)."""
        from scipy import sparse

        blocks = [sparse.vstack([*_sparse(seen, inputs[seen.name])], format="csr") for seen in self._seen]
        blocks += [_plain(inputs[name], form) for name, form in self._plain.items()]
        return sparse.hstack(blocks, format="csr", dtype=np.float32)

    def graph(self, weights: Array, bias: Array, output: Output) -> bytes:
        """The model as an ONNX graph over tokens of any length."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        graph, at, scores = Graph(), 0, []
        along, least = graph.constant(np.array([1], np.int64)), graph.constant(np.array([[1e-6]], np.float32))
        tokens = {
            name: graph("Cast", name, to=TensorProto.INT64)
            for name, form in self._given.items()
            if form.name == "tokens"
        }
        for seen in self._seen:
            table = np.zeros((seen.count + 1, output.units), np.float32)
            table[1:] = weights[at : at + seen.count] * seen.rarity[1:, None]
            at += seen.count
            places = seen.view.placed(graph, tokens[seen.name])
            features = graph("Gather", graph.constant(seen.feature), places)
            sums = graph("ReduceSum", graph("Gather", graph.constant(table), features), along, keepdims=0)
            squares = graph("Gather", graph.constant(seen.rarity**2), features)
            length = graph("Sqrt", graph("ReduceSum", squares, along, keepdims=1))
            scores.append(graph("Div", sums, graph("Max", length, least)))
        for name, form in self._plain.items():
            size = form.vocabulary if form.name == "ids" else form.shape[0]
            part = graph.constant(weights[at : at + size].astype(np.float32))
            scores.append(graph("Gather", part, name) if form.name == "ids" else graph("MatMul", name, part))
            at += size
        whole = graph("Sum", *scores, graph.constant(bias.astype(np.float32)))
        kind = {"sigmoid": "Sigmoid", "softmax": "Softmax", "linear": "Identity"}[output.activation]
        settings = {"axis": 1} if kind == "Softmax" else {}
        graph.nodes.append(helper.make_node(kind, [whole], ["output"], **settings))
        types = {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT}
        inputs = [
            helper.make_tensor_value_info(
                name, types[form.dtype], [None, None] if form.name == "tokens" else [None, *form.shape]
            )
            for name, form in self._given.items()
        ]
        model = helper.make_model(
            helper.make_graph(
                graph.nodes,
                "ngrams",
                inputs,
                [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, output.units])],
                [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
            ),
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        model.ir_version = _IR
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def _entries(rows: Rows, views: list[tuple[str, View]]) -> float:
    """About how many features a row has."""
    return sum(float((view.places(rows.inputs[name][:_SAMPLED]) > 0).sum(axis=1).mean()) for name, view in views)


def _of_view(name: str, view: View, tokens: Array, most: int) -> _Seen:
    documents = np.zeros(view.size + 1, np.int64)
    for part in _parts(tokens):
        places = np.sort(view.places(part), axis=1)
        is_first = np.diff(places, axis=1, prepend=0) > 0
        documents += np.bincount(places[is_first], minlength=len(documents))
    fewest = np.full(len(documents), _FEWEST)
    if isinstance(view, Words):
        fewest[: view.vocabulary] = 1
    is_kept = documents >= fewest
    while is_kept.sum() > most:  # the rarest go first
        fewest = np.maximum(fewest, _FEWEST) + 1
        is_kept = documents >= fewest
    is_kept[0] = False
    kept = np.flatnonzero(is_kept)
    feature = np.zeros(len(documents), np.int32)
    feature[kept] = 1 + np.arange(len(kept))
    rarity = np.log((1 + len(tokens)) / (1 + documents[kept])) + 1
    return _Seen(name, view, feature, np.concatenate([[0], rarity]).astype(np.float32))


def _parts(tokens: Array) -> Iterator[Array]:
    for start in range(0, max(1, len(tokens)), _ROWS_AT_ONCE):
        yield tokens[start : start + _ROWS_AT_ONCE]


def _sparse(seen: _Seen, tokens: Array) -> Iterator[Any]:
    from scipy import sparse

    for part in _parts(tokens):
        features, weights = seen.found(part)
        there = features > 0
        ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        found = sparse.csr_matrix((weights[there], features[there] - 1, ends), shape=(len(part), seen.count))
        found.sum_duplicates()
        yield found


def _plain(x: Array, form: Form) -> Any:
    from scipy import sparse

    if form.name == "vector":
        return sparse.csr_matrix(x.astype(np.float32))
    rows = np.arange(len(x) + 1)
    return sparse.csr_matrix((np.ones(len(x), np.float32), x, rows), shape=(len(x), form.vocabulary))
