"""Numbers: standardised, with a flag of its own where some are missing."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, ClassVar, Literal

import numpy as np

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing, says_unknown
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Number"]

_QUANTILES = 65
"""Knots of the empirical distribution kept for networks and drift statistics: 64 bins."""

_RARE = 0.05
_SKEWED = 2.0
"""Skewness from which the few largest numbers would decide alone: that of the exponential distribution."""

_ENOUGH_TO_JUDGE = 30
"""Numbers from which their skewness says something."""

_FARTHEST = 1e6
"""Standard deviations beyond which a number counts as this far: float32 and a network stay finite on any input."""

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")

_NOT_A_NUMBER = Text("not a number", "不是数字")
_NOT_FINITE = Text("not a finite number", "不是有限的数字")


class Number(Field):
    """A number; in text, blanks around it, a percent sign, thousands commas and full-width digits are understood.

    Text that tables write where a number is not known (?, NA, NaN, null, none, -, 无 …) counts as missing.

    Encoded as (z, missing): z is standardised by the training rows' mean and standard deviation (held within a million
    of them) and 0 where missing; the flag column exists only if a training value was missing. Strongly skewed amounts
    (prices, counts, incomes) are encoded by their logarithm, log(1 + amount / typical amount), before that.
    """

    title: ClassVar[Text] = Text("a number", "数字")
    widget: ClassVar[Widget] = "number"
    version: ClassVar[int] = 2

    class Options(KindOptions):
        """``scale``: linear, or log, in which ten and a hundred lie as far apart as a hundred and a thousand; auto: log
        if all training values are 0 or more and so skewed that their logarithms are less than half as skewed.
        """

        scale: Literal["auto", "linear", "log"] = "auto"

    def parse(self, value: Any) -> float | None:
        if is_missing(value):
            return None
        try:
            number = _from_text(value) if isinstance(value, str) else float(value)
        except OverflowError:
            raise ValueError(_NOT_FINITE) from None
        except (TypeError, ValueError):
            raise ValueError(_NOT_A_NUMBER) from None
        if number is not None and not np.isfinite(number):
            if np.isnan(number):  # a NaN of another make, such as Decimal's
                return None
            raise ValueError(_NOT_FINITE)
        return number

    def learn(self, values: Values) -> dict[str, Any]:
        numbers = self._numbers(values)
        known = numbers[~np.isnan(numbers)]
        log_unit = self._log_unit(known)
        unit, scaled = _scaled(known)
        quantiles = [float(q) * unit for q in np.quantile(scaled, np.linspace(0, 1, _QUANTILES))]
        if log_unit is not None:
            unit, scaled = _scaled(_logarithms(known, log_unit))
        spread = float(scaled.std()) * unit if scaled.min() < scaled.max() else 0.0
        return {
            "mean": float(scaled.mean()) * unit,
            "spread": spread if spread > 0 else 1.0,
            "missing": bool(np.isnan(numbers).any()),
            "quantiles": quantiles,
            "log_unit": log_unit,
        }

    @property
    def usual(self) -> tuple[float, float]:
        """What nine in ten training values lie between."""
        quantiles: list[float] = self.state["quantiles"]
        margin = round(_RARE * (len(quantiles) - 1))
        return quantiles[margin], quantiles[-1 - margin]

    @property
    def form(self) -> Form:
        return Form(name="vector", shape=(2 if self.state["missing"] else 1,), dtype="float32")

    def encode(self, values: Values) -> Array:
        numbers = self._numbers(values)
        unknown = np.isnan(numbers)
        mean, spread = self.state["mean"], self.state["spread"]
        if (log_unit := self.state.get("log_unit")) is not None:
            numbers = _logarithms(numbers, log_unit)
        with np.errstate(over="ignore"):  # what overflows is held at the farthest, as it should be
            scaled = np.clip((numbers - mean) / spread, -_FARTHEST, _FARTHEST)
        scaled = np.where(unknown, 0.0, scaled)
        columns = [scaled, unknown] if self.state["missing"] else [scaled]
        return np.stack(columns, axis=1).astype(np.float32)

    def decode(self, array: Array) -> list[float | None]:
        largest = np.finfo(np.float64).max
        with np.errstate(over="ignore"):  # float32 may lie just beyond the largest float that was encoded
            numbers = array[:, 0].astype(np.float64) * self.state["spread"] + self.state["mean"]
            if (log_unit := self.state.get("log_unit")) is not None:
                numbers = _amounts(numbers, log_unit)
        numbers = np.clip(numbers, -largest, largest)
        unknown = array[:, 1] > 0.5 if self.state["missing"] else np.zeros(len(array), bool)  # noqa: PLR2004
        return [None if blank else float(number) for number, blank in zip(numbers, unknown, strict=True)]

    def schema(self) -> dict[str, Any]:
        return {"type": ["number", "null"]}

    def _log_unit(self, known: Array) -> float | None:
        """The typical amount that logarithms are taken of, in multiples; ``None`` where numbers stay as they are."""
        assert isinstance(self.options, Number.Options)
        amounts = np.abs(known[known != 0])
        if self.options.scale == "linear" or not amounts.size:
            return None
        typical = float(np.quantile(amounts, 0.5, method="nearest"))
        if self.options.scale == "log":
            return typical
        if known.size < _ENOUGH_TO_JUDGE or known.min() < 0:
            return None
        skew = _skewness(known)
        return typical if skew > _SKEWED and abs(_skewness(_logarithms(known, typical))) < skew / 2 else None

    def _numbers(self, values: Values) -> Array:
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            return _finite(values.astype(np.float64))
        if not isinstance(values, np.ndarray) and {type(value) for value in values} <= {float, int, bool, type(None)}:
            try:
                return _finite(np.array(values, np.float64))  # None becomes NaN
            except OverflowError:
                raise ValueError(_NOT_FINITE) from None
        return np.array([np.nan if number is None else number for number in self.parsed(values)], np.float64)


def _scaled(known: Array) -> tuple[float, Array]:
    """(unit, numbers / unit): divided by the largest, sums and squares of even the largest floats stay finite."""
    unit = float(np.abs(known).max(initial=0.0)) or 1.0
    return unit, known / unit if known.size else np.zeros(1)


def _skewness(known: Array) -> float:
    """The third standardised moment; 0 where all numbers are alike."""
    _, scaled = _scaled(known)
    spread = float(scaled.std())
    return float((((scaled - scaled.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _logarithms(numbers: Array, unit: float) -> Array:
    """log(1 + number / unit), and mirrored below 0 (Webber 2013), so that any number has one; without overflow."""
    with np.errstate(divide="ignore", invalid="ignore"):  # the logarithm of 0 is what is wanted: it gives 0 again
        logarithms: Array = np.sign(numbers) * np.logaddexp(0.0, np.log(np.abs(numbers)) - np.log(unit))
    return logarithms


def _amounts(logarithms: Array, unit: float) -> Array:
    """The way back from :func:`_logarithms`."""
    sizes = np.abs(logarithms)
    with np.errstate(divide="ignore", invalid="ignore"):  # as above
        amounts: Array = np.sign(logarithms) * np.exp(sizes + np.log(-np.expm1(-sizes)) + np.log(unit))
    return amounts


def _from_text(text: str) -> float | None:
    plain = text.strip()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).replace("\N{MINUS SIGN}", "-")
    if says_unknown(plain):
        return None
    number = plain.removesuffix("%").rstrip()
    # Commas count only between thousands: read otherwise, the decimal comma of "1,5" would make it fifteen.
    if _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    if "_" in number:  # Python reads 2020_01 as 202001
        raise ValueError
    return float(number) * (0.01 if plain.endswith("%") else 1.0)


def _finite(numbers: Array) -> Array:
    if np.isinf(numbers).any():
        raise ValueError(_NOT_FINITE)
    return numbers
