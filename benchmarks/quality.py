"""How good Sixfold is on real data: one row for each data set and network, with time, figure, interval and bar.

Every row is a product.yaml run from `collect` to `evaluate` in a process and a home of its own; the seconds are wall
clock. Rows are kept in ``benchmarks/results/quality.jsonl`` as they are measured, so that a stopped run goes on; the
table is written to ``benchmarks/results/quality.md``. Bars are on test rows, which no choice looks at.

    python benchmarks/quality.py ../shared/data                     # every row that is not kept yet
    python benchmarks/quality.py ../shared/data --only adult trec   # rows whose names begin so
    python benchmarks/quality.py ../shared/data --table             # the table of what is kept
    python benchmarks/quality.py ../shared/data --preset FOLDER     # of a pretrained English BERT, for `bert`

Gates stand before `deploy` and stop no row here; where rows leak between official splits, the leak-free figure stands
beside the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import yaml

RESULTS = Path(__file__).parent / "results"
RESAMPLES = 1000
LEAST_SQUEEZED = 1e-12

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: Of the row; results are kept under it.
        declares: Everything of product.yaml but its name; `data` may be a function that makes it first.
        minutes: The budget of one run.
        bars: Figure → what is asked of it; a figure that ends in ``<`` must stay below.
        seeds: How many, of which the mean counts.
        parts: Of one run several products (folds): what to put over ``declares`` for each.
        measure: From the runs of one seed to figures; left out, the report's own.
        before: A product that is run first in the same home: a generator whose rows the row learns from.
        trainings: How many trainings of ``minutes`` each a run has.
    """

    name: str
    declares: Mapping[str, Any]
    minutes: float
    bars: Mapping[str, float]
    seeds: int = 3
    parts: tuple[Mapping[str, Any], ...] = ()
    measure: Callable[[list[Outcome]], dict[str, float]] | None = None
    before: Mapping[str, Any] | None = None
    trainings: int = 1


def rows(data: Path, preset: str | None) -> Iterator[Row]:
    """Every row, in the order of the table."""

    def place(name: str) -> str:
        return str(data / name)

    photo = {"given": {"photo": "image"}, "predict": {"label": "category"}}
    yield Row("sign_digits auto", {"data": place("sign_digits.zip"), **photo}, 5, {"accuracy": 0.99})
    yield Row(
        "sign_digits resnet",
        {"data": place("sign_digits.zip"), **photo, "train": {"network": "resnet"}},
        5,
        {"accuracy": 0.985},
    )
    yield Row("fashion_mnist auto", {"data": place("fashion_mnist.zip"), **photo}, 20, {"accuracy": 0.93}, seeds=1)
    yield Row(
        "pneumonia_mnist auto",
        {
            "data": place("pneumonia_mnist.npz"),
            "given": {"scan": "image"},
            "predict": {"pneumonia": {"kind": "yes_no", "yes": "1"}},
        },
        5,
        {"auroc": 0.965, "accuracy": 0.88},
    )
    trec = {
        "data": {"train": place("trec_train.txt"), "test": place("trec_test.txt")},
        "given": {"text": "text"},
        "predict": {"label": "category"},
    }
    reviews = {
        "data": place("movie_review_polarity.txt"),
        "given": {"text": "text"},
        "predict": {"label": "category"},
        "prepare": {"split": {"test": 0.1}},
    }
    if preset is not None:
        bert = {"train": {"network": "bert", "preset": preset}}
        yield Row("trec bert", {**trec, **bert}, 10, {"accuracy": 0.955})
        yield Row("movie_review bert", {**reviews, **bert}, 15, {"accuracy": 0.83}, seeds=1)
    yield Row("trec auto", trec, 5, {"accuracy": 0.88})
    yield Row("movie_review auto", reviews, 5, {"accuracy": 0.765})
    yield Row(
        "chnsenticorp auto",
        {
            "data": place("chnsenticorp.zip"),
            "given": {"text_a": "text"},
            "predict": {"label": {"kind": "yes_no", "yes": "1"}},
        },
        10,
        {"accuracy": 0.89, "leak-free accuracy": 0.87, "leaked test rows": 1},
        measure=_with_leak_free,
    )
    yield Row(
        "sms_spam auto",
        {
            "data": place("sms_spam.tsv"),
            "given": {"SMS": "text"},
            "predict": {"Label": {"kind": "yes_no", "yes": "spam"}},
        },
        2,
        {"f1": 0.97},
        measure=_with_f1_of_yes,
    )
    for name, target, yes, seconds in (
        ("adult", "income", ">50K", 64),
        ("bank_full", "y", "yes", 64),
        ("telco_churn", "Churn", "Yes", 40),
        ("online_shoppers_intention", "Revenue", "True", 40),
    ):
        files = {split: place(f"{name}_{split}.csv") for split in ("train", "test")}
        declares = _table(files["train"], files, target, yes)
        yield Row(
            f"{name} auto",
            declares,
            seconds / 60,
            {"auroc over trees": 0.0},
            measure=_against_trees(files, target, yes),
        )
    heart = _table(place("heart_disease_cleveland.csv"), place("heart_disease_cleveland.csv"), "num", None)
    heart["collect"] = {"columns": {"sick": "num > 0"}}
    heart["predict"] = {"sick": "yes_no"}
    yield Row(
        "heart_disease auto",
        heart,
        1,
        {"auroc": 0.90},
        seeds=1,
        parts=tuple({"prepare": {"split": {"fold": fold, "of": 10}}} for fold in range(1, 11)),
        measure=_mean_of_folds,
    )
    for name, bar in (
        ("GunPoint", 0.99),
        ("ItalyPowerDemand", 0.963),
        ("ArrowHead", 0.845),
        ("JapaneseVowels", 0.992),
        ("BasicMotions", 1.0),
    ):
        series = {
            "data": f"{place('ucr_series.zip')}#{name}",
            "given": {"series": "series"},
            "predict": {"class": "category"},
        }
        yield Row(f"{name} auto", series, 3, {"accuracy": bar})
    yield Row(
        "tatoeba translation",
        {
            "data": place("tatoeba_cmn_eng.tsv"),
            "given": {"english": {"kind": "text", "from": "column_1", "vocabulary": 4000}},
            "generate": {"chinese": {"kind": "text", "from": "column_2"}},
            # About 1,000 different sentences with all their translations, which stand on one side.
            "prepare": {"split": {"test": 0.0515, "validation": 0.03}},
        },
        25,
        {"bleu": 22.0, "chrf": 0.0, "length_failures <": 0.02, "repetition_failures <": 0.02},
        seeds=1,
    )
    yield Row(
        "bccd detector",
        {
            "data": place("bccd.zip"),
            "given": {"photo": "image"},
            "predict": {"cells": "boxes"},
            "train": {
                "network": "detector",
                # Under a microscope there is no up and down.
                "augment": {"shift": 0.15, "zoom": 0.3, "mirror": 0.5, "upend": 0.5, "contrast": 0.3, "tint": 0.1},
            },
        },
        30,
        {"average_precision_50": 0.84},
        seeds=1,
    )
    streets = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
    yield Row(
        "camvid unet",
        {
            "data": place("camvid_half.zip"),
            "given": {"photo": "image"},
            "predict": {"scene": {"kind": "mask", "classes": list(streets), "ignored": 11}},
            "train": {"network": "unet"},
        },
        30,
        {"mean_iou": 0.42},
        seeds=1,
    )
    yield Row(
        "fashion_mnist gan",
        {"data": place("fashion_mnist.zip"), "given": {"label": "category"}, "generate": {"photo": "image"}},
        30,
        {"usefulness": 0.78, "recall": 0.3},
        seeds=1,
    )
    yield Row(
        "steering gan",
        {"data": place("steering.zip"), "generate": {"frame": {"kind": "image", "size": 64}}},
        30,
        {"precision": 0.5, "recall": 0.2},
        seeds=1,
    )
    # nanoGPT's setting for a CPU, step for step; its own loss is perplexity's logarithm, character by character.
    play = {"kind": "text", "tokenizer": "characters", "length": 8192}
    cpu = {"layers": 4, "heads": 4, "width": 128, "context": 64, "dropout": 0.0, "batch": 12, "steps": 2000}
    yield Row(
        "tiny_shakespeare gpt",
        {
            "data": f"prose:{place('tiny_shakespeare.txt')}",
            "collect": {"piece": 7500},
            "generate": {"play": play},
            "prepare": {"split": {"validation": 0.02}},
            "train": {"network": "gpt", "precision": "float32", **cpu},
        },
        5,
        {"loss <": 1.88},
        seeds=1,
        measure=_with_loss,
    )
    yield Row(
        "tang poems gpt",
        {
            "data": _poems(data),
            "generate": {"verse": {"kind": "text", "tokenizer": "characters", "from": "paragraphs"}},
            "prepare": {"split": {"test": 0.1}},
        },
        15,
        {"share of the 5-gram's perplexity <": 0.75, "whole poems copied <": 0, "samples with runs over 8 <": 0},
        seeds=1,
        measure=_against_counting,
    )
    yield Row(
        "airline forecast",
        {
            "data": place("ucr_series.zip#Airline"),
            "given": {"history": "series", "month": {"kind": "date", "from": "Date"}},
            "predict": {"passengers": {"kind": "series", "from": "Passengers", "steps": 12}},
            "prepare": {"split": {"origins": 10}},
        },
        2,
        {"mase <": 0.75, "covered": 0.7, "covered <": 0.9},
        measure=_with_coverage,
    )
    yield Row(
        "eth_ucy behaviour",
        {
            "collect": {"rows": {"id": "column_2", "time": "column_1", "scene": "file"}},
            "given": {"history": {"kind": "series", "length": 8}, "nearby": "neighbours"},
            "predict": {"path": {"kind": "series", "from": ["column_3", "column_4"], "steps": 12}},
        },
        10,
        {"best ADE <": 0.40, "best FDE <": 0.75, "ADE over constant velocity <": 1.0},
        seeds=1,
        parts=tuple(
            {"data": place(f"eth_ucy.zip#experiments/pedestrians/raw/{scene}")}
            for scene in ("eth", "hotel", "univ", "zara1", "zara2")
        ),
        measure=_over_scenes,
    )
    photos = {name: {"kind": "image"} for name in ("front", "bedroom", "bathroom", "kitchen")}
    numbers = {"bedrooms": "number", "bathrooms": "number", "area": "number", "zipcode": "category"}
    houses = {"data": place("houses.zip"), "predict": {"price": "number"}}
    figure = "median_absolute_percentage_error"
    yield Row("houses both", {**houses, "given": {**photos, **numbers}}, 10, {f"{figure} <": 0.18}, seeds=1)
    yield Row("houses table alone", {**houses, "given": numbers}, 10, {}, seeds=1)
    yield Row("houses photos alone", {**houses, "given": photos}, 10, {}, seeds=1)

    yield from _choices_and_ways(data)
    yield from _frames_and_rare_rows(data)


def _choices_and_ways(data: Path) -> Iterator[Row]:
    """Treatment choice and path planning."""

    def place(name: str) -> str:
        return str(data / name)

    training = {
        "data": place("lalonde_psid_realcause.csv"),
        "given": {
            **dict.fromkeys(("age", "education", "re74", "re75"), "number"),
            **dict.fromkeys(("black", "hispanic", "married", "nodegree"), "yes_no"),
        },
        "choose": {"t": "yes_no"},
        "to_raise": {"y": "number"},
    }
    yield Row(
        "lalonde_psid choose",
        training,
        2,
        {"pehe over forests <": 1.0, "value over forests": 0.0, "gain over none low": 0.0},
        seeds=1,
        parts=tuple({"prepare": {"split": {"fold": fold, "of": 10}}} for fold in range(1, 11)),
        measure=_against_forests(place("lalonde_psid_realcause.csv")),
    )
    twins = _unique_columns(data / "twins.csv")
    beside = {"T", "yf", "y0", "y1", "y_cf", "Propensity"}
    yield Row(
        "twins choose",
        {
            "data": twins,
            "given": {name: "number" for name in _header(twins) if name not in beside},
            "choose": {"T": "yes_no"},
            "to_lower": {"yf": "yes_no"},
        },
        2,
        {"error of the average effect <": 0.01, "told that no effect by row can be learned": 1.0},
        seeds=1,
        measure=_against_truth(twins),
    )

    yield Row(
        "movingai_dao plan",
        {
            "data": f"movingai:{place('movingai_dao.zip')}",
            "collect": {"problems": 150, "held_out": ["brc503d", "lak201d", "ost001d", "den401d"]},
            "given": {"map": {"kind": "image", "size": [800, 544]}, "start": "point", "goal": "point"},
            "predict": {"way": "route"},
        },
        10,
        {"nodes_over_astar <": 0.40, "length_over_optimum <": 1.03, "success": 1.0},
        seeds=1,
    )


def _frames_and_rare_rows(data: Path) -> Iterator[Row]:
    """Steering from frames, and what a generator's rows buy of a class with few."""
    yield Row(
        "steering angle",
        {
            "data": lambda: _in_order(data / "steering.zip"),
            "given": {"frame": "image"},
            "predict": {"angle": {"kind": "number", "from": "steering"}},
            "prepare": {"split": {"time": "moment", "test": 0.2}},
        },
        10,
        {"share of the mean's error <": 0.7},
        seeds=1,
        measure=_over_the_mean,
    )
    clothes, painted = partial(_with_a_rare_class, data / "fashion_mnist.zip", "6", 50), {"photo": "image"}
    yield Row(
        "synthetic rows",
        {
            "data": clothes,
            "given": painted,
            "predict": {"label": "category"},
            "collect": {"synthetic": {"product": "painter", "rows": 3000, "only": {"label": "6"}}},
            "train": {"network": "cnn"},
            "evaluate": {"without_synthetic": True},
        },
        5,
        {"recall with": 0.0, "recall without": 0.0},
        measure=_of_the_rare,
        before={
            "name": "painter",
            # The training rows alone: what the other product is tested on, its generator never saw.
            "data": lambda: f"{clothes()}#train",
            "given": {"label": "category"},
            "generate": painted,
            "train": {"network": "gan", "minutes": 15},
            "evaluate": {"gates": {"beats baseline": False}},  # what its rows are worth is measured, not asked for
        },
        trainings=2,
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--only", nargs="*", default=[])
    arguments.add_argument("--seeds", type=int, help="at most so many seeds a row")
    arguments.add_argument("--preset", help="a folder with a pretrained English BERT")
    arguments.add_argument("--again", action="store_true", help="measure rows again that are kept")
    arguments.add_argument("--table", action="store_true", help="only write the table")
    said = arguments.parse_args()
    RESULTS.mkdir(exist_ok=True)
    every = list(rows(said.data.resolve(), said.preset))
    wanted = [row for row in every if not said.only or any(row.name.startswith(start) for start in said.only)]
    for row in wanted if not said.table else []:
        for seed in range(min(row.seeds, said.seeds or row.seeds)):
            if said.again or (row.name, seed) not in {(one["row"], one["seed"]) for one in kept()}:
                record = {"row": row.name, "seed": seed, **measured(row, seed)}
                with (RESULTS / "quality.jsonl").open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(record) + "\n")
                print(f"{row.name}, seed {seed}: {record['seconds']:.0f} s, {record['figures']}", flush=True)
    text = table(every)
    (RESULTS / "quality.md").write_text(text, encoding="utf-8")
    print("\n" + text)


def kept() -> list[dict[str, Any]]:
    """Every result, the newest of each row and seed."""
    path = RESULTS / "quality.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return list({(one["row"], one["seed"]): one for one in map(json.loads, lines)}.values())


def measured(row: Row, seed: int) -> dict[str, Any]:
    """One seed of a row: wall clock of its longest run, and its figures."""
    outcomes = [_outcome(row, part, seed) for part in row.parts or ({},)]
    figures = row.measure(outcomes) if row.measure is not None else _plain(outcomes[0])
    return {
        "seconds": max(one["seconds"] for one in outcomes),
        "minutes": row.minutes,
        "figures": figures,
        "intervals": {name: [one["low"], one["high"]] for name, one in outcomes[0]["report_figures"].items()},
        "network": outcomes[0]["network"],
        "rows": outcomes[0]["rows"],
        "search": [
            {
                key: one.get(key)
                for key in ("name", "why", "options", "columns", "seconds", "validation", "was_cut", "state")
            }
            for one in outcomes[0]["search"]
        ],
        "ensemble": outcomes[0]["ensemble"],
    }


def table(every: list[Row]) -> str:
    """The table, as Markdown."""
    results: dict[str, list[dict[str, Any]]] = {}
    for one in kept():
        results.setdefault(one["row"], []).append(one)
    lines = [
        "| data and network | chosen | budget s | seconds | figure | interval | asked | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    gains = []
    for row in every:
        found = results.get(row.name)
        if not found:
            continue
        seconds = mean(one["seconds"] for one in found)
        on_time = seconds <= 1.1 * row.minutes * 60 * row.trainings
        for name, bar in row.bars.items() or [(next(iter(found[0]["figures"])), None)]:
            figure = name.removesuffix(" <")
            value = mean(one["figures"][figure] for one in found)
            low, high = found[0]["intervals"].get(figure, [None, None])
            ends = f"{low:.3f}–{high:.3f}" if low is not None else "–"
            if figure == "auroc over trees":
                gains.append(value)
                low, high = (found[0]["figures"][f"auroc over trees {end}"] for end in ("low", "high"))
                ends, met = f"{low:+.4f}–{high:+.4f}", high >= 0
            else:
                met = bar is None or (value <= bar if name.endswith(" <") else value >= bar)
            asked = "–" if bar is None else f"{'≤' if name.endswith(' <') else '≥'} {bar:g}"
            told = "–" if bar is None else "yes" if met and on_time else "NO"
            lines.append(
                f"| {row.name} ({len(found)} seeds) | {found[0]['network']} | {row.minutes * 60:.0f} | {seconds:.0f} "
                f"| {figure} {value:.4f} | {ends} | {asked} | {told} |"
            )
    if gains:
        lines.append(f"\nSum of the differences from the trees over {len(gains)} tables: {sum(gains):+.4f}")
    return "\n".join(lines) + "\n"


def _outcome(row: Row, part: Mapping[str, Any], seed: int) -> Outcome:
    declares = _merged(_merged(dict(row.declares), part), {"train": {"minutes": row.minutes, "seed": seed}})
    if seed:
        declares = _merged(declares, {"prepare": {"split": {"seed": seed}}})
    declares = {"name": "measured", **declares}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if row.before is not None:
            _run(row, _merged(row.before, {"train": {"seed": seed}}), folder)
        return _read(folder, _run(row, declares, folder))


def _run(row: Row, declares: Mapping[str, Any], folder: Path) -> float:
    """Run a product up to evaluate in the home of ``folder``; the seconds that it took."""
    declares = {name: value() if callable(value) else value for name, value in declares.items()}
    (folder / "product.yaml").write_text(yaml.safe_dump(declares, allow_unicode=True, sort_keys=False), "utf-8")
    environment = {**os.environ, "SIXFOLD_HOME": str(folder / "home"), "SIXFOLD_LANG": "en"}
    command = [
        sys.executable,
        "-m",
        "sixfold",
        "run",
        str(folder / "product.yaml"),
        "--until",
        "evaluate",
        "--json",
    ]
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"{row.name}: exit code {done.returncode}\n{done.stderr}\n{done.stdout[-2000:]}")
    return seconds


def _read(folder: Path, seconds: float) -> Outcome:
    """What a run left in its home."""
    from safetensors.numpy import load

    from sixfold import Sixfold
    from sixfold.security import Home
    from sixfold.store import Workspace

    house = Sixfold(Home(folder / "home"))
    run = house.last("measured")
    assert run is not None
    evaluated = run.artefacts["evaluate"]
    work = Workspace(house.store, "read", "")
    return {
        "seconds": seconds,
        "report_figures": evaluated.about["figures"],
        "report": work.read_json(evaluated, "report.json"),
        "predictions": load(work.read(evaluated, "predictions.safetensors")),
        "network": run.artefacts["train"].about["network"],
        "rows": evaluated.about["headline"]["rows"],
        "search": run.artefacts["train"].about.get("search", []),
        "ensemble": run.artefacts["train"].about.get("ensemble", []),
    }


def _plain(outcome: Outcome) -> dict[str, float]:
    return {name: one["value"] for name, one in outcome["report_figures"].items()}


def _with_leak_free(outcomes: list[Outcome]) -> dict[str, float]:
    leaks = outcomes[0]["report"]["leaks"]
    return {
        **_plain(outcomes[0]),
        "leak-free accuracy": leaks["leak_free"]["value"],
        "leaked test rows": leaks["leaked_test_rows"],
    }


def _with_f1_of_yes(outcomes: list[Outcome]) -> dict[str, float]:
    return {**_plain(outcomes[0]), "f1": outcomes[0]["report"]["by_class"][-1]["f1"]}


def _with_loss(outcomes: list[Outcome]) -> dict[str, float]:
    """Nats for each token, and seconds that training took."""
    figures = _plain(outcomes[0])
    return {**figures, "loss": float(np.log(figures["perplexity"]))}


def _against_counting(outcomes: list[Outcome]) -> dict[str, float]:
    """Perplexity as a share of the Kneser–Ney 5-gram's, and what samples copy."""
    report = outcomes[0]["report"]
    headline, memory = report["figures"][0], report["memory"]
    return {
        **_plain(outcomes[0]),
        "share of the 5-gram's perplexity": headline["value"] / headline["against"]["kneser_ney"]["value"],
        "whole poems copied": memory["whole_texts"],
        "samples with runs over 8": memory["longer"][0]["samples"],
    }


def _poems(data: Path) -> str:
    """Both files of poems as one."""
    files = [data / "tang_300.json", data / "poet.tang.0.json"]
    poems = [poem for file in files if file.exists() for poem in json.loads(file.read_text(encoding="utf-8"))]
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / "tang_poems.json"
    place.write_text(json.dumps(poems, ensure_ascii=False), encoding="utf-8")
    return str(place)


def _mean_of_folds(outcomes: list[Outcome]) -> dict[str, float]:
    return {name: mean(_plain(one)[name] for one in outcomes) for name in outcomes[0]["report_figures"]}


def _against_trees(files: Mapping[str, str], target: str, yes: str) -> Callable[[list[Outcome]], dict[str, float]]:
    """AUROC less that of the average of five LightGBM seeds trained here, with its paired bootstrap interval."""

    def measure(outcomes: list[Outcome]) -> dict[str, float]:
        from sklearn.metrics import roc_auc_score

        theirs, truth = _five_trees(files, target, yes)
        found = outcomes[0]["predictions"]
        first = int(found["row"].min())  # test rows stand behind the training rows, in the file's own order
        ours = np.full(len(truth), np.nan)
        ours[found["row"] - first] = found["probabilities"][:, 1]
        known = ~np.isnan(ours)
        assert known.all(), f"{(~known).sum()} test rows were left out"
        draw = np.random.default_rng(0)
        gaps = []
        for _ in range(RESAMPLES):
            rows = draw.integers(0, len(truth), len(truth))
            gaps.append(roc_auc_score(truth[rows], ours[rows]) - roc_auc_score(truth[rows], theirs[rows]))
        low, high = np.quantile(gaps, (0.025, 0.975))
        gap = roc_auc_score(truth, ours) - roc_auc_score(truth, theirs)
        return {
            **_plain(outcomes[0]),
            "auroc over trees": float(gap),
            "auroc over trees low": float(low),
            "auroc over trees high": float(high),
            "auroc of trees": float(roc_auc_score(truth, theirs)),
        }

    return measure


def _against_forests(file: str) -> Callable[[list[Outcome]], dict[str, float]]:
    """Of all folds together: the error of each row's effect as a share of that of the best of the S-, T- and DR-forests
    trained here, and the true outcome under the choices, less that under the best forest's and less that of none.

    Both potential outcomes of the rows stand in the file; they are looked at here alone.
    """

    def measure(outcomes: list[Outcome]) -> dict[str, float]:
        import pandas as pd

        frame = pd.read_csv(file)
        effect = frame["ite"].to_numpy()
        given = frame.drop(columns=["t", "y", "y0", "y1", "ite"]).to_numpy()
        treated, y = frame["t"].to_numpy().astype(int), frame["y"].to_numpy()
        ours, arms = np.full(len(frame), np.nan), np.zeros(len(frame), int)
        forests = {name: np.full(len(frame), np.nan) for name in ("s", "t", "dr")}
        for outcome in outcomes:
            found = outcome["predictions"]
            rows = found["row"]
            ours[rows], arms[rows] = found["effects"][:, 1], found["arm"]
            rest = np.setdiff1d(np.arange(len(frame)), rows)
            for name, told in _forests(given[rest], treated[rest], y[rest], given[rows]).items():
                forests[name][rows] = told
        errors = {name: float(np.sqrt(((told - effect) ** 2).mean())) for name, told in forests.items()}
        values = {name: float(np.where(told > 0, effect, 0).mean()) for name, told in forests.items()}
        gains = np.where(arms == 1, effect, 0)
        draw = np.random.default_rng(0)
        means = [gains[draw.integers(0, len(gains), len(gains))].mean() for _ in range(RESAMPLES)]
        low, high = np.quantile(means, (0.025, 0.975))
        pehe = float(np.sqrt(((ours - effect) ** 2).mean()))
        return {
            "pehe over forests": pehe / min(errors.values()),
            "value over forests": float(gains.mean()) - max(values.values()),
            "gain over none low": float(low),
            "gain over none": float(gains.mean()),
            "gain over none high": float(high),
            "pehe": pehe,
            **{f"pehe of {name}-forest": error for name, error in errors.items()},
            **{f"gain of {name}-forest": value for name, value in values.items()},
        }

    return measure


def _forests(given: np.ndarray, treated: np.ndarray, y: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    """The effects that forests of scikit-learn tell for the rows asked, by learner."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    def forest(x: np.ndarray, labels: np.ndarray) -> Any:
        return RandomForestRegressor(200, min_samples_leaf=5, n_jobs=-1, random_state=0).fit(x, labels)

    def by_arm(x: np.ndarray, arm: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.stack([forest(x[arm == one], labels[arm == one]).predict(new) for one in (0, 1)], axis=1)

    whole = forest(np.c_[given, treated], y)
    s = whole.predict(np.c_[asked, np.ones(len(asked))]) - whole.predict(np.c_[asked, np.zeros(len(asked))])
    told = by_arm(given, treated, y, asked)
    fold, scores = np.random.default_rng(0).permutation(len(y)) % 5, np.zeros(len(y))
    for number in range(5):
        rest, own = fold != number, fold == number
        expected = by_arm(given[rest], treated[rest], y[rest], given[own])
        chances = RandomForestClassifier(200, min_samples_leaf=5, n_jobs=-1, random_state=0)
        chance = np.clip(chances.fit(given[rest], treated[rest]).predict_proba(given[own])[:, 1], 0.02, 0.98)
        scores[own] = expected[:, 1] - expected[:, 0]
        scores[own] += treated[own] * (y[own] - expected[:, 1]) / chance
        scores[own] -= (1 - treated[own]) * (y[own] - expected[:, 0]) / (1 - chance)
    return {"s": s, "t": told[:, 1] - told[:, 0], "dr": forest(given, scores).predict(asked)}


def _against_truth(file: str) -> Callable[[list[Outcome]], dict[str, float]]:
    """How far the average effect is from the true one, and whether the report says that there is none by row."""

    def measure(outcomes: list[Outcome]) -> dict[str, float]:
        import pandas as pd

        frame, report = pd.read_csv(file), outcomes[0]["report"]
        true, told = float((frame["y1"] - frame["y0"]).mean()), report["average"][0]
        return {
            "error of the average effect": abs(told["value"] - true),
            "told that no effect by row can be learned": float(not report["choice"]["differs"]),
            "average effect": told["value"],
            "true average effect": true,
        }

    return measure


def _in_order(file: Path) -> str:
    """A copy of a drive's frames and log, each line with its place in time."""
    import csv
    import zipfile

    folder = Path(tempfile.mkdtemp())
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    log = folder / "driving_log.csv"
    with log.open(encoding="utf-8", newline="") as source:
        header, *lines = csv.reader(source)
    with log.open("w", encoding="utf-8", newline="") as copy:
        csv.writer(copy).writerows([[*header, "moment"], *([*line, place] for place, line in enumerate(lines))])
    return str(folder)


def _over_the_mean(outcomes: list[Outcome]) -> dict[str, float]:
    """The root mean squared error as a share of that of the mean of training rows."""
    (one,) = outcomes
    y, said = (one["predictions"][name].astype(np.float64) for name in ("y", "said"))
    usual = one["report"]["data"]["columns"]["angle"]["mean"]
    error, naive = (float(np.sqrt(((y - guess) ** 2).mean())) for guess in (said, usual))
    return {**_plain(one), "share of the mean's error": error / naive}


@cache
def _with_a_rare_class(file: Path, label: str, kept: int) -> str:
    """A copy of class folders in which one class has so many training rows, the first ones."""
    import zipfile

    target = Path(tempfile.mkdtemp()) / "clothes.zip"
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        seen = 0
        for name in sorted(archive.namelist()):
            is_rare = name.startswith(f"train/{label}/") and not name.endswith("/")
            seen += is_rare
            if not name.endswith("/") and not (is_rare and seen > kept) and name.startswith(("train/", "test/")):
                copy.writestr(name, archive.read(name))
    return str(target)


def _of_the_rare(outcomes: list[Outcome]) -> dict[str, float]:
    """How many rows of the rare class are found, with and without a generator's, and what that does to all."""
    without = outcomes[0]["report"]["chapters"]["synthetic"]["without"]
    (rare,), headline = without["classes"], without["figures"][0]
    return {
        "recall with": rare["with"]["value"],
        "recall without": rare["without"]["value"],
        "recall gained": rare["difference"]["value"],
        "recall gained low": rare["difference"]["low"],
        "recall gained high": rare["difference"]["high"],
        "accuracy with": headline["with"]["value"],
        "accuracy without": headline["without"]["value"],
    }


def _unique_columns(file: Path) -> str:
    """A copy of a table without columns that have no name, and with a number behind names that come again."""
    import csv
    from collections import Counter

    target = Path(tempfile.mkdtemp()) / file.name
    with file.open(encoding="utf-8", newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
        header, *lines = csv.reader(source)
        seen: Counter[str] = Counter()
        names = []
        for name in header:
            seen[name] += 1
            names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
        kept = [place for place, name in enumerate(header) if name]
        csv.writer(copy).writerows([[line[place] for place in kept] for line in [names, *lines]])
    return str(target)


def _header(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines()[0].split(",")


def _over_scenes(outcomes: list[Outcome]) -> dict[str, float]:
    """The mean over scenes that each were left out once, in metres."""

    def over(name: str) -> float:
        return mean(one["report_figures"][name]["value"] for one in outcomes)

    naive = [one["report"]["figures"][0]["against"]["constant_velocity"]["value"] for one in outcomes]
    return {
        "best ADE": over("best_average_displacement"),
        "best FDE": over("best_final_displacement"),
        "ADE": over("average_displacement"),
        "FDE": over("final_displacement"),
        "ADE over constant velocity": over("average_displacement") / mean(naive),
    }


def _with_coverage(outcomes: list[Outcome]) -> dict[str, float]:
    (one,) = outcomes
    return {**_plain(one), "covered": one["report"]["intervals"]["covered"]}


def _five_trees(files: Mapping[str, str], target: str, yes: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean chance of yes of five LightGBM models with the library's defaults and early stopping, and the truth."""
    import lightgbm
    import pandas as pd
    from sklearn.model_selection import train_test_split

    frames = {split: pd.read_csv(path, skipinitialspace=True) for split, path in files.items()}
    for frame in frames.values():
        for column in frame.columns:
            if column != target and not pd.api.types.is_numeric_dtype(frame[column]):
                numbers = pd.to_numeric(frame[column], errors="coerce")
                frame[column] = numbers if numbers.notna().mean() > 0.5 else frame[column].astype(str)
    text = [c for c in frames["train"].columns if c != target and not pd.api.types.is_numeric_dtype(frames["train"][c])]
    text = [column for column in text if frames["train"][column].nunique() < 1000]
    columns = [
        column
        for column in frames["train"].columns
        if column in text or (column != target and pd.api.types.is_numeric_dtype(frames["train"][column]))
    ]
    for column in text:
        kinds = pd.CategoricalDtype(sorted(frames["train"][column].unique()))
        for frame in frames.values():
            frame[column] = frame[column].astype(kinds)
    labels = {split: (frame[target].astype(str).str.strip() == yes).to_numpy() for split, frame in frames.items()}
    chances = []
    for seed in range(5):
        x, held, y, held_y = train_test_split(
            frames["train"][columns], labels["train"], test_size=0.1, random_state=seed, stratify=labels["train"]
        )
        model = lightgbm.LGBMClassifier(n_estimators=2000, learning_rate=0.05, random_state=seed, verbose=-1)
        model.fit(x, y, eval_set=[(held, held_y)], callbacks=[lightgbm.early_stopping(50, verbose=False)])
        chances.append(model.predict_proba(frames["test"][columns])[:, 1])
    return np.mean(chances, axis=0), labels["test"]


def _table(file: str, data: Any, target: str, yes: str | None) -> dict[str, Any]:
    """The declaration of a table, as `sixfold new` guesses its columns."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "product.yaml"
        command = [sys.executable, "-m", "sixfold", "new", file, "-o", str(path), "--target", target, "--json"]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "SIXFOLD_LANG": "en"})
        declared = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    predict = {target: {"kind": "yes_no", "yes": yes}} if yes is not None else declared["predict"]
    return {"data": data, "given": declared["given"], "predict": predict}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for name, value in other.items():
        both[name] = _merged(both.get(name, {}), value) if isinstance(value, Mapping) else value
    return both


if __name__ == "__main__":
    main()
