"""Faults planted into clean real data: how many of each kind `prepare` finds, and how many alarms are false.

A part of ``evidence.py``, which says how it is run. Recall is the share of planted rows that are found; the false alarm
rate is the share of untouched rows that are named as well, beyond those that are named before anything is planted (real
data has telephone numbers and near-copies of its own). Of a leak, which is one fault of a whole column, recall says
whether it is found where it was planted, and the false alarm rate in how many clean data sets one is told.
"""

from __future__ import annotations

import io
import os
import random
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image as Pillow

_ROWS = 2000
_SHARE = 0.05


def print_faults_found(folder: Path) -> None:
    """A table: data set, kind of fault, planted, recall, false alarm rate, seconds of the stage."""
    print("| data | fault | rows | planted | recall | false alarms | seconds |")
    print("|---|---|---|---|---|---|---|")
    reviews, questions = _reviews(folder), _questions(folder)
    messages, signs, adult = _messages(folder), _signs(folder), _adult(folder)
    for name, frame in (("chnsenticorp", reviews), ("trec", questions), ("sms_spam", messages)):
        _print(name, "near-duplicates", *_rows_found("near duplicates", frame, _TEXT, _changed_texts))
        _print(name, "personal data", *_rows_found("personal data", frame, _TEXT, _people))
        _print(name, "leak: a word", *_leak("telling words", frame, _TEXT, _tagged))
    _print("sign_digits", "near-duplicates", *_rows_found("near duplicates", signs, _PICTURE, _changed_pictures))
    _print("sign_digits", "leak: a mark", *_leak("telling pictures", signs, _PICTURE, _marked))
    table = {
        name: "number" if kind.is_numeric() else "category" for name, kind in adult.schema.items() if name != "target"
    }
    _print("adult", "leak: a column", *_leak("gives the target away", adult, table, _coded, {"code": "number"}))
    _print("adult", "leak: a subject", *_leak("same subject", adult, table, _subjects, {"customer_id": "category"}))
    _print("adult", "copies", *_rows_found("duplicate rows", adult, table, _copied))
    for name, frame, given in (("sms_spam", messages, _TEXT), ("sign_digits", signs, _PICTURE)):
        _print(name, "label noise", *_rows_found("label noise", frame, given, _relabelled))
    report, seconds = _prepared(_official(folder), _TEXT)
    shared = report["shared_rows"]["train/test"]
    print(f"\nchnsenticorp: {shared} test rows of its own split are training rows, found untold ({seconds:.0f} s).")
    report, seconds = _prepared(_adult(folder, 50_000), table)
    print(f"adult, {report['rows']} rows: all of prepare in {seconds:.0f} s.")


_TEXT, _PICTURE = {"given": "text"}, {"given": {"kind": "image", "size": 64}}


def _print(name: str, fault: str, rows: int, planted: int, recall: float, alarms: float, seconds: float) -> None:
    print(f"| {name} | {fault} | {rows:,} | {planted} | {recall:.3f} | {alarms:.3f} | {seconds:.0f} |", flush=True)


Plant = Callable[[pl.DataFrame, np.random.Generator], tuple[pl.DataFrame, np.ndarray]]
"""Rows with faults, and which of them have one; the first rows stay where they were."""


def _rows_found(
    check: str, frame: pl.DataFrame, given: dict[str, Any], plant: Plant
) -> tuple[int, int, float, float, float]:
    before, _ = _named(check, frame, given)
    faulty, wrong = plant(frame, np.random.default_rng(0))
    found, seconds = _named(check, faulty, given)
    clean = np.setdiff1d(np.arange(faulty.height), wrong)
    alarms = np.setdiff1d(np.intersect1d(found, clean), before)
    return faulty.height, len(wrong), len(np.intersect1d(found, wrong)) / len(wrong), len(alarms) / len(clean), seconds


def _leak(
    check: str, frame: pl.DataFrame, given: dict[str, Any], plant: Plant, more: dict[str, Any] | None = None
) -> tuple[int, int, float, float, float]:
    before = _findings(check, _prepared(frame, given)[0])
    faulty, _ = plant(frame, np.random.default_rng(0))
    report, seconds = _prepared(faulty, {**given, **(more or {})})
    return faulty.height, 1, float(bool(_findings(check, report))), float(bool(before)), seconds


def _findings(check: str, report: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["check"] == check]


def _named(check: str, frame: pl.DataFrame, given: dict[str, Any]) -> tuple[np.ndarray, float]:
    """The rows that a check names, all of them: a finding keeps a sample, so that the stage is asked to keep more."""
    from sixfold.preparing import _evidence
    from sixfold.preparing.checks import labels

    _evidence._ROWS_KEPT = labels._ROWS_KEPT = frame.height
    report, seconds = _prepared(frame, given)
    rows = [row for finding in _findings(check, report) for row in finding["rows"]]
    return np.unique(np.array(rows, np.int64)), seconds


def _prepared(frame: pl.DataFrame, given: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """The data report of some rows, and the seconds that `prepare` took."""
    from sixfold import Sixfold
    from sixfold.product import Product
    from sixfold.stages.prepare import Prepare
    from sixfold.store import Workspace

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIXFOLD_HOME"] = folder
        store = Sixfold().store
        work = Workspace(store, "collect", "collect")
        stream = io.BytesIO()
        frame.write_parquet(stream)
        work.write("rows-00000.parquet", stream.getvalue())
        collected = store.keep("collect", "collect", {"rows": frame.height}, work.members)
        product = Product(name="evidence", data="–", given=given, predict={"target": "category"})
        work = Workspace(store, "prepare", "prepare")
        begun = time.monotonic()
        about = Prepare().run(product, {"collect": collected}, work)
        seconds = time.monotonic() - begun
        return work.read_json(store.keep("prepare", "prepare", about, work.members), "report.json"), seconds


def _reviews(folder: Path) -> pl.DataFrame:
    return _official(folder).filter(pl.col("__split__") == "train").drop("__split__")[:_ROWS]


def _official(folder: Path) -> pl.DataFrame:
    frames = []
    with zipfile.ZipFile(folder / "chnsenticorp.zip") as archive:
        for name in archive.namelist():
            split = next((split for word, split in _SPLITS.items() if word in name), None)
            if name.endswith(".tsv") and split:
                lines = [line.split("\t", 1) for line in archive.read(name).decode().splitlines()[1:]]
                frame = pl.DataFrame({"given": [text for _, text in lines], "target": [label for label, _ in lines]})
                frames.append(frame.with_columns(__split__=pl.lit(split)))
    return pl.concat(frames)


_SPLITS = {"train": "train", "dev": "validation", "val": "validation", "test": "test"}


def _lines(path: Path, mark: str) -> pl.DataFrame:
    lines = [line.split(mark, 1) for line in path.read_text("latin-1").split("\n") if mark in line]
    return pl.DataFrame({"given": [text.strip() for _, text in lines], "target": [label for label, _ in lines]})


def _questions(folder: Path) -> pl.DataFrame:
    return _lines(folder / "trec_train.txt", " ").unique("given", maintain_order=True)[:_ROWS]


def _messages(folder: Path) -> pl.DataFrame:
    frame = _lines(folder / "sms_spam.tsv", "\t").filter(pl.col("target") != "Label")
    return frame.unique("given", maintain_order=True)[: 2 * _ROWS]


def _signs(folder: Path) -> pl.DataFrame:
    with zipfile.ZipFile(folder / "sign_digits.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(".jpg"))
        pictures = [archive.read(name) for name in names]
    frame = pl.DataFrame({"given": pictures, "target": [name.split("/")[-2] for name in names]})
    return frame.filter(pl.col("given").bin.size() < 1 << 18)


def _adult(folder: Path, rows: int = 4 * _ROWS) -> pl.DataFrame:
    frame = pl.read_csv(folder / "adult_train.csv").rename({"income": "target"})
    if rows > frame.height:
        frame = pl.concat(
            [frame, pl.read_csv(folder / "adult_test.csv").rename({"income": "target"})], how="vertical_relaxed"
        )
    return frame.unique(maintain_order=True)[:rows]


def _extended(frame: pl.DataFrame, more: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    return pl.concat([frame, more]), np.arange(frame.height, frame.height + more.height)


def _chosen(frame: pl.DataFrame, dice: np.random.Generator, share: float = _SHARE) -> np.ndarray:
    return np.sort(dice.choice(frame.height, int(share * frame.height), replace=False))


def _changed_texts(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """Copies with a slip of the pen, a word more, or a sign less: as a second collection would bring them."""
    some = frame.filter(pl.col("given").str.len_chars() >= 25)
    some = some[_chosen(some, dice).tolist()]
    texts = []
    for text in some["given"]:
        place, way = int(dice.integers(1, len(text) - 1)), int(dice.integers(0, 3))
        slip = f"{text[:place]}{'x' if way else ''}{text[place + 1 :]}"
        texts.append([slip, f"{text} ok", f"{slip}!"][way])
    return _extended(frame, some.with_columns(given=pl.Series(texts)))


def _changed_pictures(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """Copies saved anew: smaller, brighter, or as a coarse JPEG."""
    some, changed = frame[_chosen(frame, dice).tolist()], []
    for data in some["given"]:
        picture, stream = Pillow.open(io.BytesIO(data)).convert("RGB"), io.BytesIO()
        way = int(dice.integers(0, 3))
        if way == 0:
            picture = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4))
        if way == 1:
            picture = picture.point(lambda level: min(255, level * 1.1 + 8))
        picture.save(stream, "JPEG", quality=40 if way == 2 else 80)
        changed.append(stream.getvalue())
    return _extended(frame, some.with_columns(given=pl.Series(changed)))


def _copied(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    return _extended(frame, frame[_chosen(frame, dice).tolist()])


def _people(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """Texts into which somebody wrote who they are; and as many with numbers that only look so, which are no faults."""
    rows = _chosen(frame, dice, 2 * _SHARE)
    wrong = np.sort(dice.permutation(rows)[::2])
    texts, pick = frame["given"].to_list(), random.Random(0)
    for row in rows.tolist():
        texts[row] = f"{texts[row]} {_person(pick) if row in wrong else _decoy(pick)}"
    return frame.with_columns(given=pl.Series(texts)), wrong


def _person(pick: random.Random) -> str:
    digits = "".join(str(pick.randrange(10)) for _ in range(8))
    return pick.choice(
        [
            f"电话1{pick.choice('35789')}{digits}{pick.randrange(10)}",
            f"call {pick.choice(['(415) 555', '212-555'])}-{digits[:4]}",
            f"+44 20 {digits[:4]} {digits[4:]}",
            f"mail: {pick.choice(['wei', 'anna.k'])}{digits[:3]}@{pick.choice(['qq.com', 'example.org'])}",
            f"身份证{_identity(pick)}",
            f"card {_card(pick)}",
            f"我叫{pick.choice('王李张刘陈')}{pick.choice(['伟', '小红', '建国'])}，",
            f"my name is {pick.choice(['Alice', 'Tom'])} {pick.choice(['Cooper', 'Hill'])}.",
            f"地址：{pick.choice(['上海市', '杭州市'])}{pick.choice(['南京路', '文三路'])}{pick.randrange(1, 900)}号",
            f"{pick.randrange(1, 900)} {pick.choice(['Maple', 'Oak Hill'])} {pick.choice(['Street', 'Avenue', 'Rd'])}",
        ]
    )


def _decoy(pick: random.Random) -> str:
    right = _identity(pick)
    return pick.choice(
        [
            f"order {pick.randrange(10**5, 10**7)}",
            f"on 20{pick.randrange(10, 24)}-0{pick.randrange(1, 9)}-1{pick.randrange(9)}",
            f"编号{right[:17]}{'0123456789X'[('0123456789X'.index(right[17]) + 3) % 11]}",
            f"{pick.randrange(1000)}.{pick.randrange(100):02}元",
            f"serial 4{pick.randrange(10**6):06}",
        ]
    )


def _identity(pick: random.Random) -> str:
    day = f"{pick.randrange(1950, 2005)}0{pick.randrange(1, 10)}1{pick.randrange(10)}"
    body = f"{pick.choice(['110105', '310115', '440106'])}{day}{pick.randrange(1000):03}"
    return body + "10X98765432"[sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body)) % 11]


def _card(pick: random.Random) -> str:
    body = [int(digit) for digit in f"{pick.choice(['4', '51', '62'])}{pick.randrange(10**13):013}"][:15]
    body += [0] * (15 - len(body))
    doubled = [
        (2 * digit - 9 if digit > 4 else 2 * digit) if place % 2 == 0 else digit for place, digit in enumerate(body)
    ]
    return "".join(map(str, [*body, -sum(doubled) % 10]))


def _tagged(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """A word for each class in nine of ten of its texts."""
    classes = {label: number for number, label in enumerate(frame["target"].unique(maintain_order=True))}
    has = dice.random(frame.height) < 0.9
    texts = [
        f"{text} zq{classes[label]}zq" if tagged else text
        for text, label, tagged in zip(frame["given"], frame["target"], has, strict=True)
    ]
    return frame.with_columns(given=pl.Series(texts)), np.flatnonzero(has)


def _marked(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """A small square in the corner, of a colour for each class."""
    marked = []
    for data, label in zip(frame["given"], frame["target"], strict=True):
        picture, stream = Pillow.open(io.BytesIO(data)).convert("RGB"), io.BytesIO()
        side, code = max(8, picture.width // 8), int(label)
        picture.paste((code * 25, 255 - code * 25, 60 * (code % 4)), (0, 0, side, side))
        picture.save(stream, "PNG")
        marked.append(stream.getvalue())
    return frame.with_columns(given=pl.Series(marked)), np.arange(frame.height)


def _coded(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    code = (frame["target"] == frame["target"][0]).cast(pl.Float64) + pl.Series(dice.normal(0, 0.1, frame.height))
    return frame.with_columns(code=code), np.arange(frame.height)


def _subjects(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    codes = [f"c{number}" for number in dice.integers(0, frame.height // 4, frame.height)]
    return frame.with_columns(customer_id=pl.Series(codes)), np.arange(frame.height)


def _relabelled(frame: pl.DataFrame, dice: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    rows, labels = _chosen(frame, dice), frame["target"].to_list()
    classes = sorted(set(labels))
    for row in rows.tolist():
        labels[row] = dice.choice([name for name in classes if name != labels[row]])
    return frame.with_columns(target=pl.Series(labels, dtype=pl.String)), rows
