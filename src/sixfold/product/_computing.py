"""Columns that follow from others, of single rows: what `collect` computes over tables, for rows that are sent."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from sixfold.fields.date import Date
from sixfold.fields.number import Number
from sixfold.product._expression import Column, Constant, Expression, Node

__all__ = ["ARITHMETIC", "COMPARED", "computed"]

COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "neg": operator.neg,
    "pos": operator.pos,
}
"""What the signs of the language do: the same to numbers as to whole columns of a table."""

_COMPUTED: dict[str, Callable[..., float]] = {
    **ARITHMETIC,
    "abs": abs,
    "sqrt": math.sqrt,
    "log": math.log,
    "log1p": math.log1p,
}
_TRUTHS = {"true": True, "false": False}


def computed(expressions: Mapping[str, Expression], row: Mapping[str, Any]) -> dict[str, Any]:
    """The derived columns of a row, by name; those that follow from others among them too.

    Missing stays missing, but where the rest decides alone (`missing or true` is true). A result that is no finite
    number (1/0, the logarithm of 0) is missing, and so is a text where a number or a date is needed.

    Args:
        expressions: By column, in the order in which they may build on one another.
        row: The values of the columns that they need, as JSON has them; one that is left out is missing.

    Raises:
        ValueError: A value is neither true nor false where one of them is needed.
    """
    known = dict(row)
    for name, expression in expressions.items():
        known[name] = _value(expression.root, known)
    return {name: known[name] for name in expressions}


def _value(node: Node, row: Mapping[str, Any]) -> Any:
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Column):
        return _plain(row.get(node.name))
    name, operands = node.function, node.operands
    if name in _COMPUTED:
        return _finite(_COMPUTED[name], [_number(_value(operand, row)) for operand in operands])
    if name in COMPARED:
        left, right = _alike([_value(operand, row) for operand in operands], is_order=name not in ("==", "!="))
        return None if left is None or right is None else COMPARED[name](left, right)
    return _FUNCTIONS[name](operands, row)


def _in(operands: Sequence[Node], row: Mapping[str, Any]) -> bool | None:
    first, *members = _alike([_value(operand, row) for operand in operands])
    return None if first is None else first in members


def _not_in(operands: Sequence[Node], row: Mapping[str, Any]) -> bool | None:
    found = _in(operands, row)
    return None if found is None else not found


def _and(operands: Sequence[Node], row: Mapping[str, Any]) -> bool | None:
    found = [_truth(_value(operand, row)) for operand in operands]
    return False if False in found else None if None in found else True


def _or(operands: Sequence[Node], row: Mapping[str, Any]) -> bool | None:
    found = [_truth(_value(operand, row)) for operand in operands]
    return True if True in found else None if None in found else False


def _not(operands: Sequence[Node], row: Mapping[str, Any]) -> bool | None:
    found = _truth(_value(operands[0], row))
    return None if found is None else not found


def _if(operands: Sequence[Node], row: Mapping[str, Any]) -> Any:
    condition = _truth(_value(operands[0], row))
    if condition is None:
        return None
    yes, no = _alike([_value(operand, row) for operand in operands[1:]])
    return yes if condition else no


def _lower(operands: Sequence[Node], row: Mapping[str, Any]) -> str | None:
    value = _value(operands[0], row)
    return None if value is None else str(value).lower()


def _length(operands: Sequence[Node], row: Mapping[str, Any]) -> float | None:
    value = _value(operands[0], row)
    return None if value is None else float(len(value if isinstance(value, (list, tuple)) else str(value)))


def _part_of_date(part: Callable[[datetime], int]) -> Callable[[Sequence[Node], Mapping[str, Any]], float | None]:
    def found(operands: Sequence[Node], row: Mapping[str, Any]) -> float | None:
        moment = _moment(_value(operands[0], row))
        return None if moment is None else float(part(moment))

    return found


def _round(operands: Sequence[Node], row: Mapping[str, Any]) -> float | None:
    value = _number(_value(operands[0], row))
    digits = _number(_value(operands[1], row)) if len(operands) > 1 else 0
    if value is None or digits is None:
        return None
    return float(round(value, int(digits)))  # halves to the even digit, as for a whole table


def _is_missing(operands: Sequence[Node], row: Mapping[str, Any]) -> bool:
    return _value(operands[0], row) is None


def _row(_operands: Sequence[Node], _values: Mapping[str, Any]) -> None:
    return None  # what is sent has no place in a table


_FUNCTIONS: dict[str, Callable[[Sequence[Node], Mapping[str, Any]], Any]] = {
    "in": _in,
    "not in": _not_in,
    "and": _and,
    "or": _or,
    "not": _not,
    "if": _if,
    "lower": _lower,
    "length": _length,
    "year": _part_of_date(lambda moment: moment.year),
    "month": _part_of_date(lambda moment: moment.month),
    "weekday": _part_of_date(datetime.isoweekday),
    "round": _round,
    "is_missing": _is_missing,
    "row": _row,
}


def _finite(function: Callable[..., float], numbers: Sequence[float | None]) -> float | None:
    if any(number is None for number in numbers):
        return None
    try:
        found = function(*numbers)
    except (ArithmeticError, ValueError):
        return None
    return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else None


def _plain(value: Any) -> Any:
    """A value as JSON has it, ``None`` where it is missing."""
    if isinstance(value, str) and not value.strip():
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _truth(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUTHS:
        return _TRUTHS[value.strip().lower()]
    raise ValueError(f"{value!r}")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return _fields()[0].parse(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, (bool, int, float)) else None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, (str, date)):
        try:
            found = _fields()[1].parse(value)
        except ValueError:
            return None
        return None if found is None else found.replace(tzinfo=None)
    return None


@cache
def _fields() -> tuple[Number, Date]:
    return Number("number"), Date("moment")


def _alike(values: Sequence[Any], *, is_order: bool = False) -> list[Any]:
    """Values of one sort: beside a number texts are read as numbers, beside a date as dates.

    Args:
        values: The values.
        is_order: Whether it is asked which is larger: then texts are numbers or dates, as `collect` holds.
    """
    if any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return [_number(value) for value in values]
    if any(isinstance(value, date) for value in values):
        return [_moment(value) for value in values]
    if is_order and all(isinstance(value, str) for value in values):
        numbers = [_number(value) for value in values]
        return numbers if None not in numbers else [_moment(value) for value in values]
    return list(values)
