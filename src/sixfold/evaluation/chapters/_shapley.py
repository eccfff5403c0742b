"""What each column did to an answer: Shapley values over columns, by sampling, for any model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sixfold.fields import Array

__all__ = ["shapley"]

_AT_ONCE = 4096


def shapley(
    said: Callable[[Mapping[str, Array], int, Array], Array],
    rows: Mapping[str, Array],
    background: Mapping[str, Array],
    orders: int,
    seed: int,
) -> tuple[Array, Array]:
    """By how much each column moved each answer away from the mean answer.

    Štrumbelj & Kononenko (2014), algorithm 1: columns come to a row one after another in a random order, those that
    have not come yet have the values of a background row; what a column changes on coming is its share, averaged over
    orders and background rows. Each order is used backwards too (Mitchell et al. 2022), and all rows share orders and
    background rows. In every order the changes add up, so the shares of a row add up to its answer less the mean answer
    of the background rows, whatever the number of orders.

    Args:
        said: For the arrays of m rows, m, and which of ``rows`` each was made of (m,), what the model says (m,).
        rows: The columns of n rows, (n, …) each.
        background: The same columns of other rows: what is usual.
        orders: How many orders are drawn; twice as many are used.
        seed: Of the draws.

    Returns:
        The share of each column (n, columns), and the mean answer that they count from, for each row (n,): answers of
        the background rows, as they are asked for that row.
    """
    draw, names = np.random.default_rng(seed), list(rows)
    count, columns = len(rows[names[0]]), len(names)
    others = draw.integers(0, len(background[names[0]]), orders)
    drawn = [draw.permutation(columns) for _ in range(orders)]
    walks = [(order, other) for order, other in zip(drawn, others, strict=True)]
    walks += [(order[::-1], other) for order, other in zip(drawn, others, strict=True)]
    # Of each walk: which columns came already, after none, one … all of them. (walks, columns + 1, columns)
    came = np.zeros((len(walks), columns + 1, columns), bool)
    for number, (order, _) in enumerate(walks):
        for step, column in enumerate(order):
            came[number, step + 1 :, column] = True
    steps = len(walks) * (columns + 1)
    flat, whose = came.reshape(steps, columns), np.repeat([other for _, other in walks], columns + 1)
    shares, base = np.zeros((count, columns)), np.zeros(count)
    for row in range(count):
        parts = []
        for start in range(0, steps, _AT_ONCE):
            chosen, other = flat[start : start + _AT_ONCE], whose[start : start + _AT_ONCE]
            arrays = {}
            for place, name in enumerate(names):
                array = background[name][other]
                array[chosen[:, place]] = rows[name][row]
                arrays[name] = array
            parts.append(said(arrays, len(other), np.full(len(other), row)))
        answers = np.concatenate(parts).reshape(len(walks), columns + 1)
        for number, (order, _) in enumerate(walks):
            shares[row, order] += np.diff(answers[number]) / len(walks)
        base[row] = answers[:, 0].mean()
    return shares, base
