"""Several models as one: which of them, with which weights, and the one graph that holds them.

Each member's probabilities are calibrated on validation rows (temperature scaling, Guo et al. 2017) and averaged with
weights w that have the least validation loss. Few rows cannot tell models apart, and the best of many on few rows is
luck: so leaving equal weights costs as much loss as :data:`_PRIOR` nats for each nat of Kullback–Leibler divergence
from them. On few rows the members stay about equal; on many, the rows decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sixfold.fields import Array

__all__ = ["Mixture", "calibrated", "loss_of_rows", "mean_of", "merged", "mixture", "temperature_of"]

_PRIOR = 4.0
_TINY = 1e-7
_STEPS = 400
_LEAST_WEIGHT = 0.04
_TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(8.0), 61))
_OPSET = 18
_IR = 10


@dataclass(frozen=True, slots=True)
class Mixture:
    """What the mixture is.

    Args:
        weights: Of each model (models,); 0 for those left out.
        loss: Mean validation loss of the mixture.
        alone: Mean validation loss of each model by itself, calibrated.
    """

    weights: Array
    loss: float
    alone: tuple[float, ...]


def loss_of_rows(outputs: Array, targets: Array, activation: str) -> Array:
    """The loss of each row (n,): log loss of probabilities, squared error of numbers; float64."""
    if activation == "linear":
        return np.asarray(((outputs - targets) ** 2).mean(axis=1))
    chances = np.clip(outputs, _TINY, 1 - _TINY)
    if activation == "sigmoid":
        return np.asarray(-(targets * np.log(chances) + (1 - targets) * np.log1p(-chances)).mean(axis=1))
    return np.asarray(-(targets * np.log(chances)).sum(axis=1))


def temperature_of(outputs: Array, targets: Array, activation: str) -> float:
    """The temperature of least validation loss, drawn towards 1 where rows are few; 1 for numbers."""
    if activation == "linear" or len(targets) == 0:
        return 1.0
    # Each e-fold away from 1 costs as much as one row's nat: noise in a handful of rows does not move it.
    costs = [
        loss_of_rows(calibrated(outputs, t, activation), targets, activation).sum() + np.log(t) ** 2
        for t in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmin(costs))])


def calibrated(outputs: Array, temperature: float, activation: str) -> Array:
    """Probabilities (n, units) with their logits divided by ``temperature``; numbers as they are; float64."""
    outputs = outputs.astype(np.float64)
    if activation == "linear":
        return outputs
    chances = np.clip(outputs, _TINY, 1 - _TINY)
    if activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-(np.log(chances) - np.log1p(-chances)) / temperature)))
    logits = np.log(chances) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def mixture(outputs: Sequence[Array], targets: Array, activation: str) -> Mixture:
    """The weights of models whose (calibrated) outputs on validation rows are given, (n, units) each.

    By exponentiated gradient (Kivinen & Warmuth 1997) on a convex cost, so the outcome is the same every time.
    """
    stack = np.stack([one.astype(np.float64) for one in outputs])  # (models, n, units)
    count, rows = len(stack), max(1, len(targets))
    alone = tuple(float(loss_of_rows(one, targets, activation).mean()) for one in stack)
    # Squared errors in nats: divided by twice the variance of the best model's errors.
    scale = 1 / (2 * max(min(alone), 1e-12)) if activation == "linear" else 1.0

    def cost(weights: Array) -> float:
        mixed = np.tensordot(weights, stack, axes=1)  # (n, units)
        divergence = (weights * np.log(np.maximum(weights * count, 1e-12))).sum()
        return float(loss_of_rows(mixed, targets, activation).sum() * scale + _PRIOR * divergence)

    weights = np.full(count, 1 / count)
    rate, reached = 0.5 / rows, cost(weights)
    for _ in range(_STEPS):
        mixed = np.tensordot(weights, stack, axes=1)
        slope = np.array([(_slope(mixed, targets, activation) * one).sum() for one in stack]) * scale
        slope += _PRIOR * (np.log(np.maximum(weights * count, 1e-12)) + 1)
        moved = weights * np.exp(-rate * (slope - slope.min()))
        moved /= moved.sum()
        now = cost(moved)
        if now > reached:  # too far: the cost is convex, so a shorter step goes down
            rate /= 2
            continue
        if reached - now < 1e-6:  # noqa: PLR2004 — nats; no weight moves any more
            break
        weights, reached, rate = moved, now, rate * 1.2
    weights = np.where(weights < _LEAST_WEIGHT, 0.0, weights)
    weights /= weights.sum()
    mixed = np.tensordot(weights, stack, axes=1)
    return Mixture(weights, float(loss_of_rows(mixed, targets, activation).mean()), alone)


def merged(graphs: Sequence[bytes], weights: Sequence[float], temperatures: Sequence[float], activation: str) -> bytes:
    """One ONNX graph of several with the same inputs: their calibrated outputs, averaged by weight.

    Args:
        graphs: Serialised graphs; their inputs are called ``given_0``, ``given_1`` …; not every one needs each.
        weights: Of each, summing to 1.
        temperatures: Of each.
        activation: What the outputs went through: softmax, sigmoid or linear.
    """
    import onnx
    from onnx import TensorProto, compose, helper

    inputs: dict[str, Any] = {}
    nodes: list[Any] = []
    constants: list[Any] = []
    opsets: dict[str, int] = {}
    parts = []
    for index, graph in enumerate(graphs):
        model = _at_opset(onnx.load_from_string(graph))
        opsets |= {entry.domain: max(entry.version, opsets.get(entry.domain, 0)) for entry in model.opset_import}
        initial = {constant.name for constant in model.graph.initializer}
        own = {entry.name: entry for entry in model.graph.input if entry.name not in initial}
        inputs |= {name: entry for name, entry in own.items() if name not in inputs}
        prefix = f"m{index}_"
        body = compose.add_prefix(model, prefix).graph
        back = {prefix + name: name for name in own}
        for node in body.node:
            for place, name in enumerate(node.input):
                if name in back:
                    node.input[place] = back[name]
        nodes += body.node
        constants += body.initializer
        output = body.output[0].name
        if activation != "linear" and temperatures[index] != 1.0:
            nodes += _calibration(output, prefix, temperatures[index], activation, constants)
            output = f"{prefix}calibrated"
        constants.append(helper.make_tensor(f"{prefix}weight", TensorProto.FLOAT, [1], [float(weights[index])]))
        nodes.append(helper.make_node("Mul", [output, f"{prefix}weight"], [f"{prefix}part"]))
        parts.append(f"{prefix}part")
        units = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    nodes.append(helper.make_node("Sum", parts, ["output"]))
    ordered = [inputs[name] for name in sorted(inputs, key=lambda name: int(name.rpartition("_")[2]))]
    whole = helper.make_graph(
        nodes,
        "ensemble",
        ordered,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, units or None])],
        constants,
    )
    model = helper.make_model(
        whole, opset_imports=[helper.make_opsetid(domain, number) for domain, number in opsets.items()]
    )
    model.ir_version = _IR
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def mean_of(graphs: Sequence[bytes], activation: str) -> bytes:
    """One ONNX graph: the mean of several with the same inputs, of probabilities or numbers."""
    return merged(graphs, [1 / len(graphs)] * len(graphs), [1.0] * len(graphs), activation)


def _slope(mixed: Array, targets: Array, activation: str) -> Array:
    """The derivative of the summed loss by the mixed outputs (n, units)."""
    if activation == "linear":
        return np.asarray(2 * (mixed - targets) / mixed.shape[1])
    chances = np.clip(mixed, _TINY, 1 - _TINY)
    if activation == "sigmoid":
        return np.asarray((-(targets / chances) + (1 - targets) / (1 - chances)) / mixed.shape[1])
    return np.asarray(-(targets / chances))


def _calibration(output: str, prefix: str, temperature: float, activation: str, constants: list[Any]) -> list[Any]:
    from onnx import TensorProto, helper

    def constant(name: str, value: float) -> str:
        constants.append(helper.make_tensor(f"{prefix}{name}", TensorProto.FLOAT, [], [value]))
        return f"{prefix}{name}"

    low, high, inverse = constant("low", _TINY), constant("high", 1 - _TINY), constant("inverse", 1 / temperature)
    names = {name: f"{prefix}{name}" for name in ("clipped", "log", "logit", "scaled", "other", "log_other")}
    nodes = [
        helper.make_node("Clip", [output, low, high], [names["clipped"]]),
        helper.make_node("Log", [names["clipped"]], [names["log"]]),
    ]
    logit = names["log"]
    if activation == "sigmoid":
        one = constant("one", 1.0)
        nodes += [
            helper.make_node("Sub", [one, names["clipped"]], [names["other"]]),
            helper.make_node("Log", [names["other"]], [names["log_other"]]),
            helper.make_node("Sub", [names["log"], names["log_other"]], [names["logit"]]),
        ]
        logit = names["logit"]
    nodes.append(helper.make_node("Mul", [logit, inverse], [names["scaled"]]))
    if activation == "sigmoid":
        nodes.append(helper.make_node("Sigmoid", [names["scaled"]], [f"{prefix}calibrated"]))
    else:
        nodes.append(helper.make_node("Softmax", [names["scaled"]], [f"{prefix}calibrated"], axis=1))
    return nodes


def _at_opset(model: Any) -> Any:
    from onnx import version_converter

    plain = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), _OPSET)
    return model if plain == _OPSET else version_converter.convert_version(model, _OPSET)
