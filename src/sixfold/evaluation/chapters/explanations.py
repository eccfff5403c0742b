"""What the model goes by: the columns that matter, the words that count, the places of a picture that it looks at."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Encoded, Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._examples import json_row
from sixfold.evaluation._figures import compared, difference, formula
from sixfold.evaluation._formula import Style
from sixfold.evaluation._html import plain, say, short, t, table
from sixfold.evaluation._pictures import Span, Swarm, spans, swarms
from sixfold.evaluation._words import amount, change, count, listed, shown
from sixfold.evaluation.chapters._again import PICTURE, as_json, encoded, shown_picture, tested
from sixfold.evaluation.chapters._inside import Inside
from sixfold.evaluation.chapters._looking import (
    heated,
    hidden,
    pieces,
    removed,
    worded,
    worth_of_patches,
    worth_of_pieces,
)
from sixfold.evaluation.chapters._shapley import shapley
from sixfold.fields import Array, Field, is_missing
from sixfold.language import Text

__all__ = ["Explanations"]

_SECONDS = 6.0
"""What each of its two parts over columns may take."""

_MOST_ROWS, _RESAMPLES = 2000, 300
_TOLD_ROWS, _EXAMPLES = 60, 4
_FEWEST_ORDERS, _MOST_ORDERS = 4, 40
_BACKGROUND = 500
_MOST_IN_SWARM, _MOST_IN_SPANS, _MOST_PARTS = 12, 20, 6
_LOOKED_AT = 4
"""Worst rows, and as many ordinary ones, whose texts and pictures are looked at."""

_MOST_PIECES = 160
_SHARE = 0.2
"""Of a text or picture, what is hidden to see whether the explanation holds."""

_MEMBER = Text(
    "The model is a mixture of {count}. What is shown is of the one that has the most say among those that look at the "
    "picture ({share} of an answer).",
    "模型由 {count} 个模型混合而成。图中展示的是其中看图片且占比最大的一个（占答案的 {share}）。",
)
_SAYS = Text(
    "An explanation says what the model goes by, not what causes what in the world. Where it goes by something that "
    "should not matter (a border, a serial number, a name), it has learned a short cut: mend the data.",
    "解释说明模型依据什么作答，并不说明世界上的因果。如果它依据的是本不该相关的东西（边框、编号、姓名），说明它走了捷径，应当修正数据。",
)
_COLUMNS = Text("Which columns matter", "哪些列重要")
_COLUMNS_SAYS = Text(
    "{figure}: by how much it gets worse when the values of a column are dealt out to other rows, with the 95 % "
    "interval, on {rows} test rows (permutation importance). Of two columns that say the same, each may look as if it "
    "did not matter.",
    "把某一列的值随机打乱到其他行之后，{figure}变差多少，附 95% 区间，用 {rows} 个测试行测得（置换重要性）。"
    "两列内容相近时，每一列单独看都可能显得不重要。",
)
_IMPORTANCE_LABEL = Text("How much each column matters", "各列的重要性")
_UNUSED = Text(
    "Each of these columns by itself makes no difference beyond chance; try the product without them: {names}.",
    "以下各列单独看都没有超出偶然的影响，可以试试去掉它们：{names}。",
)
_ROWS = Text("What moved each answer", "每个答案由什么推动")
_ROWS_SAYS = Text(
    "Each dot is one of {rows} test rows: how far the column moved the {what} of that row away from its mean (Shapley "
    "values by sampling; those of a row add up to its answer). Orange: the column's value is high; blue: low; grey: "
    "it has no order.",
    "每个点是 {rows} 个测试行中的一行：该列把这一行的{what}从平均值推开了多少"
    "（抽样 Shapley 值；同一行各列之和等于其答案与平均值之差）。"
    "橙色：该列取值高；蓝色：取值低；灰色：没有大小之分。",
)
_CHANCE_OF = Text("chance of “{name}”", "「{name}」的概率")
_CHANCE_SAID = Text("chance of what was answered", "所答类别的概率")
_NUMBER = Text("answer", "答案")
_LOWER, _RAISES = Text("lowers it", "使其降低"), Text("raises it", "使其升高")
_SWARM_LABEL = Text("How far each column moved each answer", "各列把每个答案推动了多少")
_EXAMPLE_HEADS = (Text("Row", "行"), Text("Answer", "答案"), Text("Mean", "平均"), Text("Moved by", "由什么推动"))
_WORDS = Text("Which words count", "哪些词起作用")
_WORDS_SAYS = Text(
    "Blue: without it, the answer would be less sure. Red: without it, it would be surer. Each word (of Chinese, each "
    "character, also together with the next) is left out in turn and the graph is asked again.",
    "蓝色：去掉它，答案就没那么有把握；红色：去掉它，反而更有把握。依次去掉每个词（中文为每个字，以及它与下一个字），再让模型重新作答。",
)
_PLACES = Text("Where it looks", "它在看哪里")
_PLACES_SAYS = Text(
    "The warmer the colour, the more a place speaks for the answer. {method}",
    "颜色越暖，该处越支持这个答案。{method}",
)
_CAM = Text(
    "Grad-CAM (Selvaraju et al. 2017): the maps of the last convolution, weighed by how much the answer follows each.",
    "Grad-CAM（Selvaraju 等 2017）：最后一层卷积的特征图，按答案随其变化的程度加权。",
)
_OCCLUSION = Text(
    "The network has no convolution to look into; so patches are hidden one by one (Zeiler & Fergus 2014).",
    "该网络没有可供查看的卷积层，因此逐块遮住图片来测（Zeiler 与 Fergus 2014）。",
)
_HELD = Text(
    "Does the explanation hold? Without the fifth that is marked most, the chance of the answer falls by {marked} on "
    "average; without another fifth at random by {random}.",
    "解释靠得住吗？去掉标记最深的五分之一，所答的概率平均下降 {marked}；随机去掉五分之一，下降 {random}。",
)
_HELD_NUMBER = Text(
    "Does the explanation hold? Without the fifth that is marked most, the answer falls by {marked} on average; "
    "without another fifth at random by {random}.",
    "解释靠得住吗？去掉标记最深的五分之一，答案平均降低 {marked}；随机去掉五分之一，降低 {random}。",
)
_DOUBT = Text(
    "What is marked matters no more than what is not: do not read much into these marks.",
    "被标记的部分并不比其他部分更重要：不要过度解读这些标记。",
)
_SAID, _RIGHT = Text("answered", "答"), Text("right", "应为")


class Explanations(Chapter):
    """What the model goes by."""

    title: ClassVar[Text] = Text("What does it go by?", "它依据什么作答？")
    label: ClassVar[Text] = Text("Explanations", "解释")
    order: ClassVar[int] = 35

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return bool(model.prepared.given) and model.judged.samples is None and model.appraisal.most_decided_on is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        looks = _Looks(model)
        found = {
            "importance": _importance(model),
            "shapley": _shapley_values(model, looks),
            "texts": looks.texts(),
            "pictures": looks.pictures(),
        }
        return found if any(part is not None for part in found.values()) else None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, text = {"type": ["number", "null"]}, {"type": "string"}
        whole = {"type": "integer", "minimum": 0}
        value = {"value": number, "low": number, "high": number}
        numbers = {"type": "array", "items": number}
        held = {"anyOf": [{"type": "null"}, described(marked=number, random=number, rows=whole)]}
        row = {"row": whole, "said": text, "right": text}
        importance = described(
            figure=text,
            rows=whole,
            columns={"type": "array", "items": described(column=text, **value)},
        )
        moved = described(
            rows=whole,
            of={"type": ["string", "null"]},
            is_share={"type": "boolean"},
            orders=whole,
            columns={
                "type": "array",
                "items": described(column=text, size=number, by=numbers, standing=numbers),
            },
            examples={
                "type": "array",
                "items": described(
                    row=whole,
                    answer=number,
                    base=number,
                    parts={"type": "array", "items": described(column=text, value={}, by=number)},
                    rest=number,
                ),
            },
        )
        texts = described(
            column=text,
            is_share={"type": "boolean"},
            rows={"type": "array", "items": described(**row, pieces={"type": "array", "items": {"type": "array"}})},
            held=held,
        )
        pictures = described(
            column=text,
            method=text,
            members=whole,
            share=number,
            is_share={"type": "boolean"},
            rows={"type": "array", "items": described(**row, picture=PICTURE, overlay=PICTURE)},
            held=held,
        )
        parts = {"importance": importance, "shapley": moved, "texts": texts, "pictures": pictures}
        return described(**{name: {"anyOf": [{"type": "null"}, part]} for name, part in parts.items()})

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        parts = [f"<p>{say(_SAYS)}</p>"]
        for name, draw in (("pictures", _drawn_pictures), ("texts", _drawn_texts), ("importance", _drawn_importance),
                           ("shapley", _drawn_swarm)):  # fmt: skip
            if found[name] is not None:
                parts.append(draw(found[name]))
        return "".join(parts)


# Columns


def _importance(model: Finished) -> dict[str, Any] | None:
    """What the headline figure loses as each column is dealt out to other rows (Breiman 2001, section 10)."""
    names = list(model.prepared.given)
    if len(names) < 2:  # noqa: PLR2004 — all that there is matters
        return None
    rows = _affordable(model, len(names) + 1)
    rows_arrays, truth = tested(model, "test", rows)
    if len(truth) < 2:  # noqa: PLR2004 — nobody to deal out to
        return None
    draw = np.random.default_rng(model.work.seed)
    decision, headline = model.judged.decision, model.headline

    def answered(arrays: Mapping[str, Array]) -> Any:
        return model.appraisal.answered(model.graph.outputs(arrays, len(truth)), truth, decision)

    models = {"": answered(rows_arrays)}
    for number, name in enumerate(names):
        models[f"column {name}"] = answered({**rows_arrays, name: rows_arrays[name][draw.permutation(len(truth))]})
        model.work.step(number + 1, len(names), "questions")
    found = compared([headline.name], models, resamples=_RESAMPLES, seed=model.work.seed)
    whole = found.pop("")[headline.name]
    lost = {
        who: difference(whole, figures[headline.name], higher_is_better=headline.higher_is_better)
        for who, figures in found.items()
    }
    columns = [{"column": who.removeprefix("column "), **gap.to_json()} for who, gap in lost.items()]
    columns.sort(key=lambda one: -(one["value"] or 0.0))
    return {"figure": headline.name, "rows": len(truth), "columns": columns}


def _affordable(model: Finished, times: int) -> int:
    """As many test rows as can be answered ``times`` times in the time there is."""
    some, truth = tested(model, "test", 64)
    taken = []
    for _ in range(2):  # the first time is slower
        begun = time.monotonic()
        model.graph.outputs(some, len(truth))
        taken.append(time.monotonic() - begun)
    each = min(taken) / max(1, len(truth))
    return int(min(_MOST_ROWS, max(64, _SECONDS / times / max(each, 1e-7))))


def _shapley_values(model: Finished, looks: _Looks) -> dict[str, Any] | None:
    names = list(model.prepared.given)
    if len(names) < 2 or not looks.can_lean:  # noqa: PLR2004 — one column moved all there is to move
        return None
    worst, typical = looks.places(_EXAMPLES // 2)
    others = [place for place in looks.random(_TOLD_ROWS) if place not in {*worst, *typical}]
    places = np.array([*worst, *typical, *others][:_TOLD_ROWS])
    rows = looks.collected(places)
    arrays = encoded(model.prepared.given, rows)
    units = looks.units(places) if looks.fixed is None else np.full(len(places), looks.fixed)
    background = {name: array[:_BACKGROUND] for name, array in _sampled(model.sample, names).items()}
    some = {name: array[: len(places)] for name, array in arrays.items()}
    begun = time.monotonic()
    looks.leaning(some, len(places))
    each = (time.monotonic() - begun) / len(places)
    asked = len(places) * (len(names) + 1) * 2
    orders = int(np.clip(_SECONDS / max(each * asked, 1e-9), _FEWEST_ORDERS, _MOST_ORDERS))
    answered = 0

    def said(mixed: Mapping[str, Array], count_: int, whose: Array) -> Array:
        nonlocal answered
        answered += count_
        model.work.step(answered, asked * orders, "questions")
        return looks.leaning(mixed, count_)[np.arange(count_), units[whose]]

    shares, base = shapley(said, arrays, background, orders, model.work.seed)
    sizes = np.abs(shares).mean(axis=0)
    columns = [
        {
            "column": names[place],
            "size": float(sizes[place]),
            "by": [float(value) for value in shares[:, place]],
            "standing": _standing(model.prepared.given[names[place]], arrays[names[place]]),
        }
        for place in np.argsort(-sizes, kind="stable")[:_MOST_IN_SWARM]
    ]
    examples = []
    for row in range(len(worst) + len(typical)):
        ranked = np.argsort(-np.abs(shares[row]), kind="stable")
        values = json_row(model.prepared.given, rows[row])
        light = {name: plain(values[name]) for name, field in model.prepared.given.items() if field.widget != "image"}
        examples.append(
            {
                "row": int(model.judged.test.numbers[places[row]]),
                "answer": float(base[row] + shares[row].sum()),
                "base": float(base[row]),
                "parts": [
                    {"column": names[place], "value": light.get(names[place]), "by": float(shares[row, place])}
                    for place in ranked[:_MOST_PARTS]
                ],
                "rest": float(shares[row, ranked[_MOST_PARTS:]].sum()),
            }
        )
    return {
        "rows": len(places),
        "of": looks.of,
        "is_share": looks.is_share,
        "orders": 2 * orders,
        "columns": columns,
        "examples": examples,
    }


def _sampled(sample: Encoded, names: Sequence[str]) -> dict[str, Array]:
    return {name: sample.arrays[name] for name in names}


def _standing(field: Field, array: Array) -> list[float | None]:
    """Where each row stands among the others by a column of numbers (0–1); ``None`` where it has no order."""
    if field.widget not in ("number", "date") or array.ndim != 2:  # noqa: PLR2004 — (n, size)
        return [None] * len(array)
    values = array[:, 0]
    below = (values[:, None] > values[None]).mean(axis=1) + 0.5 * (values[:, None] == values[None]).mean(axis=1)
    return [float(value) for value in below]


# Texts and pictures


class _Looks:
    """Some test rows, and what the model says of them when something is taken away."""

    def __init__(self, model: Finished) -> None:
        self._model = model
        outputs = model.judged.test.outputs
        leaning = model.appraisal.leaning(outputs[:1], model.judged.decision) if len(outputs) else None
        self.can_lean = leaning is not None
        self.is_share = leaning is not None and leaning.shape[1] > 1
        classes: list[str] = getattr(model.prepared.target, "classes", [])
        self.fixed = 0 if not self.is_share else 1 if leaning is not None and leaning.shape[1] == 2 else None  # noqa: PLR2004
        self.of = classes[1] if self.is_share and self.fixed == 1 else None

    def leaning(self, arrays: Mapping[str, Array], rows: int) -> Array:
        """What an explanation speaks of (n, k)."""
        model = self._model
        found = model.appraisal.leaning(model.graph.outputs(arrays, rows), model.judged.decision)
        assert found is not None
        return found

    def units(self, places: Array) -> Array:
        """Of judged rows, which of what is leant to was answered (n,)."""
        if not self.is_share:
            return np.zeros(len(places), np.int64)
        return np.asarray(self._model.judged.answered.decided[places])

    def places(self, each: int) -> tuple[list[int], list[int]]:
        """The worst rows, and ordinary ones."""
        appraisal, answered = self._model.appraisal, self._model.judged.answered
        worst = [int(place) for place in appraisal.worst(answered, each)]
        typical = [int(place) for place in appraisal.typical(answered, 2 * each) if int(place) not in worst]
        return worst, typical[:each]

    def random(self, most: int) -> list[int]:
        """Rows drawn by the run's seed."""
        order = np.random.default_rng(self._model.work.seed).permutation(len(self._model.judged.test.truth))
        return [int(place) for place in order[:most]]

    def collected(self, places: Array) -> list[dict[str, Any]]:
        """Rows as they were collected."""
        numbers = self._model.judged.test.numbers[places]
        raw = self._model.collected(numbers)
        return [raw[int(number)] for number in numbers]

    def _of(self, widget: str) -> tuple[str | None, Array, list[dict[str, Any]]]:
        """The first column of a widget, and the worst and ordinary rows that have a value there."""
        fields = [field for field in self._model.prepared.given.values() if field.widget == widget]
        if not fields or not self.can_lean:
            return None, np.zeros(0, np.int64), []
        name, kept = fields[0].name, []
        seen: set[bytes | None] = set()
        for places in self.places(2 * _LOOKED_AT):
            rows = self.collected(np.array(places, np.int64))
            there: list[tuple[int, dict[str, Any]]] = []
            for place, row in zip(places, rows, strict=True):
                if not is_missing(row.get(name)) and (likeness := fields[0].likeness(row[name])) not in seen:
                    seen.add(likeness)  # of copies one says it all
                    there.append((place, row))
            kept += there[:_LOOKED_AT]
        return name, np.array([place for place, _ in kept], np.int64), [row for _, row in kept]

    def _named(self, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
        example = self._model.appraisal.example(self._model.judged.answered, place, row)
        number = int(self._model.judged.test.numbers[place])
        return {"row": number, "said": plain(example["said"]), "right": plain(example["right"])}

    def texts(self) -> dict[str, Any] | None:
        """What each word does to the answers of some rows."""
        column, places, rows = self._of("text")
        if column is None or not rows:
            return None
        field, draw = self._model.prepared.given[column], np.random.default_rng(self._model.work.seed)
        told, marked, random = [], [], []
        for place, row in zip(places, rows, strict=True):
            text = field.parse(row[column])
            arrays = encoded(self._model.prepared.given, [row])
            unit = int(self.units(np.array([place]))[0])

            def said(variants: list[str], arrays: Any = arrays, unit: int = unit) -> Array:
                count_ = len(variants)
                copies = {name: np.repeat(array, count_, axis=0) for name, array in arrays.items()}
                return self.leaning({**copies, column: field.encode(variants)}, count_)[:, unit]

            parts = pieces(text)
            asked = worded(parts, _MOST_PIECES)
            if not asked:
                continue
            worth = worth_of_pieces(parts, asked, said)
            fifth = max(1, round(_SHARE * len(asked)))
            most = sorted(asked, key=lambda piece: -worth[piece])[:fifth]
            others = draw.permutation(asked)[:fifth].tolist()
            whole, without, by_chance = said([text, removed(parts, set(most)), removed(parts, set(others))])
            marked.append(float(whole - without))
            random.append(float(whole - by_chance))
            shown_pieces = [[part, float(value)] for part, value in zip(parts, worth, strict=True)]
            told.append({**self._named(int(place), row), "pieces": shown_pieces[: 4 * _MOST_PIECES]})
            self._model.work.step(len(told), len(rows), "questions")
        if not told:
            return None
        return {"column": column, "is_share": self.is_share, "rows": told, "held": _held(marked, random)}

    def pictures(self) -> dict[str, Any] | None:
        """Where the model looks in the pictures of some rows."""
        column, places, rows = self._of("image")
        if column is None or not rows or self._model.task.output.places:
            return None
        field, draw = self._model.prepared.given[column], np.random.default_rng(self._model.work.seed)
        inside = Inside(self._model.work.read(self._model.inputs["train"], "graph.onnx"), self._model.prepared.given)
        has_maps = inside.has_maps(column)
        told, marked, random = [], [], []
        for place, row in zip(places, rows, strict=True):
            arrays = encoded(self._model.prepared.given, [row])
            unit = int(self.units(np.array([place]))[0])

            def said(variants: Array, arrays: Any = arrays, unit: int = unit) -> Array:
                copies = {name: np.repeat(array, len(variants), axis=0) for name, array in arrays.items()}
                return self.leaning({**copies, column: variants}, len(variants))[:, unit]

            picture = arrays[column][0]
            if has_maps:
                attention = inside.attention(column, arrays, self._model_unit(unit))
            else:
                attention = worth_of_patches(picture, said)
            without, by_chance = hidden(picture, attention, _SHARE, draw)
            scores = said(np.stack([picture, without, by_chance]))
            marked.append(float(scores[0] - scores[1]))
            random.append(float(scores[0] - scores[2]))
            small, overlay = heated(field.parse(row[column]), attention)
            told.append({**self._named(int(place), row), "picture": as_json(small), "overlay": as_json(overlay)})
            self._model.work.step(len(told), len(rows), "questions")
        return {
            "column": column,
            "method": "grad-cam" if has_maps else "occlusion",
            "members": inside.members,
            "share": inside.weight(column) if has_maps else None,
            "is_share": self.is_share,
            "rows": told,
            "held": _held(marked, random),
        }

    def _model_unit(self, unit: int) -> int:
        """The network's own score of an answer: of yes or no it has one, whose fall speaks for no."""
        return unit if self._model.task.output.units > 1 or not self.is_share else 0 if unit == 1 else -1


def _held(marked: Sequence[float], random: Sequence[float]) -> dict[str, Any] | None:
    if not marked:
        return None
    return {"marked": float(np.mean(marked)), "random": float(np.mean(random)), "rows": len(marked)}


# The page


def _filled(text: Text, **values: Any) -> Text:
    def one(code: str) -> str:
        told = {name: value(code) if isinstance(value, Text) else value for name, value in values.items()}
        return text(code).format(**told)

    return Text(one("en"), one("zh"))


def _moved(value: float, *, is_share: bool, beside: float | None = None) -> Text:
    return change(value, "share" if is_share else "amount", beside)


def _held_line(about: Mapping[str, Any]) -> str:
    held = about["held"]
    if held is None:
        return ""
    is_share = about["is_share"]

    def told(value: float) -> Text:
        number = (f"{100 * value:.1f}" if is_share else amount(value)).replace("-", "−")
        return Text(f"{number} points", f"{number} 个百分点") if is_share else Text(number, number)

    line = _filled(_HELD if is_share else _HELD_NUMBER, marked=told(held["marked"]), random=told(held["random"]))
    doubt = f" {say(_DOUBT)}" if held["marked"] <= held["random"] else ""
    return f'<p class="quiet small">{say(line)}{doubt}</p>'


def _answer_line(row: Mapping[str, Any]) -> str:
    tone = "right" if row["said"] == row["right"] else "wrong"
    return (
        f'<span class="{tone}">{say(_SAID)} <b>{html.escape(short(row["said"]))}</b></span> '
        f'<span class="quiet">{say(_RIGHT)} {html.escape(short(row["right"]))}</span>'
    )


def _drawn_pictures(found: Mapping[str, Any]) -> str:
    method = _CAM if found["method"] == "grad-cam" else _OCCLUSION
    member = ""
    if found["members"] > 1 and found["share"] is not None:
        told = _filled(_MEMBER, count=count(found["members"]), share=shown(found["share"], "share"))
        member = f'<p class="quiet small">{say(told)}</p>'
    items = "".join(
        f'<li><div class="pair">{shown_picture(row["picture"], row["right"])}'
        f"{shown_picture(row['overlay'], _PLACES('en'))}</div><p>{_answer_line(row)}<br>"
        f'<span class="quiet small"># {row["row"]}</span></p></li>'
        for row in found["rows"]
    )
    return (
        f"<h3>{say(_PLACES)}</h3><p>{say(_filled(_PLACES_SAYS, method=method))}</p>"
        f'<ul class="examples looked">{items}</ul>{member}{_held_line(found)}'
    )


def _drawn_texts(found: Mapping[str, Any]) -> str:
    lines = []
    for row in found["rows"]:
        most = max((abs(worth) for _, worth in row["pieces"]), default=0.0) or 1.0
        marks = []
        for part, worth in row["pieces"]:
            strength = abs(worth) / most
            if strength < 0.08:  # noqa: PLR2004 — too faint to be seen
                marks.append(html.escape(part))
            else:
                tone = "cell" if worth > 0 else "miss"
                colour = f"rgb(var(--{tone})/{0.12 + 0.5 * strength:.2f})"
                marks.append(f'<span style="background:{colour}">{html.escape(part)}</span>')
        lines.append(
            f'<div class="sample"><p class="small">{_answer_line(row)} <span class="quiet"># {row["row"]}</span></p>'
            f"{''.join(marks)}</div>"
        )
    return f"<h3>{say(_WORDS)}</h3><p>{say(_WORDS_SAYS)}</p>{''.join(lines)}{_held_line(found)}"


def _drawn_importance(found: Mapping[str, Any]) -> str:
    how = formula(found["figure"])
    known = [one for one in found["columns"] if one["value"] is not None and one["low"] is not None]
    rows = [
        Span(short(one["column"], 40), one["value"], one["low"], one["high"], one["low"] > 0)
        for one in known[:_MOST_IN_SPANS]
    ]
    if not rows:
        return ""
    says = _filled(_COLUMNS_SAYS, figure=how.title, rows=count(found["rows"]))
    drawn = spans("importance", rows, percent=how.style == "share", label=_IMPORTANCE_LABEL)
    rest = len(known) - len(rows)
    more = f'<p class="quiet small">{t("report.mistakes.more_columns", count=count(rest))}</p>' if rest else ""
    unused = [one["column"] for one in known if one["low"] <= 0]
    note = ""
    if unused and len(unused) < len(known):
        names = listed(short(name, 40) for name in unused[:_MOST_IN_SPANS])
        note = f'<p class="quiet small">{say(_filled(_UNUSED, names=names))}</p>'
    return f"<h3>{say(_COLUMNS)}</h3><p>{say(says)}</p><figure>{drawn}</figure>{more}{note}"


def _drawn_swarm(found: Mapping[str, Any]) -> str:
    what = _NUMBER
    if found["is_share"]:
        what = _CHANCE_SAID if found["of"] is None else _filled(_CHANCE_OF, name=short(found["of"], 30))
    lines = [Swarm(short(one["column"], 30), one["by"], one["standing"]) for one in found["columns"]]
    drawn = swarms("moved", lines, percent=found["is_share"], ends=(_LOWER, _RAISES), label=_SWARM_LABEL)
    says = _filled(_ROWS_SAYS, rows=count(found["rows"]), what=what)
    rows = []
    for one in found["examples"]:
        beside = one["answer"]
        parts = "".join(
            f'<span class="key-of">{html.escape(short(part["column"], 30))} '
            f"<b>{html.escape('' if part['value'] is None else short(str(part['value']), 30))}</b> "
            f'<span class="{"right" if part["by"] > 0 else "wrong"}">'
            f"{say(_moved(part['by'], is_share=found['is_share'], beside=beside))}</span></span>"
            for part in one["parts"]
        )
        style: Style = "share" if found["is_share"] else "amount"
        rows.append(
            f'<tr><td class="quiet">{count(one["row"])}</td><td class="n">{say(shown(one["answer"], style))}</td>'
            f'<td class="n">{say(shown(one["base"], style))}</td><td class="wide">{parts}</td></tr>'
        )
    heads = [(say(head), number in (1, 2)) for number, head in enumerate(_EXAMPLE_HEADS)]
    return f"<h3>{say(_ROWS)}</h3><p>{say(says)}</p><figure>{drawn}</figure>{table(heads, rows)}"
