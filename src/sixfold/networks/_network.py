"""The family of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from sixfold.families import Kind, Options
from sixfold.fields import Form
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Network", "Recipe"]


class Recipe(BaseModel):
    """How a network is trained unless the user says otherwise. Every value is recorded with the model.

    Args:
        optimizer: ``adam`` or ``adamw``.
        learning_rate: The peak of the schedule.
        schedule: ``constant``, or ``one_cycle`` (Smith & Topin 2018): up for a part of the steps, then down by a
        cosine.
        weight_decay: Decoupled (Loshchilov & Hutter 2019).
        batch: Rows per step.
        epochs: Passes over the training rows.
        label_smoothing: Szegedy et al. 2016.
        augment: Random changes of training pictures, by name and strength.
        patience: Epochs without a better validation loss before training stops; ``None``: it does not.
        average: Decay of the exponential moving average of the weights; 0: none.
        keep_best: Whether the weights of the best validation loss are kept, or the last ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "one_cycle"] = "constant"
    weight_decay: float = 0.0
    batch: int = 32
    epochs: int = 10
    label_smoothing: float = 0.0
    augment: dict[str, float] = {}
    patience: int | None = None
    average: float = 0.0
    keep_best: bool = True


class Network(Kind, ABC):
    """One family of models: it builds a Keras model from the forms of the given columns, and says how to train it.

    The model takes a dictionary {input name: (batch, \\*form.shape)} (see :func:`sixfold.fields.input_names`) in the
    forms' own types (uint8 pictures are scaled inside it) and returns (batch, units) after the activation of
    ``output``. It is deterministic: what is drawn at random only while training (augmentation) belongs to the recipe.
    Files of kinds import Keras inside functions.
    """

    folder: ClassVar[str] = "sixfold.networks"

    def __init__(self, options: Options | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @classmethod
    @abstractmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        """How well it suits these columns: 0 not at all; of several, `auto` takes the highest."""

    @abstractmethod
    def build(self, given: Mapping[str, Form], output: Output) -> keras.Model:
        """The model, with random weights from the seed that was set.

        Raises:
            TrainingError: The options do not go with these columns.
        """

    @abstractmethod
    def recipe(self, given: Mapping[str, Form], output: Output, rows: int) -> Recipe:
        """How to train it on so many rows, where the user asks for nothing in particular."""
