"""Every error that Sixfold raises on purpose.

    SixfoldError
    ├── InputError            exit code 2: what the user gave is wrong
    │   ├── ProductError      product.yaml, or a product built in code
    │   ├── SourceError       data that cannot be reached, opened or read
    │   ├── DataError         rows that were read but cannot be learned from
    │   ├── RequestError      a row sent for prediction is wrong
    │   ├── KeyringError      keys and recipients
    │   └── PackError         a pack that must not be trusted or cannot be opened
    ├── RunError              exit code 1: something failed while running
    │   ├── StoreError        blobs, artefacts, the disk
    │   ├── LedgerError       the record of what was done
    │   ├── TrainingError     a network that cannot be built, trained or exported
    │   └── ServiceError      a service that does not start, answer or stop
    └── GateRefused           exit code 3: a gate said no

An error is raised with a slug and the values of its sentence: ``SourceError("zip_slip", path=…, member=…)``. Its code,
``source.zip_slip``, never changes. The sentences (``says``) and the mend live in ``locale/<language>.toml`` under
``[errors.<family>.<slug>]``; a test holds that every slug raised has both, in every language, with the same values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sixfold.language import sentence

__all__ = [
    "DataError",
    "GateRefused",
    "InputError",
    "KeyringError",
    "LedgerError",
    "PackError",
    "Place",
    "ProductError",
    "RequestError",
    "RunError",
    "ServiceError",
    "SixfoldError",
    "SourceError",
    "StoreError",
    "TrainingError",
    "error_from_json",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file the cause stands: the file, the line (from 1) and the dotted key; each may be unknown."""

    file: str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        where = self.file or ""
        if self.line is not None:
            where += f":{self.line}"
        if self.key:
            where = f"{where} ({self.key})" if where else self.key
        return where


class SixfoldError(Exception):
    """The root: a stable code, a sentence, the place, expected and received, and the mend.

    Args:
        slug: Which error of the family; with the family it makes the code.
        place: Where the cause stands in product.yaml, if it stands there.
        expected: What would have been right, shown on a line of its own.
        received: What was found instead, shown on a line of its own.
        **values: What the sentences name in braces.
    """

    family: ClassVar[str] = "sixfold"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        slug: str,
        /,
        *,
        place: Place | None = None,
        expected: object = None,
        received: object = None,
        **values: object,
    ) -> None:
        self.slug = slug
        self.place = place
        self.expected = None if expected is None else str(expected)
        self.received = None if received is None else str(received)
        self.values = {name: str(value) for name, value in values.items()}
        super().__init__(slug)

    @property
    def code(self) -> str:
        """The stable name of this error, ``family.slug``."""
        return f"{self.family}.{self.slug}"

    def says(self, language: str | None = None) -> str:
        """The sentence that names the cause, in ``language`` (default: the reader's)."""
        return sentence(f"errors.{self.code}.says", language, **self._named())

    def mend(self, language: str | None = None) -> str:
        """What to do about it, in ``language`` (default: the reader's)."""
        return sentence(f"errors.{self.code}.mend", language, **self._named())

    def _named(self) -> dict[str, str]:
        """What the sentences may name in braces: the values, and what was expected and received, where it was said."""
        told = {"expected": self.expected, "received": self.received}
        return {**self.values, **{name: text for name, text in told.items() if text is not None}}

    def lines(self, language: str | None = None) -> list[str]:
        """The whole message, line by line: cause, place, expected, received, mend."""
        lines = [self.says(language)]
        if self.place is not None and str(self.place):
            lines.append(sentence("errors.parts.place", language, place=str(self.place)))
        if self.expected is not None:
            lines.append(sentence("errors.parts.expected", language, expected=self.expected))
        if self.received is not None:
            lines.append(sentence("errors.parts.received", language, received=self.received))
        lines.append(sentence("errors.parts.mend", language, mend=self.mend(language)))
        return lines

    def __str__(self) -> str:
        return "\n".join([f"[{self.code}] {self.says()}", *self.lines()[1:]])

    def to_json(self) -> dict[str, Any]:
        """What another process or program needs to show or rebuild this error."""
        return {
            "code": self.code,
            "says": self.says(),
            "mend": self.mend(),
            "place": None
            if self.place is None
            else {"file": self.place.file, "line": self.place.line, "key": self.place.key},
            "expected": self.expected,
            "received": self.received,
            "values": self.values,
        }


class InputError(SixfoldError):
    """What the user gave is wrong; nothing was changed."""

    family = "input"
    exit_code = 2


class ProductError(InputError):
    """The declaration is wrong: product.yaml, or a product built in code."""

    family = "product"


class SourceError(InputError):
    """The data cannot be reached, opened or read."""

    family = "source"


class DataError(InputError):
    """Rows were read, but cannot be learned from."""

    family = "data"


class RequestError(InputError):
    """A row sent for prediction is wrong."""

    family = "request"


class KeyringError(InputError):
    """A key is missing, unreadable or not the right one."""

    family = "keys"


class PackError(InputError):
    """A pack that must not be trusted, or cannot be opened."""

    family = "pack"


class RunError(SixfoldError):
    """Something failed while running; finished stages are kept."""

    family = "run"
    exit_code = 1


class StoreError(RunError):
    """The store cannot be read or written, or what it holds was changed."""

    family = "store"


class LedgerError(RunError):
    """The ledger cannot be written, or was changed."""

    family = "ledger"


class TrainingError(RunError):
    """A network cannot be built, trained or exported."""

    family = "training"


class ServiceError(RunError):
    """A service does not start, answer or stop."""

    family = "service"


class GateRefused(SixfoldError):
    """A gate said no: the next stage must not begin."""

    family = "gate"
    exit_code = 3


def error_from_json(record: dict[str, Any]) -> SixfoldError:
    """The error that another process wrote with :meth:`SixfoldError.to_json`."""
    family, _, slug = str(record["code"]).partition(".")
    kinds = {kind.family: kind for kind in _tree(SixfoldError)}
    place = record.get("place")
    return kinds.get(family, SixfoldError)(
        slug,
        place=None if place is None else Place(**place),
        expected=record.get("expected"),
        received=record.get("received"),
        **record.get("values", {}),
    )


def _tree(root: type[SixfoldError]) -> list[type[SixfoldError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _tree(child))]
