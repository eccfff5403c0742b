"""Rows that the finished generator of another product makes, for the training rows of this one alone."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sixfold.errors import ProductError
from sixfold.evaluation import gate_title
from sixfold.fields import Array
from sixfold.hashing import digest_of_value
from sixfold.language import language
from sixfold.product import Product
from sixfold.serving import Engine
from sixfold.stages.deploy import bundle_from
from sixfold.store import ROW, Artefact, Prepared, Store, Workspace

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DIGEST_BYTES", "SEEN", "Generator", "likeness_of"]

SEEN = "seen_by_generator"
"""The member of `collect` that holds what the generator learned from: digests of its target's values, one after the
other."""

DIGEST_BYTES = 16
_AT_ONCE = 256
_KINDS = ("category", "yes_no")
_NEEDED = ("collect", "prepare", "train", "evaluate")


@dataclass(frozen=True)
class Generator:
    """The last finished model of a product that generates.

    Args:
        product: What it is.
        artefacts: What its stages made, by stage.
    """

    product: Product
    artefacts: Mapping[str, Artefact]

    @classmethod
    def of(cls, product: Product, store: Store) -> Self:
        """The one that `collect: {synthetic: …}` names.

        Every record is verified as it is read (signature, digest), and so is every member later.

        Raises:
            ProductError: It is not there, not finished, did not pass its gates, or makes other columns; the error says
                what to do.
            StoreError: What was kept of it was changed.
        """
        said = product.collect.synthetic
        assert said is not None
        place = product.place("collect.synthetic.product")
        record = None if said.product == product.name else store.made("product", said.product)
        if record is None:
            known = [key for stage, key in store.steps() if stage == "product" and key != product.name]
            raise ProductError("no_generator", place=place, name=said.product, known=", ".join(sorted(known)) or "–")
        keys = record.about["keys"]
        found = {stage: store.made(stage, keys[stage]) for stage in _NEEDED if stage in keys}
        artefacts = {stage: artefact for stage, artefact in found.items() if artefact is not None}
        if len(artefacts) < len(_NEEDED):
            raise ProductError("generator_unfinished", place=place, name=said.product)
        failed = [gate["name"] for gate in artefacts["evaluate"].about["gates"] if not gate["passed"]]
        if failed:
            gates = ", ".join(gate_title(name)(language()) for name in failed)
            raise ProductError("generator_refused", place=place, name=said.product, gates=gates)
        other = Product.declared(record.about["product"], None, {})
        ours, theirs = ({name: spec.kind for name, spec in one.columns.items()} for one in (product, other))
        if other.verb != "generate" or ours != theirs:
            raise ProductError(
                "generator_differs",
                place=place,
                name=said.product,
                expected=", ".join(f"{name}: {kind}" for name, kind in ours.items()),
                received=f"{other.verb}: " + ", ".join(f"{name}: {kind}" for name, kind in theirs.items()),
            )
        for name in said.only:
            if name not in other.given or other.given[name].kind not in _KINDS:
                able = ", ".join(key for key, spec in other.given.items() if spec.kind in _KINDS) or "–"
                key = product.place(f"collect.synthetic.only.{name}")
                raise ProductError("generator_not_told", place=key, name=said.product, column=name, known=able)
        return cls(other, artefacts)

    @property
    def digest(self) -> str:
        """Names the model, what it learned from and how it answers."""
        return digest_of_value({stage: artefact.digest for stage, artefact in self.artefacts.items()})

    def frames(self, product: Product, work: Workspace) -> Iterator[pl.DataFrame]:
        """The rows that ``product`` asks for, as `collect` keeps them, marked in ``__synthetic__``.

        What the generator is given is drawn from its training rows, or of those that are like `only`.

        Raises:
            ProductError: None of its training rows is like that.
        """
        import polars as pl

        said = product.collect.synthetic
        assert said is not None
        engine = Engine(bundle_from(self.product, self.artefacts, work))
        given = self._given(product, work)
        target, name = self.product.target_name, said.product
        for start in range(0, said.rows, _AT_ONCE):
            part = given[start : start + _AT_ONCE]
            # Every batch counts its rows from 0, so each has a seed of its own.
            asked = {"seed": (said.seed * 1_000_003 + start // _AT_ONCE) % 2**31} if self._draws(engine) else {}
            answers = engine.answers(part, asked)
            values = [answer[target] for answer in answers]
            if self.product.target.kind == "image":
                values = [base64.b64decode(value) for value in values]
            columns: dict[str, Any] = {column: [row.get(column) for row in part] for column in self.product.given}
            columns = {column: columns.get(column, values) for column in product.columns}
            yield pl.DataFrame(
                {
                    **columns,
                    "__synthetic__": [True] * len(part),
                    "__path__": [f"product:{name} #{start + number + 1}" for number in range(len(part))],
                },
                infer_schema_length=None,
            )
            work.step(start + len(part), said.rows, "rows")

    def seen(self, work: Workspace) -> bytes:
        """Digests of its target's values in the rows that it learned from, one after the other."""
        import polars as pl

        prepared = Prepared.open(self.artefacts["prepare"], work)
        numbers = np.sort(np.concatenate([arrays[ROW] for arrays in prepared.arrays("train", work)]))
        collected, first, found = self.artefacts["collect"], 0, []
        for member in sorted(name for name in collected.members if name.endswith(".parquet")):
            values = pl.read_parquet(io.BytesIO(work.read(collected, member)), columns=[prepared.target.name])
            low, high = np.searchsorted(numbers, (first, first + values.height))
            column = values[prepared.target.name]
            found += [likeness_of(prepared.target, column[int(row - first)]) for row in numbers[low:high]]
            first += values.height
        return b"".join(found)

    def _draws(self, engine: Engine) -> bool:
        return "seed" in engine.bundle.task.Settings.model_fields

    def _given(self, product: Product, work: Workspace) -> list[dict[str, Any]]:
        """What the generator is told for each row."""
        said = product.collect.synthetic
        assert said is not None
        prepared = Prepared.open(self.artefacts["prepare"], work)
        if not prepared.given:
            return [{}] * said.rows
        parts = list(prepared.arrays("train", work))
        arrays: dict[str, Array] = {name: np.concatenate([part[name] for part in parts]) for name in prepared.given}
        fits = np.ones(len(next(iter(arrays.values()))), bool)
        for column, wanted in said.only.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            decoded = prepared.given[column].decode(arrays[column])
            labels = {str(prepared.given[column].parse(value)) for value in values}
            here = np.array([str(value) in labels for value in decoded])
            if not here.any():
                known = ", ".join(sorted({str(value) for value in decoded if value is not None})[:20])
                raise ProductError(
                    "generator_never_saw",
                    place=product.place(f"collect.synthetic.only.{column}"),
                    name=said.product,
                    column=column,
                    value=", ".join(map(str, values)),
                    known=known,
                )
            fits &= here
        places = np.flatnonzero(fits)
        if not len(places):
            known = ", ".join(f"{name}: {value}" for name, value in said.only.items())
            raise ProductError(
                "generator_never_saw",
                place=product.place("collect.synthetic.only"),
                name=said.product,
                column="only",
                value=known,
                known="–",
            )
        drawn = np.random.default_rng(said.seed).choice(places, said.rows)
        columns = {name: prepared.given[name].decode(array[drawn]) for name, array in arrays.items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def likeness_of(field: Any, value: Any) -> bytes:
    """A digest of what a raw value says; zeros where it says nothing, or cannot be of its kind."""
    try:
        likeness = field.likeness(value)
    except ValueError:
        likeness = None
    if likeness is None:
        return bytes(DIGEST_BYTES)
    return hashlib.blake2b(likeness, digest_size=DIGEST_BYTES).digest()
