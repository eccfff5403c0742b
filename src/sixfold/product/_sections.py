"""The six optional sections of product.yaml. Every setting has its default and its sentence here, and nowhere else."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sixfold.product._bound import Bound
from sixfold.product._expression import Expression
from sixfold.product._value import Value

__all__ = [
    "Collect",
    "Deliver",
    "Deploy",
    "Evaluate",
    "Prepare",
    "Price",
    "Rows",
    "Section",
    "Split",
    "Synthetic",
    "Tell",
    "Train",
    "Watch",
]

_EXPECTED = (
    *("drift", "drifted columns", "estimated accuracy", "accuracy", "mean absolute error", "confidence"),
    *("coverage", "failures", "p99", "requests"),
)
"""What `deploy: watch: expect:` can name."""

CheckLevel = Literal["off", "warn", "fail"]


class Section(BaseModel):
    """A section is frozen and closed: a word it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenSection(Section):
    """A section that also carries the options of the kind it names; that kind checks them, and is as closed."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        """What was said beyond the section's own settings, meant for the kind it names."""
        return dict(self.model_extra or {})


class Rows(Section):
    """Of a long table, in which several lines make one row: whose they are, and in which order they follow."""

    id: str | None = Field(
        None, description="Column that the lines of one row have in common (a patient, a recording)."
    )
    time: str | None = Field(None, description="Column to order them by; left out, as they stand.")
    scene: str | None = Field(
        None,
        description="Of moving agents, the column that tells where they meet: ids and moments count anew in each; "
        "`file`: each file is a scene.",
    )

    @model_validator(mode="after")
    def _says_whose(self) -> Rows:
        if self.time is not None and self.id is None:
            raise ValueError("`time` orders the lines of one row; say with `id` whose they are")
        if self.scene is not None and (self.id is None or self.time is None):
            raise ValueError("`scene` is where agents meet; say with `id` who they are, and with `time` when")
        return self


class Synthetic(Section):
    """Rows that the generator of another product makes, for training alone."""

    product: str = Field(description="The product whose generator makes them: finished, its gates passed.")
    rows: int = Field(ge=1, le=1_000_000, description="How many.")
    only: dict[str, str | int | float | bool | list[str | int | float | bool]] = Field(
        default_factory=dict,
        description="Of what: values of its given categories, as `{label: Shirt}`; left out, as in its training rows.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Another seed makes other rows.")


class Collect(OpenSection):
    """Where rows come from, beyond `data`. Options of the source (delimiter, sheet …) stand here too."""

    licence: str | None = Field(None, description="Under which terms the data may be used; goes onto the model card.")
    origin: str | None = Field(None, description="Who made the data; goes onto the model card.")
    sha256: str | None = Field(None, pattern=r"^[0-9a-fA-F]{64}$", description="What the file or URL must hash to.")
    refresh: bool = Field(False, description="Collect again even if the source looks unchanged.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Columns that follow from others, by name: `bmi: weight / (height * height)`."
    )
    rows: Rows = Field(default=Rows(), description="Where several lines make one row.")
    synthetic: Synthetic | None = Field(
        None, description="Rows of another product's generator, added to the training rows alone."
    )

    @field_validator("columns")
    @classmethod
    def _are_expressions(cls, columns: dict[str, str]) -> dict[str, str]:
        for name, text in columns.items():
            Expression.read(name, text)
        return columns

    @property
    def expressions(self) -> dict[str, Expression]:
        """What is said under `columns`, read."""
        return {name: Expression.read(name, text) for name, text in self.columns.items()}


class Split(Section):
    """Which rows are for training, validation and test. Left out: the source's own split, else stratified at random."""

    test: float = Field(0.2, gt=0, lt=1, description="Share of rows held out for the test figures.")
    validation: float = Field(0.1, gt=0, lt=1, description="Share of the other rows, for choices made while training.")
    by: Literal["official", "stratified", "random", "group", "time", "fold"] | None = Field(
        None, description="How; left out, told by the settings beside it, else official where the source has one."
    )
    group: str | None = Field(None, description="Column whose equal values stay on one side (a patient, a customer).")
    time: str | None = Field(None, description="Column to order by: the newest rows are for the test.")
    fold: int | None = Field(None, ge=1, description="Which fold is the test, from 1; with `of`.")
    of: int | None = Field(None, ge=2, le=1000, description="How many folds.")
    origins: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Of forecasts: the newest so many moments to forecast from are the test, as many before validate.",
    )
    seed: int = Field(0, ge=0, description="Another seed draws other rows.")

    @model_validator(mode="after")
    def _is_clear(self) -> Split:
        told = [name for name in ("group", "time", "fold") if getattr(self, name) is not None]
        if len(told) > 1:
            raise ValueError(f"only one of group, time and fold can tell the split, not {' and '.join(told)}")
        if self.by in ("group", "time", "fold") and told != [self.by]:
            raise ValueError(f"`by: {self.by}` needs `{self.by}:` beside it")
        if self.by in ("official", "stratified", "random") and told:
            raise ValueError(f"`by: {self.by}` does not go with `{told[0]}:`")
        if (self.fold is None) != (self.of is None):
            raise ValueError("`fold` and `of` go together")
        if self.fold is not None and self.of is not None and self.fold > self.of:
            raise ValueError(f"fold {self.fold} of {self.of} does not exist")
        return self

    @property
    def way(self) -> str | None:
        """How to split, as far as the file tells: ``by``, or what the column beside it implies."""
        if self.by is not None:
            return self.by
        return next((name for name in ("group", "time", "fold") if getattr(self, name) is not None), None)


class Prepare(Section):
    """What is checked, and how rows are split."""

    split: Split = Field(default=Split(), description="Which rows train, validate and test.")
    personal_data: Literal["redact", "refuse", "allow"] | None = Field(
        None,
        description="Names, numbers and addresses of people in texts and categories: redact replaces them before "
        "anything is stored, in a service too; refuse stops; allow says that they may be there; left out, they "
        "are told of.",
    )
    groups: list[str] | None = Field(
        None,
        max_length=20,
        description="Columns that tell groups of people apart (sex, region): how many rows each group has, and how the "
        "target falls in it; left out, given categories of few values that look like groups.",
    )
    checks: dict[str, CheckLevel] = Field(default_factory=dict, description="A check by name: off, warn or fail.")
    thresholds: dict[str, float] = Field(
        default_factory=dict, description="A threshold of a check by name; left out, as the table of thresholds says."
    )


class Price(Section):
    """What the machine costs, for `sixfold quote`; it changes no model."""

    hour: float | None = Field(
        None, ge=0, le=1_000_000, description="What the machine costs per hour; left out, what is typical of its kind."
    )
    currency: Literal["yuan", "dollars", "euros"] | None = Field(
        None, description="yuan, dollars or euros; left out, by the reader's language: yuan or dollars."
    )

    @model_validator(mode="after")
    def _says_of_what(self) -> Price:
        if self.hour is not None and self.currency is None:
            raise ValueError("`hour` is a sum of money; say with `currency` of which: yuan, dollars or euros")
        return self


class Train(OpenSection):
    """The network and what may be spent on it. Options of the network (filters, hidden …) stand here too."""

    network: str = Field("auto", description="mlp, cnn, trees …; auto searches: what suits, set how, within the time.")
    keras: str | None = Field(
        None, pattern=r"^[\w.]+:[\w.]+$", description="Your own Keras model: `module:function`, beside product.yaml."
    )
    minutes: float | None = Field(
        None, gt=0, description="Wall-clock budget from collect to evaluate; left out, `auto` trains for 3 at most."
    )
    trials: int | None = Field(None, ge=1, le=1000, description="At most so many trials of `auto`; left out, 40.")
    epochs: int | None = Field(None, ge=1, le=100_000, description="Passes over the rows; left out, the recipe's rule.")
    steps: int | None = Field(None, ge=1, le=100_000_000, description="At most so many steps; left out, no bound.")
    batch: int | None = Field(None, ge=1, le=65_536, description="Rows per step; left out, the recipe's.")
    accumulate: int | None = Field(
        None, ge=1, le=1024, description="Steps whose gradients are averaged into one; left out, 1."
    )
    learning_rate: float | None = Field(None, gt=0, le=10, description="Left out, the recipe's.")
    label_smoothing: float | None = Field(None, ge=0, lt=1, description="Left out, the recipe's.")
    class_weights: Literal["none", "balanced"] | None = Field(
        None, description="balanced: rows of rare classes weigh more; left out, the recipe's."
    )
    augment: dict[str, float] | bool | None = Field(
        None, description="Random changes of training rows by name and strength; false: none; left out, the recipe's."
    )
    modality_dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="How often a picture, text or series is hidden in training; left out, the recipe's.",
    )
    precision: Literal["auto", "float32", "bfloat16"] | None = Field(
        None, description="Arithmetic while training; auto: what a short trial finds faster; left out, the recipe's."
    )
    seed: int = Field(0, ge=0, description="Another seed gives another start and order.")
    price: Price = Field(default=Price(), description="What the machine costs, for `sixfold quote`.")

    @property
    def recipe(self) -> dict[str, Any]:
        """What is said of the recipe, to be put over the network's own."""
        names = (
            *("epochs", "steps", "batch", "accumulate", "learning_rate", "label_smoothing", "class_weights"),
            *("modality_dropout", "precision"),
        )
        said: dict[str, Any] = {name: value for name in names if (value := getattr(self, name)) is not None}
        if isinstance(self.augment, dict) or self.augment is False:
            said["augment"] = self.augment or {}
        return said

    @field_validator("network")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not name.isidentifier():
            raise ValueError("a network is named by one word")
        return name

    @model_validator(mode="after")
    def _names_one_network(self) -> Train:
        if self.keras is not None and self.network not in ("auto", "keras"):
            raise ValueError("`keras` is a network of your own; leave out `network`")
        return self


class Evaluate(Section):
    """How the model is judged."""

    coverage: float = Field(
        0.9, ge=0.5, lt=1, description="In which share of cases the set or interval beside an answer holds the truth."
    )
    sets: Literal["smallest", "adaptive"] = Field(
        "smallest",
        description="Sets of classes: smallest names as few as it can; adaptive names more for rows that are hard, so "
        "that every kind of row is covered more alike.",
    )
    groups: list[str] = Field(
        default_factory=list,
        description="Columns whose values are groups of people to be treated alike (sex, age), given ones or not; left "
        "out, guessed by name among the given ones.",
    )
    gates: dict[str, bool | str] = Field(
        default_factory=dict,
        description='A gate by name: true or false; of a figure a bound, as `accuracy: ">= 0.9"`; of a data check '
        "`none`.",
    )
    value: Value = Field(default=Value(), description="What answers earn and cost.")
    specificity: float | None = Field(
        None, gt=0, lt=1, description="Of yes or no: answer yes so rarely that this share of the no rows is told no."
    )
    sensitivity: float | None = Field(
        None, gt=0, lt=1, description="Of yes or no: answer yes so often that this share of the yes rows is found."
    )
    prevalence: float | None = Field(
        None, gt=0, lt=1, description="How common yes is where the product is used; left out, as among the test rows."
    )
    medical: bool = Field(
        False, description="For questions of health: report, page and card say that it is no certified device."
    )

    @model_validator(mode="after")
    def _sets_one_threshold(self) -> Evaluate:
        if self.specificity is not None and self.sensitivity is not None:
            raise ValueError("specificity and sensitivity pull one threshold two ways: state one, and read the other")
        if self.point is not None and self.value.is_of_answers:
            raise ValueError(f"`{self.point[0]}` and `value` both set the threshold: state one of them")
        return self

    @property
    def point(self) -> tuple[Literal["specificity", "sensitivity"], float] | None:
        """The figure of yes and no that is to be reached, and the share stated for it."""
        if self.specificity is not None:
            return "specificity", self.specificity
        return None if self.sensitivity is None else ("sensitivity", self.sensitivity)

    without_synthetic: bool = Field(
        False, description="Train a second time without the rows of a generator, to show what they bought."
    )

    @field_validator("gates")
    @classmethod
    def _are_bounds(cls, gates: dict[str, bool | str]) -> dict[str, bool | str]:
        for name, asked in gates.items():
            if isinstance(asked, str) and asked != "none":
                try:
                    Bound.read(asked)
                except ValueError:
                    said = f'`{name}: {asked}` is no bound; write `">= 0.9"`, `"<= 5 %"`, none, true or false'
                    raise ValueError(said) from None
        return gates

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bounds under `gates`, read."""
        asked = {name: said for name, said in self.gates.items() if isinstance(said, str) and said != "none"}
        return {name: Bound.read(said) for name, said in asked.items()}


class Tell(Section):
    """Who is told: one of three ways."""

    webhook: str | None = Field(
        None, description="An https address that gets the alarm as JSON; `env:NAME` for one that is a secret."
    )
    email: str | None = Field(
        None, description="An address; the server is that of SIXFOLD_SMTP (`smtps://user@host`, SIXFOLD_SMTP_PASSWORD)."
    )
    command: list[str] | None = Field(
        None, description="A program and its arguments; it gets the alarm as JSON on its standard input."
    )

    @model_validator(mode="after")
    def _is_one_way(self) -> Tell:
        if sum(way is not None for way in (self.webhook, self.email, self.command)) != 1 or self.command == []:
            raise ValueError("say one of webhook, email and command")
        if self.webhook is not None and not self.webhook.startswith(("https://", "http://", "env:")):
            raise ValueError("a webhook is an http(s) address, or `env:NAME` of the variable that holds it")
        return self


class Watch(Section):
    """What is remembered of requests, what must hold of them, and who is told when it does not."""

    keep: Literal["nothing", "summaries", "payloads"] = Field(
        "summaries",
        description="summaries: features of values, sealed; payloads: also what was sent, sealed (refresh and replay "
        "need it); nothing: that there was a request.",
    )
    days: float = Field(30, gt=0, le=3650, description="After so many days all of it is removed.")
    to: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://[^:@/]*@?[^@]*$",
        description="`postgresql://user@host/database` to keep it there; the password is SIXFOLD_WATCH_PASSWORD. Left "
        "out, SQLite in the home.",
    )
    window: int = Field(1000, ge=50, le=20_000, description="The newest so many rows are held against the reference.")
    slices: list[str] = Field(
        default_factory=list,
        description="Given columns to tell quality by; left out, the first categories and numbers.",
    )
    expect: dict[str, bool | str] = Field(
        default={"drift": True},
        description='What must hold, by name: `drift: true` (no column alarms), `accuracy: ">= 0.9"`, `estimated '
        'accuracy`, `mean absolute error`, `confidence`, `drifted columns: "< 50 %"`, `coverage`, `failures`, `p99` '
        "(milliseconds), `requests` (an hour).",
    )
    tell: list[Tell] = Field(
        default_factory=list,
        description="Who is told when it does not hold, and again when it does: each a `webhook` (an https address, or "
        "`env:NAME` of the variable that holds it), an `email` or a `command` (a program and its arguments); as JSON.",
    )
    guard: Literal["off", "tell", "act"] = Field(
        "tell",
        description="Bursts, probing and failed keys: act: slow the caller down or lock it for a while; tell: only "
        "note it.",
    )
    seen_by: Literal["local", "everyone"] = Field(
        "local",
        description="Who sees `/watch` and `/metrics` without a key that may: local: this machine alone.",
    )
    rule: dict[str, Any] | None = Field(
        None, description="What `sixfold incident --to rule` answers in place of the model: `{target: value}`."
    )

    @field_validator("expect")
    @classmethod
    def _are_known(cls, expect: dict[str, bool | str]) -> dict[str, bool | str]:
        for name, asked in expect.items():
            if name not in _EXPECTED:
                raise ValueError(f"`{name}` is nothing that is watched; known: {', '.join(_EXPECTED)}")
            if isinstance(asked, str):
                if name == "drift":
                    raise ValueError('`drift` is true or false; for a share write `drifted columns: "< 50 %"`')
                try:
                    Bound.read(asked)
                except ValueError:
                    raise ValueError(f'`{name}: {asked}` is no bound; write `">= 0.9"` or `"<= 5 %"`') from None
            elif asked and name != "drift":
                raise ValueError(f'`{name}` needs a bound: `{name}: ">= 0.9"`')
        return expect

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bounds under `expect`, read."""
        return {name: Bound.read(asked) for name, asked in self.expect.items() if isinstance(asked, str)}


class Deploy(OpenSection):
    """Where the service runs. Options of the target (port …) stand here too."""

    target: str = Field("local", description="local: a process on this machine.")
    watch: Watch = Field(default_factory=Watch, description="What is remembered of requests, and who is told of what.")


class Deliver(Section):
    """Who gets the pack, and under which terms."""

    to: list[str] = Field(default_factory=list, description="age recipients (age1…); left out, your own key.")
    terms: str | None = Field(None, description="What the customer may do with it; goes onto the model card.")
