"""What a text table does not say of itself: its encoding, delimiter, quoting, header and decimal mark.

Detection looks at the first quarter of a mebibyte; only the encoding is checked against the whole file. Whatever is
found is told to the user and can be overruled in the section `collect`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from sixfold.errors import SourceError
from sixfold.sources._files import unreadable

__all__ = [
    "Dialect",
    "decoded",
    "detected",
    "encoding_named",
    "encoding_of",
    "is_labelled",
    "line_of_bad_byte",
    "reader",
]

_SAMPLE = 1 << 18
_LONGEST_HEADER = 1 << 24
_LONGEST_FIELD = 1 << 24
_CHUNK = 1 << 20
_OFTEN = 20
"""So many lines have a label on average where lines begin with one."""

_TABLE = 0.9
"""The share of lines that a delimiter divides alike in a table."""

_DELIMITERS = (",", "\t", ";", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x19\x1c-\x1f]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?%?")
_GUESSED = ("cp1251", "koi8_r", "big5", "shift_jis", "euc_jp")
"""Encodings that charset-normalizer may name; bytes that are none of these, UTF-8 or GB18030 are Western European."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written. ``decimal`` is the mark between whole and fraction."""

    encoding: str
    delimiter: str
    quoted: bool
    header: bool
    decimal: str


def detected(path: Path, shown: str, delimiter: str | None, encoding: str | None, header: bool | None) -> Dialect:
    """The dialect of the text table at ``path``, called ``shown``; what is given is taken, the rest is found.

    Raises:
        SourceError: The file is empty, is not text, or is not in the encoding that was said.
    """
    name = encoding_of(path, shown, encoding)
    sample = _sample(path)
    text = codecs.getincrementaldecoder(name)("replace").decode(sample, final=False)
    lines = text.splitlines(keepends=True)
    if len(sample) < path.stat().st_size and len(lines) > 1:
        lines.pop()
    delimiter, quoted = _delimiter(lines, delimiter, shown)
    rows = _rows(lines, delimiter, quoted)
    cells = [cell.strip() for row in rows[1:] for cell in row]
    return Dialect(
        encoding=name,
        delimiter=delimiter,
        quoted=quoted,
        header=header if header is not None else _has_header(rows),
        decimal="," if delimiter != "," and _has_decimal_commas(cells) else ".",
    )


def decoded(data: bytes, shown: str, encoding: str | None, before: str | None = None) -> tuple[str, str]:
    """A whole text and the encoding that it was read in.

    Args:
        data: The bytes of one document.
        shown: What people call it.
        encoding: What was said; left out, it is found.
        before: What was found for a document beside it: short ones do not tell it themselves.

    Raises:
        SourceError: It is not text, or not in the encoding that was said.
    """

    def decodes(name: str) -> bool:
        try:
            data.decode(name)
        except UnicodeDecodeError:
            return False
        return True

    if encoding is not None:
        name = encoding_named(encoding)
        if not decodes(name):
            raise SourceError("wrong_encoding", path=shown, encoding=name, line=1)
    elif decodes("utf-8-sig"):
        name = "utf-8-sig"
        if b"\0" in data:
            name = _encoding(shown, data[:_SAMPLE], decodes)
    else:
        name = before if before is not None and decodes(before) else _encoding(shown, data[:_SAMPLE], decodes)
    return data.decode(name), name


def encoding_of(path: Path, shown: str, encoding: str | None) -> str:
    """The encoding of the text file at ``path``: what was said, else what is found.

    Raises:
        SourceError: The file cannot be read, is empty or is not text; or there is no encoding of that name.
    """
    try:
        sample = _sample(path)
        if not sample.strip(b"\r\n\t \x00\xef\xbb\xbf"):
            raise SourceError("empty_file", path=shown)
        return encoding_named(encoding) if encoding is not None else _encoding(shown, sample, partial(_decodes, path))
    except OSError as error:
        raise unreadable(error, path) from error


def is_labelled(path: Path, shown: str, encoding: str | None) -> bool:
    """Whether the lines of a text file are ``label text``: few different first words, each often, and no table."""
    name = encoding_of(path, shown, encoding)
    lines = [line for line in _ends(path, name) if line.strip()]
    words = [line.split(maxsplit=1) for line in lines]
    labels = {line[0] for line in words}
    if not all(len(line) == 2 and line[0][-1] not in _DELIMITERS for line in words):  # noqa: PLR2004 — label and text
        return False
    if not 2 <= len(labels) <= max(2, len(lines) // _OFTEN):  # noqa: PLR2004 — two classes at least
        return False
    return _best_delimiter(lines, None)[1] < _TABLE


def encoding_named(name: str) -> str:
    """The encoding that ``name`` means.

    Raises:
        SourceError: There is none of that name.
    """
    try:
        found = codecs.lookup(name).name
        b"".decode(found)
    except LookupError:
        raise SourceError("unknown_encoding", encoding=name) from None
    return "utf-8-sig" if found == "utf-8" else found  # reads both, with and without the mark


def reader(lines: Iterable[str], delimiter: str, quoted: bool, *, strict: bool = True) -> Iterator[list[str]]:
    """Python's reader of text tables; ``strict`` makes a stray quote an error (:class:`csv.Error`)."""
    csv.field_size_limit(_LONGEST_FIELD)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=strict)


def line_of_bad_byte(path: Path, encoding: str) -> int:
    """The line (from 1) with the first bytes that are not of ``encoding``; the last line if it cannot be told."""
    number = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):  # noqa: B007
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                break
    return number


def _sample(path: Path) -> bytes:
    with path.open("rb") as stream:
        sample = stream.read(_SAMPLE)
        while b"\n" not in sample and len(sample) < _LONGEST_HEADER and (more := stream.read(_CHUNK)):
            sample += more
    return sample


def _ends(path: Path, encoding: str) -> list[str]:
    """The first and the last lines of a text: rows often stand in the order of their labels."""
    head, size = _sample(path), path.stat().st_size
    lines = codecs.getincrementaldecoder(encoding)("replace").decode(head, final=False).split("\n")
    if len(head) == size:
        return lines
    lines.pop()
    with path.open("rb") as stream:
        stream.seek(max(len(head), size - _SAMPLE))
        return lines + stream.read().decode(encoding, "replace").split("\n")[1:]


def _encoding(shown: str, sample: bytes, decodes: Callable[[str], bool]) -> str:
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    if b"\0" in sample:
        evens, odds = sample[0::2].count(0), sample[1::2].count(0)
        # Text of mostly ASCII letters has a zero in every other byte of UTF-16.
        if max(evens, odds) > len(sample) * 0.2 and min(evens, odds) < len(sample) * 0.02:
            return "utf-16-le" if odds > evens else "utf-16-be"
    if len(_CONTROLS.findall(sample)) > len(sample) * 0.02:
        raise SourceError("binary_file", path=shown)
    if decodes("utf-8"):
        return "utf-8"
    pairs = sample.decode("gb18030", errors="ignore")
    foreign = [letter for letter in pairs if ord(letter) > 127]  # noqa: PLR2004
    common = sum(1 for letter in foreign if _is_in_gb2312(letter))
    high = sum(byte > 127 for byte in sample)  # noqa: PLR2004
    # Chinese text is pairs of high bytes in GB 2312; an accented Latin letter pairs with an ASCII one instead.
    if foreign and common >= 0.9 * len(foreign) and common * 2 >= 0.8 * high and decodes("gb18030"):
        return "euc_kr" if _is_korean(pairs) and decodes("euc_kr") else "gb18030"
    guess = _guess(sample)
    if guess is not None and decodes(guess):
        return guess
    return "cp1252" if decodes("cp1252") else "latin-1"


def _guess(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    lines = [line for line in sample.splitlines() if not line.isascii()]
    words = b" ".join(lines)[:20_000]
    best = from_bytes(words, cp_isolation=["cp1252", "latin_1", *_GUESSED]).best()
    return best.encoding if best is not None and best.encoding in _GUESSED else None


def _is_korean(pairs: str) -> bool:
    """Whether bytes that read as GB 2312 are Hangul: its syllables lie in 25 rows, Chinese text is spread over 70."""
    leads = [letter.encode("gb18030")[0] for letter in pairs if "\u4e00" <= letter <= "\u9fff"]
    return len(leads) >= 20 and max(leads) <= 0xC8  # noqa: PLR2004


def _is_in_gb2312(letter: str) -> bool:
    try:
        letter.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as stream:
        try:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _rows(lines: list[str], delimiter: str, quoted: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    # The sample may end within a quoted field; what was read before stands.
    with contextlib.suppress(csv.Error):
        rows.extend(row for row in reader(lines, delimiter, quoted) if row)
    return rows


def _delimiter(lines: list[str], delimiter: str | None, shown: str) -> tuple[str, bool]:
    best, agreement = _best_delimiter(lines, delimiter)
    if delimiter is None and agreement < 0.5 and shown.lower().endswith(".txt") and len(lines) > 1:  # noqa: PLR2004
        raise SourceError("no_delimiter", path=shown)
    return best


def _best_delimiter(lines: list[str], delimiter: str | None) -> tuple[tuple[str, bool], float]:
    """The delimiter that divides the most lines alike, whether quotes count; and the share of lines that agree."""
    best, score = (delimiter or ",", True), (0.0, 0, False)
    for candidate in (delimiter,) if delimiter is not None else _DELIMITERS:
        # Only tab-separated text knows no quotes; elsewhere a quote that stays open is a fault to be told.
        for quoted in (True, False) if candidate == "\t" else (True,):
            rows = _rows(lines, candidate, quoted)
            if not rows:
                continue
            width, count = Counter(len(row) for row in rows).most_common(1)[0]
            if width < 2 and delimiter is None:  # noqa: PLR2004
                continue
            # Rows that a stray quote swallowed count against reading quotes.
            agreement = count / max(len(rows), 1) * min(1.0, _reach(rows, lines))
            if (round(agreement, 3), width, quoted) > score:
                best, score = (candidate, quoted), (round(agreement, 3), width, quoted)
    return best, score[0]


def _reach(rows: list[list[str]], lines: list[str]) -> float:
    read = sum(1 + sum(cell.count("\n") for cell in row) for row in rows)
    return read / max(1, sum(1 for line in lines if line.strip()))


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: it holds no number, and is not one more row of the same values."""
    first = [cell.strip() for cell in rows[0]]
    if any(_NUMBER.fullmatch(cell) for cell in first):
        return False
    if len(rows) == 1:
        return True
    columns = list(zip(*(row for row in rows[1:] if len(row) == len(first)), strict=True))
    if any(_is_numeric(column) for column in columns):
        return True
    repeated = any(name in {cell.strip() for cell in column} for name, column in zip(first, columns, strict=False))
    is_sentence = any(re.search(r"[.!?。!?]$", name) for name in first)
    return not repeated and not is_sentence


def _is_numeric(cells: tuple[str, ...]) -> bool:
    known = [cell.strip() for cell in cells if cell.strip() not in ("", "?")]
    return bool(known) and all(_NUMBER.fullmatch(cell) for cell in known)


def _has_decimal_commas(cells: list[str]) -> bool:
    commas = [cell for cell in cells if re.fullmatch(r"[+-]?\d+,\d+", cell)]
    points = any(re.fullmatch(r"[+-]?\d+\.\d+", cell) for cell in cells)
    thousands = all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) for cell in commas)
    return bool(commas) and not points and not thousands
