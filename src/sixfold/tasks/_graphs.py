"""The exported graphs of a model in ONNX Runtime: what answers are made with, in evaluation and in a service."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.errors import ServiceError
from sixfold.fields import Array, Form, graph_feed, input_names

__all__ = ["GRAPH", "Graphs", "graph_members", "session"]

GRAPH = "graph"
"""The graph that every model has; one that answers step by step may have more."""

_MOST_THREADS = 8
"""Beyond these one small graph does not get faster; requests run beside each other instead."""


class Graphs:
    """The graphs of one model by name, opened; safe to run from several threads at once.

    Args:
        members: Each graph, serialised ONNX, by its name; one is called ``graph``.
        forms: The forms of the given columns by column, in order.
        threads: How many threads one run may take; ``None``: as many as there are cores, eight at most.

    Raises:
        ServiceError: ONNX Runtime cannot read a graph.
    """

    def __init__(self, members: Mapping[str, bytes], forms: Mapping[str, Form], threads: int | None = None) -> None:
        self.forms = dict(forms)
        self._sessions = {name: session(graph, threads) for name, graph in members.items()}
        self._inputs = {
            name: {entry.name: entry.shape for entry in session.get_inputs()}
            for name, session in self._sessions.items()
        }

    def inputs(self, name: str) -> Mapping[str, Sequence[Any]]:
        """The inputs of a graph and their shapes; an axis that is no number is free."""
        return self._inputs[name]

    def outputs(self, name: str) -> list[str]:
        """The names of a graph's outputs, in their order."""
        return [entry.name for entry in self._sessions[name].get_outputs()]

    def feed(self, name: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """What a graph takes of the given columns' arrays (n, …), by input; tokens without the padding none needs."""
        return graph_feed(self._inputs[name], self.forms, arrays)

    def run(self, name: str, feed: Mapping[str, Array]) -> list[Array]:
        """The outputs of one run of a graph."""
        feed = {entry: np.ascontiguousarray(array) for entry, array in feed.items()}
        return list(self._sessions[name].run(None, feed))

    def unknown(self) -> list[str]:
        """The inputs of the main graph that are no given column's."""
        return sorted(set(self._inputs[GRAPH]) - set(input_names(self.forms).values()))


def graph_members(names: Sequence[str]) -> dict[str, str]:
    """Which of an artefact's or a bundle's members are graphs: member → the graph's name.

    ``graph.onnx`` is the main one, ``graph-NAME.onnx`` are further ones.
    """
    found = {}
    for member in names:
        if member == f"{GRAPH}.onnx":
            found[member] = GRAPH
        elif member.startswith(f"{GRAPH}-") and member.endswith(".onnx"):
            found[member] = member.removeprefix(f"{GRAPH}-").removesuffix(".onnx")
    return found


def session(graph: bytes, threads: int | None = None) -> Any:
    """A graph, opened in ONNX Runtime.

    Args:
        graph: Serialised ONNX.
        threads: How many threads one run may take; ``None``: as many as there are cores, eight at most.

    Raises:
        ServiceError: ONNX Runtime cannot read it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(_cores(), _MOST_THREADS)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Threads that spin while they wait win microseconds and burn the cores of the requests beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a different class for each way a graph can be wrong
        raise ServiceError("graph_unreadable", reason=str(error).splitlines()[0]) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
