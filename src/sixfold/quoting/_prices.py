"""What machines cost, and what they draw: the file's price, else a shipped, dated table's."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sixfold.language import language
from sixfold.metering import memory_of_machine
from sixfold.prices import cores_here, prices, typical_hour
from sixfold.product import Product
from sixfold.quoting._plan import Timed
from sixfold.quoting._quote import Machine, Rented

__all__ = ["machine_of", "rented", "watts"]

_SIDE, _TIMES = 1024, 3
"""A matrix product that is long enough to be timed and short enough not to be noticed: some tens of milliseconds."""

_REACHED_HERE = 0.5
"""Of the speed of a plain matrix product, what training a network reaches on a processor."""


def machine_of(product: Product, home: Path, *, is_energy_measured: bool) -> Machine:
    """This machine, and what an hour of it costs."""
    said, table = product.train.price, prices()
    currency = said.currency or ("yuan" if language() == "zh" else "dollars")
    cores = cores_here()
    hour = said.hour if said.hour is not None else typical_hour(currency, cores) or 0.0
    return Machine(
        cores=cores,
        memory_bytes=memory_of_machine(),
        disk_free_bytes=shutil.disk_usage(home).free,
        gflops=round(_gflops(), 1),
        hour=round(hour, 4),
        currency=currency,
        price_from=None if said.hour is not None else str(table["date"]),
        is_energy_measured=is_energy_measured,
    )


def watts() -> float:
    """What a busy core draws, by the table."""
    return float(prices()["core"]["watts"])


def rented(networks: Sequence[Timed], machine: Machine, peak_bytes: int) -> tuple[Rented, ...]:
    """What whole trainings of networks would take on rented accelerators.

    The ratio of a step is that of the accelerator's published speed, of which training reaches a part, to this
    machine's measured one; no step is shorter than its kernels take to start. Start, export and what is not trained in
    steps take as long as here.
    """
    stepped = [one for one in networks if one.step is not None]
    if not stepped:
        return ()
    table, here = prices()["accelerators"], sum(one.whole() for one in stepped)
    found = []
    for kind in table["kinds"]:
        ratio = float(kind["tflops"]) * 1e3 * float(table["reached"]) / max(1e-3, machine.gflops * _REACHED_HERE)
        there = 0.0
        for one in stepped:
            assert one.step is not None
            step = max(float(table["step"]), one.step / ratio)
            there += one.whole() - one.folds * one.steps * (one.step - min(one.step, step))
        found.append(
            Rented(
                name=kind["name"],
                seconds=round(there, 1),
                ratio=round(here / max(there, 1e-9), 2),
                cost=round(there / 3600 * float(kind[machine.currency]), 6),
                fits=peak_bytes <= int(kind["memory"]) << 30,
            )
        )
    return tuple(found)


def _gflops() -> float:
    random = np.random.default_rng(0)
    one = random.normal(size=(_SIDE, _SIDE)).astype(np.float32)
    taken = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        one @ one
        taken.append(time.perf_counter() - begun)
    return 2 * _SIDE**3 / min(taken) / 1e9
