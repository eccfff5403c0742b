"""The small data sets that scikit-learn brings along: real rows with no download."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sixfold.errors import SourceError
from sixfold.hashing import digest, digest_of_value
from sixfold.language import Text
from sixfold.sources._pictures import png
from sixfold.sources._source import Provenance, Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SklearnData"]

_PREFIX = "sklearn:"
_UCI = "UCI Machine Learning Repository, through scikit-learn"
_ORIGINS: dict[str, tuple[str, str | None]] = {
    "breast_cancer": (_UCI, "CC BY 4.0"),
    "diabetes": ("Efron, Hastie, Johnstone and Tibshirani 2004, through scikit-learn", None),
    "digits": (_UCI, "CC BY 4.0"),
    "iris": (_UCI, "CC BY 4.0"),
    "wine": (_UCI, "CC BY 4.0"),
}
_BRIGHTEST_DIGIT = 16


class SklearnData(Source):
    """``sklearn:digits`` is pictures (roles ``image``, ``class``); breast_cancer, diabetes, iris and wine are tables.

    The target of a table is its column ``target``: the name of the class, or for diabetes a number.
    """

    title: ClassVar[Text] = Text("a data set of scikit-learn", "scikit-learn 自带的数据集")
    rank: ClassVar[int] = 5

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return place.startswith(_PREFIX)

    @property
    def name(self) -> str:
        """Which data set.

        Raises:
            SourceError: scikit-learn brings none of that name.
        """
        name = self.place.removeprefix(_PREFIX).strip()
        if name not in _ORIGINS:
            raise SourceError("no_data_set", name=name, known=", ".join(_ORIGINS))
        return name

    @property
    def roles(self) -> tuple[str, ...] | None:
        return ("image", "class") if self.name == "digits" else None

    def fingerprint(self) -> str:
        from importlib.metadata import version

        return digest_of_value([self.name, version("scikit-learn")])

    def frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        data = self._loaded
        if self.name == "digits":
            scaled = np.rint(data.images * (255 / _BRIGHTEST_DIGIT)).astype(np.uint8)
            yield pl.DataFrame(
                {
                    "image": pl.Series([png(pixels) for pixels in scaled], dtype=pl.Binary),
                    "class": [str(label) for label in data.target.tolist()],
                    "__path__": [f"digit-{number:04d}.png" for number in range(len(scaled))],
                }
            )
            return
        columns = {str(name): data.data[:, index] for index, name in enumerate(data.feature_names)}
        names = data.get("target_names")
        target = data.target if names is None else [str(names[label]) for label in data.target.tolist()]
        yield pl.DataFrame({**columns, "target": target})

    def provenance(self) -> Provenance:
        data = self._loaded
        content = data.data.tobytes() + data.target.tobytes()
        origin, licence = _ORIGINS[self.name]
        return Provenance(self.place, self.kind(), digest(content), len(content), licence, origin)

    def count(self) -> int:
        return len(self._loaded.target)

    @cached_property
    def _loaded(self) -> Any:
        from sklearn import datasets

        return getattr(datasets, f"load_{self.name}")()
