"""ideas.yaml: what is known, assumed and measured of each idea."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sixfold.errors import InputError, Place, ProductError
from sixfold.product import declaration_error, read_mapping

__all__ = ["CHANCES", "FIGURES", "Figure", "Idea", "Ideas", "Mark", "Rival", "load_ideas"]

Mark: TypeAlias = Literal["given", "assumed", "measured"]

_MARKS: tuple[Mark, ...] = ("given", "assumed", "measured")
_MOST_BYTES = 1 << 20
_MOST_IDEAS = 100
_ENDS = 2


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(_Closed):
    """A figure with how it is known: ``{given: 3}``, ``{assumed: [2, 9]}``, ``{measured: [2, 3, 5]}``.

    A range is [low, high], or [low, likeliest, high]. A bare number or range is assumed.
    """

    mark: Mark
    low: float
    likely: float | None = None
    high: float

    @model_validator(mode="before")
    @classmethod
    def _read(cls, said: Any) -> Any:
        if isinstance(said, dict) and {"mark", "low"} <= set(said):
            return said
        mark: str = "assumed"
        if isinstance(said, dict):
            if len(said) != 1 or next(iter(said)) not in _MARKS:
                raise ValueError("say one of given, assumed and measured: `{assumed: [2, 9]}`")
            ((mark, said),) = said.items()
        ends = said if isinstance(said, list) else [said, said]
        is_sound = len(ends) in (_ENDS, _ENDS + 1) and all(isinstance(end, (int, float)) for end in ends)
        if not is_sound or sorted(ends) != ends:
            raise ValueError("a figure is a number, [low, high] or [low, likeliest, high]")
        return {"mark": mark, "low": ends[0], "high": ends[-1], "likely": ends[1] if len(ends) > _ENDS else None}

    @property
    def is_range(self) -> bool:
        """Whether it is not known exactly."""
        return self.low < self.high

    @property
    def middle(self) -> float:
        """The likeliest value, or the middle of the range."""
        return (self.low + self.high) / 2 if self.likely is None else self.likely


class Rival(_Closed):
    """Who else does it, or could, and what would keep them away."""

    name: str
    kept_away_by: str = ""


CHANCES = ("data", "customer", "rivals", "regulation")
FIGURES = ("volume", "value", "errors", "error_cost", "caught", "growth", "running", "making", *CHANCES)


def _known(value: float) -> Figure:
    return Figure(mark="assumed", low=value, high=value)


class Chances(_Closed):
    """What must all go well, each with its chance (0 to 1)."""

    data: Figure = Field(description="That the data can be had.")
    customer: Figure = Field(description="That customers take it.")
    rivals: Figure = Field(default=_known(1), description="That rivals stay away.")
    regulation: Figure = Field(default=_known(1), description="That the rules allow it.")


class Idea(_Closed):
    """One idea. Amounts are in the currency of the file; chances and shares lie between 0 and 1."""

    name: str = Field(min_length=1, max_length=80)
    customer: str = Field(description="Who would pay.")
    today: str = Field(description="How it is done today.")
    rivals: list[Rival] = Field(default_factory=list, description="Who else does it, and what keeps them away.")
    data: str = Field("", description="Where the data would come from.")
    regulation: str = Field("", description="Which rules it falls under.")
    trend: str = Field("", description="The trend that it rides on.")
    volume: Figure = Field(description="Cases a month, once customers have it.")
    value: Figure = Field(description="What a case that is answered rightly is worth, over today's way.")
    errors: Figure = Field(description="Share of cases that are answered wrongly.")
    error_cost: Figure = Field(description="What a wrong answer costs.")
    caught: Figure = Field(
        default=Figure(mark="assumed", low=0.1, high=0.4), description="Share of that worth that the price catches."
    )
    growth: Figure = Field(default=_known(0), description="By how much the volume grows each month, as a share.")
    running: Figure = Field(default=_known(0), description="What giving an answer costs.")
    making: Figure = Field(description="What making it costs, once.")
    chances: Chances = Field(description="What must all go well.")
    tests: dict[str, float] = Field(default_factory=dict, description="What a test of a figure costs, by its name.")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for name in ("errors", "caught", *CHANCES):
            figure = self.figure(name)
            if figure.low < 0 or figure.high > 1:
                raise ValueError(f"`{name}` is a share or a chance, between 0 and 1")
        for name in ("volume", "value", "error_cost", "running", "making"):
            if self.figure(name).low < 0:
                raise ValueError(f"`{name}` is not below 0")
        if self.growth.low < -1 or self.growth.high > 1:
            raise ValueError("`growth` is a share of the volume, between -1 and 1")
        for name, cost in self.tests.items():
            if name not in FIGURES or cost < 0:
                raise ValueError(f"`tests` names figures and what a test of each costs; there are {', '.join(FIGURES)}")
        return self

    def figure(self, name: str) -> Figure:
        """One of :data:`FIGURES`."""
        found: Figure = getattr(self.chances if name in CHANCES else self, name)
        return found

    @property
    def said(self) -> dict[str, Figure]:
        """The figures that the file says, by name."""
        of_chances = {name: self.figure(name) for name in CHANCES if name in self.chances.model_fields_set}
        own = {name: self.figure(name) for name in FIGURES if name not in CHANCES and name in self.model_fields_set}
        return {**own, **of_chances}


class Ideas(_Closed):
    """The whole file."""

    currency: str = Field("CNY", pattern=r"^[A-Z]{3}$", description="ISO 4217.")
    months: int = Field(24, ge=1, le=120, description="Over how many months is counted.")
    day: float = Field(
        1000.0, ge=0, description="What a day of work costs; tests without a cost of their own go by it."
    )
    ideas: list[Idea] = Field(min_length=1, max_length=_MOST_IDEAS)

    @field_validator("ideas")
    @classmethod
    def _have_names_of_their_own(cls, ideas: list[Idea]) -> list[Idea]:
        names = [idea.name for idea in ideas]
        if len(set(names)) < len(names):
            raise ValueError("two ideas have one name")
        return ideas


def load_ideas(path: str | Path) -> Ideas:
    """The ideas of a file.

    Raises:
        InputError: It cannot be read.
        ProductError: It is not YAML, or declares no valid ideas; the error names the line, the key and the mend.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ProductError("too_large", place=Place(file=str(file)), limit="1 MiB")
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ProductError("not_utf8", place=Place(file=str(file))) from None
    except OSError as error:
        raise InputError("ideas_unreadable", path=file, reason=error.strerror or error) from error
    values, lines = read_mapping(text, file)
    try:
        return Ideas.model_validate(values)
    except ValidationError as error:
        raise declaration_error(error, Ideas, file, lines) from error
