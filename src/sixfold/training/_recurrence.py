"""Faster steps of LSTM and GRU on CPUs.

TensorFlow runs Keras' recurrent layers as a loop of single operations; most of a small network's step goes into their
overhead. Here the loop is compiled by XLA, forwards and backwards, and what does not depend on the step before it (the
inputs' product, the gradients of the weights) is one matrix product outside. The answers are the same to rounding; so
are the layers, their weights and the exported graph.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

__all__ = ["fast_recurrence"]

_LENGTHS_ALIKE = 32
"""A length that differs from batch to batch is padded up to a multiple of this: every new one is compiled."""


@contextlib.contextmanager
def fast_recurrence() -> Iterator[None]:
    """While a step is traced, have Keras' `LSTM` and `GRU` run so, where their activations are the usual ones."""
    import keras

    layers = keras.layers.LSTM, keras.layers.GRU
    plain = [layer.inner_loop for layer in layers]
    for layer, theirs, ours in zip(layers, plain, (_long_short_term, _gated), strict=True):
        layer.inner_loop = _replaced(theirs, ours)
    try:
        yield
    finally:
        for layer, theirs in zip(layers, plain, strict=True):
            layer.inner_loop = theirs


def _replaced(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    def inner_loop(layer: Any, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if not _is_usual(layer):
            return theirs(layer, sequences, initial_state, mask, training)
        return ours(layer, sequences, initial_state, mask)

    return inner_loop


def _is_usual(layer: Any) -> bool:
    import keras

    return (
        layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and layer.use_bias
        and not (layer.unroll or layer.dropout or layer.recurrent_dropout)
        and getattr(layer, "reset_after", True)
    )


def _long_short_term(layer: Any, inputs: Any, state: Any, mask: Any) -> Any:
    kernel, recurrent, bias = _weights(layer)
    there, products = _by_step(inputs, mask, kernel, bias, backwards=layer.go_backwards)
    states, cells = _lstm()(products, recurrent, there, _float(state[0]), _float(state[1]))
    last, outputs = _told(states, there, inputs, layer)
    return last, outputs, [last, _cast(cells[-1], inputs)]


def _gated(layer: Any, inputs: Any, state: Any, mask: Any) -> Any:
    kernel, recurrent, bias = _weights(layer)
    there, products = _by_step(inputs, mask, kernel, bias[0], backwards=layer.go_backwards)
    states = _gru()(products, recurrent, bias[1], there, _float(state[0]))
    last, outputs = _told(states, there, inputs, layer)
    return last, outputs, [last]


def _weights(layer: Any) -> tuple[Any, Any, Any]:
    return _float(layer.cell.kernel), _float(layer.cell.recurrent_kernel), _float(layer.cell.bias)


def _float(x: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.convert_to_tensor(x), tf.float32)


def _cast(x: Any, like: Any) -> Any:
    import tensorflow as tf

    return tf.cast(x, like.dtype)


def _by_step(inputs: Any, mask: Any, kernel: Any, bias: Any, *, backwards: bool) -> tuple[Any, Any]:
    """Where there are steps (length, batch, 1), and their products with the kernel (length, batch, gates)."""
    import tensorflow as tf

    x = _float(inputs)  # (batch, length, size)
    there = tf.ones_like(x[..., :1]) if mask is None else _float(mask)[..., None]
    if x.shape[1] is None:
        missing = (-tf.shape(x)[1]) % _LENGTHS_ALIKE
        x, there = (tf.pad(part, [[0, 0], [0, missing], [0, 0]]) for part in (x, there))
    products = tf.transpose(tf.tensordot(x, kernel, 1) + bias, (1, 0, 2))
    there = tf.transpose(there, (1, 0, 2))
    return (there[::-1], products[::-1]) if backwards else (there, products)


def _told(states: Any, there: Any, inputs: Any, layer: Any) -> tuple[Any, Any]:
    """The last state (batch, units), and all (batch, length, units) or the last as (batch, 1, units)."""
    import tensorflow as tf

    last = _cast(states[-1], inputs)
    if not layer.return_sequences:
        return last, last[:, None]
    states = states * there if layer.zero_output_for_mask else states
    length = tf.shape(inputs)[1]
    states = states[-length:] if layer.go_backwards else states[:length]  # without what it was padded by
    return last, _cast(tf.transpose(states, (1, 0, 2)), inputs)


@cache
def _lstm() -> Callable[..., Any]:
    """(length, batch, 4·units) products … → states and cells (length, batch, units); Hochreiter & Schmidhuber 1997."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def forwards(products: Any, recurrent: Any, there: Any, hidden: Any, cell: Any) -> Any:
        length = tf.shape(products)[0]

        def step(at: Any, h: Any, c: Any, gates: Any, cells: Any, states: Any) -> Any:
            i, f, g, o = tf.split(products[at] + tf.matmul(h, recurrent), 4, axis=1)
            i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
            new = f * c + i * g
            c, h = _where(there[at], new, c), _where(there[at], o * tf.tanh(new), h)
            gates = gates.write(at, tf.concat([i, f, g, o], 1))
            return at + 1, h, c, gates, cells.write(at, c), states.write(at, h)

        begin = (0, hidden, cell, *(tf.TensorArray(tf.float32, length) for _ in range(3)))
        *_, gates, cells, states = tf.while_loop(lambda at, *_: at < length, step, begin)
        return gates.stack(), cells.stack(), states.stack()

    @tf.function(jit_compile=True)
    def backwards(
        recurrent: Any, there: Any, first: Any, gates: Any, cells: Any, slopes: Any, end: Any
    ) -> tuple[Any, Any, Any]:
        length = tf.shape(gates)[0]
        before = tf.concat([first[None], cells[:-1]], 0)

        def step(at: Any, dh: Any, dc: Any, changes: Any) -> Any:
            dh, m, c = dh + slopes[at], there[at], before[at]
            i, f, g, o = tf.split(gates[at], 4, axis=1)
            high = tf.tanh(f * c + i * g)
            new = m * (dc + dh * o * (1 - high * high))
            change = tf.concat(
                [new * g * i * (1 - i), new * c * f * (1 - f), new * i * (1 - g * g), m * dh * high * o * (1 - o)], 1
            )
            dh = tf.matmul(change, recurrent, transpose_b=True) + (1 - m) * dh
            return at - 1, dh, new * f + (1 - m) * dc, changes.write(at, change)

        begin = (length - 1, tf.zeros_like(first), end, tf.TensorArray(tf.float32, length))
        _, dh, dc, changes = tf.while_loop(lambda at, *_: at >= 0, step, begin)
        return changes.stack(), dh, dc

    @tf.custom_gradient
    def run(products: Any, recurrent: Any, there: Any, hidden: Any, cell: Any) -> Any:
        gates, cells, states = forwards(products, recurrent, there, hidden, cell)

        def gradient(slopes: Any, slopes_of_cells: Any) -> Any:
            changes, dh, dc = backwards(recurrent, there, cell, gates, cells, slopes, slopes_of_cells[-1])
            return changes, _product(hidden, states, changes), None, dh, dc

        return (states, cells), gradient

    return run


@cache
def _gru() -> Callable[..., Any]:
    """(length, batch, 3·units) products … → states (length, batch, units); Cho et al. 2014, reset after the product."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def forwards(products: Any, recurrent: Any, bias: Any, there: Any, hidden: Any) -> Any:
        length = tf.shape(products)[0]

        def step(at: Any, h: Any, gates: Any, states: Any) -> Any:
            own_z, own_r, own = tf.split(products[at], 3, axis=1)
            past_z, past_r, past = tf.split(tf.matmul(h, recurrent) + bias, 3, axis=1)
            z, r = tf.sigmoid(own_z + past_z), tf.sigmoid(own_r + past_r)
            new = tf.tanh(own + r * past)
            h = _where(there[at], z * h + (1 - z) * new, h)
            return at + 1, h, gates.write(at, tf.concat([z, r, new, past], 1)), states.write(at, h)

        begin = (0, hidden, *(tf.TensorArray(tf.float32, length) for _ in range(2)))
        *_, gates, states = tf.while_loop(lambda at, *_: at < length, step, begin)
        return gates.stack(), states.stack()

    @tf.function(jit_compile=True)
    def backwards(recurrent: Any, there: Any, first: Any, gates: Any, states: Any, slopes: Any) -> tuple[Any, Any, Any]:
        length = tf.shape(gates)[0]
        before = tf.concat([first[None], states[:-1]], 0)

        def step(at: Any, dh: Any, owns: Any, pasts: Any) -> Any:
            dh, m, h = dh + slopes[at], there[at], before[at]
            z, r, new, past = tf.split(gates[at], 4, axis=1)
            dz, own = m * dh * (h - new) * z * (1 - z), m * dh * (1 - z) * (1 - new * new)
            dr = own * past * r * (1 - r)
            change = tf.concat([dz, dr, own * r], 1)
            dh = tf.matmul(change, recurrent, transpose_b=True) + m * dh * z + (1 - m) * dh
            return at - 1, dh, owns.write(at, tf.concat([dz, dr, own], 1)), pasts.write(at, change)

        begin = (length - 1, tf.zeros_like(first), *(tf.TensorArray(tf.float32, length) for _ in range(2)))
        _, dh, owns, pasts = tf.while_loop(lambda at, *_: at >= 0, step, begin)
        return owns.stack(), pasts.stack(), dh

    @tf.custom_gradient
    def run(products: Any, recurrent: Any, bias: Any, there: Any, hidden: Any) -> Any:
        gates, states = forwards(products, recurrent, bias, there, hidden)

        def gradient(slopes: Any) -> Any:
            owns, pasts, dh = backwards(recurrent, there, hidden, gates, states, slopes)
            return owns, _product(hidden, states, pasts), tf.reduce_sum(pasts, (0, 1)), None, dh

        return states, gradient

    return run


def _where(there: Any, new: Any, old: Any) -> Any:
    """``new`` where there is a step, else ``old``; ``there`` is 1.0 or 0.0 (batch, 1)."""
    return there * new + (1 - there) * old


def _product(first: Any, states: Any, changes: Any) -> Any:
    """The recurrent kernel's gradient (units, gates): the state before each step with that step's change."""
    import tensorflow as tf

    before = tf.concat([first[None], states[:-1]], 0)
    return tf.tensordot(before, changes, [[0, 1], [0, 1]])
