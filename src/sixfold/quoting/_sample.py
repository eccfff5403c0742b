"""A part of the product's rows in a house of its own, that is gone when the quote is made.

What is measured there is real: the rows are collected, prepared, learned from, evaluated, served and packed by the same
stages, encrypted by keys that nobody keeps.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.errors import DataError, InputError
from sixfold.metering import Meter, Used
from sixfold.product import Product
from sixfold.progress import Epoch, Event, Listener, Step
from sixfold.security import Home, Keyring
from sixfold.stages import Collect, Prepare
from sixfold.store import Artefact, Store, Workspace

__all__ = ["Sample", "Scratch", "collected", "prepared", "scratch_house"]

_FIRST_ROWS = 600
"""Rows of the first look: enough for every check, prepared in a second or two where values are plain."""

_NEARLY_ALL = 0.8
"""Of the rows; where time allows so many, all are taken."""


@dataclass(frozen=True)
class Scratch:
    """The house of a quote: its store, and whom progress is told."""

    store: Store
    folder: Path
    listener: Listener
    clock: Callable[[], tuple[float, float]]
    """How many of how many seconds the quote has spent."""

    def work(self, stage: str, key: str, seed: int = 0) -> Workspace:
        """A workspace there. What happens within is no news of the product: it is told as the quote's own progress."""
        return Workspace(self.store, stage, key, seed, self._tell, self.folder)

    def _tell(self, event: Event) -> None:
        if isinstance(event, (Epoch, Step)):
            spent, most = self.clock()
            self.listener(Step(event.stage, min(round(spent), round(most)), round(most), "seconds"))

    def keep(self, work: Workspace, about: dict[str, Any], used: Used) -> Artefact:
        """The artefact of what was written."""
        return self.store.keep(work.stage, work.key, about, work.members, used.seconds, dict(used.to_json()))


@contextlib.contextmanager
def scratch_house(home: Home, listener: Listener, clock: Callable[[], tuple[float, float]]) -> Iterator[Scratch]:
    """A house within the home, private as that is, and gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="quote-", dir=home.folder("scratch")))
    try:
        inner = Home(folder / "home")
        yield Scratch(Store(inner, Keyring(inner)), folder, listener, clock)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Sample:
    """Rows that were collected or prepared, and how many there are of them in all.

    Args:
        artefact: What the stage made of the part.
        rows: How many of the collected rows it is of.
        total: How many there are, as far as that is known.
        used: What making all of it takes.
        disk_bytes: What all of it takes on disk.
        is_total_known: Whether the source tells how many rows it has, or all were read.
    """

    artefact: Artefact
    rows: int
    total: int
    used: Used
    disk_bytes: int
    is_total_known: bool = True

    @property
    def times(self) -> float:
        """How many times as many rows there are."""
        return self.total / max(1, self.rows)


def collected(product: Product, house: Scratch, made: Artefact | None, seconds: float) -> Sample:
    """The rows of the source: those collected before, or as many as are read in so many seconds."""
    if made is not None:
        rows = int(made.about["rows"])
        return Sample(made, rows, rows, _used(made), made.size)
    begun = time.perf_counter()
    stage = Collect(lambda _: time.perf_counter() - begun > seconds)
    work = house.work("collect", "collect")
    with Meter() as meter:
        about = stage.run(product, {}, work)
    artefact = house.keep(work, about, meter.used)
    rows, total = int(about["rows"]), int(about.get("total") or about["rows"])
    is_known = not about.get("is_part") or bool(about.get("total"))
    total = max(total, rows)
    grown = total / rows
    return Sample(artefact, rows, total, _times(meter.used, grown), round(artefact.size * grown), is_known)


def prepared(
    product: Product, house: Scratch, raw: Sample, source: Workspace, made: Artefact | None, seconds: float
) -> tuple[Sample, Artefact]:
    """Some of the collected rows, prepared; and those rows as they were collected, in the house.

    First a few are, then as many as the time allows; two sizes tell what does not grow with the rows.

    Raises:
        InputError: The part of the source that was read in time does not tell what the whole is like.
    """
    rows, official = raw.rows, raw.artefact.about.get("windows")
    first = rows if rows <= 2 * _FIRST_ROWS or official else _FIRST_ROWS
    small, small_raw, small_used = _tried(product, house, raw, source, first)
    taken, part, used, at = small, small_raw, small_used, first
    a_row = small_used.seconds / max(1, first)
    more = round(seconds / max(1e-9, a_row))
    if at < rows and more > 2 * at:
        at = rows if more >= _NEARLY_ALL * rows else more
        taken, part, used = _tried(product, house, raw, source, at)[:3]
    if made is not None:
        return Sample(taken, at, raw.total, _used(made), made.size), part
    slope = (used.seconds - small_used.seconds) / (at - first) if at > first else used.seconds / at
    slope = max(0.0, min(slope, used.seconds / at))
    whole = Used(
        used.seconds + slope * (raw.total - at),
        used.cpu_seconds * (1 + slope * (raw.total - at) / max(used.seconds, 1e-9)),
        used.peak_bytes,
        used.joules,
    )
    return Sample(taken, at, raw.total, whole, round(taken.size * raw.total / at)), part


def _tried(
    product: Product, house: Scratch, raw: Sample, source: Workspace, rows: int
) -> tuple[Artefact, Artefact, Used]:
    """Prepare so many of the rows; where those do not do, but all may, prepare all."""
    part = _part(raw.artefact, source, house, rows)
    work = house.work("prepare", f"prepare-{rows}")
    try:
        with Meter() as meter:
            about = Prepare().run(product, {"collect": part}, work)
    except DataError as error:
        if rows < raw.rows:
            return _tried(product, house, raw, source, raw.rows)
        if raw.artefact.about.get("is_part"):
            raise InputError("quote_needs_rows", rows=rows, reason=error.says()) from error
        raise
    return house.keep(work, about, meter.used), part, meter.used


def _part(artefact: Artefact, source: Workspace, house: Scratch, rows: int) -> Artefact:
    """So many of the collected rows, drawn at random from all shards, as an artefact in the house."""
    import polars as pl

    total = int(artefact.about["rows"])
    chosen = np.zeros(total, bool)
    chosen[np.random.default_rng(0).permutation(total)[:rows]] = True
    work, first = house.work("collect", f"collect-{rows}"), 0
    for name in sorted(name for name in artefact.members if name.endswith(".parquet")):
        frame = pl.read_parquet(io.BytesIO(source.read(artefact, name)))
        here = chosen[first : first + frame.height]
        first += frame.height
        stream = io.BytesIO()
        frame.filter(pl.Series(here)).write_parquet(stream, compression="uncompressed", statistics=False)
        work.write(name, stream.getvalue())
    return house.store.keep("collect", work.key, {**artefact.about, "rows": int(chosen.sum())}, work.members)


def _used(artefact: Artefact) -> Used:
    """What making an artefact took, as the record says."""
    used = artefact.used
    return Used(
        artefact.seconds,
        float(used.get("cpu_seconds") or artefact.seconds),
        int(used.get("peak_bytes") or 0),
        used.get("joules"),
    )


def _times(used: Used, times: float) -> Used:
    joules = None if used.joules is None else used.joules * times
    return Used(used.seconds * times, used.cpu_seconds * times, used.peak_bytes, joules)
