"""The declaration of a product: validated, frozen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from sixfold.errors import Place, ProductError
from sixfold.families import find
from sixfold.fields import Field as Column
from sixfold.product._expression import Expression
from sixfold.product._sections import Collect, Deliver, Deploy, Evaluate, Prepare, Train

__all__ = ["ColumnSpec", "Lines", "Product", "Verb", "declaration_error"]

Verb: TypeAlias = Literal["predict", "generate", "choose"]
Lines: TypeAlias = Mapping[tuple[str, ...], int]

_VERBS: tuple[Verb, ...] = ("predict", "generate", "choose")
_AIMS: tuple[Literal["to_raise", "to_lower"], ...] = ("to_raise", "to_lower")
_OF_YES_NO = ("specificity", "sensitivity", "prevalence")
"""What `evaluate` states of yes and no alone."""

_OUTCOMES = ("number", "yes_no")
_ISO = {"yuan": "CNY", "dollars": "USD", "euros": "EUR"}


class ColumnSpec(BaseModel):
    """What product.yaml says of one column: ``image``, or ``{kind: image, size: 64}``.

    ``from`` is where its values come from in the data, if not from the column of its own name: another column
    (``Sale Price``), several (``t_*``, or a list of names), or a file that the row names (``{id}_front.jpg``).
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    from_: str | tuple[str, ...] | None = Field(None, alias="from")

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @field_validator("from_")
    @classmethod
    def _names_something(cls, said: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if said is not None and (not said or not all(said if isinstance(said, tuple) else [said.strip()])):
            raise ValueError("names no column")
        return said

    @property
    def options(self) -> dict[str, Any]:
        """The options of the kind, as said."""
        return dict(self.model_extra or {})

    def field(self, name: str, beside: Path | None = None) -> Column:
        """The column's field, not yet fitted; relative paths among its options are meant from ``beside``.

        Raises:
            ProductError: No kind has that name.
            ValidationError: The kind does not know an option, or its value is wrong.
        """
        family: type[Column] = Column  # type: ignore[type-abstract]  # a family is looked up, never built
        kind = find(family, self.kind)
        return kind(name, kind.Options(**self.options), beside=beside)


class Product(BaseModel):
    """*Given* some columns, *predict*, *generate* or *choose* another; the rest has defaults.

    Built from product.yaml by :func:`sixfold.load`, or in code:

    >>> Product(name="iris", data="iris.csv", given={"petal": "number"}, predict={"kind": "category"}).target_name
    'kind'

    Raises:
        ProductError: The declaration is wrong; the error names the key, the line where there is one, and the mend.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(description="What the product is called: letters of any script, digits, - and _.")
    goal: str = Field("", description="One sentence for people: what it is for.")
    data: Any = Field(description="A folder, archive, table, URL, database, `sklearn:NAME`; or {train: …, test: …}.")
    given: dict[str, ColumnSpec] = Field(
        default_factory=dict,
        description="Columns to learn from, each with its kind; `from` says where else its values stand.",
    )
    predict: dict[str, ColumnSpec] | None = Field(None, description="The column to predict, with its kind.")
    generate: dict[str, ColumnSpec] | None = Field(None, description="The column to generate, with its kind.")
    choose: dict[str, ColumnSpec] | None = Field(None, description="The column to choose, with its kind.")
    to_raise: dict[str, ColumnSpec] | None = Field(
        None, description="With `choose`: the outcome that the choice is to raise, a number or yes_no."
    )
    to_lower: dict[str, ColumnSpec] | None = Field(None, description="The same, of an outcome that it is to lower.")
    collect: Collect = Field(default=Collect())
    prepare: Prepare = Field(default=Prepare())
    train: Train = Field(default=Train())
    evaluate: Evaluate = Field(default=Evaluate())
    deploy: Deploy = Field(default=Deploy())
    deliver: Deliver = Field(default=Deliver())

    _file: Path | None = PrivateAttr(default=None)
    _lines: Lines = PrivateAttr(default_factory=dict)

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise declaration_error(error, type(self)) from error

    @classmethod
    def declared(cls, values: Mapping[str, Any], file: Path | None, lines: Lines) -> Self:
        """The product that a file declares; errors and later ones know the file and line."""
        try:
            product = cls.model_validate(dict(values))
        except ValidationError as error:
            raise declaration_error(error, cls, file, lines) from error
        except ProductError as error:
            raise _placed(error, file, lines) from error
        product._file, product._lines = file, lines
        return product

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not re.fullmatch(r"\w[\w-]{0,62}", name):
            raise ValueError("a name has letters, digits, - and _, at most 63, and begins with a letter or digit")
        return name

    @field_validator("data")
    @classmethod
    def _is_a_place(cls, data: Any) -> Any:
        if isinstance(data, Path):
            return str(data)
        if isinstance(data, str):
            if not data.strip():
                raise ValueError("names no data")
            return data
        if isinstance(data, Mapping):
            wrong = [name for name in data if name not in ("train", "test", "validation")]
            if wrong or "train" not in data or not all(isinstance(part, (str, Path)) for part in data.values()):
                raise ValueError("as a mapping it is {train: …, test: …, validation: …}, each a place")
            return {name: str(part) for name, part in data.items()}
        if hasattr(data, "columns") or (isinstance(data, list) and all(isinstance(row, Mapping) for row in data)):
            return data
        raise ValueError("names no data: expected a place, {train: …, test: …}, a data frame or a list of rows")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        verbs = [verb for verb in _VERBS if getattr(self, verb) is not None]
        if len(verbs) != 1:
            raise ProductError(
                "one_verb", expected="predict, generate or choose", received=", ".join(verbs) or "none of them"
            )
        targets = getattr(self, verbs[0])
        if len(targets) != 1:
            raise ProductError(
                "one_target", place=Place(key=verbs[0]), verb=verbs[0], received=", ".join(targets) or "none"
            )
        both = [name for name in self.given if name in targets]
        if both:
            raise ProductError("target_given", place=Place(key=f"given.{both[0]}"), column=both[0])
        outcomes = _outcomes(self, verbs[0], targets)
        for section, columns in (("given", self.given), (verbs[0], targets), *outcomes):
            for name, spec in columns.items():
                _check_column(f"{section}.{name}", name, spec)
        kind = self.target.kind if verbs[0] == "predict" else ""
        if (setting := self.evaluate.value.unfit(kind)) is not None:
            place, fits = Place(key=f"evaluate.value.{setting}"), ", ".join(self.evaluate.value.fitting(kind))
            raise ProductError("value_unfit", place=place, setting=setting, kind=self.target.kind, known=fits or "–")
        stated = [name for name in _OF_YES_NO if getattr(self.evaluate, name) is not None]
        if stated and kind != "yes_no":
            place = Place(key=f"evaluate.{stated[0]}")
            raise ProductError("not_yes_no", place=place, key=stated[0], column=self.target_name, kind=self.target.kind)
        if (said := self.evaluate.value).is_said and said.currency and said.machine_hour is None:
            priced = _ISO.get(self.train.price.currency or "", said.currency)
            if self.train.price.hour is not None and priced != said.currency:
                place = Place(key="evaluate.value.currency")
                raise ProductError("value_currency", place=place, expected=priced, received=said.currency)
        return self

    @property
    def currency(self) -> str:
        """That of every amount that `evaluate: {value: …}` says: ISO 4217."""
        return self.evaluate.value.currency or _ISO.get(self.train.price.currency or "", "CNY")

    @property
    def machine_hour(self) -> float | None:
        """What an hour of the machine that answers costs, in that currency; ``None`` where nobody said it."""
        said = self.evaluate.value.machine_hour
        return self.train.price.hour if said is None else said

    @property
    def verb(self) -> Verb:
        """``predict``, ``generate`` or ``choose``."""
        return next(verb for verb in _VERBS if getattr(self, verb) is not None)

    @property
    def target_name(self) -> str:
        """The name of the one target column."""
        return str(next(iter(getattr(self, self.verb))))

    @property
    def target(self) -> ColumnSpec:
        """What the file says of the target column."""
        spec: ColumnSpec = getattr(self, self.verb)[self.target_name]
        return spec

    @property
    def aim(self) -> Literal["to_raise", "to_lower"] | None:
        """What a choice is made for; ``None`` of the other verbs."""
        return next((aim for aim in _AIMS if getattr(self, aim) is not None), None)

    @property
    def outcome_name(self) -> str | None:
        """The name of the column that a choice is to raise or lower; ``None`` of the other verbs."""
        return None if self.aim is None else str(next(iter(getattr(self, self.aim))))

    @property
    def columns(self) -> dict[str, ColumnSpec]:
        """Every column that is declared: given ones, the target, and what a choice is to raise or lower."""
        outcome: dict[str, ColumnSpec] = {} if self.aim is None else getattr(self, self.aim)
        return {**self.given, self.target_name: self.target, **outcome}

    @property
    def computed(self) -> dict[str, Expression]:
        """What computes given columns that follow from others, and columns on the way to them, in order.

        Only of rows that stand by themselves: where several lines make one row, what is sent is what they made.
        """
        if self.collect.rows.id is not None:
            return {}
        expressions = self.collect.expressions
        wanted = {name for name, spec in self.given.items() if spec.from_ is None and name in expressions}
        for name in reversed(expressions):
            if name in wanted:
                wanted.update(column for column in expressions[name].columns if column in expressions)
        return {name: expression for name, expression in expressions.items() if name in wanted}

    @property
    def brought(self) -> tuple[str, ...]:
        """The columns that a row may bring in place of given ones that are computed of them."""
        computed = self.computed
        needed = dict.fromkeys(column for expression in computed.values() for column in expression.columns)
        return tuple(column for column in needed if column not in computed and column not in self.given)

    def key_of(self, column: str) -> str:
        """The dotted key under which a declared column stands."""
        if column in self.given:
            return f"given.{column}"
        return f"{self.verb if column == self.target_name else self.aim}.{column}"

    @property
    def file(self) -> Path | None:
        """The file that declared it; ``None`` for a product built in code."""
        return self._file

    @property
    def folder(self) -> Path:
        """Relative places in the declaration are meant from here: the file's folder, else the current one."""
        return self._file.parent if self._file is not None else Path.cwd()

    @property
    def in_memory(self) -> bool:
        """Whether ``data`` is rows in memory, not a place."""
        return not isinstance(self.data, (str, dict))

    def place(self, key: str) -> Place:
        """Where dotted ``key`` stands in the file, or the nearest key above it that does."""
        return _place(self._file, self._lines, tuple(key.split(".")))

    def with_data(self, data: Any) -> Self:
        """The same product on other data (``--data`` on the command line)."""
        return self.changed(data=data)

    def changed(self, **values: Any) -> Self:
        """The same product with some of its top-level keys said anew, checked as a whole; it keeps its file."""
        product = type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **values})
        product._file, product._lines = self._file, self._lines
        return product

    def to_mapping(self, *, full: bool = False) -> dict[str, Any]:
        """The declaration as plain values: as said, or ``full`` with every default filled in."""
        record = self.model_dump(
            mode="json", by_alias=True, exclude={"data"}, exclude_unset=not full, exclude_none=True
        )
        for section in ("given", self.verb, *_AIMS):
            for name, spec in record.get(section, {}).items():
                record[section][name] = spec["kind"] if set(spec) == {"kind"} else spec
        record["data"] = "rows in memory" if self.in_memory else self.data
        return {name: record[name] for name in type(self).model_fields if name in record}


def declaration_error(
    error: ValidationError,
    model: type[BaseModel],
    file: Path | None = None,
    lines: Lines | None = None,
    prefix: str = "",
) -> ProductError:
    """The first fault that Pydantic found, as an error that names key, line, expected, received and mend."""
    first = error.errors(include_url=False)[0]
    path = (*prefix.split("."), *(str(part) for part in first["loc"])) if prefix else tuple(map(str, first["loc"]))
    key, place = ".".join(path), _place(file, lines or {}, path)
    match first["type"]:
        case "extra_forbidden":
            known = _known_keys(model, first["loc"][:-1])
            close = difflib.get_close_matches(path[-1], known, n=1)
            return ProductError(
                "unknown_key", place=place, key=key, known=", ".join(known), guess=close[0] if close else known[0]
            )
        case "missing":
            return ProductError("missing_key", place=place, key=key)
        case "value_error":
            return ProductError("bad_value", place=place, key=key, reason=first["ctx"]["error"])
        case _:
            received = repr(first["input"])
            return ProductError(
                "bad_value",
                place=place,
                key=key,
                reason=first["msg"],
                received=received if len(received) <= 80 else received[:77] + "…",  # noqa: PLR2004
            )


def _check_column(key: str, name: str, spec: ColumnSpec) -> None:
    try:
        spec.field(name)
    except ValidationError as error:
        family: type[Column] = Column  # type: ignore[type-abstract]  # a family is looked up, never built
        raise declaration_error(error, find(family, spec.kind).Options, prefix=key) from error
    except ProductError as error:
        raise ProductError(error.slug, place=Place(key=key), **error.values) from error


def _outcomes(product: Product, verb: Verb, targets: Mapping[str, ColumnSpec]) -> list[tuple[str, Any]]:
    """The section that names what a choice is for, held to name one column that is neither given nor chosen."""
    said = [(aim, columns) for aim in _AIMS if (columns := getattr(product, aim)) is not None]
    if verb != "choose":
        if said:
            raise ProductError("outcome_without_choice", place=Place(key=said[0][0]), aim=said[0][0], verb=verb)
        return []
    if len(said) != 1 or len(said[0][1]) != 1:
        received = ", ".join(f"{aim}: {', '.join(columns) or '–'}" for aim, columns in said) or "–"
        place = Place(key=said[0][0] if said else "choose")
        raise ProductError("one_outcome", place=place, expected="one column", received=received)
    aim, columns = said[0]
    ((name, spec),) = columns.items()
    if name in product.given or name in targets:
        raise ProductError("outcome_known", place=Place(key=f"{aim}.{name}"), column=name)
    if spec.kind not in _OUTCOMES:
        raise ProductError("outcome_kind", place=Place(key=f"{aim}.{name}"), column=name, kind=spec.kind)
    return [(aim, columns)]


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return list(model.model_fields) or ["-"]


def _place(file: Path | None, lines: Lines, path: tuple[str, ...]) -> Place:
    known = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in lines), None)
    return Place(
        file=None if file is None else str(file), line=None if known is None else lines[known], key=".".join(path)
    )


def _placed(error: ProductError, file: Path | None, lines: Lines) -> ProductError:
    key = error.place.key if error.place is not None else None
    place = _place(file, lines, tuple(key.split("."))) if key else Place(file=None if file is None else str(file))
    return ProductError(error.slug, place=place, expected=error.expected, received=error.received, **error.values)
