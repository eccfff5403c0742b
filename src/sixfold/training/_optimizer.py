"""The optimizer that a recipe names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sixfold.networks import Recipe

__all__ = ["optimizer_of", "update_of"]

_BETA_2 = 0.99
"""For AdamW: short schedules at high rates want a shorter memory than 0.999 (as fast.ai found for one-cycle)."""


def optimizer_of(recipe: Recipe, own: dict[str, Any] | None = None) -> Any:
    """A Keras optimizer, not yet built.

    Args:
        recipe: How to train.
        own: The serialised optimizer of a user's own compiled model, which goes before the recipe's.
    """
    import keras

    several = recipe.accumulate if recipe.accumulate > 1 else None
    if own is not None:
        config = own["config"] if several is None else {**own["config"], "gradient_accumulation_steps": several}
        return keras.optimizers.deserialize({**own, "config": config})
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(recipe.learning_rate, gradient_accumulation_steps=several)
    optimizer = keras.optimizers.AdamW(
        recipe.learning_rate, weight_decay=recipe.weight_decay, beta_2=_BETA_2, gradient_accumulation_steps=several
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def update_of(optimizer: Any, variables: Sequence[Any]) -> Callable[[list[Any]], None]:
    """The update of ``variables`` by their gradients, in as few passes over memory as there are.

    Adam and AdamW without extras (Kingma & Ba 2015; Loshchilov & Hutter 2019) run on TensorFlow's fused kernel, on the
    optimizer's own slots; every other optimizer is compiled by XLA.
    """
    import keras
    import tensorflow as tf

    is_plain = (
        type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW)
        and not (optimizer.amsgrad or optimizer.use_ema or optimizer.gradient_accumulation_steps)
        and optimizer.clipnorm
        is optimizer.clipvalue
        is optimizer.global_clipnorm
        is optimizer.loss_scale_factor
        is None
        and not any(variable.constraint for variable in variables)
        and all(variable.dtype == "float32" for variable in variables)
    )
    if not is_plain:

        @tf.function(jit_compile=True)
        def compiled(gradients: list[Any]) -> None:
            optimizer.apply(gradients, variables)

        return compiled
    decayed = [bool(optimizer.weight_decay) and optimizer._use_weight_decay(variable) for variable in variables]

    def fused(gradients: list[Any]) -> None:
        rate = tf.cast(optimizer.learning_rate, tf.float32)
        count = tf.cast(optimizer.iterations.value + 1, tf.float32)
        powers = tf.pow(optimizer.beta_1, count), tf.pow(optimizer.beta_2, count)
        slots = zip(variables, optimizer._momentums, optimizer._velocities, gradients, decayed, strict=True)
        for variable, first, second, gradient, is_decayed in slots:
            weight = variable.value
            if is_decayed:
                weight.assign_sub(weight * (optimizer.weight_decay * rate))
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.value.handle,
                v=second.value.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=optimizer.beta_1,
                beta2=optimizer.beta_2,
                epsilon=optimizer.epsilon,
                grad=tf.zeros_like(weight) if gradient is None else tf.convert_to_tensor(gradient),
            )
        optimizer.iterations.value.assign_add(1)

    return fused
