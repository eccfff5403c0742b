"""A linear model over words and pairs of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form
from sixfold.language import Text
from sixfold.networks._network import Fitted, Rows
from sixfold.tasks import Output

__all__ = ["Ngrams"]

_STRENGTHS = (3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7)
"""L2 penalties that are tried, the strongest first, each beginning where the former ended."""

_UNJUDGED = 1e-5
_STEPS = 100
_FACTOR = 1_000_003
"""A prime: pairs of tokens (a, b) go to the places (a · prime + b) mod 2^bits."""

_FEWEST = 2
"""A pair that one row alone has teaches nothing about others."""

_OPSET, _IR = 18, 10


class Ngrams(Fitted):
    """Logistic regression over tokens and pairs of tokens: quick, and hard to beat where texts are few.

    Counts are weighed by inverse document frequency and, for classes, by naive Bayes log-count ratios (Wang & Manning
    2012), and each row is brought to length 1. Pairs are found by hashing (Weinberger et al. 2009); the graph computes
    the same places from the tokens.
    """

    title: ClassVar[Text] = Text("words and pairs of words", "词与词对的线性模型")

    class Options(KindOptions):
        """``bits``: pairs of tokens share so many places as 2 to the power of this."""

        bits: int = Setting(default=20, ge=10, le=24)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 25 if all(form.name == "tokens" for form in given.values()) else 0

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
            raise TrainingError("does_not_suit", network="ngrams", expected="texts alone", received=kinds)
        assert isinstance(self.options, Ngrams.Options)
        bits = self.options.bits
        places = _Places.seen(rows.inputs, given, 1 << bits)
        x, held = places.matrix(rows.inputs), places.matrix(validation.inputs)
        ratios = _ratios(x, rows.targets, output)
        flat = np.zeros((places.count + 1) * output.units)
        best: tuple[float, Array] | None = None
        tried = _STRENGTHS if len(validation.targets) else (_UNJUDGED,)
        for number, strength in enumerate(tried, start=1):
            flat = _fitted(x, rows.targets, ratios, output, strength, flat)
            weights, bias = _split(flat, ratios, output)
            loss = _loss(held @ weights + bias, validation.targets, output) if len(validation.targets) else 0.0
            is_better = best is None or loss < best[0]
            if is_better:
                best = (loss, flat)
            goes_on = tell(number, len(tried), loss)
            if not goes_on or not is_better:
                break
        assert best is not None
        weights, bias = _split(best[1], ratios, output)
        graph = places.graph(given, weights, bias, output, 1 << bits)
        return graph, {"parameters": int(weights.size + bias.size)}


class _Places:
    """Which feature stands where: tokens by their id, pairs by their hash; 0 is what was not seen.

    Args:
        place: Of each column, the feature of each id: (vocabulary + 2^bits,) int32.
        rarity: The inverse document frequency of each feature (features + 1,), 0 for the unseen.
    """

    def __init__(self, place: dict[str, Array], rarity: Array, given: Mapping[str, Form], buckets: int) -> None:
        self._place, self._rarity, self._given, self._buckets = place, rarity, given, buckets
        self.count = len(rarity) - 1

    @classmethod
    def seen(cls, inputs: Mapping[str, Array], given: Mapping[str, Form], buckets: int) -> _Places:
        """The features of training rows: every token, and pairs of at least two rows."""
        place, rarities, known = {}, [np.zeros(1)], 0
        for name, form in given.items():
            ids = _ids(inputs[name], form.vocabulary, buckets)
            documents = np.zeros(form.vocabulary + buckets, np.int64)
            for row in ids:
                documents[np.unique(row)] += 1
            documents[0] = 0
            is_kept = documents > 0
            is_kept[form.vocabulary :] = documents[form.vocabulary :] >= _FEWEST
            kept = np.flatnonzero(is_kept)
            place[name] = np.zeros(form.vocabulary + buckets, np.int32)
            place[name][kept] = known + 1 + np.arange(len(kept))
            known += len(kept)
            rarities.append(np.log((1 + len(ids)) / (1 + documents[kept])) + 1)
        return cls(place, np.concatenate(rarities).astype(np.float32), given, buckets)

    def matrix(self, inputs: Mapping[str, Array]) -> Any:
        """Rows as a sparse matrix (n, features), each of length 1 as the graph measures it."""
        from scipy import sparse

        features = [
            self._place[name][_ids(inputs[name], form.vocabulary, self._buckets)] for name, form in self._given.items()
        ]
        found = np.concatenate(features, axis=1)  # (n, occurrences)
        weights = self._rarity[found]
        norms = np.sqrt((weights**2).sum(axis=1, keepdims=True))
        weights = weights / np.maximum(norms, 1e-6)
        rows = np.repeat(np.arange(len(found)), found.shape[1])
        there = found.reshape(-1) > 0
        entries = (weights.reshape(-1)[there].astype(np.float64), (rows[there], found.reshape(-1)[there] - 1))
        return sparse.csr_matrix(entries, shape=(len(found), self.count))

    def graph(self, given: Mapping[str, Form], weights: Array, bias: Array, output: Output, buckets: int) -> bytes:
        """The model as an ONNX graph over tokens of any length."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        table = np.zeros((self.count + 1, output.units), np.float32)
        table[1:] = weights * self._rarity[1:, None]
        constants = {
            "weights": table,
            "squares": self._rarity**2,
            "bias": bias.astype(np.float32),
            "zero": np.int64(0),
            "prime": np.int64(_FACTOR),
            "buckets": np.int64(buckets),
            "least": np.array([[1e-6]], np.float32),
            "begin": np.array([0], np.int64),
            "second": np.array([1], np.int64),
            "last": np.array([-1], np.int64),
            "end": np.array([np.iinfo(np.int64).max], np.int64),
            "along": np.array([1], np.int64),
        }
        nodes, inputs, found = [], [], []

        def node(kind: str, takes: list[str], gives: str, **settings: Any) -> str:
            nodes.append(helper.make_node(kind, takes, [gives], **settings))
            return gives

        for name, form in given.items():
            inputs.append(helper.make_tensor_value_info(name, TensorProto.INT32, [None, None]))
            constants[f"{name}_place"] = self._place[name]
            constants[f"{name}_vocabulary"] = np.int64(form.vocabulary)
            ids = node("Cast", [name], f"{name}_ids", to=TensorProto.INT64)
            first = node("Slice", [ids, "begin", "last", "along"], f"{name}_first")
            second = node("Slice", [ids, "second", "end", "along"], f"{name}_second")
            mixed = node("Add", [node("Mul", [first, "prime"], f"{name}_scaled"), second], f"{name}_mixed")
            hashed = node("Mod", [mixed, "buckets"], f"{name}_hashed")
            pair = node("Add", [hashed, f"{name}_vocabulary"], f"{name}_pair")
            # Padding stands at the end alone, so a pair is whole where its second token is there.
            whole = node("Greater", [second, "zero"], f"{name}_whole")
            pairs = node("Where", [whole, pair, "zero"], f"{name}_pairs")
            every = node("Concat", [ids, pairs], f"{name}_every", axis=1)
            found.append(node("Gather", [f"{name}_place", every], f"{name}_found"))
        features = node("Concat", found, "features", axis=1)
        sums = node("ReduceSum", [node("Gather", ["weights", features], "parts"), "along"], "sums", keepdims=0)
        squares = node("ReduceSum", [node("Gather", ["squares", features], "squared"), "along"], "total", keepdims=1)
        length = node("Max", [node("Sqrt", [squares], "root"), "least"], "length")
        scores = node("Add", [node("Div", [sums, length], "scaled"), "bias"], "scores")
        kind, settings = {
            "sigmoid": ("Sigmoid", {}),
            "softmax": ("Softmax", {"axis": 1}),
            "linear": ("Identity", {}),
        }[output.activation]
        node(kind, [scores], "output", **settings)
        model = helper.make_model(
            helper.make_graph(
                nodes,
                "ngrams",
                inputs,
                [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, output.units])],
                [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
            ),
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        model.ir_version = _IR
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def _ids(tokens: Array, vocabulary: int, buckets: int) -> Array:
    """Tokens (n, length), and the places of their pairs behind the vocabulary: int64 (n, 2·length − 1), 0: nothing."""
    ids = tokens.astype(np.int64)
    first, second = ids[:, :-1], ids[:, 1:]
    pairs = (first * _FACTOR + second) % buckets + vocabulary
    return np.concatenate([ids, np.where(second > 0, pairs, 0)], axis=1)


def _ratios(x: Any, targets: Array, output: Output) -> Array | None:
    """The naive Bayes log-count ratio of each feature for each output (features, units); ``None`` for numbers."""
    if output.activation == "linear":
        return None
    classes = np.concatenate([1 - targets, targets], axis=1) if output.units == 1 else targets
    counts = np.asarray((x > 0).astype(np.float64).T @ classes) + 1.0  # (features, classes)
    others = counts.sum(axis=1, keepdims=True) - counts
    ratios = np.log(counts / counts.sum(axis=0)) - np.log(others / others.sum(axis=0))
    return np.asarray(ratios[:, 1:] if output.units == 1 else ratios)


def _fitted(x: Any, targets: Array, ratios: Array | None, output: Output, strength: float, start: Array) -> Array:
    """The weights of least penalised loss, by L-BFGS, flat: (features + 1) · units."""
    from scipy.optimize import minimize

    across, rows = x.T.tocsr(), x.shape[0]

    def cost(flat: Array) -> tuple[float, Array]:
        weights, bias = _split(flat, ratios, output)
        scores = x @ weights + bias
        slope = (_answers(scores, output) - targets) / rows
        down = across @ slope if ratios is None else (across @ slope) * ratios
        free = flat[: -output.units]
        loss = _loss(scores, targets, output) + strength / 2 * float(free @ free)
        return loss, np.concatenate([down.reshape(-1) + strength * free, slope.sum(axis=0)])

    return np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "ftol": 1e-7}).x)


def _split(flat: Array, ratios: Array | None, output: Output) -> tuple[Array, Array]:
    """Weights (features, units), ratios included, and the bias (units,)."""
    free = flat[: -output.units].reshape(-1, output.units)
    return (free if ratios is None else free * ratios), flat[-output.units :]


def _answers(scores: Array, output: Output) -> Array:
    if output.activation == "linear":
        return scores
    if output.activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -500, 500))))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(scores: Array, targets: Array, output: Output) -> float:
    """The mean loss of scores (n, units) whose slope is (answers − targets) / n."""
    if output.activation == "linear":
        return float(((scores - targets) ** 2).sum(axis=1).mean() / 2)
    if output.activation == "sigmoid":
        return float((np.logaddexp(0, scores) - targets * scores).sum(axis=1).mean())
    highest = scores.max(axis=1, keepdims=True)
    logs = np.log(np.exp(scores - highest).sum(axis=1, keepdims=True)) + highest
    return float((logs[:, 0] - (targets * scores).sum(axis=1)).mean())
