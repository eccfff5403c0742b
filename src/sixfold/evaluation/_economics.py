"""The economics of a product, from what answers bring, how fast they are, and what is paid: one formula.

The chapter ``economics``, its sliders (``report/economics.js``, held equal by a test) and ``sixfold.economics`` all
compute by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["HOURS_A_MONTH", "Economics", "economics"]

HOURS_A_MONTH = 730.0
"""8,760 hours a year, by twelve: a service stands ready day and night."""

_PER = 1000.0


@dataclass(frozen=True, slots=True)
class Economics:
    """What a product brings. Amounts are in its currency; what cannot be said is ``None``.

    Args:
        per_1000: What each way of answering is worth per 1,000 cases, before any price.
        instead: The best way without the product; ``None`` where none is known.
        gain_per_1000: What the product is worth per 1,000 cases above that; without the price.
        highest_price: The price of an answer at which nothing of the gain is left to who pays it.
        computing_per_1000: What the machine costs for 1,000 answers while it is fully busy.
        machines: How many machines must stand ready for the volume.
        machines_per_month: What they cost.
        cost_per_1000: The same for 1,000 answers of the volume.
        revenue_per_month: What customers pay.
        profit_per_month: What is left of it after the machines.
        margin: The same as a share of the revenue (gross margin).
        gain_per_month: What whoever uses the product gains, after the price.
        break_even_volume: Answers per month from which the machines are paid: by the price, or of own use by the gain.
        payback_months: Months until making the model is paid back, by the profit, or of own use by the gain.
    """

    per_1000: dict[str, float]
    instead: str | None
    gain_per_1000: float | None
    highest_price: float | None
    computing_per_1000: float | None
    machines: int | None
    machines_per_month: float | None
    cost_per_1000: float | None
    revenue_per_month: float | None
    profit_per_month: float | None
    margin: float | None
    gain_per_month: float | None
    break_even_volume: float | None
    payback_months: float | None

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return asdict(self)


def economics(
    ways: Mapping[str, Mapping[str, float]],
    *,
    seconds: float,
    machine_hour: float | None = None,
    price: float = 0.0,
    volume: float | None = None,
    training: float = 0.0,
    error_cost: float = 1.0,
) -> Economics:
    """What a product brings.

    >>> way = {"earned": 2.0, "errors": 0.5, "people": 0.0}
    >>> found = economics({"product": way, "no_model": {**way, "earned": 1.0}}, seconds=0.01, price=0.1, volume=10_000)
    >>> found.gain_per_1000, found.revenue_per_month
    (1000.0, 1000.0)

    Args:
        ways: Of each way of answering what a case brings: ``earned`` by right answers, ``errors`` lost to wrong ones,
            ``people`` paid to who answers; the product's own is called ``product``. Empty where that is not known.
        seconds: What one answer takes on the machine.
        machine_hour: What an hour of it costs; ``None`` where it is not known, and then nothing that hangs on it is.
        price: What is paid for an answer; 0 for own use.
        volume: Answers per month; ``None`` where it is not known.
        training: What making the model cost, once.
        error_cost: What errors cost, as a multiple of what ``ways`` counts. Decisions stay as they are.

    Raises:
        ValueError: An amount is below 0, or ``ways`` knows no ``product``.
    """
    if min(seconds, machine_hour or 0.0, price, volume or 0.0, training, error_cost) < 0:
        raise ValueError("seconds, machine_hour, price, volume, training and error_cost are not below 0")
    if ways and "product" not in ways:
        raise ValueError(f"ways knows no product; it has {', '.join(ways)}")
    worth = {name: way["earned"] - error_cost * way["errors"] - way["people"] for name, way in ways.items()}
    others = {name: value for name, value in worth.items() if name in ("no_model", "always_yes", "people")}
    instead = max(others, key=lambda name: others[name]) if others else None
    gain = None if instead is None else worth["product"] - others[instead]
    standing = None if machine_hour is None else machine_hour * HOURS_A_MONTH
    capacity = 3600 * HOURS_A_MONTH / seconds if seconds else math.inf
    earns = price if price > 0 else gain
    machines = None if volume is None else max(1, math.ceil(volume / capacity))
    kept = None if machines is None or standing is None else machines * standing
    revenue = None if volume is None else price * volume
    profit = None if revenue is None or kept is None else revenue - kept
    used = None if volume is None or gain is None else volume * (gain - price)
    # Whoever uses it himself pays the machines himself.
    left = profit if price > 0 else None if used is None or kept is None else used - kept
    return Economics(
        per_1000={name: value * _PER for name, value in worth.items()},
        instead=instead,
        gain_per_1000=None if gain is None else gain * _PER,
        highest_price=None if gain is None else max(0.0, gain),
        computing_per_1000=None if machine_hour is None else machine_hour / 3600 * seconds * _PER,
        machines=machines,
        machines_per_month=kept,
        cost_per_1000=None if kept is None or not volume else kept / volume * _PER,
        revenue_per_month=revenue,
        profit_per_month=profit,
        margin=None if not revenue or profit is None else profit / revenue,
        gain_per_month=left if price == 0 else used,
        break_even_volume=_break_even(earns, standing, capacity),
        payback_months=None if left is None or left <= 0 else training / left,
    )


def _break_even(earns: float | None, standing: float | None, capacity: float) -> float | None:
    """From which volume the machines are paid; ``None`` where no volume pays them."""
    if earns is None or standing is None or earns <= 0 or earns * capacity < standing:
        return None
    return standing / earns
