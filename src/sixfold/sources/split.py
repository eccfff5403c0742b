"""Several places, each for one split: ``data: {train: …, test: …}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sixfold.errors import SourceError
from sixfold.families import Options
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.progress import Listener, silent
from sixfold.sources._source import Provenance, Source
from sixfold.sources._splits import SPLITS

if TYPE_CHECKING:
    import polars as pl

    from sixfold.sources._attached import Attachments

__all__ = ["Split"]


class Split(Source):
    """The official split that product.yaml says itself; each part is read by its own kind of source.

    Args:
        place: As shown to people.
        options: None; those of `collect` go to the parts.
        base: From where a relative path is meant.
        listener: Whom progress is told.
        parts: The source of each split.
    """

    title: ClassVar[Text] = Text("several places, one for each split", "按用途分开的几处数据")

    def __init__(
        self,
        place: str,
        options: Options | None = None,
        base: Path | None = None,
        listener: Listener = silent,
        parts: Mapping[str, Source] | None = None,
    ) -> None:
        super().__init__(place, options, base, listener)
        self.parts = {split: parts[split] for split in SPLITS if parts and split in parts}
        self._read: list[Source] = []

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return False

    @property
    def roles(self) -> tuple[str, ...] | None:
        return self._read[-1].roles if self._read else next(iter(self.parts.values())).roles

    @property
    def is_volatile(self) -> bool:
        return any(part.is_volatile for part in self.parts.values())

    def fingerprint(self) -> str:
        return digest_of_value({split: part.fingerprint() for split, part in self.parts.items()})

    def frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        for split, part in self.parts.items():
            self._read.append(part)
            for frame in part.frames():
                if part.roles != self._read[0].roles:
                    raise SourceError("parts_differ", first=next(iter(self.parts)), second=split)
                # A split inside a part gives way to the one that the file says.
                yield frame.with_columns(pl.lit(split).alias("__split__"))

    def provenance(self) -> Provenance:
        told = {split: part.provenance() for split, part in self.parts.items()}
        return Provenance(
            place=self.place,
            kind=self.kind(),
            digest=digest_of_value({split: part.digest for split, part in told.items()}),
            bytes=sum(part.bytes for part in told.values()),
            detected={
                split: {"place": part.place, "kind": part.kind, "digest": part.digest, **part.detected}
                for split, part in told.items()
            },
        )

    def attachments(self, split: str | None = None) -> Attachments | None:
        return self.parts[split].attachments() if split is not None else None

    def space(self) -> int:
        return sum(part.space() for part in self.parts.values())

    def count(self) -> int:
        counts = [part.count() for part in self.parts.values()]
        return sum(counts) if all(counts) else 0
