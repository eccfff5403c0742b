"""NumPy archives of arrays, as MedMNIST and Keras publish them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sixfold.errors import SourceError
from sixfold.fields import Array
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.progress import Note
from sixfold.sources._archives import opened
from sixfold.sources._files import checked_digest, located, stamp
from sixfold.sources._pictures import png
from sixfold.sources._source import Provenance, Source
from sixfold.sources._splits import SPLITS, split_named

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Npz"]

_GIVEN = ("images", "image", "x", "data", "features")
_TARGET = ("labels", "label", "y", "target", "targets")
_ROWS_AT_ONCE = 4096


class Npz(Source):
    """Arrays called ``train_images``, ``train_labels``, ``test_images`` …, or ``x_train`` …, or just ``x`` and ``y``.

    Arrays of shape (rows, height, width[, 1 or 3]) are pictures (roles ``image`` and ``class``); (rows, columns) is a
    table ``x_1`` … and ``y``. Arrays of objects are refused: they would be pickle.
    """

    title: ClassVar[Text] = Text("arrays of NumPy (.npz)", "NumPy 数组(.npz)")
    rank: ClassVar[int] = 10

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:
        path = located(place, base)
        return path.suffix.lower() == ".npz" and path.is_file()

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return located(self.place, self.base)

    @property
    def roles(self) -> tuple[str, ...] | None:
        given = next(iter(self._pairs.values()))[0]
        return ("image", "class") if given.ndim > 2 else None  # noqa: PLR2004

    def fingerprint(self) -> str:
        return digest_of_value(stamp(self.path))

    def space(self) -> int:
        return sum(given.nbytes for given, _ in self._pairs.values())

    def count(self) -> int:
        return sum(len(given) for given, _ in self._pairs.values())

    def frames(self) -> Iterator[pl.DataFrame]:
        self._digest = checked_digest(self.path, self.sha256, self.listener)
        pairs = self._pairs
        splits = [split for split in pairs if split]
        if splits:
            self.listener(Note("collect", "collect.official_split", {"splits": ", ".join(splits)}))
        for split, (given, target) in pairs.items():
            for start in range(0, len(given), _ROWS_AT_ONCE):
                end = start + _ROWS_AT_ONCE
                yield self._frame(split, given[start:end], target[start:end], start)

    def provenance(self) -> Provenance:
        detected = {split or "rows": len(given) for split, (given, _) in self._pairs.items()}
        return Provenance(self.place, self.kind(), self._digest, self.path.stat().st_size, detected=detected)

    @cached_property
    def _pairs(self) -> dict[str, tuple[Array, Array]]:
        arrays = self._arrays()
        pairs: dict[str, dict[str, Array]] = {}
        for name, array in arrays.items():
            split, part = _meaning(name)
            if part is not None:
                pairs.setdefault(split, {})[part] = array
        whole = {split: pairs[split] for split in ("", *SPLITS) if len(pairs.get(split, {})) == 2}  # noqa: PLR2004
        if not whole or ("" in whole and len(whole) > 1):
            shapes = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:8])
            raise SourceError("unclear_arrays", path=self.path.name, arrays=shapes or "-")
        return {split: self._checked(split, pair["given"], pair["target"]) for split, pair in whole.items()}

    def _arrays(self) -> dict[str, Array]:
        opened(self.path)  # refuses bombs and other hostile archives before anything is loaded
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (ValueError, OSError, EOFError, KeyError, SyntaxError, MemoryError) as error:
            reason = str(error).partition("\n")[0]
            raise SourceError("bad_arrays", path=self.path.name, reason=reason) from error

    def _checked(self, split: str, given: Array, target: Array) -> tuple[Array, Array]:
        name = self.path.name
        if target.ndim > 1 and target.size == len(target):
            target = target.reshape(-1)
        if target.ndim != 1 or target.dtype.kind not in "iubfUS":
            raise SourceError("bad_arrays", path=name, reason=f"labels {target.dtype}{target.shape} ≠ (rows,)")
        if len(given) != len(target) or len(given) == 0:
            raise SourceError("bad_arrays", path=name, reason=f"{split or 'x'}: {len(given)} ≠ {len(target)} rows")
        is_table = given.ndim <= 2 and given.dtype.kind in "iubf"  # noqa: PLR2004
        if is_table:
            return given.reshape(len(given), -1), target
        is_picture = given.ndim == 3 or (given.ndim == 4 and given.shape[3] in (1, 3))  # noqa: PLR2004
        if not is_picture or given.dtype.kind not in "iubf":
            raise SourceError(
                "bad_arrays", path=name, reason=f"{given.dtype}{given.shape} ≠ (rows, height, width[, 3])"
            )
        return self._as_bytes(given), target

    def _as_bytes(self, pixels: Array) -> Array:
        if pixels.dtype == np.uint8:
            return pixels
        low, high = float(pixels.min()), float(pixels.max())
        if low < 0 or high > 255 or not np.isfinite([low, high]).all():  # noqa: PLR2004
            raise SourceError("bad_arrays", path=self.path.name, reason=f"{low:g} … {high:g} ≠ 0 … 255")
        scale = 255.0 if high <= 1 and pixels.dtype.kind == "f" else 1.0
        return np.rint(pixels * scale).astype(np.uint8)

    def _frame(self, split: str, given: Array, target: Array, start: int) -> pl.DataFrame:
        import polars as pl

        labels = pl.Series(target.astype(np.int64) if target.dtype.kind in "iub" else target)
        if given.ndim > 2:  # noqa: PLR2004
            paths = [f"{split or 'row'}/{number:06d}.png" for number in range(start, start + len(given))]
            pictures = pl.Series([png(pixels) for pixels in given], dtype=pl.Binary)
            frame = pl.DataFrame({"image": pictures, "class": labels, "__path__": paths})
        else:
            columns = {f"x_{index + 1}": given[:, index] for index in range(given.shape[1])}
            frame = pl.DataFrame({**columns, "y": labels})
        return frame.with_columns(pl.lit(split).alias("__split__")) if split else frame


def _meaning(name: str) -> tuple[str, str | None]:
    """The split and the part (given or target) that an array's name tells: ``train_images``, ``x_test``, ``y``."""
    words = name.lower().split("_")
    split = next((found for word in words if (found := split_named(word))), "")
    rest = [word for word in words if split_named(word) is None]
    if len(rest) != 1:
        return "", None
    if rest[0] in _GIVEN:
        return split, "given"
    return split, "target" if rest[0] in _TARGET else None
