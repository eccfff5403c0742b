"""The family of tasks: what the verb and the kinds of a product make of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sixfold.families import Kind
from sixfold.fields import Array, Field
from sixfold.product import Product
from sixfold.tasks._decision import Decision

__all__ = ["Figure", "Output", "Task"]


@dataclass(frozen=True, slots=True)
class Output:
    """What a network's head must end in: so many units, through this activation."""

    units: int
    activation: Literal["softmax", "sigmoid", "linear"]


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
    """

    folder: ClassVar[str] = "sixfold.tasks"
    pattern: ClassVar[str]
    """What the answers are, and so how they are judged: the name of a file in ``evaluation``, as ``classes``."""
    figures: ClassVar[tuple[Figure, ...]]
    """Every figure of the task; the first is the headline, by which the baseline must be beaten."""

    def __init__(self, product: Product, target: Field) -> None:
        self.product = product
        self.target = target

    @classmethod
    @abstractmethod
    def matches(cls, product: Product) -> bool:
        """Whether this is the task of ``product``: told by its verb and kinds alone."""

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

    @abstractmethod
    def targets(self, encoded: Array) -> Array:
        """The target field's encoded rows (n, …) in the form that the loss wants."""

    @abstractmethod
    def encoded(self, targets: Array) -> Array:
        """What :meth:`targets` made, back to the target field's encoded rows."""

    @abstractmethod
    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        """The network's outputs (n, units) as answers for people: the value by the target's name, and how sure."""

    @abstractmethod
    def answer_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of one answer."""
