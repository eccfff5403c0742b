"""Columns that follow from others, computed on every piece of rows: product.yaml's expressions as Polars' own."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from sixfold.errors import Place, SourceError
from sixfold.language import Text
from sixfold.product import ARITHMETIC, COMPARED, Call, Column, Constant, Expression, Node
from sixfold.progress import Listener, Note
from sixfold.sources._columns import ROW, no_column
from sixfold.sources._reading import as_moments, as_numbers

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Derived"]

Sort: TypeAlias = Literal["number", "text", "truth", "moment", "list", "other"]

_SORTS: dict[Sort | Literal["digits"], Text] = {
    "number": Text("a number", "数字"),
    "text": Text("a text", "文本"),
    "truth": Text("a condition (a comparison, or true or false)", "条件（比较，或真假值）"),
    "moment": Text("a date", "日期"),
    "list": Text("a list", "列表"),
    "other": Text("neither number, text, date nor true or false", "既不是数字、文本、日期，也不是真假值"),
    "digits": Text("a whole number from 0 to 15", "0 到 15 的整数"),
}
_COMPUTED: dict[str, Callable[..., Any]] = {
    **ARITHMETIC,
    **{name: operator.methodcaller(name) for name in ("abs", "sqrt", "log", "log1p")},
}
_READ: dict[str, Callable[[pl.Series], tuple[pl.Series, int]]] = {
    "number": as_numbers,
    "moment": partial(as_moments, by_the_wall=True),
}
_MOST_DIGITS = 15


class _Part(NamedTuple):
    """A part of an expression: what computes it, of which sort its values are, and the node that it is."""

    value: pl.Expr
    sort: Sort
    node: Node


class Derived:
    """Adds derived columns to pieces of rows.

    Missing stays missing, but where the rest decides alone (`missing or true` is true). A result that is no finite
    number (1/0, the logarithm of 0) is missing.

    Args:
        expressions: By column, in the order in which they may build on one another.
        place: Where a dotted key stands in product.yaml.
        listener: Whom it is told, in :meth:`tell`, how many values were none of the sort that was needed.
    """

    def __init__(
        self, expressions: Mapping[str, Expression], place: Callable[[str], Place], listener: Listener
    ) -> None:
        self._expressions, self._place, self._listener = expressions, place, listener
        self._wrong: Counter[tuple[str, str]] = Counter()

    def add(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The piece of rows with its derived columns.

        Raises:
            SourceError: A column is not there, or is of a sort that the expression cannot use.
        """
        names = [*frame.columns, *self._expressions]
        for name, expression in self._expressions.items():
            place = self._place(f"collect.columns.{name}")
            if name in frame.columns:
                raise SourceError("derived_exists", place=place, column=name)
            translator = _Translator(frame, place)
            value = translator.whole(expression.root).alias(name)
            read = []
            for sort, column in translator.reads:
                series, wrong = _READ[sort](frame[column])
                read.append(series.alias(_read_name(sort, column)))
                self._wrong[column, name] += wrong
            frame = frame.with_columns(read).with_columns(value)
        return frame.select(names)

    def tell(self) -> None:
        """Tell how many values were passed over, once all rows were seen."""
        for (column, derived), count in self._wrong.items():
            if count:
                self._listener(
                    Note("collect", "collect.not_read", {"column": column, "derived": derived, "count": count})
                )


class _Translator:
    """One expression over the columns of one piece.

    ``reads`` is which columns must be read as numbers or moments first, under :func:`_read_name`.
    """

    def __init__(self, frame: pl.DataFrame, place: Place) -> None:
        self._frame, self._place = frame, place
        self.reads: dict[tuple[str, str], None] = {}

    def whole(self, node: Node) -> pl.Expr:
        """The expression that computes a node.

        Raises:
            SourceError: A column is not there, or is of a sort that cannot be used so.
        """
        return self._part(node).value

    def _part(self, node: Node) -> _Part:
        import polars as pl

        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Column):
            return self._column(node)
        sort: Sort = "truth" if isinstance(node.value, bool) else "text" if isinstance(node.value, str) else "number"
        return _Part(pl.lit(node.value), sort, node)

    def _column(self, node: Column) -> _Part:
        import polars as pl

        if node.name not in self._frame.columns:
            raise no_column(node.name, self._frame.columns, self._place)
        dtype, value = self._frame.schema[node.name], pl.col(node.name)
        if dtype.is_numeric():
            return _Part(self._read("number", node), "number", node)
        if dtype in (pl.Date, pl.Datetime):
            return _Part(self._read("moment", node), "moment", node)
        if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
            text = value.cast(pl.String)
            return _Part(pl.when(text.str.strip_chars() != "").then(text), "text", node)
        sort: Sort = "truth" if dtype == pl.Boolean else "list" if isinstance(dtype, pl.List) else "other"
        return _Part(value, sort, node)

    def _call(self, call: Call) -> _Part:
        import polars as pl

        name, operands = call.function, call.operands
        match name:
            case "==" | "!=" | "<" | "<=" | ">" | ">=":
                left, right = self._alike(operands)
                if name not in ("==", "!=") and left.sort == "text" and not _any_constant(operands):
                    raise self._wrong(left, "number")  # "10" comes before "9": as texts they would be compared wrongly
                return _Part(COMPARED[name](left.value, right.value), "truth", call)
            case "in" | "not in":
                first, *members = self._alike(operands)
                found = pl.any_horizontal(first.value == member.value for member in members)
                return _Part(found if name == "in" else ~found, "truth", call)
            case "and" | "or":
                parts = [self._truth(operand) for operand in operands]
                return _Part(pl.all_horizontal(parts) if name == "and" else pl.any_horizontal(parts), "truth", call)
            case "not":
                return _Part(~self._truth(operands[0]), "truth", call)
            case "if":
                condition = self._truth(operands[0])
                yes, no = self._alike(operands[1:])
                chosen = pl.when(condition).then(yes.value).when(~condition).then(no.value)
                return _Part(chosen, yes.sort, call)
            case "row":
                return _Part(pl.col(ROW).cast(pl.Float64), "number", call)
            case "is_missing":
                return _Part(self._part(operands[0]).value.is_null(), "truth", call)
            case "lower":
                return _Part(self._text(operands[0]).str.to_lowercase(), "text", call)
            case "length":
                part = self._part(operands[0])
                size = part.value.list.len() if part.sort == "list" else self._text(operands[0]).str.len_chars()
                return _Part(size.cast(pl.Float64), "number", call)
            case "year" | "month" | "weekday":
                moment = self._as(self._part(operands[0]), "moment")
                return _Part(getattr(moment.dt, name)().cast(pl.Float64), "number", call)
            case "round":
                number = self._as(self._part(operands[0]), "number")
                return _Part(number.round(self._digits(operands[1:])), "number", call)
        numbers = [self._as(self._part(operand), "number") for operand in operands]
        value = _COMPUTED[name](*numbers)
        return _Part(pl.when(value.is_finite()).then(value), "number", call)

    def _alike(self, operands: Sequence[Node]) -> list[_Part]:
        """Parts of one sort, so that they can be compared or chosen from.

        Beside a number a text is read as a number, beside a date as a date.
        """
        parts = [self._part(operand) for operand in operands]
        sorts = {part.sort for part in parts}
        for sort in ("number", "moment"):
            if sort in sorts:
                return [_Part(self._as(part, sort), sort, part.node) for part in parts]
        for part in parts:
            if part.sort not in ("text", "truth"):
                raise self._wrong(part, "text")
            if part.sort != parts[0].sort:
                raise self._wrong(part, parts[0].sort)
        return parts

    def _as(self, part: _Part, sort: Literal["number", "moment"]) -> pl.Expr:
        import polars as pl

        if part.sort == sort:
            return part.value
        if part.sort == "truth" and sort == "number":
            return part.value.cast(pl.Float64)
        if part.sort == "text" and isinstance(part.node, Column):
            return self._read(sort, part.node)
        if part.sort == "text" and isinstance(part.node, Constant):
            read, _ = _READ[sort](pl.Series([part.node.value]))
            if read[0] is not None:
                return pl.lit(read[0])
        raise self._wrong(part, sort)

    def _read(self, sort: str, node: Column) -> pl.Expr:
        import polars as pl

        self.reads[sort, node.name] = None
        return pl.col(_read_name(sort, node.name))

    def _truth(self, node: Node) -> pl.Expr:
        part = self._part(node)
        if part.sort != "truth":
            raise self._wrong(part, "truth")
        return part.value

    def _text(self, node: Node) -> pl.Expr:
        part = self._part(node)
        if part.sort != "text":
            raise self._wrong(part, "text")
        return part.value

    def _digits(self, operands: Sequence[Node]) -> int:
        if not operands:
            return 0
        node = operands[0]
        if isinstance(node, Constant) and node.value in range(_MOST_DIGITS + 1):
            return int(node.value)
        raise self._wrong(self._part(node), "digits")

    def _wrong(self, part: _Part, expected: Sort | Literal["digits"]) -> SourceError:
        node = part.node
        shown = node.text if isinstance(node, Call) else node.name if isinstance(node, Column) else repr(node.value)
        return SourceError(
            "expression_sort", place=self._place, part=shown, expected=_SORTS[expected](), received=_SORTS[part.sort]()
        )


def _read_name(sort: str, column: str) -> str:
    return f"\0{sort} {column}"  # as no source can call a column


def _any_constant(operands: Iterable[Node]) -> bool:
    return any(isinstance(operand, Constant) for operand in operands)
