"""The family of tasks: what the verb and the kinds of a product make of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Kind, Options
from sixfold.fields import Array, Field, FormName
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._graphs import Graphs

__all__ = ["Figure", "Output", "Streamed", "Task", "setting"]

_SAME = 1e-4


def setting(default: Any, title: Text, about: Text, *, widget: str | None = None, **bounds: Any) -> Any:
    """One of the things that a request may ask for: its schema carries what people are told, in both languages.

    Args:
        default: What is done where nothing is asked for.
        title: What it is called.
        about: What it does, in a sentence.
        widget: ``text``: shown as a field of several lines beside the given columns.
        bounds: As Pydantic's ``Field`` takes them (``ge``, ``le`` …).
    """
    more: Any = {"x-zh": {"title": title.zh, "description": about.zh}}
    if widget is not None:
        more["x-widget"] = widget
    return Setting(default, title=title.en, description=about.en, json_schema_extra=more, **bounds)


@dataclass(frozen=True, slots=True)
class Output:
    """What a network must end in.

    Args:
        units: How many numbers at each place.
        activation: What they go through last.
        places: The axes before the units: () for one answer a row, (height, width) of a mask, (steps,) of a series.
        form: Which form that is, and so which networks can make it (:attr:`sixfold.networks.Network.makes`). ``arms``:
            of each of several arms that may be chosen, what it would lead to, after the activation; and then of each
            how often rows like this got it.
    """

    units: int
    activation: Literal["softmax", "sigmoid", "linear"]
    places: tuple[int, ...] = ()
    form: FormName | Literal["arms", "ways"] = "vector"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row's output."""
        return (*self.places, self.units)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a task by its name in ``evaluation``; ``higher_is_better`` tells which way is up."""

    name: str
    higher_is_better: bool = True


class Task(Kind, ABC):
    """What has to be learned, what the network's output means, and which figures say how good it is. NumPy only.

    Args:
        product: The declaration.
        target: The fitted target field.
        outcome: Of a choice the fitted field of what it is to raise or lower.
    """

    folder: ClassVar[str] = "sixfold.tasks"
    pattern: ClassVar[str]
    """What the answers are, and so how they are judged: the name of a file in ``evaluation``, as ``classes``."""
    figures: ClassVar[tuple[Figure, ...]]
    """Every figure of the task; the first is the headline, by which the baseline must be beaten."""

    hub_task: ClassVar[str] = "other"
    """What model hubs call it (Hugging Face's pipeline tags); ``{modality}`` stands for image, text or tabular."""

    ignored: ClassVar[int | None] = None
    """Of targets that are whole numbers, the one that says nothing: not learned from (a pixel without a class)."""

    sample_settings: ClassVar[Mapping[str, Any]] = {}
    """What the sample asks for, that a service must answer as it was measured: so that it is answered alike."""

    reads_whole: ClassVar[bool] = False
    """Whether an answer to a part of a value would be none (a translation): then a value that does not fit whole into
    its column's array is refused in a service, not cut."""

    own_inputs: ClassVar[tuple[str, ...]] = ()
    """Inputs of the graph that are no given column's and that the task itself fills (noise, the tokens so far)."""

    class Settings(Options):
        """What a request may ask for beside its rows (how many words, how bold); nothing, unless a task says more."""

    def __init__(self, product: Product, target: Field, outcome: Field | None = None) -> None:
        self.product = product
        self.target = target
        self.outcome = outcome

    @classmethod
    @abstractmethod
    def matches(cls, product: Product) -> bool:
        """Whether this is the task of ``product``: told by its verb and kinds alone."""

    @classmethod
    def asks(cls, kind: str) -> Mapping[str, Any]:  # noqa: ARG003
        """What it wants of given columns of a kind, as options of their field, where product.yaml says nothing."""
        return {}

    @property
    def judged_by(self) -> tuple[Figure, ...]:
        """Those of :attr:`figures` that this target has; the headline first."""
        return self.figures

    @property
    @abstractmethod
    def output(self) -> Output:
        """What the network's head must end in."""

    @property
    @abstractmethod
    def loss(self) -> str:
        """The name of the loss, as Keras knows it."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics shown while training, as Keras knows them."""

    def taken(self, arrays: Mapping[str, Array]) -> Array:
        """What a row is learned from and judged by (n, …), of the encoded arrays of all columns: the target's, unless
        a task needs more than that."""
        return arrays[self.target.name]

    @abstractmethod
    def targets(self, encoded: Array) -> Array:
        """What :meth:`taken` gave (n, …) in the form that the loss wants."""

    @abstractmethod
    def encoded(self, targets: Array) -> Array:
        """What :meth:`targets` made, back to what :meth:`taken` gave."""

    def strata(self, targets: Array) -> Array:
        """What folds of rows hold the same share of (n,): the class, or the number."""
        return np.asarray(targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0])

    def comparable(self, outputs: Sequence[Array], targets: Array) -> tuple[list[Array], Array] | None:  # noqa: ARG002
        """Outputs of several models for the same rows, and those rows' targets, as numbers whose squared distance says
        which model is best; ``None`` where the plain loss of :attr:`output` says so."""
        return None

    def respond(self, graphs: Graphs, arrays: Mapping[str, Array], settings: Options) -> Array:  # noqa: ARG002
        """What the model says of n rows (n, …): the same in evaluation and in a service.

        Unless a task says otherwise, one run of the one graph. A task whose answers are made step by step runs its
        graphs as often as that takes, and one whose outputs are large gives no more of them than answers need.

        Args:
            graphs: The exported graphs.
            arrays: The encoded given columns by name, (n, …) each; and as ``__row__`` the number of each row (n,), so
                that rows can be counted where nothing is given, and each can be drawn for by itself.
            settings: :attr:`Settings`, as the request says them; evaluation asks for nothing.
        """
        return graphs.run("graph", graphs.feed("graph", arrays))[0]

    def score(self, graphs: Graphs, arrays: Mapping[str, Array], target: Array) -> Array | None:  # noqa: ARG002
        """What is judged of n rows (n, …) where answers cannot be held against the truth one by one: a text out of
        nothing is right in many ways, but the model finds the true one likely or not. ``None``: answers are judged.

        Args:
            graphs: The exported graphs.
            arrays: As :meth:`respond` takes them.
            target: The target field's encoded rows (n, …).
        """
        return None

    @abstractmethod
    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        """What :meth:`respond` gave (n, …) as answers for people: the value by the target's name, and how sure."""

    def alike(self, one: Array, other: Array) -> bool:
        """Whether two outputs of one row say the same, but for what the order of sums may change."""
        return bool(np.allclose(one, other, rtol=0, atol=_SAME))

    def upon(self, answers: list[dict[str, Any]], extents: Sequence[tuple[int, ...]]) -> list[dict[str, Any]]:  # noqa: ARG002
        """:meth:`answers` in terms of what they lie upon, where the target's kind lies upon a given column.

        Args:
            answers: Those of n rows.
            extents: For each row the size of that column's value, as its kind's ``extent`` tells it: (height, width) of
                a picture as it was sent.
        """
        return answers

    @abstractmethod
    def answer_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of one answer."""


class Streamed(Task):
    """A task whose answer can be had piece by piece, as it is made."""

    @abstractmethod
    def stream(self, graphs: Graphs, settings: Options) -> Generator[str, None, dict[str, Any]]:
        """One answer in pieces, as it is made; what the generator returns is the whole.

        Args:
            graphs: The exported graphs.
            settings: :attr:`Settings`, as the request says them.
        """

    @abstractmethod
    def count(self, text: str) -> int:
        """How many tokens a text of the target has."""
