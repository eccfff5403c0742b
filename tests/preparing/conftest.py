"""Rows as `collect` leaves them, and what `prepare` makes of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from sixfold.product import Product
from sixfold.progress import Event
from sixfold.stages.prepare import Prepare
from sixfold.store import Artefact, Prepared, Store, Workspace


class Bench:
    """Collect's artefact made of frames, one shard each; and the stage run on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.events: list[Event] = []

    def collected(self, *frames: pl.DataFrame) -> Artefact:
        work = Workspace(self.store, "collect", "collect")
        for number, frame in enumerate(frames):
            stream = io.BytesIO()
            frame.write_parquet(stream)
            work.write(f"rows-{number:05d}.parquet", stream.getvalue())
        return self.store.keep("collect", "collect", {"rows": sum(frame.height for frame in frames)}, work.members)

    def prepare(self, product: Product, *frames: pl.DataFrame) -> tuple[Prepared, dict[str, Any], Workspace]:
        """The prepared artefact, its data report, and where to read it."""
        self.events.clear()
        work = Workspace(self.store, "prepare", "prepare", listener=self.events.append)
        about = Prepare().run(product, {"collect": self.collected(*frames)}, work)
        made = self.store.keep("prepare", "prepare", about, work.members)
        return Prepared.open(made, work), work.read_json(made, "report.json"), work


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


@pytest.fixture
def product() -> Callable[..., Product]:
    """A product by its columns and its section `prepare`."""

    def make(given: dict[str, Any], target: Any = "category", **prepare: Any) -> Product:
        return Product(name="thing", data="–", given=given, predict={"target": target}, prepare=prepare)

    return make
