"""The small closed language of columns that follow from others: ``weight / (height * height)``.

Python's own parser reads the text; what it found is held against a short list and rebuilt as three sorts of nodes, so
that nothing is ever evaluated that this module does not name. Who turns the nodes into values is not its business.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sixfold.errors import Place, ProductError

__all__ = ["FUNCTIONS", "Call", "Column", "Constant", "Expression", "Node"]

_LONGEST = 2_000
_DEEPEST = 50
_LARGEST = 1e300

FUNCTIONS: dict[str, tuple[int, int]] = {
    "log": (1, 1),
    "log1p": (1, 1),
    "sqrt": (1, 1),
    "abs": (1, 1),
    "round": (1, 2),
    "lower": (1, 1),
    "length": (1, 1),
    "year": (1, 1),
    "month": (1, 1),
    "weekday": (1, 1),
    "is_missing": (1, 1),
    "if": (3, 3),
    "row": (0, 0),
}
"""The functions, each with the fewest and the most arguments that it takes."""

_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_WORDS = {"true": True, "false": False}
_TOKENS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]+`|[^\W\d]\w*""")
_MASKED = frozenset(keyword.kwlist) - {"and", "or", "not", "in", "True", "False", "None"}
"""Keywords of Python that are no words of this language: columns may be called so (class), and `if` is a function."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, true or false."""

    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function with what it is applied to. ``in`` and ``not in`` have the members after the first."""

    function: str
    operands: tuple[Node, ...]
    text: str
    """As it stands in the file, for errors."""


Node: TypeAlias = Constant | Column | Call


@dataclass(frozen=True, slots=True)
class Expression:
    """One derived column: its name, its text and what the text means."""

    name: str
    text: str
    root: Node

    @classmethod
    def read(cls, name: str, text: str) -> Expression:
        """What ``text`` means; ``name`` is the column it stands for.

        Raises:
            ProductError: It is not of the language; the error names the column and the part.
        """
        return cls(name, text, _Reader(name, text).root())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs, each once, in the order in which they are named."""
        return tuple(dict.fromkeys(node.name for node in _walk(self.root) if isinstance(node, Column)))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Call):
        for operand in node.operands:
            yield from _walk(operand)


class _Reader:
    def __init__(self, name: str, text: str) -> None:
        self._place, self._name = Place(key=f"collect.columns.{name}"), name
        self._text = " ".join(text.split("\n")).strip()
        # Every placeholder is as long as what it stands for, so names are read from the text at their places.
        self._masked = _TOKENS.sub(_placeholder, self._text)

    def root(self) -> Node:
        if len(self._text) > _LONGEST:
            raise self._forbidden(f"{len(self._text)} > {_LONGEST}")
        if "#" in (bare := _TOKENS.sub("", self._text)):  # Python would pass over the rest
            raise self._unreadable(bare.index("#"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on escapes that Python does not know
                tree = ast.parse(self._masked, mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise self._unreadable((getattr(error, "offset", None) or 1) - 1) from None
        return self._node(tree.body, 0)

    def _node(self, node: ast.expr, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self._forbidden(self._of(node))
        match node:
            case ast.Constant(value=bool(value)):
                return Constant(value)
            case ast.Constant(value=int(value) | float(value)) if abs(value) < _LARGEST:
                return Constant(float(value))
            case ast.Constant(value=str(value)):
                return Constant(value)
            case ast.Name():
                return self._column(node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value) | float(value))) if (
                not isinstance(value, bool) and value < _LARGEST
            ):
                return Constant(-float(value))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not() as operator, operand=operand):
                name = {ast.USub: "neg", ast.UAdd: "pos", ast.Not: "not"}[type(operator)]
                return Call(name, (self._node(operand, depth + 1),), self._of(node))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
                operands = (self._node(left, depth + 1), self._node(right, depth + 1))
                return Call(_ARITHMETIC[type(operator)], operands, self._of(node))
            case ast.BoolOp(op=operator, values=values):
                name = "and" if isinstance(operator, ast.And) else "or"
                return Call(name, tuple(self._node(value, depth + 1) for value in values), self._of(node))
            case ast.Compare(left=left, ops=operators, comparators=others):
                return self._comparison(node, [left, *others], operators, depth)
            case ast.Call(func=ast.Name() as function, args=arguments, keywords=[]):
                return self._call(node, function, arguments, depth)
        raise self._forbidden(self._of(node))

    def _comparison(self, node: ast.expr, sides: list[ast.expr], operators: list[ast.cmpop], depth: int) -> Node:
        parts: list[Node] = []
        for left, operator, right in zip(sides, operators, sides[1:], strict=False):
            name = _COMPARISONS.get(type(operator))
            if name is None:
                raise self._forbidden(self._of(node))
            first = self._node(left, depth + 1)
            if name in ("in", "not in"):
                if not isinstance(right, (ast.List, ast.Tuple)) or not right.elts:
                    raise self._forbidden(self._of(right))
                members = [self._node(member, depth + 1) for member in right.elts]
                if not all(isinstance(member, Constant) for member in members):
                    raise self._forbidden(self._of(right))
                parts.append(Call(name, (first, *members), self._of(node)))
            else:
                parts.append(Call(name, (first, self._node(right, depth + 1)), self._of(node)))
        return parts[0] if len(parts) == 1 else Call("and", tuple(parts), self._of(node))

    def _call(self, node: ast.expr, function: ast.Name, arguments: list[ast.expr], depth: int) -> Node:
        name = self._of(function)
        if name not in FUNCTIONS:
            close = difflib.get_close_matches(name, FUNCTIONS, n=1)
            raise ProductError(
                "expression_function",
                place=self._place,
                column=self._name,
                name=name,
                guess=close[0] if close else "if",
                known=", ".join(FUNCTIONS),
            )
        fewest, most = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            expected = str(fewest) if fewest == most else f"{fewest}–{most}"
            raise ProductError(
                "expression_arguments",
                place=self._place,
                column=self._name,
                name=name,
                expected=expected,
                received=len(arguments),
            )
        return Call(name, tuple(self._node(argument, depth + 1) for argument in arguments), self._of(node))

    def _column(self, node: ast.Name) -> Node:
        name = self._of(node)
        if name.startswith("`"):
            return Column(name[1:-1])
        return Constant(_WORDS[name]) if name in _WORDS else Column(name)

    def _of(self, node: ast.AST) -> str:
        """A part of the text, as the user wrote it: Python's parser would fold full-width letters in names."""
        masked = self._masked.encode()
        start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None)
        return self._text[len(masked[:start].decode()) : len(masked[:end].decode())]

    def _unreadable(self, at: int) -> ProductError:
        near = self._text[max(at - 10, 0) : at + 20] or "…"
        return ProductError("expression_syntax", place=self._place, column=self._name, near=near)

    def _forbidden(self, part: str) -> ProductError:
        shown = part if len(part) <= 60 else part[:57] + "…"  # noqa: PLR2004
        return ProductError("expression_forbidden", place=self._place, column=self._name, part=shown)


def _placeholder(found: re.Match[str]) -> str:
    token = found.group()
    return "_" * len(token) if token.startswith("`") or token in _MASKED else token
