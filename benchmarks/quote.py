"""Whether quotes hold: eight different products are quoted, then run, and what was said is set beside what came.

Each quote and each run is a process of its own, with a home of its own for the product, as a user would do it. Rows
are kept in ``benchmarks/results/quote.jsonl`` as they are measured, so that a stopped run goes on. Times mean something
only on a machine that does nothing else: processor seconds stand beside them, which other work disturbs less.

    python benchmarks/quote.py ../shared/data                   # every product that is not kept yet
    python benchmarks/quote.py ../shared/data --only churn sms  # those alone
    python benchmarks/quote.py ../shared/data --table           # the table of what is kept
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "quote.jsonl"
NEAR_TIME, NEAR_MEMORY, WIDEST, HELD, ITS_SHARE, ITS_SECONDS = 0.15, 0.20, 0.05, 7, 0.1, 60.0
"""The bars: time and memory, half the width of an interval in its points, how many of eight hold, and its own cost."""

SLACK = 5.0
"""Seconds beyond a minute that starting Python and opening the house may take."""


def products(data: Path) -> dict[str, dict[str, Any]]:
    """What product.yaml says of each, by its name."""

    def place(name: str) -> str:
        return str(data / name)

    churn = dict.fromkeys(("Contract", "InternetService", "PaymentMethod", "OnlineSecurity"), "category")
    splits = {split: place(f"telco_churn_{split}.csv") for split in ("train", "test")}
    adult = {"age": "number", "education": "category", "occupation": "category", "hours": "number"}
    adult |= {"marital": "category", "gain": "number", "sex": "category", "workclass": "category"}
    return {
        "churn": {  # a table, boosted trees by their own rule
            "data": splits,
            "given": {"tenure": "number", "MonthlyCharges": "number", **churn},
            "predict": {"Churn": {"kind": "yes_no", "yes": "Yes"}},
            "train": {"network": "trees"},
        },
        "income": {  # a table, a search on the clock
            "data": {split: place(f"adult_{split}.csv") for split in ("train", "test")},
            "given": adult,
            "predict": {"income": {"kind": "yes_no", "yes": ">50K"}},
            "train": {"minutes": 2},
        },
        "diabetes": {  # numbers from a table, a network by its recipe
            "data": "sklearn:diabetes",
            "given": dict.fromkeys(("age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"), "number"),
            "predict": {"target": "number"},
            "train": {"network": "mlp"},
        },
        "digits": {  # pictures, a network by epochs
            "data": place("sign_digits.zip"),
            "given": {"photo": {"kind": "image", "size": 48}},
            "predict": {"digit": "category"},
            "train": {"network": "cnn", "epochs": 30},
        },
        "xray": {  # pictures, a search on the clock
            "data": place("pneumonia_mnist.npz"),
            "given": {"scan": "image"},
            "predict": {"pneumonia": {"kind": "yes_no", "yes": "1"}},
            "train": {"minutes": 3},
        },
        "sms": {  # texts, counted
            "data": place("sms_spam.tsv"),
            "given": {"SMS": "text"},
            "predict": {"Label": {"kind": "yes_no", "yes": "spam"}},
            "train": {"network": "ngrams"},
        },
        "questions": {  # texts, a network by epochs
            "data": {"train": place("trec_train.txt"), "test": place("trec_test.txt")},
            "given": {"text": "text"},
            "predict": {"label": "category"},
            "train": {"network": "rnn", "epochs": 8},
        },
        "power": {  # series, features that are fitted
            "data": place("ucr_series.zip#ItalyPowerDemand"),
            "given": {"series": "series"},
            "predict": {"class": "category"},
            "train": {"network": "rocket"},
        },
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--only", nargs="*", default=[])
    arguments.add_argument("--table", action="store_true")
    arguments.add_argument("--step", choices=("quote", "run"), help=argparse.SUPPRESS)
    said = arguments.parse_args()
    declared = products(said.data.resolve())
    if said.step is not None:
        print(json.dumps(step(said.step, said.only[0], declared[said.only[0]])))
        return
    RESULTS.parent.mkdir(exist_ok=True)
    kept = {row["name"]: row for row in map(json.loads, RESULTS.read_text().splitlines())} if RESULTS.exists() else {}
    for name in declared:
        if said.table or name in kept or (said.only and name not in said.only):
            continue
        with tempfile.TemporaryDirectory() as home:
            found = {kind: in_process(kind, name, said.data, home) for kind in ("quote", "run")}
        kept[name] = {"name": name, **found}
        with RESULTS.open("a") as stream:
            stream.write(json.dumps(kept[name]) + "\n")
        print(line(kept[name]), flush=True)
    show([kept[name] for name in declared if name in kept])


def in_process(kind: str, name: str, data: Path, home: str) -> dict[str, Any]:
    """What a step tells, done in a process of its own, with its wall time."""
    begun = time.perf_counter()
    command = [sys.executable, __file__, str(data), "--only", name, "--step", kind]
    done = subprocess.run(
        command, env={**os.environ, "SIXFOLD_HOME": home}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{name}: {kind} failed\n{done.stderr[-3000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": time.perf_counter() - begun}


def step(kind: str, name: str, declares: Mapping[str, Any]) -> dict[str, Any]:
    """Quote, or run; what came of it."""
    from sixfold.pipeline import Sixfold
    from sixfold.product import Product

    house, product = Sixfold(), Product(name=name, **declares)
    if kind == "quote":
        return house.quote(product).to_json()
    reason = "a benchmark of quotes, not of models"
    gates = {"beats baseline": reason, "no leakage": reason}
    run = house.run(product, overrides=gates, write_report=False)
    try:
        return {
            "seconds": dict(run.seconds),
            "used": {stage: dict(used) for stage, used in run.used.items()},
            "headline": run.artefacts["evaluate"].about["headline"],
        }
    finally:
        house.remove(name)


def held(row: Mapping[str, Any]) -> dict[str, bool]:
    """Which bars a row holds."""
    quote, run = row["quote"], row["run"]
    seconds, peak = measured(row)
    quality = quote["quality"]
    expected = None if quality is None else quality["expected"]
    return {
        "time": abs(quote["totals"]["seconds"] - seconds) <= NEAR_TIME * seconds,
        "memory": abs(quote["totals"]["peak_bytes"] - peak) <= NEAR_MEMORY * peak,
        "quality": expected is not None and expected["low"] <= run["headline"]["value"] <= expected["high"],
        "width": expected is not None and half_width(quality) <= WIDEST + 1e-9,
        "cost": quote["seconds"] <= max(ITS_SECONDS + SLACK, ITS_SHARE * seconds),
    }


def half_width(quality: Mapping[str, Any]) -> float:
    """Half of the interval, as a share; of figures that are no shares, of the best guess without a model."""
    from sixfold.evaluation import formula

    expected = quality["expected"]
    half = (expected["high"] - expected["low"]) / 2
    if formula(quality["figure"]).style == "share":
        return half
    beside = quality["yardstick"][1] if quality["yardstick"] else expected["value"]
    return half / max(1e-12, abs(beside))


def measured(row: Mapping[str, Any]) -> tuple[float, int]:
    """Seconds in all, and the highest peak."""
    used = row["run"]["used"].values()
    return sum(one["seconds"] for one in used), max(one["peak_bytes"] for one in used)


def line(row: Mapping[str, Any]) -> str:
    """One row of the table."""
    quote, bars = row["quote"], held(row)
    seconds, peak = measured(row)
    cpu = sum(one["cpu_seconds"] for one in row["run"]["used"].values())
    quoted_cpu = sum(one["cpu_seconds"] for one in quote["stages"])
    marks = {name: "✓" if value else "✗" for name, value in bars.items()}
    figure, quality = row["run"]["headline"], quote["quality"]
    interval = "–"
    if quality is not None:
        expected = quality["expected"]
        interval = f"{expected['low']:.3f}–{expected['high']:.3f} ({expected['chance']:.0%})"
    return (
        f"| {row['name']} | {quote['totals']['seconds']:.0f} s | {seconds:.0f} s {marks['time']} "
        f"| {quoted_cpu:.0f} | {cpu:.0f} "
        f"| {quote['totals']['peak_bytes'] / 2**20:.0f} MiB | {peak / 2**20:.0f} MiB {marks['memory']} "
        f"| {interval} | {figure['name']} {figure['value']:.3f} {marks['quality']} {marks['width']} "
        f"| {quote['seconds']:.0f} s {marks['cost']} | {quote['verdict']} |"
    )


def show(rows: list[Mapping[str, Any]]) -> None:
    """The table, and the bars over all."""
    heads = ("product", "quoted", "took", "CPU s quoted", "CPU s", "quoted peak", "peak", "quoted figure", "figure")
    print(f"| {' | '.join((*heads, 'quote took', 'says'))} |")
    print("|---" * (len(heads) + 2) + "|")
    for row in rows:
        print(line(row))
    bars = [held(row) for row in rows]
    for name, least in (("time", 8), ("memory", 8), ("quality", HELD), ("width", 8), ("cost", 8)):
        print(f"{name}: {sum(one[name] for one in bars)} of {len(bars)} hold (asked: {least} of 8)")


if __name__ == "__main__":
    main()
