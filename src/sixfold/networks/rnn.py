"""The recurrent network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import Composed, there
from sixfold.networks._convolution import series_recipe
from sixfold.networks._network import Facts, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Rnn"]

_EMBEDDING, _DROPOUT = 128, 0.3
_TEXTS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 100_000, 6, 20


class Rnn(Composed):
    """A state that is carried along a series or a text: LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014).

    Both ways unless ``bidirectional: false`` (Schuster & Paliwal 1997); of the states at the steps that exist, mean and
    maximum go on (Conneau et al. 2017).
    """

    title: ClassVar[Text] = Text("recurrent network", "循环神经网络")

    class Options(KindOptions):
        """``cell``: lstm or gru. ``units``: size of the state. ``layers``: one over another. ``bidirectional``: also
        from the end to the beginning."""

        cell: Literal["lstm", "gru"] = "lstm"
        units: int = Setting(default=64, ge=1, le=2048)
        layers: int = Setting(default=1, ge=1, le=8)
        bidirectional: bool = True

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = {form.name for form in given.values()}
        return 18 if "steps" in forms else 12 if "tokens" in forms else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        if not self.suits(given):
            received = ", ".join(form.name for form in given.values())
            expected = "a series or a text among the given columns"
            raise TrainingError("does_not_suit", network="rnn", expected=expected, received=received)
        return super().build(given, output, facts)

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:  # noqa: ARG002
        import keras

        match form.name:
            case "steps":
                return self._carried(x, x[..., -1])
            case "tokens":
                embedded = keras.layers.Embedding(form.vocabulary, _EMBEDDING)(x)  # (batch, length, 128)
                return self._carried(keras.layers.Dropout(_DROPOUT)(embedded), there(x))
            case _:
                return None

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if any(form.name == "steps" for form in given.values()):
            return series_recipe(facts.rows)
        return Recipe(
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="one_cycle",
            weight_decay=5e-2,
            batch=32 if facts.rows < 20_000 else 128,  # noqa: PLR2004 — some hundreds of steps an epoch
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_TEXTS_SEEN / max(1, facts.rows)))),
            label_smoothing=0.05,
            modality_dropout=0.1,
            augment={"drop": 0.1},
        )

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Rnn.Options)
        return self.options

    def _carried(self, x: Any, there: Any) -> Any:
        """(batch, length, size), and where it exists (batch, length) → mean and maximum of the states (batch, …)."""
        import keras

        from sixfold.networks.layers import PooledThere

        kind = keras.layers.LSTM if self._said.cell == "lstm" else keras.layers.GRU
        mask = there > 0
        for _ in range(self._said.layers):
            layer = kind(self._said.units, return_sequences=True)
            layer = keras.layers.Bidirectional(layer) if self._said.bidirectional else layer
            x = layer(x, mask=mask)  # (batch, length, states)
        return keras.layers.Dropout(_DROPOUT)(PooledThere()(x, there))
