"""Personal data on its way into the store: replaced or refused before anything is written."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from sixfold.errors import SourceError
from sixfold.personal import KINDS, is_redacted_column, personal_data, redacted
from sixfold.product import Product

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Screen"]

_PATH = "__path__"
_DIGITS = 12


class Screen:
    """Does to personal data what ``prepare: personal_data`` says: ``redact`` or ``refuse``; otherwise lets rows be.

    Texts and categories are looked at, names of files too; a category to predict is left as it is, since its values
    are the answers. A column that only tells which rows belong together (a group) keeps that: each value
    with personal data becomes a digest of its own.
    """

    def __init__(self, product: Product) -> None:
        self.does = product.prepare.personal_data
        words = [name for name, spec in product.columns.items() if is_redacted_column(spec.kind)]
        self._columns = [name for name in words if name != product.target_name or product.target.kind == "text"]
        known = {*product.columns, product.prepare.split.time}
        keys = (product.prepare.split.group, *(product.prepare.groups or ()), *product.evaluate.groups)
        self._keys = [name for name in dict.fromkeys(keys) if name is not None and name not in known]
        self._rows = 0
        self.counts: dict[str, Counter[str]] = {}

    def screened(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A piece of rows as it may be stored.

        Raises:
            SourceError: product.yaml says ``refuse``, and there is personal data; nothing of this piece was stored.
        """
        import polars as pl

        if self.does in ("redact", "refuse"):
            for name in (*self._columns, *self._keys, _PATH):
                if name in frame.columns and frame[name].dtype == pl.String:
                    frame = frame.with_columns(self._looked_at(name, frame[name]))
        self._rows += frame.height
        return frame

    def told(self) -> dict[str, dict[str, int]]:
        """How many pieces of each kind were replaced, by column."""
        return {name: dict(counts) for name, counts in self.counts.items()}

    def _looked_at(self, name: str, values: pl.Series) -> pl.Series:
        import polars as pl

        counts = self.counts.setdefault(name, Counter())
        kept: list[Any] = values.to_list()
        for row, value in enumerate(kept):
            if value is None or not (found := personal_data(value, name)):
                continue
            if self.does == "refuse":
                kind = KINDS[found[0].kind][1]
                raise SourceError("personal_data", column=name, row=self._rows + row + 1, what=kind())
            counts.update(one.kind for one in found)
            if name in self._keys:
                kept[row] = f"[{hashlib.sha256(value.encode()).hexdigest()[:_DIGITS]}]"
            else:
                kept[row] = redacted(value, name)
        if not counts:
            del self.counts[name]
        return pl.Series(name, kept, dtype=pl.String)
