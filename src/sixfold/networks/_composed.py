"""Networks of one shape: an encoder for each given column, a combiner, one head.

A network of this shape says how it encodes the forms that it is made for; every other column gets the plain encoder of
its form, so any network takes any mix. Columns of equal form (four photos of one house) share their encoder.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sixfold.fields import Form
from sixfold.networks._inputs import inputs_of, scaled
from sixfold.networks._network import Facts, Layered
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Composed", "embedding_width", "mean_there", "plain_encoder", "there"]

_WIDEST_EMBEDDING = 32
"""Widths follow fastai's rule for tables, 1.6 · size^0.56, up to this."""

_SHARED_FORMS = ("grid", "tokens", "steps")
"""Forms whose encoders are dear: columns of equal form share one."""

_PART = 128
_COMBINED = 256
_DROPOUT = 0.2
_MOMENTUM = 0.9


class Composed(Layered):
    """A network with an encoder of its own for some forms.

    Attributes:
        head_initializer: Of the last layer's weights, as Keras knows it.
    """

    head_initializer: ClassVar[Any] = "glorot_uniform"

    @abstractmethod
    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:
        """One column (batch, \\*form.shape), in its own type, as a vector (batch, size); ``None``: not of my forms."""

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras

        inputs = inputs_of(given)
        head = keras.layers.Dense(
            output.units, activation=output.activation, kernel_initializer=self.head_initializer, dtype="float32"
        )
        return keras.Model(inputs, head(self.represented(inputs, given, facts)))

    def represented(self, inputs: Mapping[str, Any], given: Mapping[str, Form], facts: Facts) -> Any:
        """All columns, Keras inputs by input name, as one vector (batch, size)."""
        if len(given) > 1:
            return self._combined(inputs, given, facts)
        ((name, form),) = given.items()
        return self._encoded(inputs[name], form, facts)

    def _combined(self, inputs: Mapping[str, Any], given: Mapping[str, Form], facts: Facts) -> Any:
        """Every column encoded and brought to one width, beside each other through a dense layer: (batch, 256)."""
        import keras

        shared: dict[Form, Any] = {}
        parts = []
        for name, form in given.items():
            if form.name in _SHARED_FORMS:
                if form not in shared:
                    alone = inputs_of({f"{name}_alone": form})[f"{name}_alone"]
                    shared[form] = keras.Model(
                        alone, self._encoded(alone, form, facts), name=f"{form.name}_encoder_{name}"
                    )
                x = shared[form](inputs[name])
                x = keras.layers.Dense(_PART)(x)
                x = keras.layers.LayerNormalization()(x)
                x = keras.layers.ReLU()(x)
            else:
                x = self._encoded(inputs[name], form, facts)
            parts.append(x)
        x = keras.layers.Concatenate()(parts)
        x = keras.layers.Dense(_COMBINED, use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=_MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
        return keras.layers.Dropout(_DROPOUT)(x)

    def _encoded(self, x: Any, form: Form, facts: Facts) -> Any:
        own = self.encoder(x, form, facts)
        return own if own is not None else plain_encoder(x, form)


def embedding_width(vocabulary: int) -> int:
    """How wide the embedding of a category is."""
    return int(min(_WIDEST_EMBEDDING, math.ceil(1.6 * vocabulary**0.56)))


def there(tokens: Any) -> Any:
    """Where a sequence of tokens has one: float32 (batch, length)."""
    from keras import ops

    return ops.cast(tokens != 0, "float32")


def mean_there(x: Any, exists: Any) -> Any:
    """The mean of those places of (batch, length, size) that exist (batch, length): (batch, size); of none, zeros."""
    from keras import ops

    kept = ops.cast(exists, x.dtype)[..., None]
    return ops.sum(x * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1.0)


def plain_encoder(x: Any, form: Form) -> Any:
    """A column as a vector where the network has no encoder of its own for its form: small, and good enough beside
    others."""
    import keras

    from sixfold.networks.layers import PooledThere

    match form.name:
        case "ids":
            return keras.layers.Embedding(form.vocabulary, embedding_width(form.vocabulary))(x)
        case "tokens":
            embedded = keras.layers.Embedding(form.vocabulary, _PART)(x)  # (batch, length, 128)
            return PooledThere()(keras.layers.Dropout(_DROPOUT)(embedded), there(x))
        case "steps":
            y = x
            for width in (32, 64):
                y = keras.layers.Conv1D(width, 5, padding="same", use_bias=False)(y)
                y = keras.layers.BatchNormalization(momentum=_MOMENTUM)(y)
                y = keras.layers.ReLU()(y)
            return PooledThere()(y, x[..., -1])
        case "grid":
            y = scaled(x) if form.dtype == "uint8" else x
            side = min(form.shape[:2])
            for width in (32, 64, 128):
                y = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(y)
                y = keras.layers.BatchNormalization(momentum=_MOMENTUM)(y)
                y = keras.layers.ReLU()(y)
                if side >= 8:  # noqa: PLR2004 — smaller ones leave nothing to look at
                    y, side = keras.layers.MaxPooling2D(2)(y), side // 2
            return keras.layers.GlobalAveragePooling2D()(y)
        case _:
            y = keras.layers.Flatten()(x) if len(form.shape) != 1 else x
            return keras.layers.Dense(min(_PART, 16 * max(1, math.prod(form.shape))), activation="relu")(y)
