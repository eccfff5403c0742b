"""A quote: what a product will take and how good it will be, as values that are kept and set beside what came."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

__all__ = [
    "Bought",
    "Curve",
    "Expected",
    "Machine",
    "Point",
    "Quality",
    "Quote",
    "Reason",
    "Rented",
    "StageQuote",
    "Verdict",
]

Verdict: TypeAlias = Literal["go", "conditions", "not_yet"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageQuote(_Value):
    """What one stage will take.

    Attributes:
        stage: collect, prepare, train, evaluate, deploy or deliver.
        is_made: Whether it was made already, so that a run takes it as it is; then what it took is told.
        seconds: Of wall time.
        cpu_seconds: Of processor time, over all cores.
        peak_bytes: The most memory that is held at once.
        disk_bytes: What it leaves on disk.
        kwh: Energy in kilowatt hours.
        cost: In the machine's currency.
    """

    stage: str
    is_made: bool
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    disk_bytes: int
    kwh: float
    cost: float


class Machine(_Value):
    """The machine that was measured, and what an hour of it costs.

    Attributes:
        cores: Of the processor.
        memory_bytes: In all.
        disk_free_bytes: Where the store is.
        gflops: Billions of float32 operations a second in a matrix product, measured.
        hour: Its price per hour.
        currency: yuan, dollars or euros.
        price_from: The date of the table that tells the price, where product.yaml does not.
        is_energy_measured: Whether energy is from the processor's counters, or from processor time and typical power.
    """

    cores: int
    memory_bytes: int
    disk_free_bytes: int
    gflops: float
    hour: float
    currency: Literal["yuan", "dollars", "euros"]
    price_from: str | None
    is_energy_measured: bool


class Rented(_Value):
    """What training would take on a rented accelerator: an estimate, from the machine's measured speed and the
    accelerator's published one."""

    name: str
    seconds: float
    ratio: float
    cost: float
    fits: bool


class Point(_Value):
    """A share of the rows that was learned from: how much of the whole training that is, and the figure it gave."""

    rows: int
    share: float
    value: float


class Curve(_Value):
    """The learning curve of one network, and the seconds of a whole training of it."""

    network: str
    points: tuple[Point, ...]
    seconds: float


class Expected(_Value):
    """A value with its interval, and the chance that the interval holds what comes."""

    value: float
    low: float
    high: float
    chance: float


class Bought(_Value):
    """What something buys, in the figure's own units; above 0 is better."""

    what: str
    value: float
    low: float
    high: float


class Quality(_Value):
    """How good the model will be on test rows.

    Attributes:
        figure: The headline figure's name.
        higher_is_better: Which way is up.
        expected: Its value.
        network: The network whose curve it is told by.
        curves: All that were measured.
        judged: On how many rows, which were not learned from.
        yardstick: The best guess without a model, and its figure; ``None`` where there is none.
        twice: What twice the rows would buy.
        bigger: What another or a bigger network would buy on the rows that there are; ``None``: there was no time.
    """

    figure: str
    higher_is_better: bool
    expected: Expected
    network: str
    curves: tuple[Curve, ...]
    judged: int
    yardstick: tuple[str, float] | None
    twice: Bought
    bigger: Bought | None


class Reason(_Value):
    """One reason of the verdict, in both languages, and what it speaks for."""

    key: str
    speaks_for: Verdict
    en: str
    zh: str


class Quote(_Value):
    """What a product will take, stage by stage, how good it will be, and whether to begin.

    Attributes:
        product: Its name.
        time: When it was quoted, ISO 8601.
        rows: How many rows there are for ``train``, ``validation`` and ``test``, and how many were ``looked_at``.
        stages: All six, in order.
        machine: This machine.
        rented: Training on rented accelerators, where a network is trained in steps.
        quality: How good it will be; ``None`` where nothing could be learned from shares of the rows.
        verdict: ``go``, ``conditions`` or ``not_yet``.
        reasons: Why.
        seconds: What quoting took.
        most_seconds: What it might take.
        plan: The networks that a run will try, in order; of a search those first looked at.
        unmeasured: Those of them that there was no time to measure.
    """

    product: str
    time: str
    rows: dict[str, int]
    stages: tuple[StageQuote, ...]
    machine: Machine
    rented: tuple[Rented, ...]
    quality: Quality | None
    verdict: Verdict
    reasons: tuple[Reason, ...]
    seconds: float
    most_seconds: float
    plan: tuple[str, ...]
    unmeasured: tuple[str, ...]

    @property
    def total_seconds(self) -> float:
        """Wall time of the stages that are still to run."""
        return sum(stage.seconds for stage in self.stages if not stage.is_made)

    @property
    def peak_bytes(self) -> int:
        """The most memory that any stage holds at once."""
        return max(stage.peak_bytes for stage in self.stages)

    @property
    def total_cost(self) -> float:
        """Of the stages that are still to run, in the machine's currency."""
        return sum(stage.cost for stage in self.stages if not stage.is_made)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, with the totals."""
        totals = {
            "seconds": round(self.total_seconds, 1),
            "peak_bytes": self.peak_bytes,
            "disk_bytes": sum(stage.disk_bytes for stage in self.stages if not stage.is_made),
            "kwh": sum(stage.kwh for stage in self.stages if not stage.is_made),
            "cost": self.total_cost,
        }
        return {**self.model_dump(mode="json"), "totals": totals}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Quote:
        """What :meth:`to_json` gave, back."""
        return cls.model_validate({name: value for name, value in record.items() if name != "totals"})
