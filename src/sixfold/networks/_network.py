"""The family of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from sixfold.families import Kind, Options
from sixfold.fields import Array, Form, FormName
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = [
    "Adversarial",
    "Draw",
    "Facts",
    "Fitted",
    "Layered",
    "Network",
    "Objective",
    "Part",
    "Proposal",
    "Recipe",
    "Rows",
]


class Recipe(BaseModel):
    """How a network is trained unless the user says otherwise. Every value is recorded with the model.

    Args:
        optimizer: ``adam`` or ``adamw``.
        learning_rate: The peak of the schedule.
        schedule: ``constant``, or ``one_cycle`` (Smith & Topin 2018): up for a part of the steps, then down by a
            cosine.
        weight_decay: Decoupled (Loshchilov & Hutter 2019).
        batch: Rows per step.
        accumulate: Steps whose gradients are averaged before the weights are changed.
        epochs: Passes over the training rows.
        steps: At most so many steps, whatever the epochs; ``None``: no such bound.
        label_smoothing: Szegedy et al. 2016.
        class_weights: ``balanced``: rows of a class weigh by how rare it is (King & Zeng 2001); ``none``: all alike.
        augment: Random changes of training rows, by name and strength.
        modality_dropout: The chance that a picture, text or series of a row is hidden while training, where there are
            other columns to go by (Neverova et al. 2016): so that a missing one does not break a prediction.
        precision: Of the arithmetic while training: ``float32``; ``bfloat16`` with float32 weights (Micikevicius et al.
            2018); ``auto``: whichever a short trial on this machine finds faster. The exported graph is float32.
        patience: Epochs without a better validation loss before training stops; ``None``: it does not.
        keep_best: Whether the weights of the best validation loss are kept, or the last ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["constant", "one_cycle"] = "constant"
    weight_decay: float = 0.0
    batch: int = 32
    accumulate: int = 1
    epochs: int = 10
    steps: int | None = None
    label_smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    augment: dict[str, float] = {}
    modality_dropout: float = 0.0
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    patience: int | None = None
    keep_best: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What a structure may adapt to.

    Args:
        rows: How many training rows there are.
        sample: At most 10,000 of them by input name, (n, *form.shape) each; empty where only the shapes matter.
        columns: What the fitted field of each input knows (``state``), for networks that go by more than the form (a
            preset's own tokenizer); of a network that is taught, also that of its ``target``.
        target: What the fitted target field knows (how many kinds of box there are, and how large they are).
    """

    rows: int = 1000
    sample: Mapping[str, Array] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """What to train for.

    Args:
        metric: The name of the figure shown beside the loss.
        loss: Tensors (targets, outputs) (batch, …) → a scalar, the mean over the batch.
        score: Tensors (targets, outputs) → the metric of each row (batch,).
        judge: Arrays (targets, outputs) of all validation rows → {"loss", metric}; ``None`` where the outputs of all
            would not fit in memory: then loss and score are summed batch by batch. The loss is the one trained on,
            label smoothing included: judged by a plain loss, a network trained with smoothing looks best while it is
            still too sure of itself.
    """

    metric: str
    loss: Callable[[Any, Any], Any]
    score: Callable[[Any, Any], Any]
    judge: Callable[[Array, Array], dict[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One graph that answers need.

    Args:
        model: The Keras model; its inputs are a dictionary.
        sample: A few rows of those inputs, (n, …) each, that the graph is held equal to the model on; empty: the
            training rows, of a part whose inputs are the given columns.
        is_ranked: Whether what it gives for a row is a list of vectors ranked by how sure they are (boxes): two that
            are all but equally sure may stand in another order in the graph, and still be right.
    """

    model: keras.Model
    sample: Mapping[str, Array] = field(default_factory=dict)
    is_ranked: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A way to set a network: its options, and what is to be changed of its recipe."""

    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)


class Draw(Protocol):
    """What draws settings from a space: an Optuna trial, or a test's stand-in."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number between ``low`` and ``high``."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number between ``low`` and ``high``, both included."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of ``choices``."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in memory: inputs by input name (n, …), and targets (n, units) as the task gives them.

    ``columns`` is what each given column's fitted field knows (``state``), by input name.
    """

    inputs: Mapping[str, Array]
    targets: Array
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Network(Kind, ABC):
    """One family of models.

    Its graph takes a dictionary {input name: (batch, \\*form.shape)} (see :func:`sixfold.fields.input_names`) in the
    forms' own types and gives (batch, units) after the activation of ``output``. Files of kinds import their library
    inside functions.

    Args:
        options: What `train` says to it.
        beside: Where relative paths among the options begin: the folder of product.yaml; by default the current one.
    """

    folder: ClassVar[str] = "sixfold.networks"
    makes: ClassVar[tuple[FormName | Literal["arms", "ways"], ...]] = ("vector",)
    """The forms of output that it can end in (:attr:`sixfold.tasks.Output.form`)."""
    obeys: ClassVar[frozenset[str]] = frozenset()
    """The settings of `train` beside its options that it goes by (``epochs``, ``augment`` …); any other is refused, for
    a setting that is passed over in silence looks as if it had been tried."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Options without which `auto` leaves it out: a preset is never guessed."""

    def __init__(self, options: Options | None = None, *, beside: Path = Path()) -> None:
        self.options = options if options is not None else self.Options()
        self.beside = beside

    @classmethod
    @abstractmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        """How well it suits these columns: 0 not at all; `auto` begins with the highest."""

    @classmethod
    def asks(cls, kind: str, options: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG003
        """What it wants of given columns of a kind, as options of their field (a preset: its own tokenizer for texts).

        Args:
            kind: The kind of column.
            options: What `train` says to this network.
        """
        return {}

    @classmethod
    def asks_of_target(cls, kind: str, options: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG003
        """The same of the target column, where nothing is given."""
        return {}

    @classmethod
    def depends_on(cls, options: Mapping[str, Any], beside: Path) -> Any:  # noqa: ARG003
        """What it depends on beyond its options, as plain JSON: which files a preset has, or ``None``.

        Args:
            options: What `train` says to this network.
            beside: Where relative paths among them begin.
        """
        return None

    def first(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Sequence[Proposal]:  # noqa: ARG002
        """What `auto` tries first, in this order."""
        return (Proposal(),)

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:  # noqa: ARG002
        """One more proposal from the network's space of settings; ``None`` where it has none."""
        return None


class Layered(Network):
    """A network of layers, trained by gradient steps.

    It is deterministic: what is drawn at random only while training (augmentation) belongs to the recipe.
    """

    obeys: ClassVar[frozenset[str]] = frozenset(
        {"epochs", "steps", "batch", "accumulate", "learning_rate", "precision", "augment", "modality_dropout"}
        | {"label_smoothing", "class_weights"}
    )
    is_taught: ClassVar[bool] = False
    """Whether its model takes the target too while it learns, as the input ``target`` in the form that the task's
    ``targets`` have (a decoder that is told the words so far); what answers is then one of :meth:`parts`."""

    @property
    def at_once(self) -> int | None:
        """Where nothing is given and the target is tokens: how many it is taught at once, for longer ones are taught in
        pieces (m, at_once + 1) that each begin with the token before; ``None``: whole."""
        return None

    @abstractmethod
    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        """The model, with random weights from the seed that was set; uint8 pictures are scaled inside it.

        Where a part of it never changes while training (a frozen preset), the model may carry ``halves``: a Keras model
        from the inputs to a dictionary, and one from that dictionary to the output; then every row goes through the
        first but once.

        Raises:
            TrainingError: The options do not go with these columns.
        """

    @abstractmethod
    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:
        """How to train it, where the user asks for nothing in particular."""

    def objective(self, output: Output, recipe: Recipe) -> Objective | None:  # noqa: ARG002
        """What it is trained for where that is not the task's plain loss (a detector's boxes); ``None``: the task's."""
        return None

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """The graphs that answers need, by name, from the trained model in float32; one is called ``graph``."""
        return {"graph": Part(model)}

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        plain = self.recipe(given, output, facts)
        return Proposal(
            recipe={
                "learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.3, 3.0, log=True),
                "weight_decay": plain.weight_decay * draw.suggest_float("decay", 0.3, 3.0, log=True),
            }
        )


class Adversarial(Layered):
    """Two networks that learn from each other: ``build`` gives the one that answers, out of noise and the given
    columns; :meth:`critic` tells what it makes from the real targets.

    Its own input is noise, drawn anew at each step; its output is a picture in -1…1.
    """

    obeys: ClassVar[frozenset[str]] = frozenset({"epochs", "steps", "batch", "learning_rate", "precision", "augment"})
    is_taught: ClassVar[bool] = True

    @abstractmethod
    def critic(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        """The critic: the given columns and ``target``, a picture in -1…1 (batch, \\*output.shape) → a score
        (batch, 1), high for real ones."""

    @abstractmethod
    def noise_shape(self) -> tuple[int, ...]:
        """The shape of one row's noise, standard normal."""


class Fitted(Network):
    """A model that is not trained by gradient steps: boosted trees, a ridge on random features."""

    @abstractmethod
    def fit(
        self,
        rows: Rows,
        validation: Rows,
        given: Mapping[str, Form],
        output: Output,
        seed: int,
        tell: Callable[[int, int, float], bool],
    ) -> tuple[bytes, Mapping[str, Any]]:
        """The fitted model as a serialised ONNX graph, and what is to be said of it (``parameters`` at least).

        Args:
            rows: The training rows.
            validation: The validation rows: to stop by, never to learn from.
            given: The forms of the given columns, by input name.
            output: What the graph must end in.
            seed: For everything drawn at random.
            tell: To be called with (rounds done, rounds at most, validation loss) now and then; ``False`` means that
                the time is up.

        Raises:
            TrainingError: The options do not go with these columns.
        """
