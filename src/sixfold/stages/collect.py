"""The first stage: rows from their source into Parquet shards."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from sixfold.errors import SourceError
from sixfold.files import room_for
from sixfold.hashing import digest_of_value
from sixfold.product import Product
from sixfold.progress import Listener, silent
from sixfold.sources import RESERVED, Screen, Source, cuts_windows, gathered, source_of
from sixfold.stages._generator import SEEN, Generator
from sixfold.stages._stage import Stage
from sixfold.store import Artefact, Store, Workspace

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FED", "Collect"]

FED = "fed"
"""Under which name, by product, rows are kept whose truth came back from use."""

_SMALLEST_SHARD = 8 << 20
_LARGEST_SHARD = 64 << 20
_SHARD = 32 << 20
_SECONDS_BETWEEN_STEPS = 0.5


class Collect(Stage):
    """Reads the source, keeps the declared columns under the product's names, and records where they came from.

    Members are ``rows-00000.parquet`` … with the columns of the product, ``__split__`` where the source has an official
    split, and ``__path__`` where rows have a name for people. All shards have the same types.

    Args:
        enough: Asked after each piece with the rows read so far: whether those will do. A quote reads a part of a large
            source; what the artefact then says of itself has ``is_part``. Left out, all rows are read.
    """

    def __init__(self, enough: Callable[[int], bool] | None = None) -> None:
        self._enough = enough

    name: ClassVar[str] = "collect"

    def depends_on(self, product: Product) -> dict[str, Any]:
        source = _source(product)
        kinds = [source, *getattr(source, "parts", {}).values()]
        specs = product.columns
        series = {name: spec for name, spec in specs.items() if spec.kind == "series"}
        windows = {name: _cutting(spec.options) for name, spec in series.items()}
        return {
            **({"windows": windows} if cuts_windows(product) else {}),
            "given": list(product.given),
            "target": product.target_name,
            **({} if product.outcome_name is None else {"outcome": product.outcome_name}),
            "from": {name: spec.from_ for name, spec in specs.items()},
            "pictures": [name for name, spec in specs.items() if spec.kind == "image"],
            "series": list(series),
            "split": [product.prepare.split.group, product.prepare.split.time],
            **(
                {"groups": beside}
                if (beside := [name for name in product.evaluate.groups if name not in specs])
                else {}
            ),
            "collect": product.collect.model_dump(mode="json", exclude={"refresh"}),
            "data": None if product.in_memory else product.data,
            **_privacy(product),
            "source": [[kind.kind(), kind.version] for kind in kinds],
        }

    def fingerprint(self, product: Product) -> str:
        """Changes when the source does: sizes and times of files, a page's ETag, the content of rows in memory.

        Raises:
            SourceError: The source does not exist or cannot be reached.
            ProductError: The section `collect` says what the kind of source does not know.
        """
        return _source(product).fingerprint()

    def generator(self, product: Product, store: Store) -> str:
        """Changes with the model whose rows are added; empty where none are.

        Raises:
            ProductError: There is no such model, or it may not be used.
        """
        return "" if product.collect.synthetic is None else f" {Generator.of(product, store).digest}"

    def must_run(self, product: Product) -> bool:
        """Whether rows are to be read whatever was read before: `refresh` says so, or only reading tells changes."""
        return product.collect.refresh or _source(product).is_volatile

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:  # noqa: ARG002
        source = _source(product, work.listener)
        generator = None if product.collect.synthetic is None else Generator.of(product, work.store)
        before = source.fingerprint()
        room_for(source.space(), work.store.home.path)
        shards = _Shards(work)
        total, rows, told = source.count(), 0, time.monotonic()
        splits: dict[str, int] = {}
        is_part = False
        work.step(0, total, "rows")
        windows: dict[str, Any] = {}
        screen = Screen(product)
        for chosen in chain(gathered(product, source, work.listener, windows), _fed(product, work, splits)):
            if "__split__" in chosen.columns:
                for split, count in chosen["__split__"].value_counts().rows():
                    splits[split] = splits.get(split, 0) + count
            rows += chosen.height
            shards.add(screen.screened(chosen))
            if time.monotonic() - told >= _SECONDS_BETWEEN_STEPS:
                told = time.monotonic()
                work.step(rows, total, "rows")
            if self._enough is not None and self._enough(rows):
                is_part = True
                break
        if rows == 0:
            raise SourceError("no_rows", path=source.place)
        synthetic = None if generator is None else _made(generator, product, screen, shards, work)
        digest = shards.finish()
        if source.fingerprint() != before:
            raise SourceError("changed_meanwhile", path=source.place)
        work.step(rows, rows, "rows")
        redacted = screen.told()
        if redacted:
            work.note("collect.redacted", count=sum(sum(found.values()) for found in redacted.values()))
        provenance = source.provenance()
        section = product.collect
        provenance = replace(
            provenance,
            licence=section.licence or provenance.licence,
            origin=section.origin or provenance.origin,
        )
        return {
            "rows": rows,
            "columns": [name for name in shards.schema if name not in RESERVED],
            "splits": splits or None,
            "provenance": {**asdict(provenance), "name": provenance.name, "rows": rows},
            "digest": digest,
            **({"windows": windows} if windows else {}),
            **({"synthetic": synthetic} if synthetic else {}),
            **({"is_part": True, "total": total} if is_part else {}),
            **({"redacted": redacted} if redacted else {}),
        }


def _made(generator: Generator, product: Product, screen: Screen, shards: _Shards, work: Workspace) -> dict[str, Any]:
    """Rows of a generator, behind all others; what is to be told of them."""
    said = product.collect.synthetic
    assert said is not None
    work.note("collect.synthetic", rows=said.rows, product=said.product)
    for frame in generator.frames(product, work):
        shards.add(screen.screened(frame))
    work.write(SEEN, generator.seen(work))
    return {"product": said.product, "rows": said.rows, "only": said.only, "digest": generator.digest}


def _fed(product: Product, work: Workspace, splits: Mapping[str, int]) -> Iterator[pl.DataFrame]:
    """Rows of which the truth came back from use, if any were kept; where the source has its own split, to train on."""
    import polars as pl

    fed = work.store.made(FED, product.name)
    if fed is None:
        return
    frame = pl.read_parquet(io.BytesIO(work.store.get(fed.members["rows"])))
    yield frame.with_columns(pl.lit("train").alias("__split__")) if splits else frame


class _Shards:
    """Frames in, members out; in the end every member has the same types."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._waiting: list[pl.DataFrame] = []
        self._size = 0
        self._digests: list[str] = []
        self._schemas: list[dict[str, pl.DataType]] = []
        self.schema: dict[str, pl.DataType] = {}

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows; what is large enough is written."""
        size = int(frame.estimated_size())
        if size > _LARGEST_SHARD and frame.height > 1:
            middle = frame.height // 2
            self.add(frame[:middle])
            self.add(frame[middle:])
            return
        if self._waiting and (
            dict(frame.schema) != dict(self._waiting[0].schema)
            or (self._size >= _SMALLEST_SHARD and self._size + size > _LARGEST_SHARD)
        ):
            self._write()
        self._waiting.append(frame)
        self._size += size
        if self._size >= _SHARD:
            self._write()

    def finish(self) -> str:
        """Write what waits, and make the types of all shards one; returns the digest of all rows."""
        self._write()
        self.schema = self._common()
        for number, schema in enumerate(self._schemas):
            if schema != self.schema:
                self._rewrite(number)
        return digest_of_value(self._digests)

    def _write(self) -> None:
        import polars as pl

        if self._waiting:
            frame = pl.concat(self._waiting)
            self._waiting, self._size = [], 0
            self._schemas.append(dict(frame.schema))
            self._digests.append("")
            self._put(len(self._schemas) - 1, frame)

    def _put(self, number: int, frame: pl.DataFrame) -> None:
        import polars as pl

        stream = io.BytesIO()
        # Pictures are compressed already; trying again costs more than sealing the shard.
        has_pictures = pl.Binary in frame.dtypes
        frame.write_parquet(stream, compression="uncompressed" if has_pictures else "zstd", statistics=False)
        data = stream.getvalue()
        self._digests[number] = hashlib.sha256(data).hexdigest()
        self._work.write(_member(number), data)

    def _common(self) -> dict[str, pl.DataType]:
        import polars as pl

        common: dict[str, pl.DataType] = {}
        for schema in self._schemas:
            for name, dtype in schema.items():
                known = common.setdefault(name, dtype)
                if known == pl.Null:  # no value there yet
                    common[name] = dtype
                elif dtype not in (known, pl.Null):
                    common[name] = pl.Float64() if known.is_numeric() and dtype.is_numeric() else pl.String()
        return {name: pl.String() if dtype == pl.Null else dtype for name, dtype in common.items()}

    def _rewrite(self, number: int) -> None:
        import polars as pl

        frame = pl.read_parquet(io.BytesIO(self._work.store.get(self._work.members[_member(number)])))
        columns = []
        for name, dtype in self.schema.items():
            column = pl.col(name) if name in frame.columns else pl.lit(None).alias(name)
            columns.append(column.cast(dtype, strict=False))
        self._put(number, frame.select(columns))


def _cutting(options: Mapping[str, Any]) -> dict[str, Any]:
    """What of a series' options tells how windows are cut."""
    return {name: options[name] for name in ("length", "season", "steps") if name in options}


def _privacy(product: Product) -> dict[str, Any]:
    """What `prepare` says of columns that are collected beside the declared ones, and of personal data."""
    told = product.prepare
    does = {"personal_data": told.personal_data} if told.personal_data in ("redact", "refuse") else {}
    return {**does, **({"told_groups": told.groups} if told.groups else {})}


def _member(number: int) -> str:
    return f"rows-{number:05d}.parquet"


def _source(product: Product, listener: Listener = silent) -> Source:
    collect = product.collect
    return source_of(product.data, collect.options, product.folder, listener, collect.sha256)
