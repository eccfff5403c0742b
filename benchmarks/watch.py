"""What the watch claims, measured: verdicts of drift against Evidently, false alarms, estimated accuracy, refreshing.

    python benchmarks/watch.py ../shared/data --evidently /path/to/python-with-evidently

Evidently (0.7, with pandas below 3) is asked in an environment of its own; left out, the oracle is SciPy under the same
rules. Every bar stands beside what was measured; the exit code is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sixfold.monitoring import drift, level_of
from sixfold.monitoring._features import _of_picture, _of_text
from sixfold.monitoring._quality import estimated

_ROWS = {"small": 800, "large": 3000}
_CURRENT = 600

_ASK = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
NAMES = {"ks": "kolmogorov", "chisquare": "chi_square", "z": "proportions", "wasserstein": "wasserstein",
         "jensenshannon": "jensen_shannon"}
found = []
for case in json.load(sys.stdin):
    kind = ColumnType.Numerical if case["nature"] == "number" else ColumnType.Categorical
    reference, current = pd.Series(case["reference"]), pd.Series(case["current"])
    test = get_stattest(reference, current, kind, None)
    told = test(reference, current, kind, None)
    found.append([NAMES[test.name], float(told.drift_score), bool(told.drifted)])
json.dump(found, sys.stdout)
"""

_COLUMNS = {
    "adult": {
        "number": ["age", "fnlwgt", "education_num", "gain", "hours"],
        "category": ["workclass", "marital", "occupation", "race", "sex"],
    },
    "bank_full": {"number": ["balance", "duration", "campaign"], "category": ["job", "contact", "poutcome"]},
    "telco_churn": {"number": ["tenure", "MonthlyCharges"], "category": ["Contract", "InternetService"]},
    "online_shoppers_intention": {"number": ["BounceRates", "PageValues"], "category": ["VisitorType"]},
}

Case = dict[str, Any]


def tables(folder: Path) -> Iterator[Case]:
    """Columns of real tables: as they are, and with each shift that a column of its nature can have."""
    random = np.random.default_rng(0)
    for name, natures in _COLUMNS.items():
        old, new = (pl.read_csv(folder / f"{name}_{part}.csv", infer_schema_length=None) for part in ("train", "test"))
        for nature, columns in natures.items():
            for column in columns:
                yield from shifted(f"{name}.{column}", nature, old[column].drop_nulls(), new[column], random)


def shifted(name: str, nature: str, old: pl.Series, new: pl.Series, random: np.random.Generator) -> Iterator[Case]:
    convert = float if nature == "number" else str
    known = [convert(value) for value in old.to_list()]
    came = [convert(value) for value in new.drop_nulls().to_list()]
    for size, rows in _ROWS.items():
        reference = [known[place] for place in random.permutation(len(known))[:rows]]
        current = [came[place] for place in random.permutation(len(came))[:_CURRENT]]
        about = {"column": name, "nature": nature, "size": size, "reference": reference}
        yield {**about, "shift": "none", "current": current}
        if nature == "number":
            numbers, mean, spread = np.array(current), float(np.mean(reference)), float(np.std(reference))
            yield {**about, "shift": "mean", "current": (numbers + 0.5 * spread).tolist()}
            yield {**about, "shift": "scale", "current": (mean + 1.5 * (numbers - mean)).tolist()}
        else:
            changed = [value if random.uniform() > 0.2 else "a new one" for value in current]
            yield {**about, "shift": "new category", "current": changed}
        lost = ["yes" if random.uniform() < 0.2 else "no" for _ in current]
        yield {
            **about, "column": f"{name} · missing", "nature": "category", "shift": "missing",
            "reference": ["no"] * len(reference), "current": lost,
        }  # fmt: skip
        kept = [value for value, gone in zip(current, lost, strict=True) if gone == "no"]
        yield {**about, "shift": "missing (those left)", "current": kept}


def pictures(folder: Path) -> Iterator[Case]:
    """Brightness, contrast and colour of photos; and of the same, darker."""
    from PIL import Image

    random = np.random.default_rng(1)
    with zipfile.ZipFile(folder / "sign_digits.zip") as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".jpg", ".png"))]
        loaded = [Image.open(io.BytesIO(archive.read(name))) for name in random.permutation(names)[:1700]]
        plain = [_of_picture(picture) for picture in loaded]
        dark = [_of_picture(picture.point(lambda value: int(value * 0.7))) for picture in loaded[1100:]]
    for aspect in ("brightness", "contrast", "colour"):
        about = {"column": f"sign_digits · {aspect}", "nature": "number"}
        about["reference"] = [one[aspect] for one in plain[:1100]]
        yield {**about, "size": "large", "shift": "none", "current": [one[aspect] for one in plain[1100:]]}
        yield {**about, "size": "large", "shift": "brightness", "current": [one[aspect] for one in dark]}
        about["reference"] = about["reference"][:800]
        yield {**about, "size": "small", "shift": "brightness", "current": [one[aspect] for one in dark]}


def texts(folder: Path) -> Iterator[Case]:
    """Length, words, script and digits of questions; and with a third of them in Chinese."""
    lines = (folder / "trec_train.txt").read_text(encoding="latin-1").splitlines()
    asked = [_of_text(line.partition(" ")[2]) for line in lines]
    pairs = (folder / "tatoeba_cmn_eng.tsv").read_text(encoding="utf-8").splitlines()
    chinese = [_of_text(max(line.split("\t"), key=lambda part: sum(ord(letter) > 0x3000 for letter in part)))
               for line in pairs[:200]]  # fmt: skip
    for aspect, nature in {"length": "number", "words": "number", "script": "category", "digits": "number"}.items():
        for size, rows in _ROWS.items():
            about = {"column": f"trec · {aspect}", "nature": nature, "size": size}
            about["reference"] = [one[aspect] for one in asked[:rows]]
            current = [one[aspect] for one in asked[3000:3400]]
            yield {**about, "shift": "none", "current": current}
            yield {**about, "shift": "language", "current": current + [one[aspect] for one in chinese]}


def oracles(folder: Path, evidently: str | None) -> bool:
    """The same statistic and verdict as the oracle, on real columns with and without planted shifts."""
    cases = [*tables(folder), *pictures(folder), *texts(folder)]
    theirs = asked(evidently, cases) if evidently else [by_scipy(case) for case in cases]
    columns = {case["column"] for case in cases if "missing" not in case["shift"]}
    print(f"{len(cases)} cases, {len(columns)} columns; oracle: {'Evidently' if evidently else 'SciPy'}")
    agree = 0
    seen: dict[str, list[int]] = {}
    for case, (test, score, verdict) in zip(cases, theirs, strict=True):
        ours = drift(case["reference"], case["current"], case["nature"])
        assert ours is not None
        is_same = (
            ours.test == test
            and (abs(ours.score - score) <= 1e-6 * max(1.0, abs(score)) or np.isnan(score))
            and ours.drifted == verdict
        )
        agree += is_same
        counts = seen.setdefault(case["shift"], [0, 0, 0])
        counts[0] += 1
        counts[1] += is_same
        counts[2] += ours.drifted
        if not is_same:
            print(
                f"  differs: {case['column']} {case['size']} {case['shift']}: {ours} against {test} {score} {verdict}"
            )
    print(f"{'shift':24}{'cases':>8}{'same':>8}{'drifted':>9}")
    for shift, (count, same, drifted) in seen.items():
        print(f"{shift:24}{count:8}{same:8}{drifted:9}")
    return bar("same statistic and verdict", agree == len(cases), f"{agree} of {len(cases)}")


def asked(python: str, cases: list[Case]) -> list[tuple[str, float, bool]]:
    """What Evidently says."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _ASK], input=json.dumps(cases), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return [(test, score, verdict) for test, score, verdict in json.loads(done.stdout)]


def by_scipy(case: Case) -> tuple[str, float, bool]:
    """What SciPy says under Evidently's published default rules."""
    from scipy import stats
    from scipy.spatial.distance import jensenshannon

    reference, current = case["reference"], case["current"]
    keys = sorted({*reference, *current}, key=str)
    is_small = len(reference) <= 1000
    if case["nature"] == "number" and len(keys) > 5:
        if is_small:
            score = float(stats.ks_2samp(reference, current).pvalue)
            return "kolmogorov", score, score < 0.05
        score = float(stats.wasserstein_distance(reference, current) / max(np.std(reference), 0.001))
        return "wasserstein", score, score >= 0.1
    one, other = (np.array([sample.count(key) for key in keys], float) for sample in (reference, current))
    if not is_small:
        score = float(jensenshannon(one / one.sum(), other / other.sum()))
        return "jensen_shannon", score, score >= 0.1
    if len(keys) > 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = one * other.sum() / one.sum()
            statistic = np.nansum((other - expected) ** 2 / expected)
        score = float(stats.chi2.sf(statistic, len(keys) - 1))
        return "chi_square", score, score < 0.05
    n, m = one.sum(), other.sum()
    pooled = (one[0] + other[0]) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    score = 1.0 if error == 0 else float(2 * stats.norm.sf(abs(one[0] / n - other[0] / m) / error))
    return "proportions", score, score < 0.05


def false_alarms(folder: Path, _: str | None) -> bool:
    """How many models ever alarm over many looks at rows that are drawn as those they learned from."""
    frame = pl.read_csv(folder / "adult_train.csv")
    natures = {name: "number" if frame[name].dtype.is_numeric() else "category" for name in frame.columns[:-1]}
    values = {name: (frame[name].cast(pl.Float64) if nature == "number" else frame[name]).to_list()
              for name, nature in natures.items()}  # fmt: skip
    random, held = np.random.default_rng(2), True
    models, looks, window = 60, 8, 500
    for size, rows in _ROWS.items():
        ever = verdicts = drifted = 0
        for _model in range(models):
            order = random.permutation(frame.height)
            reference = {name: [column[place] for place in order[:rows]] for name, column in values.items()}
            alarmed = False
            for look in range(1, looks + 1):
                places = random.choice(order[rows:], window, replace=False)
                found = [
                    one for name, column in values.items()
                    if (one := drift(reference[name], [column[place] for place in places], natures[name])) is not None
                ]  # fmt: skip
                alarmed |= any(one.alarms(level_of(look, len(found))) for one in found)
                verdicts += sum(one.drifted for one in found) / len(found) >= 0.5
                drifted += sum(one.drifted for one in found)
            ever += alarmed
        columns = drifted / (models * looks * len(values))
        print(f"reference {rows}: columns called drifted at a look {columns:.1%}; half of them {verdicts}")
        held &= bar(f"models that ever alarm, {size}", ever / models <= 0.05, f"{ever} of {models}")
    return held


def cbpe(folder: Path, _: str | None) -> bool:
    """Accuracy estimated without labels against the accuracy as it was, on official test rows."""
    import sixfold

    products = {
        "adult": sixfold.Product(
            name="adult",
            data={"train": str(folder / "adult_train.csv"), "test": str(folder / "adult_test.csv")},
            given={
                **dict.fromkeys(["age", "education_num", "gain", "loss", "hours"], "number"),
                **dict.fromkeys(["workclass", "marital", "occupation", "relationship", "race", "sex"], "category"),
            },
            predict={"income": {"kind": "yes_no", "yes": ">50K"}},
            train={"network": "trees", "minutes": 1},
        ),
        "fashion_mnist": sixfold.Product(
            name="fashion",
            data=str(folder / "fashion_mnist.zip"),
            given={"photo": "image"},
            predict={"class": "category"},
            train={"network": "cnn", "minutes": _MINUTES},
        ),
    }
    held = True
    for name, product in products.items():
        with tempfile.TemporaryDirectory() as home:
            from sixfold.pipeline import Sixfold
            from sixfold.security import Home

            house = Sixfold(Home(Path(home)))
            run = house.run(product, until="evaluate", write_report=False)
            told = run.bundle.reference
            value, guess = told["right"], told["sure"]
        # A model at chance is sure of nothing and right at chance: that its estimate fits would show nothing.
        gates = {gate["name"]: gate["passed"] for gate in run.artefacts["evaluate"].about["gates"]}
        held &= bar(f"{name} learned something", gates["beats the baseline"], f"accuracy {value:.4f}")
        held &= bar(f"estimated within 0.03 on {name}", abs(value - guess) <= 0.03, f"{guess:.4f}, was {value:.4f}")
    return held


_MINUTES = 10
"""Of the network of pictures; half a minute is spent before it has learned anything."""


def cost(folder: Path, _: str | None) -> bool:
    """What summarising costs: features of rows, per row."""
    import time

    from sixfold.fields.number import Number
    from sixfold.monitoring._features import measured

    frame = pl.read_csv(folder / "adult_train.csv", n_rows=2000)
    given = {name: Number(name).fit(frame[name].to_list()) for name in ("age", "fnlwgt", "hours", "gain")}
    rows = frame.to_dicts()
    begun = time.perf_counter()
    for row in rows:
        measured(given, row)
    took = (time.perf_counter() - begun) / len(rows) * 1e6
    assert estimated([{"confidence": 0.5}])
    return bar("microseconds a row of four numbers", took < 200, f"{took:.0f}")


def bar(name: str, held: bool, told: str) -> bool:
    print(f"{'holds ' if held else 'MISSED'}  {name}: {told}", flush=True)
    return held


PARTS: dict[str, Callable[[Path, str | None], bool]] = {
    "oracles": oracles,
    "false_alarms": false_alarms,
    "cbpe": cbpe,
    "cost": cost,
}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    arguments.add_argument("--evidently", help="the Python of an environment that has Evidently")
    said = arguments.parse_args()
    held = True
    for name in said.only:
        print(f"\n## {name}: {PARTS[name].__doc__}\n", flush=True)
        held &= PARTS[name](said.data, said.evidently)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
