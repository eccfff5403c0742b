"""Ridge regression on thousands of fixed convolutions along series."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form
from sixfold.language import Text
from sixfold.networks._network import Draw, Facts, Fitted, Proposal, Rows
from sixfold.tasks import Output

__all__ = ["Rocket"]

_SIZE = 9
_KERNELS = np.array(
    [[2 if at in high else -1 for at in range(_SIZE)] for high in itertools.combinations(range(_SIZE), 3)], np.float32
)
_HALF = len(_KERNELS) // 2
"""Half of the kernels look beyond the ends of a series, the others stay within it."""

_MOST_DILATIONS = 32
_GOLDEN = (5**0.5 + 1) / 2
_NUDGE = 4e-6
"""A threshold lies so much of the largest value higher, so that rounding moves no flat stretch across it."""

_MOST_ROWS_IN_PAIRS = 3_000
"""With so many rows the ridge is solved by pairs of rows, with more by pairs of features."""

_STRENGTHS = np.logspace(-5, 3, 17)
_FEW_STRENGTHS = np.logspace(-3, 3, 7)
_SCALES = np.exp(np.linspace(-2.0, 5.0, 71))
_FLOATS_AT_ONCE = 16_000_000
_FLOATS_A_NODE = 100_000
_OPSET, _IR = 18, 10
_TINY = 1e-7


class Rocket(Fitted):
    """The share of steps at which a convolution exceeds a threshold, for thousands of both; then a ridge regression.

    Convolutions and thresholds are those of MiniRocket (Dempster, Schmidt & Webb 2021), over the values and over their
    differences (as in MultiRocket; Tan et al. 2022). The strength of the ridge and the scale of its probabilities are
    those of least error on rows left out, in closed form, so a few dozen rows suffice. Steps that do not exist count
    nowhere. Numbers and categories beside the series weigh together as much as it.
    """

    title: ClassVar[Text] = Text("convolutions with fixed weights (MiniRocket)", "固定权重的卷积（MiniRocket）")

    class Options(KindOptions):
        """``features``: how many shares to take of each series, rounded to the structure."""

        features: int = Setting(default=10_000, ge=168, le=100_000)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = [form.name for form in given.values()]
        fits = "steps" in forms and all(name in ("steps", "vector", "ids") for name in forms)
        return 24 if fits else 0

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:  # noqa: ARG002
        return Proposal(options={"features": draw.suggest_categorical("features", [5_000, 10_000, 20_000])})

    def fit(
        self,
        rows: Rows,
        validation: Rows,
        given: Mapping[str, Form],
        output: Output,
        seed: int,
        tell: Callable[[int, int, float], bool],
    ) -> tuple[bytes, Mapping[str, Any]]:
        if not self.suits(given):
            received = ", ".join(form.name for form in given.values())
            expected = "series, beside them only numbers and categories"
            raise TrainingError("does_not_suit", network="rocket", expected=expected, received=received)
        assert isinstance(self.options, Rocket.Options)
        draw = np.random.default_rng(seed)
        graph = _Graph()
        width, weights = _described(graph, given, rows, self.options.features, draw)
        features = _Features(graph, given, width)
        targets = rows.targets.astype(np.float64)
        targets = targets if output.activation == "linear" else 2 * targets - 1
        ridge = _Ridge(features, rows, targets, validation, output, weights, draw, tell)
        solved = ridge.by_rows() if len(rows.targets) <= _MOST_ROWS_IN_PAIRS else ridge.by_features()
        about = {"parameters": int(solved.coefficients.size + solved.intercept.size), "was_cut": solved.was_cut}
        return graph.finished("features", given, solved, output), {**about, "rows_used": solved.rows}


@dataclass
class _Graph:
    """An ONNX graph in the making."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    count: int = 0

    def constant(self, array: Any) -> str:
        """A constant's name."""
        from onnx import numpy_helper

        self.count += 1
        name = f"constant_{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node's output's name."""
        from onnx import helper

        self.count += 1
        name = f"value_{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def named(self, value: str, name: str) -> None:
        """Give a value a name of its own."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def model(self, given: Mapping[str, Form], result: str, width: int) -> bytes:
        """The graph from the given columns to ``result`` (n, width), serialised."""
        import onnx
        from onnx import TensorProto, helper

        types = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}
        inputs = [
            helper.make_tensor_value_info(name, types[form.dtype], [None, *form.shape]) for name, form in given.items()
        ]
        outputs = [helper.make_tensor_value_info(result, TensorProto.FLOAT, [None, width])]
        graph = helper.make_graph(self.nodes, "rocket", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def finished(self, features: str, given: Mapping[str, Form], solved: _Solved, output: Output) -> bytes:
        """The graph with the ridge on top."""
        scores = self(
            "Gemm",
            features,
            self.constant((solved.coefficients * solved.scale).astype(np.float32)),
            self.constant((solved.intercept * solved.scale).astype(np.float32)),
        )
        last = {"softmax": "Softmax", "sigmoid": "Sigmoid", "linear": "Identity"}[output.activation]
        self.named(self(last, scores, **({"axis": 1} if last == "Softmax" else {})), "output")
        return self.model(given, "output", output.units)


def _described(
    graph: _Graph, given: Mapping[str, Form], rows: Rows, features: int, draw: np.random.Generator
) -> tuple[int, Array]:
    """Write the nodes from the given columns to ``features`` (n, width): the width, and what each feature weighs."""
    parts, widths, are_series = [], [], []
    for name, form in given.items():
        match form.name:
            case "steps":
                part, width = _shares(graph, name, form, rows.inputs[name], features, draw)
            case "vector":
                part, width = name, form.shape[0]
            case _:
                on = graph.constant(np.array([0, 1], np.float32))
                part, width = graph("OneHot", name, graph.constant(np.int64(form.vocabulary)), on), form.vocabulary
        parts.append(part)
        widths.append(width)
        are_series.append(form.name == "steps")
    graph.named(graph("Concat", *parts, axis=1) if len(parts) > 1 else parts[0], "features")
    beside = sum(width for width, is_series in zip(widths, are_series, strict=True) if not is_series)
    of_series = sum(widths) - beside
    weights = [
        np.full(width, 1.0 if is_series else (of_series / beside) ** 0.5)
        for width, is_series in zip(widths, are_series, strict=True)
    ]
    return sum(widths), np.concatenate(weights)


def _shares(
    graph: _Graph, name: str, form: Form, series: Array, features: int, draw: np.random.Generator
) -> tuple[str, int]:
    """The nodes of one series: the name of (n, width), and the width."""
    length, channels = form.shape[0], form.shape[1] - 1

    def cut(value: str, start: int, end: int, axis: int) -> str:
        return graph("Slice", value, *(graph.constant(np.array([place])) for place in (start, end, axis)))

    turned = graph("Transpose", name, perm=[0, 2, 1])  # (n, channels + 1, length)
    there = cut(turned, channels, channels + 1, 1)  # (n, 1, length)
    values = graph("Mul", cut(turned, 0, channels, 1), there)
    arrays = np.ascontiguousarray(series.transpose(0, 2, 1))
    views = [(values, there, arrays[:, :-1] * arrays[:, -1:], arrays[:, -1:], length)]
    if length > 1:
        later = cut(there, 1, length, 2)
        changes = graph("Mul", graph("Sub", cut(values, 1, length, 2), cut(values, 0, length - 1, 2)), later)
        own = views[0][2]
        views.append((changes, later, np.diff(own) * arrays[:, -1:, 1:], arrays[:, -1:, 1:], length - 1))
    each = max(1, round(features / len(views) / len(_KERNELS)))
    parts: list[str] = []
    width = 0
    for view, exists, own, own_exists, steps in views:
        quantiles = _quantiles()
        for turn, (dilation, count) in enumerate(_dilations(steps, each)):
            weights = _weights(channels, draw)
            order = np.roll(np.arange(len(_KERNELS)).reshape(_HALF, 2), turn, axis=1).T.reshape(-1)
            levels = _levels(own, own_exists[:, 0], weights, dilation, count, quantiles, draw)
            for half in (0, 1):
                chosen = order[half * _HALF : (half + 1) * _HALF]
                reach = dilation * (_SIZE // 2)
                inside = exists if half == 0 else _within(graph, exists, reach, steps)
                parts += _over_levels(graph, view, inside, weights[chosen], levels[chosen], dilation, steps)
                width += _HALF * count
    return graph("Concat", *parts, axis=1), width


def _over_levels(
    graph: _Graph, view: str, inside: str, weights: Array, levels: Array, dilation: int, steps: int
) -> Iterator[str]:
    """For each kernel and level, the share of the steps inside at which the convolution is higher: (n, …) each."""
    reach = dilation * (_SIZE // 2)
    convolved = graph(
        "Conv", view, graph.constant(weights), dilations=[dilation], pads=[reach, reach], kernel_shape=[_SIZE]
    )  # (n, kernels, length)
    axes = graph.constant(np.array([2]))
    nothing = graph.constant(np.array(np.finfo(np.float32).min))
    kept = graph("Where", graph("Greater", inside, graph.constant(np.float32(0))), convolved, nothing)
    kept = graph("Unsqueeze", kept, axes)  # (n, kernels, 1, length)
    steps_inside = graph("ReduceSum", inside, axes, keepdims=0)  # (n, 1)
    some = graph("Max", steps_inside, graph.constant(np.float32(1)))
    at_once = max(1, _FLOATS_A_NODE // (len(weights) * steps))
    for start in range(0, levels.shape[1], at_once):
        part = levels[:, start : start + at_once, None]  # (kernels, levels, 1)
        higher = graph("Cast", graph("Greater", kept, graph.constant(part)), to=1)  # (n, kernels, levels, length)
        counts = graph("ReduceSum", higher, graph.constant(np.array([3])), keepdims=0)
        flat = graph("Reshape", counts, graph.constant(np.array([0, part.size])))
        yield graph("Div", flat, some)


def _within(graph: _Graph, exists: str, reach: int, steps: int) -> str:
    """Where a kernel that reaches so far to both sides lies within the series: (n, 1, length)."""
    inner = np.zeros((1, 1, steps), np.float32)
    inner[..., reach : max(reach, steps - reach)] = 1
    if reach >= steps:
        return graph("Mul", exists, graph.constant(inner))
    ends = [graph.constant(np.array([place])) for place in (reach, steps, 2)]
    ahead = graph("Pad", graph("Slice", exists, *ends), graph.constant(np.array([0, 0, 0, 0, 0, reach])))
    return graph("Mul", ahead, graph.constant(inner))


def _dilations(steps: int, each: int) -> list[tuple[int, int]]:
    """How far apart a kernel's places are, and how many levels each kernel has there; together ``each``."""
    most = min(each, _MOST_DILATIONS)
    exponents = np.linspace(0, np.log2(max(1.0, (steps - 1) / (_SIZE - 1))), most)
    dilations, counts = np.unique((2**exponents).astype(int), return_counts=True)
    counts = (counts * (each / most)).astype(int)
    counts[: each - counts.sum()] += 1
    return [(int(dilation), int(count)) for dilation, count in zip(dilations, counts, strict=True)]


def _weights(channels: int, draw: np.random.Generator) -> Array:
    """The kernels over some channels each, more of few than of many: (84, channels, 9)."""
    weights = np.zeros((len(_KERNELS), channels, _SIZE), np.float32)
    most = min(_SIZE, channels)
    for index, kernel in enumerate(_KERNELS):
        some = max(1, min(most, int(2 ** draw.uniform(0, np.log2(most + 1)))))
        weights[index, draw.choice(channels, some, replace=False)] = kernel
    return weights


def _quantiles() -> Iterator[float]:
    """Numbers from 0 to 1, evenly spread however many are taken."""
    return (index * _GOLDEN % 1 for index in itertools.count(1))


def _levels(
    own: Array,
    exists: Array,
    weights: Array,
    dilation: int,
    count: int,
    quantiles: Iterator[float],
    draw: np.random.Generator,
) -> Array:
    """Thresholds (84, count): quantiles of each kernel's convolution of one training row."""
    lengths = exists.sum(axis=1).astype(int)
    rows = np.flatnonzero(lengths)
    levels = np.zeros((len(weights), count), np.float32)
    reach = dilation * (_SIZE // 2)
    for index, kernel in enumerate(weights):
        asked = list(itertools.islice(quantiles, count))
        if len(rows) == 0:
            continue
        row = int(draw.choice(rows))
        x = np.pad(own[row, :, : lengths[row]], ((0, 0), (reach, reach)))  # (channels, length + 2·reach)
        convolved = np.zeros(lengths[row], np.float32)
        for channel in np.flatnonzero(kernel.any(axis=1)):
            for place, weight in enumerate(kernel[channel]):
                convolved += weight * x[channel, place * dilation : place * dilation + lengths[row]]
        levels[index] = np.quantile(convolved, asked) + _NUDGE * np.abs(x).max(initial=0.0)
    return levels


class _Features:
    """The features of rows, by ONNX Runtime: what is fitted on is what is served."""

    def __init__(self, graph: _Graph, given: Mapping[str, Form], width: int) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(
            graph.model(given, "features", width), providers=["CPUExecutionProvider"]
        )
        self.width = width
        longest = max(form.shape[0] for form in given.values() if form.name == "steps")
        self.batch = max(1, min(256, _FLOATS_AT_ONCE // (len(_KERNELS) * longest * 8)))

    def of(self, inputs: Mapping[str, Array], chosen: Array | None = None) -> Array:
        """(n, width) float32 of all rows, or of those chosen."""
        chosen = np.arange(len(next(iter(inputs.values())))) if chosen is None else chosen
        found = np.empty((len(chosen), self.width), np.float32)
        for start in range(0, len(chosen), self.batch):
            part = chosen[start : start + self.batch]
            (found[start : start + self.batch],) = self._session.run(
                ["features"], {name: np.ascontiguousarray(x[part]) for name, x in inputs.items()}
            )
        return found


@dataclass(frozen=True)
class _Solved:
    """Scores are features · coefficients + intercept; ``scale`` makes logits of them."""

    coefficients: Array
    intercept: Array
    scale: float = 1.0
    rows: int = 0
    was_cut: bool = False


@dataclass
class _Ridge:
    """Ridge regression (Hoerl & Kennard 1970) of targets (n, units) on standardised features."""

    features: _Features
    rows: Rows
    targets: Array
    validation: Rows
    output: Output
    weights: Array
    draw: np.random.Generator
    tell: Callable[[int, int, float], bool]

    def by_rows(self) -> _Solved:
        """Solved by pairs of rows; strength and scale by what each row's own absence would give (Allen 1974)."""
        x = self.features.of(self.rows.inputs)
        mean, factors = self._standard(x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64))
        x = (x - mean.astype(np.float32)) * factors.astype(np.float32)
        count, middle = len(x), self.targets.mean(axis=0)
        pairs = (x @ x.T).astype(np.float64)
        values, vectors = np.linalg.eigh(pairs)
        values = np.maximum(values, 0)
        turned = vectors.T @ (self.targets - middle)
        best: tuple[float, Array, Array] | None = None
        for strength in _STRENGTHS * max(values.mean(), _TINY):
            shrunk = strength / (values + strength)
            left_over = np.maximum((vectors**2) @ shrunk - 1 / count, _TINY)  # of each row's own weight
            gaps = vectors @ (turned * shrunk[:, None]) / left_over[:, None]
            error = float((gaps**2).mean())
            if best is None or error < best[0]:
                best = error, vectors @ (turned / (values + strength)[:, None]), self.targets - gaps
        assert best is not None
        _, duals, left_out = best
        coefficients = (x.T.astype(np.float64) @ duals) * factors[:, None]
        solved = _Solved(coefficients, middle - mean @ coefficients, self._scale(left_out, self.rows.targets), count)
        if len(self.validation.targets):
            loss = self._loss(self._scores(solved), self.validation.targets, solved.scale)
        else:
            loss = self._loss(left_out, self.rows.targets, solved.scale)
        self.tell(1, 1, loss)
        return solved

    def by_features(self) -> _Solved:
        """Solved by pairs of features, row by row as they come; strength and scale by the validation rows."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        width, units = self.features.width, self.targets.shape[1]
        order = self.draw.permutation(len(self.targets))
        at_once = self.features.batch * 8
        shift = self.features.of(self.rows.inputs, order[:at_once]).mean(axis=0)  # for float32: products stay small
        pairs, with_targets = np.zeros((width, width), np.float32), np.zeros((width, units))
        sums, sum_of_targets, used, was_cut = np.zeros(width), np.zeros(units), 0, False
        wanted = self.validation.targets if len(self.validation.targets) else self.rows.targets
        guess = self._loss(np.zeros_like(wanted) + self.targets.mean(axis=0), wanted, 1.0)
        for start in range(0, len(order), at_once):
            some = order[start : start + at_once]
            x, y = self.features.of(self.rows.inputs, some) - shift, self.targets[some]
            pairs += x.T @ x
            with_targets += x.T @ y
            sums += x.sum(axis=0, dtype=np.float64)
            sum_of_targets += y.sum(axis=0)
            used += len(some)
            if not self.tell(used, len(order), guess):
                was_cut = used < len(order)
                break
        mean, middle = sums / used, sum_of_targets / used
        deviation = np.sqrt(np.maximum(np.diag(pairs).astype(np.float64) / used - mean**2, 0))
        mean, factors = self._standard(mean, deviation)
        pairs -= (used * np.outer(mean, mean)).astype(np.float32)
        pairs *= np.outer(factors, factors).astype(np.float32)
        right = (with_targets - used * np.outer(mean, middle)) * factors[:, None]
        mean += shift
        judged = self.features.of(self.validation.inputs) if len(self.validation.targets) else None
        best: tuple[float, _Solved] | None = None
        for strength in _FEW_STRENGTHS * float(np.trace(pairs)) / min(width, used):
            system = pairs.astype(np.float64)
            system[np.diag_indices(width)] += strength
            try:
                coefficients = cho_solve(cho_factor(system, overwrite_a=True), right) * factors[:, None]
            except LinAlgError:  # too weak for what float32 left of it
                continue
            found = _Solved(coefficients, middle - mean @ coefficients, 1.0, used, was_cut)
            if judged is None:
                best = 0.0, found
                break
            scores = np.asarray(judged @ coefficients + found.intercept)
            found = _Solved(coefficients, found.intercept, self._scale(scores, self.validation.targets), used, was_cut)
            loss = self._loss(scores, self.validation.targets, found.scale)
            best = (loss, found) if best is None or loss < best[0] else best
            if not self.tell(used, len(order), loss):
                break
        assert best is not None
        return best[1]

    def _standard(self, mean: Array, deviation: Array) -> tuple[Array, Array]:
        """The mean, and by what a centred feature is multiplied: 0 where it never changes."""
        changes = deviation > _TINY
        return mean, np.where(changes, self.weights / np.where(changes, deviation, 1), 0)

    def _scale(self, scores: Array, targets: Array) -> float:
        """By what scores of rows that were left out are multiplied to be logits.

        Of least log loss, against targets that a row more of each class would give (Platt 1999), so that a few rows
        that are all right do not make it sure of everything.
        """
        if self.output.activation == "linear" or len(targets) == 0:
            return 1.0
        classes = max(2, targets.shape[1])
        wanted = (targets * len(targets) + 1) / (len(targets) + classes)
        losses = [_log_loss(scores * scale, wanted, self.output.activation) for scale in _SCALES]
        return float(_SCALES[int(np.argmin(losses))])

    def _scores(self, solved: _Solved) -> Array:
        """Of the validation rows (n, units)."""
        return np.asarray(self.features.of(self.validation.inputs) @ solved.coefficients + solved.intercept)

    def _loss(self, scores: Array, targets: Array, scale: float) -> float:
        if self.output.activation == "linear":
            return float(((scores - targets) ** 2).mean())
        return _log_loss(scores * scale, targets, self.output.activation)


def _log_loss(logits: Array, targets: Array, activation: str) -> float:
    if activation == "sigmoid":
        return float((np.logaddexp(0, logits) - targets * logits).mean())
    high = logits.max(axis=1, keepdims=True)
    logs = logits - high - np.log(np.exp(logits - high).sum(axis=1, keepdims=True))
    return float(-(targets * logs).sum(axis=1).mean())
