"""What answers are worth: `evaluate: {value: …}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["Person", "Value"]

_OF_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "yes_no": ("right", "missed", "false_alarm"),
    "category": ("right", "wrong"),
    "number": ("right", "wrong", "per_unit", "within"),
}
"""What can be said of answers of a kind of target."""

_SAID_OF_ANSWERS = ("right", "wrong", "missed", "false_alarm", "per_unit", "within")

_Worth: TypeAlias = float | dict[str, float]
_Cost: TypeAlias = float | dict[str, dict[str, float]]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Person(_Closed):
    """A person who answers cases instead of the model."""

    costs: float | None = Field(None, ge=0, description="What one case costs that a person answers.")
    right: float = Field(1.0, ge=0, le=1, description="How often a person's answer is right.")
    minutes: float | None = Field(None, gt=0, le=100_000, description="How long a person takes for one case.")


class Value(_Closed):
    """What answers earn and cost, so that the report can say whether the product pays. Costs are above 0."""

    currency: str | None = Field(
        None,
        pattern=r"^[A-Z]{3}$",
        description="Of every amount: ISO 4217; left out, that of `train: {price: …}`, else CNY.",
    )
    right: _Worth = Field(
        0.0, description="What a right answer earns; by class where that differs: `{yes: 20, no: 0}`."
    )
    wrong: _Cost = Field(
        0.0,
        description="Classes: what an error costs, or by pair `{truth: {answer: cost}}`; numbers: one beyond `within`.",
    )
    missed: float = Field(0.0, ge=0, description="yes_no: what it costs to say no where yes is right.")
    false_alarm: float = Field(0.0, ge=0, description="yes_no: what it costs to say yes where no is right.")
    per_unit: float = Field(0.0, ge=0, description="Numbers: what each unit of error costs (beyond `within`).")
    within: float | None = Field(None, ge=0, description="Numbers: so far off an answer still counts as right.")
    person: Person = Field(default=Person(), description="A person who answers cases instead of the model.")
    price: float = Field(0.0, ge=0, description="What a customer pays for one answer; 0: for your own use.")
    volume: float | None = Field(None, gt=0, le=1e12, description="How many answers are asked for in a month.")
    machine_hour: float | None = Field(
        None, ge=0, description="What an hour of the machine that answers costs; left out, as `train: {price: …}` says."
    )
    training: float | None = Field(
        None, ge=0, description="What making the model cost, once; left out, the machine hours of this run."
    )

    @field_validator("right", "wrong")
    @classmethod
    def _is_not_negative(cls, said: _Worth | _Cost) -> _Worth | _Cost:
        if any(amount < 0 for amount in _amounts(said)):
            raise ValueError("an amount is not below 0; what is a cost is said so by its name")
        return said

    @property
    def is_said(self) -> bool:
        """Whether product.yaml says anything at all."""
        return any(self._says(name) for name in type(self).model_fields if name != "currency")

    @property
    def is_of_answers(self) -> bool:
        """Whether it says what answers are worth, and not only what they are sold for."""
        return any(self._says(name) for name in _SAID_OF_ANSWERS)

    def unfit(self, kind: str) -> str | None:
        """The first thing said that answers of this kind of target do not have; ``None`` where all fits."""
        known = _OF_ANSWERS.get(kind, ())
        for name in _SAID_OF_ANSWERS:
            if self._says(name) and name not in known:
                return name
        if kind == "number" and isinstance(self.right, dict):
            return "right"
        if kind == "number" and isinstance(self.wrong, dict):
            return "wrong"
        return None

    def _says(self, name: str) -> bool:
        """Whether it says something of that name that is not the default: so that printed defaults say nothing."""
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    @staticmethod
    def fitting(kind: str) -> tuple[str, ...]:
        """What can be said of answers of a kind of target."""
        return _OF_ANSWERS.get(kind, ())


def _amounts(said: _Worth | _Cost) -> list[float]:
    if not isinstance(said, dict):
        return [said]
    return [amount for part in said.values() for amount in _amounts(part)]
