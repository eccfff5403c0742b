"""What an exported graph works out on its way to an answer: the maps of its last convolution, and its last vector.

Only the graph that is served is needed, no training library: so whatever made it (a preset, a search, folds) can be
looked into. A mixture of models has no single way; its member of most weight is looked into.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.fields import Array, Field, graph_feed, input_names

__all__ = ["Inside"]

_MEMBER = re.compile(r"(?:m\d+_)+")
_CALIBRATING = ("calibrated", "scaled", "logit", "log", "clipped")
"""How `training` names what brings a member's probabilities to its temperature, from behind to the front."""

_KEEPS_PLACES = frozenset(
    {"Add", "BatchNormalization", "Clip", "Div", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu",
     "Mul", "PRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Sub", "Tanh"}
)  # fmt: skip
"""Operators after which a place of a map is still that place."""

_FINEST = 7
"""Places on a side that maps should have: as few as the last ones of a VGG or ResNet have (Selvaraju et al. 2017)."""

_STEP = 0.02
"""Of a channel's spread, by how much it is raised and lowered: small against kinks, large against rounding."""

_AT_ONCE = 16 << 20
"""Numbers of raised maps that are answered together."""


class Inside:
    """The strongest member of a graph, ready to be looked into.

    Args:
        graph: The serialised ONNX graph.
        given: The fitted fields of the given columns, in order.
    """

    def __init__(self, graph: bytes, given: Mapping[str, Field]) -> None:
        import onnx

        self._model = onnx.load_from_string(graph)
        self._forms = {name: field.form for name, field in given.items()}
        self._names = input_names(given)
        self._made = {name: node for node in self._model.graph.node for name in node.output}
        self._constants = {constant.name: constant for constant in self._model.graph.initializer}
        self._members = sorted(self._leaves(self._model.graph.output[0].name, 1.0), key=lambda pair: -pair[1])
        self._maps: dict[str, tuple[str, str, Any, Any] | None] = {}

    @property
    def members(self) -> int:
        """How many models the graph is a mixture of."""
        return len(self._members)

    def weight(self, column: str | None = None) -> float:
        """The share that the member that is looked into has in an answer: the strongest, or the strongest that has a
        convolution over the column."""
        if column is None:
            return self._members[0][1]
        found = self._conv(column)
        return 0.0 if found is None else next(share for name, share in self._members if name == found[0])

    # The last vector

    def vectors(self, arrays: Mapping[str, Array]) -> Array | None:
        """The vector (n, size) from which the strongest member's last layer reads the answer; ``None`` where it has no
        such layer (trees), or that layer reads the columns as they are."""
        name = self._last_vector(self._score(self._members[0][0]))
        if name is None:
            return None
        session = self._session([name], {})
        rows = len(next(iter(arrays.values())))
        parts = []
        for start in range(0, rows, 256):
            part = {column: array[start : start + 256] for column, array in arrays.items()}
            parts.append(session.run([name], self._feed(session, part))[0])
        found = np.concatenate(parts).astype(np.float32)
        return found.reshape(len(found), -1)

    def _last_vector(self, score: str) -> str | None:
        node, seen = self._made.get(score), 0
        while node is not None and seen < 6:  # noqa: PLR2004 — a bias, a reshape, a cast
            if node.op_type in ("MatMul", "Gemm"):
                weights = [name for name in node.input if name in self._constants]
                inputs = [name for name in node.input if name not in self._constants]
                return inputs[0] if weights and len(inputs) == 1 and inputs[0] in self._made else None
            moving = [name for name in node.input if name not in self._constants]
            if len(moving) != 1:
                return None
            node, seen = self._made.get(moving[0]), seen + 1
        return None

    # The last maps

    def has_maps(self, column: str) -> bool:
        """Whether a member has a convolution over the pictures of a column."""
        return self._conv(column) is not None

    def attention(self, column: str, arrays: Mapping[str, Array], unit: int) -> Array:
        """Where the member looks that sees most of a column, for one row: (height, width) in 0–1; all zero where
        nothing speaks for the answer.

        Grad-CAM (Selvaraju et al. 2017): maps of the last convolution, each weighed by the gradient of the answer's
        score with respect to it, averaged over its places; what speaks against is left out. That average is the
        derivative of the score as the whole map is raised: so it is told by raising and lowering each map a little in
        the rest of the graph, without automatic differentiation.

        Args:
            column: The column of the picture.
            arrays: The encoded columns of one row, (1, …) each.
            unit: Of the answer's scores, which one; -1: the only one, lowered.
        """
        found = self._conv(column)
        assert found is not None
        _, place, front, back = found
        maps = front.run([place], self._feed(front, arrays))[0][0]  # (channels, height, width)
        spread = maps.std(axis=(1, 2)) + 1e-3 * (maps.std() + 1e-6)
        step = (_STEP * spread).astype(np.float32)
        slopes = np.zeros(len(maps), np.float64)
        size = max(1, _AT_ONCE // maps.size // 2)
        for start in range(0, len(maps), size):
            channels = np.arange(start, min(len(maps), start + size))
            moved = np.repeat(maps[None], 2 * len(channels), axis=0)
            for row, channel in enumerate(channels):
                moved[2 * row, channel] += step[channel]
                moved[2 * row + 1, channel] -= step[channel]
            beside = {name: np.repeat(array, len(moved), axis=0) for name, array in arrays.items()}
            scores = back.run(None, {**self._feed(back, beside), place: moved})[0].reshape(len(moved), -1)
            scores = (-scores[:, 0] if unit < 0 else scores[:, unit]).astype(np.float64)
            slopes[channels] = (scores[::2] - scores[1::2]) / (2 * step[channels])
        weighed = np.maximum((slopes[:, None, None] * maps).sum(axis=0), 0)
        most = weighed.max()
        return np.asarray(weighed / most if most > 0 else weighed)

    def _conv(self, column: str) -> tuple[str, str, Any, Any] | None:
        """(the member, the name of its last maps, the graph up to them, and from them on), of a column's pictures."""
        if column not in self._maps:
            self._maps[column] = next((cut for name, _ in self._members if (cut := self._cut(column, name))), None)
        return self._maps[column]

    def _cut(self, column: str, member: str) -> tuple[str, str, Any, Any] | None:
        score = self._score(member)
        nodes = self._before(score, stop=None)
        reached = {self._names[column]}
        for node in nodes:
            if reached & set(node.input):
                reached |= set(node.output)
        convolutions = [node for node in nodes if node.op_type == "Conv" and node.output[0] in reached]
        if not convolutions or self._names[column] not in {entry.name for entry in self._model.graph.input}:
            return None
        names = [node.output[0] for node in convolutions]
        front = self._session(names, {})
        row = {name: np.zeros((1, *form.shape), form.dtype) for name, form in self._forms.items()}
        sides = [min(array.shape[2:]) for array in front.run(names, self._feed(front, row)) if array.ndim == 4]  # noqa: PLR2004
        if len(sides) != len(names) or max(sides) < 2:  # noqa: PLR2004 — along a series, or no places left
            return None
        fine = [name for name, side in zip(names, sides, strict=True) if side >= min(_FINEST, max(sides))]
        ends = [self._after(name, nodes) for name in fine]
        # Maps that were bent already, if there are any: before, half of what they hold is about to be cut off.
        place = next((end for name, end in zip(fine[::-1], ends[::-1], strict=True) if end != name), ends[-1])
        return member, place, self._session([place], {}), self._session([score], {place: [None, None, None, None]})

    def _after(self, name: str, nodes: Sequence[Any]) -> str:
        """The same maps once they are normalised, joined with a shortcut and bent."""
        while True:
            users = [node for node in nodes if name in node.input]
            if len(users) != 1 or users[0].op_type not in _KEEPS_PLACES:
                return name
            name = users[0].output[0]

    # The graph

    def _leaves(self, name: str, share: float) -> list[tuple[str, float]]:
        """The outputs of the models that an output is the weighed mean of, and their shares; itself if it is of one."""
        from onnx import numpy_helper

        name = self._uncalibrated(name)
        node = self._made.get(name)
        parts = [self._made.get(part) for part in node.input] if node is not None and node.op_type == "Sum" else []
        if not parts or not all(
            part is not None
            and part.op_type == "Mul"
            and part.output[0].endswith("part")
            and part.input[1].endswith("weight")
            for part in parts
        ):
            return [(name, share)]
        found = []
        for part in parts:
            assert part is not None
            weight = float(numpy_helper.to_array(self._constants[part.input[1]]).reshape(-1)[0])
            found += self._leaves(part.input[0], share * weight)
        return found

    def _uncalibrated(self, name: str) -> str:
        """What went into a member's calibration; names are those of `training`'s mixtures."""
        while (prefix := _MEMBER.match(name)) and name[prefix.end() :] in _CALIBRATING:
            name = self._made[name].input[0]
        return name

    def _score(self, member: str) -> str:
        """What a member's softmax or sigmoid is taken of; its output, where there is none."""
        node = self._made.get(member)
        while node is not None and node.op_type in ("Identity", "Cast"):
            node = self._made.get(node.input[0])
        return str(node.input[0]) if node is not None and node.op_type in ("Softmax", "Sigmoid") else member

    def _before(self, name: str, stop: str | None) -> list[Any]:
        """The nodes that a value needs, in the order of the graph; from ``stop`` on, if it is given."""
        wanted, needed = {name}, []
        for node in reversed(self._model.graph.node):
            if wanted & (set(node.output) - {stop}):
                needed.append(node)
                wanted |= set(node.input)
        return needed[::-1]

    def _session(self, outputs: Sequence[str], given: Mapping[str, Any]) -> Any:
        """The part of the graph that makes ``outputs``, from values that are given and from the columns."""
        import onnx
        import onnxruntime
        from onnx import TensorProto, helper

        (stop,) = given or (None,)
        nodes: dict[int, Any] = {}
        for output in outputs:
            nodes |= {id(node): node for node in self._before(output, stop)}
        kept = [node for node in self._model.graph.node if id(node) in nodes]
        used = {name for node in kept for name in node.input}
        inputs = [entry for entry in self._model.graph.input if entry.name in used]
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given.items()]
        graph = helper.make_graph(
            kept,
            "inside",
            inputs,
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [constant for name, constant in self._constants.items() if name in used],
        )
        model = helper.make_model(graph, opset_imports=self._model.opset_import)
        model.ir_version = self._model.ir_version
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _feed(self, session: Any, arrays: Mapping[str, Array]) -> dict[str, Array]:
        return graph_feed({entry.name: entry.shape for entry in session.get_inputs()}, self._forms, arrays)


def _is_part(node: Any) -> bool:
    """Whether a node weighs a member of a mixture: by the names that `training` gives them."""
    names = (node.output[0], *node.input[1:])
    return node.op_type == "Mul" and [name.rpartition("_")[2] for name in names] == ["part", "weight"]
