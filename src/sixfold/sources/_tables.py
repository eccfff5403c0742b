"""Tables of every format as frames of typed columns: one reader for files on disk, in archives and from URLs.

Text tables are read twice, a piece at a time: once to learn what every column holds, once to hand it over. Python's own
reader counts the cells of each row, so that a fault is told with its line; Polars parses what it let pass.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson
from pydantic import Field as Setting
from pydantic import field_validator

from sixfold.errors import SourceError
from sixfold.families import Options
from sixfold.progress import Listener, Note
from sixfold.sources._detect import detected, encoding_of, is_labelled, line_of_bad_byte, reader
from sixfold.sources._files import Ticker, unreadable
from sixfold.sources._layout import SERIES_SUFFIX
from sixfold.sources._records import Records

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TableFile", "TableOptions", "Tables"]

_MOST_COLUMNS = 20_000
_MOST_ROWS_AT_ONCE = 50_000
_MOST_CELLS_AT_ONCE = 5_000_000
_MOST_BYTES_AT_ONCE = 1 << 26
_KEPT_IN_MEMORY = 1 << 26
"""A text table up to 64 MiB is parsed once and kept for the second reading."""

_LARGEST_WHOLE = 1 << 30
"""A JSON array or a workbook is read at once; beyond 1 GiB it has to be another format."""

_NOT_KNOWN = ("na", "n/a", "#n/a", "nan", "null", "none", "-", "?")
"""Words that mean "missing" in a column that otherwise holds numbers."""

_WHOLE = r"^[+-]?(0|[1-9]\d{0,17})$"
_CODE = r"^[+-]?0\d|^[+-]?\d{19,}$"
"""Digits that are a name, not a number: 02134, or more of them than a number keeps."""


class TableOptions(Options):
    """How a table is written, where it is not as detected."""

    delimiter: str | None = Setting(None, description="The character between cells of a text table; `tab` for a tab.")
    encoding: str | None = Setting(None, description="The encoding of a text table: utf-8, gb18030, latin-1 …")
    header: bool | None = Setting(None, description="Whether the first row names the columns.")
    sheet: str | None = Setting(None, description="The sheet of a workbook; left out, the first.")
    format: Literal["label_text"] | None = Setting(
        None, description="`label_text`: every line is a label, a blank and a text; left out, it is detected."
    )

    @field_validator("delimiter")
    @classmethod
    def _is_one_character(cls, delimiter: str | None) -> str | None:
        if delimiter in ("tab", "\\t"):
            return "\t"
        if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
            raise ValueError('one character, such as "," or ";", or the word tab')
        return delimiter


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file of a table: where it lies, what people call it, and its split if it has one."""

    path: Path
    name: str
    split: str | None = None


@dataclass
class _Seen:
    """What one column was seen to hold, over all pieces of text."""

    known: int = 0
    whole: int = 0
    numbers: int = 0
    codes: int = 0
    marks: int = 0
    words: int = 0
    others: set[Any] = field(default_factory=set)

    def add(self, other: _Seen) -> None:
        """Take over what another file holds in this column."""
        for figure in ("known", "whole", "numbers", "codes", "marks", "words"):
            setattr(self, figure, getattr(self, figure) + getattr(other, figure))
        self.others |= other.others

    @property
    def may_be_number(self) -> bool:
        return self.codes == 0 and self.numbers == self.known and not self.others


class Tables:
    """Several files of the same columns, read as one table.

    Args:
        files: In the order of their rows.
        options: What the user said of the format.
        listener: Whom findings are told.
        tells_files: Whether each row says in ``__file__`` which file it is of.
    """

    def __init__(
        self, files: Sequence[TableFile], options: TableOptions, listener: Listener, *, tells_files: bool = False
    ) -> None:
        self._tells_files = tells_files
        self.files, self.options, self.listener = tuple(files), options, listener
        self.found: dict[str, Any] = {}
        self.rows = 0
        self._parts: list[tuple[TableFile, _Part]] = []
        self._schema: dict[str, pl.DataType] = {}
        self._seen: dict[str, _Seen] = {}

    def columns(self) -> tuple[str, ...]:
        """The names of the columns, once the files were looked through.

        Raises:
            SourceError: A file cannot be read as a table.
        """
        self._learn()
        return tuple(self._schema)

    @property
    def roles(self) -> tuple[str, ...] | None:
        """The roles of the columns, where the format has no names for them; known once rows were read."""
        return self._parts[0][1].roles if self._parts else None

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, a piece at a time, with ``__split__`` where the files have one.

        Raises:
            SourceError: A file cannot be read as a table.
        """
        import polars as pl

        self._learn()
        for file, part in self._parts:
            for raw in part.frames():
                frame = raw.select(self._typed(name, raw.schema[name], part) for name in self._schema)
                if file.split is not None:
                    frame = frame.with_columns(pl.lit(file.split).alias("__split__"))
                if self._tells_files:
                    frame = frame.with_columns(pl.lit(file.name).alias("__file__"))
                yield frame

    def _learn(self) -> None:
        if self._parts:
            return
        parts = [(file, _part(file, self.options, self.listener)) for file in self.files]
        first_file, first = parts[0]
        for file, part in parts:
            _check_columns(file, part.columns)
            absent = sorted(set(first.columns) ^ set(part.columns))
            if absent:
                raise SourceError(
                    "columns_differ", first=first_file.name, second=file.name, names=", ".join(absent[:10])
                )
        seen = {name: _Seen() for name in first.columns}
        for file, part in parts:
            for name, column in part.learn().items():
                seen[name].add(column)
            if part.rows == 0:
                raise SourceError("no_rows", path=file.name)
            self.rows += part.rows
            self.found[file.name] = part.found
        self._parts, self._seen = parts, seen
        self._schema = {name: _type(column) for name, column in seen.items()}
        self._tell_missing()

    def _tell_missing(self) -> None:
        marked = {name: column.marks for name, column in self._seen.items() if column.marks}
        worded = {
            name: column.words
            for name, column in self._seen.items()
            if column.words and self._schema[name].is_numeric()
        }
        for mark, columns in (("?", marked), ("NA, null, -", worded)):
            if columns:
                self.found.setdefault("missing", {})[mark] = columns
                names = ", ".join(list(columns)[:5]) + (" …" if len(columns) > 5 else "")  # noqa: PLR2004
                values = {"mark": mark, "count": sum(columns.values()), "columns": names}
                self.listener(Note("collect", "collect.missing_mark", values))

    def _typed(self, name: str, dtype: pl.DataType, part: _Part) -> pl.Expr:
        import polars as pl

        column, wanted = pl.col(name), self._schema[name]
        if not part.is_text or dtype != pl.String:
            return column if dtype == wanted else column.cast(wanted, strict=False)
        if wanted in (pl.Int64, pl.Float64):
            # What is no number here was counted as a word for missing, or the column would have stayed text.
            return _as_number(column, part.decimal).cast(wanted, strict=False)
        return pl.when(column.is_in(["", "?"])).then(None).otherwise(column).cast(wanted).alias(name)


class _Part(ABC):
    """One file, by its format. ``is_text``: a column of text may hold numbers and words for missing."""

    is_text: ClassVar[bool] = False
    decimal: str = "."

    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        self.file, self.options, self.listener = file, options, listener
        self.columns: tuple[str, ...] = ()
        self.found: dict[str, Any] = {}
        self.rows = 0

    @property
    def roles(self) -> tuple[str, ...] | None:
        """The roles of the columns, where the format has no names for them."""
        return None

    @abstractmethod
    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows as they stand; columns of text stripped of blanks around them where ``is_text``."""

    def learn(self) -> dict[str, _Seen]:
        """What the columns hold; the rows are counted on the way."""
        import polars as pl

        seen, self.rows = {name: _Seen() for name in self.columns}, 0
        for frame in self.frames():
            self.rows += frame.height
            for name, dtype in frame.schema.items():
                if not (self.is_text and dtype == pl.String):
                    seen[name].others.add(_plain(dtype))
            if self.is_text:
                _count(frame, seen, self.decimal)
        return seen

    def _pieces(self, size: int, rows: int) -> int:
        """How many rows make a piece of bearable size."""
        by_bytes = _MOST_BYTES_AT_ONCE * max(rows, 1) // max(size, 1)
        by_cells = _MOST_CELLS_AT_ONCE // max(len(self.columns), 1)
        return max(1, min(_MOST_ROWS_AT_ONCE, by_bytes, by_cells))


class _TextPart(_Part):
    is_text = True

    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        super().__init__(file, options, listener)
        self._dialect = detected(file.path, file.name, options.delimiter, options.encoding, options.header)
        self.decimal = self._dialect.decimal
        self._kept: list[pl.DataFrame] | None = None
        self._is_small = file.path.stat().st_size <= _KEPT_IN_MEMORY
        self.columns = self._names()

    def learn(self) -> dict[str, _Seen]:
        try:
            seen = super().learn()
        except SourceError as error:
            # Tab-separated text knows no quotes (IANA text/tab-separated-values): a quote may be just a quote.
            if error.slug not in ("bad_quotes", "ragged_row") or self._dialect.delimiter != "\t":
                raise
            if not self._dialect.quoted or self._has_quoted_header():
                raise
            self._dialect = replace(self._dialect, quoted=False)
            seen = super().learn()
        self._tell()
        return seen

    def frames(self) -> Iterator[pl.DataFrame]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[pl.DataFrame] = []
        for frame in self._parsed():
            if self._is_small:
                kept.append(frame)
            yield frame
        if self._is_small:
            self._kept = kept

    def _names(self) -> tuple[str, ...]:
        first = next(self._checked_rows(), None)
        if first is None:
            raise SourceError("empty_file", path=self.file.name)
        if self._dialect.header:
            return tuple(cell.strip() for cell in first)
        return tuple(f"column_{number}" for number in range(1, len(first) + 1))

    def _has_quoted_header(self) -> bool:
        with self.file.path.open(encoding=self._dialect.encoding, errors="replace") as stream:
            return stream.readline().startswith('"')

    def _checked_rows(self, lines: list[str] | None = None) -> Iterator[list[str]]:
        """The rows as Python's reader sees them; raw lines go to ``lines``, without blank ones."""
        path, dialect = self.file.path, self._dialect
        number = 0
        try:
            ticker = Ticker(self.listener, path.stat().st_size, "bytes")
            with path.open(encoding=dialect.encoding, newline=None) as stream:

                def tapped() -> Iterator[str]:
                    nonlocal number
                    for number, line in enumerate(stream, start=1):
                        if "\0" in line:
                            raise SourceError("nul_byte", path=self.file.name, line=number)
                        if lines is not None:
                            lines.append(line)
                        ticker.add(len(line))
                        yield line

                for row in reader(tapped(), dialect.delimiter, dialect.quoted):
                    if len(row) > 1 or (row and row[0].strip()):
                        yield row
                    elif lines is not None:
                        lines.pop()
        except UnicodeDecodeError:
            line = line_of_bad_byte(path, dialect.encoding)
            raise SourceError("wrong_encoding", path=self.file.name, encoding=dialect.encoding, line=line) from None
        except UnicodeError:  # UTF-16 or UTF-32 was said, but the text does not begin as such
            raise SourceError("wrong_encoding", path=self.file.name, encoding=dialect.encoding, line=1) from None
        except csv.Error as error:
            raise SourceError("bad_quotes", path=self.file.name, line=number, reason=error) from error
        except OSError as error:
            raise unreadable(error, path) from error

    def _parsed(self) -> Iterator[pl.DataFrame]:
        lines: list[str] = []
        width, rows = len(self.columns), self._checked_rows(lines)
        if self._dialect.header:
            next(rows, None)
            lines.clear()
        piece = self._pieces(0, 0)
        while True:
            count = size = 0
            wrong: list[str] | None = None
            for row in islice(rows, piece):
                if len(row) != width:
                    wrong = row
                    break
                count += 1
                size += len(lines[-1])
                if size > _MOST_BYTES_AT_ONCE:
                    break
            if wrong is not None:
                self._refuse(wrong, width)
            if count == 0:
                return
            yield self._frame(lines, count)
            lines.clear()

    def _refuse(self, row: list[str], width: int) -> None:
        dialect = self._dialect
        line = 0
        with self.file.path.open(encoding=dialect.encoding, newline=None) as stream:
            lines = _Counted(stream)
            for cells in reader(lines, dialect.delimiter, dialect.quoted):
                if "".join(cells).strip() and len(cells) != width:
                    line = lines.number
                    break
        raise SourceError("ragged_row", path=self.file.name, line=line, expected=width, received=len(row))

    def _frame(self, lines: list[str], count: int) -> pl.DataFrame:
        import polars as pl

        schema = dict.fromkeys(self.columns, pl.String)
        frame = None
        try:
            frame = pl.read_csv(
                "".join(lines).encode(),
                has_header=False,
                schema=schema,
                separator=self._dialect.delimiter,
                quote_char='"' if self._dialect.quoted else None,
            )
        except pl.exceptions.PolarsError:
            frame = None
        if frame is None or frame.height != count:
            # Quotes that the two readers understand differently: Python's reading counts.
            cells = list(reader(lines, self._dialect.delimiter, self._dialect.quoted))
            frame = pl.DataFrame(dict(zip(self.columns, zip(*cells, strict=True), strict=True)), schema=schema)
        return frame.with_columns(pl.all().str.strip_chars())

    def _tell(self) -> None:
        dialect = self._dialect
        self.found = {"format": "text", **asdict(dialect), "rows": self.rows, "columns": len(self.columns)}
        shown = {"\t": "tab"}.get(dialect.delimiter, dialect.delimiter)
        encoding = "utf-8" if dialect.encoding == "utf-8-sig" else dialect.encoding
        self.listener(
            Note(
                "collect",
                "collect.detected" if dialect.header else "collect.detected_no_header",
                {
                    "path": self.file.name,
                    "encoding": encoding,
                    "delimiter": shown,
                    "rows": self.rows,
                    "columns": len(self.columns),
                },
            )
        )
        if dialect.decimal == ",":
            self.listener(Note("collect", "collect.decimal_comma", {"path": self.file.name}))


class _LabelledPart(_Part):
    """A label, a blank and a text on every line, as text classification is often published."""

    is_text = True

    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        super().__init__(file, options, listener)
        self._encoding = encoding_of(file.path, file.name, options.encoding)
        self.columns = ("text", "label")

    @property
    def roles(self) -> tuple[str, ...]:
        return self.columns

    def learn(self) -> dict[str, _Seen]:
        seen = super().learn()
        encoding = "utf-8" if self._encoding == "utf-8-sig" else self._encoding
        self.found = {"format": "label_text", "encoding": encoding, "rows": self.rows}
        values = {"path": self.file.name, "encoding": encoding, "rows": self.rows}
        self.listener(Note("collect", "collect.label_text", values))
        return seen

    def frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        rows = self._rows()
        while chunk := list(islice(rows, _MOST_ROWS_AT_ONCE)):
            labels, texts = zip(*chunk, strict=True)
            yield pl.DataFrame({"text": texts, "label": labels}, schema=dict.fromkeys(self.columns, pl.String))

    def _rows(self) -> Iterator[tuple[str, str]]:
        path = self.file.path
        try:
            ticker = Ticker(self.listener, path.stat().st_size, "bytes")
            with path.open(encoding=self._encoding, newline=None) as stream:
                for number, line in enumerate(stream, start=1):
                    ticker.add(len(line))
                    if "\0" in line:
                        raise SourceError("nul_byte", path=self.file.name, line=number)
                    if words := line.split(maxsplit=1):
                        yield words[0], words[1].strip() if len(words) > 1 else ""
        except UnicodeError:
            bad = line_of_bad_byte(path, self._encoding)
            raise SourceError("wrong_encoding", path=self.file.name, encoding=self._encoding, line=bad) from None
        except OSError as error:
            raise unreadable(error, path) from error


class _SeriesPart(_Part):
    """The ``.ts`` format of sktime and the UCR archive: one series a line, its channels and its class behind colons.

    A row is a list of steps, for several channels of lists of channels; what is missing (``?``) is null. Lines need not
    be of equal length; of channels of unequal length the shorter end in nulls. The format's own description:
    sktime, "Loading data", TS format.
    """

    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        super().__init__(file, options, listener)
        self._channels = 0
        self._said, self._first_line = self._header()
        self._has_number = self._said.get("targetlabel", "").lower().startswith("true")
        self._has_class = self._said.get("classlabel", "").lower().startswith("true") or self._has_number
        if self._said.get("timestamps", "false").lower().startswith("true"):
            raise SourceError("bad_series", path=file.name, line=self._first_line, reason="@timeStamps true")
        self.columns = ("series", "class") if self._has_class else ("series",)

    @property
    def roles(self) -> tuple[str, ...] | None:
        return self.columns if self._has_class else None

    def learn(self) -> dict[str, _Seen]:
        seen = super().learn()
        self.found = {"format": "ts", "rows": self.rows, "channels": self._channels}
        values = {"path": self.file.name, "rows": self.rows, "channels": self._channels}
        self.listener(Note("collect", "collect.series", values))
        return seen

    def frames(self) -> Iterator[pl.DataFrame]:
        rows: list[tuple[list[Any], str | None]] = []
        size, self._channels = 0, 0
        for number, line in self._lines():
            if number <= self._first_line:
                continue
            rows.append(self._row(number, line))
            size += len(line)
            if size >= _MOST_BYTES_AT_ONCE:
                yield self._frame(rows)
                rows, size = [], 0
        if rows:
            yield self._frame(rows)

    def _frame(self, rows: list[tuple[list[Any], str | None]]) -> pl.DataFrame:
        import polars as pl

        steps = pl.List(pl.Float64) if self._channels == 1 else pl.List(pl.List(pl.Float64))
        columns = [pl.Series("series", [series for series, _ in rows], steps)]
        if self._has_class:
            classes = pl.Series("class", [label for _, label in rows], pl.String)
            columns.append(classes.cast(pl.Float64) if self._has_number else classes)
        return pl.DataFrame(columns)

    def _header(self) -> tuple[dict[str, str], int]:
        said: dict[str, str] = {}
        for number, line in self._lines():
            if not line.startswith("@"):
                break
            name, _, value = line[1:].partition(" ")
            if name.lower() == "data":
                return said, number
            said[name.lower()] = value.strip()
        raise SourceError("bad_series", path=self.file.name, line=1, reason="@data")

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Lines that are neither blank nor a comment, with their numbers from 1."""
        path = self.file.path
        try:
            ticker = Ticker(self.listener, path.stat().st_size, "bytes")
            with path.open(encoding="utf-8-sig", newline=None) as stream:
                for number, line in enumerate(stream, start=1):
                    ticker.add(len(line))
                    if line.strip() and not line.startswith("#"):
                        yield number, line.strip()
        except UnicodeDecodeError:
            bad = line_of_bad_byte(path, "utf-8")
            raise SourceError("wrong_encoding", path=self.file.name, encoding="utf-8", line=bad) from None
        except OSError as error:
            raise unreadable(error, path) from error

    def _row(self, number: int, line: str) -> tuple[list[Any], str | None]:
        *channels, last = line.split(":")
        label = last.strip() or None
        if not self._has_class:
            channels, label = [*channels, last], None
        if self._channels not in (0, len(channels)) or not channels:
            reason = f"{len(channels)} ≠ {self._channels}"
            raise SourceError("bad_series", path=self.file.name, line=number, reason=reason)
        self._channels = len(channels)
        try:
            numbers = [[_step(cell) for cell in channel.split(",")] if channel.strip() else [] for channel in channels]
        except ValueError as error:
            raise SourceError("bad_series", path=self.file.name, line=number, reason=error) from None
        if len(numbers) == 1:
            return numbers[0], label
        return [list(step) for step in zip_longest(*numbers)], label


def _step(cell: str) -> float | None:
    text = cell.strip()
    if text in ("?", ""):
        return None
    number = float(text)
    return None if number != number else number  # noqa: PLR0124 — NaN alone


class _Counted:
    """Lines, counted as they are taken."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self.number = iter(lines), 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.number += 1
            yield line


class _ParquetPart(_Part):
    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        super().__init__(file, options, listener)
        import polars as pl

        try:
            self._lazy = pl.scan_parquet(file.path, glob=False)
            schema = self._lazy.collect_schema()
            self.rows = self._lazy.select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _broken(file, error) from error
        self.columns = tuple(schema.names())
        # Data sets of pictures keep each as {bytes, path}.
        self._pictures = [
            name
            for name, dtype in schema.items()
            if isinstance(dtype, pl.Struct) and {"bytes", "path"} == {part.name for part in dtype.fields}
        ]
        self.found = {"format": "parquet", "rows": self.rows, "columns": len(self.columns)}

    def learn(self) -> dict[str, _Seen]:
        return {name: _Seen(others={_plain(dtype)}) for name, dtype in self._unpacked().collect_schema().items()}

    def frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        piece = self._pieces(self.file.path.stat().st_size, self.rows)
        for start in range(0, self.rows, piece):
            try:
                yield self._unpacked().slice(start, piece).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise _broken(self.file, error) from error

    def _unpacked(self) -> pl.LazyFrame:
        import polars as pl

        return self._lazy.with_columns(pl.col(name).struct.field("bytes").alias(name) for name in self._pictures)


class _JsonPart(_Part):
    """JSON Lines, one object a line; or one array of objects."""

    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        super().__init__(file, options, listener)
        self._records = Records()
        self._array: list[dict[str, Any]] | None = None
        try:
            self._is_array = _first_character(file.path) == "["
            for row in self._objects():
                self._records.see(row)
                self.rows += 1
                if len(self._records.columns) > _MOST_COLUMNS:
                    break
        except OSError as error:
            raise unreadable(error, file.path) from error
        if self.rows == 0:
            raise SourceError("empty_file", path=file.name)
        self.columns = self._records.columns
        self.found = {"format": "json" if self._is_array else "json lines", "rows": self.rows}

    def learn(self) -> dict[str, _Seen]:
        return {name: _Seen(others={_plain(dtype)}) for name, dtype in self._records.frame([]).schema.items()}

    def frames(self) -> Iterator[pl.DataFrame]:
        rows, piece = self._objects(), self._pieces(self.file.path.stat().st_size, self.rows)
        while chunk := list(islice(rows, piece)):
            yield self._records.frame(chunk)

    def _objects(self) -> Iterator[dict[str, Any]]:
        if self._is_array:
            yield from self._of_array()
            return
        number = 0
        with self.file.path.open("rb") as stream:
            ticker = Ticker(self.listener, self.file.path.stat().st_size, "bytes")
            for number, line in enumerate(stream, start=1):
                ticker.add(len(line))
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if text.strip():
                    yield self._object(self._parsed(text, number), number)

    def _of_array(self) -> Iterator[dict[str, Any]]:
        if self._array is None:
            _check_whole(self.file)
            rows = self._parsed(self.file.path.read_bytes().removeprefix(b"\xef\xbb\xbf"), 1)
            self._array = [self._object(row, number) for number, row in enumerate(rows, start=1)]
        yield from self._array

    def _parsed(self, text: bytes, line: int) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            where = error.lineno if self._is_array else line
            raise SourceError("bad_json", path=self.file.name, line=where, reason=error.msg) from error

    def _object(self, value: Any, number: int) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise SourceError("not_an_object", path=self.file.name, number=number)
        return value


class _ExcelPart(_Part):
    is_text = True

    def __init__(self, file: TableFile, options: TableOptions, listener: Listener) -> None:
        super().__init__(file, options, listener)
        import fastexcel

        _check_whole(file)
        try:
            book = fastexcel.read_excel(str(file.path))
            names = list(book.sheet_names)
        except Exception as error:  # the library raises kinds of its own, and the file may be anything
            raise _broken(file, error) from error
        if options.sheet is not None and options.sheet not in names:
            raise SourceError("no_sheet", path=file.name, sheet=options.sheet, sheets=", ".join(names))
        self._sheet = options.sheet or next(iter(names), "")
        self._frame = self._read(book)
        self.columns = tuple(self._frame.columns)
        self.found = {"format": "excel", "sheet": self._sheet, "rows": self._frame.height}
        if len(names) > 1 and options.sheet is None:
            self.listener(
                Note("collect", "collect.first_sheet", {"path": file.name, "sheet": self._sheet, "count": len(names)})
            )

    def frames(self) -> Iterator[pl.DataFrame]:
        yield from self._frame.iter_slices(self._pieces(int(self._frame.estimated_size()), self._frame.height))

    def _read(self, book: Any) -> pl.DataFrame:
        import polars as pl

        try:
            # Read without a header, so that empty and repeated names are seen as they stand.
            names = book.load_sheet(self._sheet, header_row=None, n_rows=1, dtypes="string").to_polars()
            if names.height == 0:
                raise SourceError("empty_file", path=self.file.name)
            first = ["" if cell is None else str(cell).strip() for cell in names.row(0)]
            if self.options.header is False:
                first = [f"column_{number}" for number in range(1, len(first) + 1)]
            _check_columns(self.file, tuple(first))
            skip = 0 if self.options.header is False else 1
            frame: pl.DataFrame = book.load_sheet(
                self._sheet, header_row=None, skip_rows=skip, column_names=first
            ).to_polars()
        except SourceError:
            raise
        except Exception as error:  # as above
            raise _broken(self.file, error) from error
        empty = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
        return frame.with_columns(pl.col(empty).cast(pl.String)).with_columns(pl.col(pl.String).str.strip_chars())


def _part(file: TableFile, options: TableOptions, listener: Listener) -> _Part:
    suffix = file.path.suffix.lower()
    try:
        with file.path.open("rb") as stream:
            magic = stream.read(8)
    except OSError as error:
        raise unreadable(error, file.path) from error
    if not magic:
        raise SourceError("empty_file", path=file.name)
    if magic.startswith(b"PAR1") or suffix in (".parquet", ".pq"):
        return _ParquetPart(file, options, listener)
    if suffix in (".xlsx", ".xlsm", ".xls", ".ods"):
        return _ExcelPart(file, options, listener)
    if suffix in (".json", ".jsonl", ".ndjson"):
        return _JsonPart(file, options, listener)
    if suffix == SERIES_SUFFIX:
        return _SeriesPart(file, options, listener)
    is_told = options.delimiter is not None or options.header is not None
    if options.format == "label_text" or (
        suffix == ".txt" and not is_told and is_labelled(file.path, file.name, options.encoding)
    ):
        return _LabelledPart(file, options, listener)
    return _TextPart(file, options, listener)


def _check_columns(file: TableFile, columns: tuple[str, ...]) -> None:
    if len(columns) > _MOST_COLUMNS:
        raise SourceError("too_many_columns", path=file.name, count=len(columns), limit=_MOST_COLUMNS)
    empty = [str(number) for number, name in enumerate(columns, start=1) if not name.strip()]
    if empty:
        raise SourceError("empty_column_name", path=file.name, numbers=", ".join(empty[:10]))
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise SourceError("duplicate_columns", path=file.name, names=", ".join(twice[:10]))
    reserved = [name for name in columns if name in ("__split__", "__path__", "__row__")]
    if reserved:
        raise SourceError("reserved_column", path=file.name, name=reserved[0])


def _check_whole(file: TableFile) -> None:
    size = file.path.stat().st_size
    if size > _LARGEST_WHOLE:
        raise SourceError("too_large_at_once", path=file.name, size=f"{size / (1 << 30):.1f} GiB", limit="1 GiB")


def _count(frame: pl.DataFrame, seen: dict[str, _Seen], decimal: str) -> None:
    import polars as pl

    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    expressions = []
    for number, name in enumerate(text):
        column = pl.col(name)
        expressions.append((column == "?").sum().alias(f"{number} marks"))
        if seen[name].may_be_number:
            known = ~(column.is_in(["", *_NOT_KNOWN]) | column.str.to_lowercase().is_in(_NOT_KNOWN))
            value = column.filter(known)
            parsed = _as_number(value, decimal)
            expressions += [
                known.sum().alias(f"{number} known"),
                (~known & ~column.is_in(["", "?"])).sum().alias(f"{number} words"),
                value.str.contains(_WHOLE).sum().alias(f"{number} whole"),
                parsed.cast(pl.Float64, strict=False).is_finite().sum().alias(f"{number} numbers"),
                value.str.contains(_CODE).sum().alias(f"{number} codes"),
            ]
    if not expressions:
        return
    for key, value in frame.select(expressions).row(0, named=True).items():
        index, figure = key.split(" ")
        of_column = seen[text[int(index)]]
        setattr(of_column, figure, getattr(of_column, figure) + (value or 0))


def _as_number(column: pl.Expr, decimal: str) -> pl.Expr:
    return column.str.replace(",", ".", literal=True) if decimal == "," else column


def _type(seen: _Seen) -> pl.DataType:
    """The type that holds all that was seen of a column."""
    import polars as pl

    if not seen.others:
        if seen.known == 0 or not seen.may_be_number:
            return pl.String()
        return pl.Int64() if seen.whole == seen.known else pl.Float64()
    if seen.known or seen.marks:
        return pl.String()
    if len(seen.others) == 1:
        return next(iter(seen.others))  # type: ignore[no-any-return]
    return pl.Float64() if all(dtype.is_numeric() for dtype in seen.others) else pl.String()


def _plain(dtype: pl.DataType) -> pl.DataType:
    import polars as pl

    if dtype.is_integer() and dtype not in (pl.UInt64, pl.Int128):
        return pl.Int64()
    if dtype.is_numeric():
        return pl.Float64()
    if dtype in (pl.Categorical, pl.Enum, pl.Null):
        return pl.String()
    if isinstance(dtype, (pl.List, pl.Array)) and isinstance(dtype.inner, pl.DataType):
        inner = _plain(dtype.inner)
        return pl.List(pl.Float64() if inner.is_numeric() else inner)
    return dtype


def _first_character(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1].decode("latin-1")


def _broken(file: TableFile, error: Exception) -> SourceError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return SourceError("unreadable_table", path=file.name, format=file.path.suffix.lstrip("."), reason=reason)
