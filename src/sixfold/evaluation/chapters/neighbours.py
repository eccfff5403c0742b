"""Some test rows beside the training rows that are nearest to them: odd rows, copies, and what was learned by heart."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Appraisal, Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._examples import json_row, thumbnails
from sixfold.evaluation._formula import share_interval
from sixfold.evaluation._html import facts, plain, say, short, table
from sixfold.evaluation._linear import Inputs
from sixfold.evaluation._words import amount, count, interval, shown
from sixfold.evaluation.chapters._again import PICTURE, as_json, encoded, shown_picture, tested
from sixfold.evaluation.chapters._inside import Inside
from sixfold.fields import Array
from sixfold.language import Text
from sixfold.store import ROW

__all__ = ["Neighbours"]

_SECONDS = 6.0
_MOST_TRAINING, _MOST_TEST = 5000, 1000
_TRIED = 64
_NEAREST, _OF_KIND = 3, 2
_COPY = 1e-3
"""Of the usual distance to the nearest training row, below which a row is all but a copy."""

_MOST_COLUMNS, _LONGEST = 8, 160

_SAYS = Text(
    "{test} test rows and {train} training rows were laid out by {space}. Rows far from every training row "
    "are of a kind it hardly knows: its answers there rest on little.",
    "{test} 个测试行与 {train} 个训练行按{space}排布。"
    "离所有训练行都很远的行属于它几乎不了解的类型：那里的答案依据很少。",
)
_BY_VECTORS = Text("what the model makes of them before it answers", "模型作答前对它们的内部表示")
_BY_COLUMNS = Text("their columns, each on its own scale", "各列的取值（分别标准化）")
_COPIES = Text("All but copies of a training row", "几乎是训练行的副本")
_HEART = Text("Right, had it answered as the nearest training row", "若照最近的训练行作答，答对的比例")
_OURS = Text("Right, as it answers", "实际答对的比例")
_HEART_SAYS = Text(
    "If answering as the nearest training row does as well, a list of known cases would do as well as the model.",
    "如果照最近的训练行作答也一样好，那么查已知案例的清单就够了，不需要模型。",
)
_DISTANCES = Text(
    "Distances are in multiples of the usual one (the median of test rows to their nearest training row).",
    "距离以通常距离（测试行到最近训练行距离的中位数）的倍数表示。",
)
_GROUPS = {
    "odd": Text("The oddest test rows", "最少见的测试行"),
    "wrong": Text("Its worst mistakes", "错得最离谱的行"),
    "usual": Text("Ordinary ones", "普通的行"),
}
_TEST, _NEXT = Text("test row", "测试行"), Text("training row", "训练行")
_RIGHT, _SAID, _AWAY = Text("right", "应为"), Text("answered", "答"), Text("distance", "距离")
_HEADS = (Text("Row", "行"), Text("Answered, or distance", "所答，或距离"), Text("Right", "应为"))


class Neighbours(Chapter):
    """Test rows and their nearest training rows."""

    title: ClassVar[Text] = Text("What does it know that is like this?", "它见过类似的吗？")
    label: ClassVar[Text] = Text("Neighbours", "相似行")
    order: ClassVar[int] = 45

    @classmethod
    def suits(cls, model: Finished) -> bool:
        can_lean = type(model.appraisal).leaning is not Appraisal.leaning
        return can_lean and bool(model.prepared.given) and model.appraisal.most_decided_on is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        training, truth = tested(model, "train", _MOST_TRAINING)
        test, asked = tested(model, "test", _MOST_TEST)
        if len(truth) <= _NEAREST or not len(asked):
            return None
        marked = _marked(model)
        space, ours, theirs, beside = _laid_out(model, training, test, marked[1])
        training = {name: array[: len(ours)] for name, array in training.items()}
        places, distances = _nearest(theirs, ours, _NEAREST)
        usual = float(np.median(distances[:, 0])) or float(distances.mean()) or 1.0
        distances = distances / usual
        is_copy = distances[:, 0] < _COPY
        low, high = share_interval(is_copy)
        chosen = [
            ("odd", int(test[ROW][row]), places[row], distances[row])
            for row in np.argsort(-distances[:, 0], kind="stable")[:_OF_KIND]
        ]
        if len(beside):
            near, far = _nearest(beside, ours, _NEAREST)
            chosen += [(group, number, near[row], far[row] / usual) for row, (group, number) in enumerate(marked[0])]
        shown_numbers = [number for _, number, *_ in chosen]
        raw = model.collected(
            [*shown_numbers, *(int(training[ROW][place]) for _, _, near, _ in chosen for place in near)]
        )
        said = _said(model, shown_numbers, raw)
        return {
            "training": len(ours),
            "test": len(theirs),
            "space": space,
            "copies": {"value": float(is_copy.mean()), "low": low, "high": high},
            "by_heart": _by_heart(model, truth[: len(ours)][places[:, 0]], asked),
            "rows": [
                {
                    "group": group,
                    "said": said[number],
                    **_told(model, raw[number], number),
                    "nearest": [
                        {
                            "distance": float(distance),
                            **_told(model, raw[int(training[ROW][place])], int(training[ROW][place])),
                        }
                        for place, distance in zip(near, far, strict=True)
                    ],
                }
                for group, number, near, far in chosen
            ],
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole, text = {"type": "number"}, {"type": "integer", "minimum": 0}, {"type": "string"}
        value = described(value=number, low=number, high=number)
        row = {
            "row": whole,
            "right": text,
            "values": {"type": "object"},
            "pictures": {"type": "array", "items": PICTURE},
        }
        near = {"type": "array", "items": described(distance=number, **row)}
        return described(
            training=whole,
            test=whole,
            space={"enum": ["vectors", "columns"]},
            copies=value,
            by_heart={"anyOf": [{"type": "null"}, described(nearest=value, model=value)]},
            rows={"type": "array", "items": described(group={"enum": list(_GROUPS)}, said=text, **row, nearest=near)},
        )

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        space = _BY_VECTORS if found["space"] == "vectors" else _BY_COLUMNS
        counts = {"test": count(found["test"]), "train": count(found["training"])}
        says = Text(_SAYS.en.format(space=space.en, **counts), _SAYS.zh.format(space=space.zh, **counts))
        told = [(say(_COPIES), _share(found["copies"]))]
        note = ""
        if found["by_heart"] is not None:
            told += [
                (say(_HEART), _share(found["by_heart"]["nearest"])),
                (say(_OURS), _share(found["by_heart"]["model"])),
            ]
            note = f'<p class="quiet small">{say(_HEART_SAYS)}</p>'
        parts = [f"<p>{say(says)}</p>{facts(told)}{note}"]
        for group, title in _GROUPS.items():
            rows = [row for row in found["rows"] if row["group"] == group]
            if rows:
                parts.append(f"<h3>{say(title)}</h3>{_kin(rows)}")
        return "".join(parts) + f'<p class="quiet small">{say(_DISTANCES)}</p>'


def _laid_out(
    model: Finished, training: Mapping[str, Array], test: Mapping[str, Array], marked: Mapping[str, Array]
) -> tuple[str, Array, Array, Array]:
    """By what rows are laid out, and where training rows, test rows (as many as the time allows) and marked ones stand,
    (n, size) each."""
    given = model.prepared.given
    inside = Inside(model.work.read(model.inputs["train"], "graph.onnx"), given)
    begun = time.monotonic()
    some = {name: training[name][:_TRIED] for name in given}
    vectors = inside.vectors(some)
    if vectors is not None:
        each = (time.monotonic() - begun) / len(vectors)
        share = min(1.0, _SECONDS / (each * (len(training[ROW]) + len(test[ROW]))))
        counts = [max(min(_TRIED, len(part[ROW])), int(share * len(part[ROW]))) for part in (training, test)]
        found = []
        for part, rows in zip((training, test), counts, strict=True):
            vectors = inside.vectors({name: part[name][:rows] for name in given})
            assert vectors is not None
            found.append(vectors)
            model.work.step(len(found), 2, "questions")
        last = inside.vectors(marked) if len(next(iter(marked.values()))) else found[0][:0]
        assert last is not None
        space, (ours, theirs), beside = "vectors", found, last
    else:
        read = Inputs.fitted(given, model.sample.arrays)
        space, beside = "columns", read(marked)
        ours, theirs = (read({name: part[name] for name in given}) for part in (training, test))
    spread = ours.std(axis=0)
    spread = np.where(spread > 1e-6 * max(float(spread.max(initial=0.0)), 1e-12), spread, np.inf)
    return space, ours / spread, theirs / spread, beside / spread


def _nearest(rows: Array, others: Array, count_: int) -> tuple[Array, Array]:
    """Of each row (n, size) the nearest others: their positions and distances (n, count), the nearest first."""
    squares = (others.astype(np.float64) ** 2).sum(axis=1)
    places, distances = [], []
    for start in range(0, len(rows), 256):
        part = rows[start : start + 256].astype(np.float64)
        apart = squares[None] - 2 * part @ others.T.astype(np.float64)
        near = np.argpartition(apart, count_ - 1, axis=1)[:, :count_]
        exact = np.sqrt(((part[:, None] - others[near]) ** 2).sum(axis=2))  # differences of squares round
        order = np.argsort(exact, axis=1, kind="stable")
        places.append(np.take_along_axis(near, order, axis=1))
        distances.append(np.take_along_axis(exact, order, axis=1))
    return np.concatenate(places), np.concatenate(distances)


def _marked(model: Finished) -> tuple[list[tuple[str, int]], dict[str, Array]]:
    """The worst mistakes and ordinary rows: why each is shown and its number, and their encoded columns."""
    answered, appraisal = model.judged.answered, model.appraisal
    found: list[tuple[str, int]] = []
    for group, places in (("wrong", appraisal.worst(answered, _OF_KIND)), ("usual", appraisal.typical(answered, 99))):
        rows = [int(number) for number in model.judged.test.numbers[places]]
        known = {number for _, number in found}
        found += [(group, number) for number in [row for row in rows if row not in known][:_OF_KIND]]
    raw = model.collected([number for _, number in found])
    return found, encoded(model.prepared.given, [raw[number] for _, number in found])


def _by_heart(model: Finished, nearest: Array, asked: Array) -> dict[str, Any] | None:
    """How often the nearest training row has the right class, beside how often the model has it."""
    if asked.ndim != 1 or asked.dtype.kind not in "iu":
        return None
    found = {}
    ours = getattr(model.judged.answered, "right", None)
    if ours is None:
        return None
    for name, holds in (("nearest", nearest == asked[: len(nearest)]), ("model", ours == 1)):
        low, high = share_interval(holds)
        found[name] = {"value": float(np.mean(holds)), "low": low, "high": high}
    return found


def _said(model: Finished, numbers: Sequence[int], raw: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """What was answered to test rows, by their numbers."""
    where = {int(number): place for place, number in enumerate(model.judged.test.numbers)}
    return {
        number: plain(model.appraisal.example(model.judged.answered, where[number], raw[number])["said"])
        for number in numbers
    }


def _told(model: Finished, row: Mapping[str, Any], number: int) -> dict[str, Any]:
    given, target = model.prepared.given, model.prepared.target
    light = {name: field for name, field in given.items() if field.widget != "image"}
    values = {name: value for name, value in json_row(light, row).items() if not isinstance(value, (list, dict))}
    return {
        "row": number,
        "right": plain(target.parse(row.get(target.name))),
        "values": {name: short(value, _LONGEST) if isinstance(value, str) else value for name, value in values.items()},
        "pictures": [as_json(picture) for picture in thumbnails(given, row)],
    }


def _share(one: Mapping[str, float]) -> str:
    ends = interval(one["low"], one["high"], "share")
    return f"{say(shown(one['value'], 'share'))} <span class='quiet'>{say(ends)}</span>"


def _kin(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows and those nearest to each: pictures beside each other, else lines of a table."""
    if any(row["pictures"] for row in rows):
        return "".join(
            f'<ul class="examples kin">{"".join(_beside(one) for one in (row, *row["nearest"]))}</ul>' for row in rows
        )
    columns = list(rows[0]["values"])[:_MOST_COLUMNS]
    heads = [(say(head), number == 1) for number, head in enumerate(_HEADS)]
    heads += [(html.escape(short(name, 24)), False) for name in columns]
    return table(heads, [_line(one, columns) for row in rows for one in (row, *row["nearest"])])


def _beside(one: Mapping[str, Any]) -> str:
    images = "".join(shown_picture(picture, one["right"]) for picture in one["pictures"])
    if "distance" in one:
        who = f'<span class="quiet">{say(_NEXT)} # {one["row"]}<br>{say(_AWAY)} {amount(one["distance"])}</span>'
    else:
        who = f'<b>{say(_TEST)}</b> <span class="quiet"># {one["row"]}</span><br>{_answer(one)}'
    return f"<li>{images}<p>{who}<br>{_truth(one)}</p></li>"


def _answer(one: Mapping[str, Any]) -> str:
    tone = "right" if one["said"] == one["right"] else "wrong"
    return f'<span class="{tone}">{say(_SAID)} <b>{html.escape(short(one["said"], 30))}</b></span>'


def _truth(one: Mapping[str, Any]) -> str:
    return f"{say(_RIGHT)} <b>{html.escape(short(one['right'], 30))}</b>"


def _line(one: Mapping[str, Any], columns: Sequence[str]) -> str:
    is_first = "distance" not in one
    who = f"<b>{say(_TEST)}</b>" if is_first else say(_NEXT)
    beside = _answer(one) if is_first else amount(one["distance"])
    cells = "".join(
        f'<td class="{"prose" if isinstance(value, str) and len(value) > 40 else ""}">'  # noqa: PLR2004 — a text
        f"{html.escape(value if isinstance(value, str) else plain(value))}</td>"
        for value in (one["values"].get(name) for name in columns)
    )
    tone = ' class="ours"' if is_first else ""
    return (
        f'<tr{tone}><td>{who} <span class="quiet"># {one["row"]}</span></td><td class="n">{beside}</td>'
        f"<td>{html.escape(short(one['right'], 30))}</td>{cells}</tr>"
    )
