"""What the page says of masks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from sixfold.evaluation._appraisal import Report, Section, Thumbnails
from sixfold.evaluation._html import image_of, meter, say, short, swatch, t, table
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_class", "mistakes", "notes", "verdict", "words"]

_MOST_CLASSES = 60


def verdict(report: Report) -> list[Text]:
    """How well areas cover each other, against what costs nothing."""
    headline = report["figures"][0]
    value, ends = shown(headline["value"], "share"), interval(headline["low"], headline["high"], "share")
    rows = count(headline["rows"])
    parts = [
        Text(
            f"On {rows} test pictures, said and true areas cover each other by {value.en} on average over the classes "
            f"(mean IoU, 95 % interval {ends.en}).",
            f"在 {rows} 张测试图片上，答案与真实区域的重合程度在各类别上平均为 {value.zh}"
            f"（平均交并比，95% 区间 {ends.zh}）。",
        )
    ]
    place = headline["against"].get("place")
    if place is not None:
        other = shown(place["value"], "share")
        parts.append(
            Text(
                f"Guessing at each place the class that is commonest there would reach {other.en}.",
                f"如果在每个位置都猜该处最常见的类别，只有 {other.zh}。",
            )
        )
    known = [one for one in report["classes"] if one["iou"] is not None]
    if len(known) > 1:
        best, worst = max(known, key=lambda one: one["iou"]), min(known, key=lambda one: one["iou"])
        high, low = shown(best["iou"], "share"), shown(worst["iou"], "share")
        parts.append(
            Text(
                f"It is best at {best['class']} ({high.en}) and worst at {worst['class']} ({low.en}).",
                f"最好的类别是 {best['class']}（{high.zh}），最差的是 {worst['class']}（{low.zh}）。",
            )
        )
    return parts


def notes() -> list[Text]:
    """What the figures leave out."""
    return [
        Text(
            "Pixels whose truth says nothing (unlabelled ones) count nowhere.",
            "真实类别不明的像素（未标注的）一律不计。",
        )
    ]


def by_class(report: Report) -> str:
    """Each class with its IoU, precision and recall."""
    heads = [
        (t("report.figures.class"), False),
        (say(Text("IoU", "交并比")), False),
        (say(Text("95 % interval", "95% 区间")), True),
        (say(Text("Right of what was said", "所答中正确的")), True),
        (say(Text("Found of what there is", "实有中找到的")), True),
        (say(Text("Share of pixels", "像素占比")), True),
        (say(Text("Test pictures with it", "含该类的测试图片")), True),
    ]
    lines = (
        f"<tr><th>{swatch(one['color'])} {say(short(one['class']))}</th>"
        f'<td class="wide">{meter(one["iou"]) if one["iou"] is not None else "–"}</td>'
        f'<td class="n">{say(interval(one["low"], one["high"], "share"))}</td>'
        f'<td class="n">{say(shown(one["precision"], "share"))}</td>'
        f'<td class="n">{say(shown(one["recall"], "share"))}</td>'
        f'<td class="n">{say(shown(one["pixels"], "share"))}</td>'
        f'<td class="n">{count(one["rows"])}</td></tr>'
        for one in report["classes"][:_MOST_CLASSES]
    )
    rest = len(report["classes"]) - _MOST_CLASSES
    note = f'<p class="quiet small">{t("report.figures.more_classes", count=count(rest))}</p>' if rest > 0 else ""
    return f"<h3>{say(Text('Class by class', '逐类查看'))}</h3>{table(heads, lines)}{note}"


def mistakes(report: Report, thumbnails: Thumbnails) -> Section:
    """Which classes are taken for which, and the pictures that are worst, each beside its truth and its answer."""
    parts = []
    if report["mixed"]:
        heads = [
            (say(Text("Is", "实际是")), False),
            (say(Text("Was said to be", "却答成")), False),
            (say(Text("Of all pixels", "占全部像素")), True),
            (say(Text("Of the true class", "占该类像素")), True),
        ]
        lines = (
            f"<tr><th>{say(short(one['truth']))}</th><td>{say(short(one['said']))}</td>"
            f'<td class="n">{say(shown(one["pixels"], "share"))}</td>'
            f'<td class="n">{say(shown(one["share"], "share"))}</td></tr>'
            for one in report["mixed"]
        )
        parts.append(f"<h3>{say(Text('Taken for each other', '容易混淆的类别'))}</h3>{table(heads, lines)}")
    if report["worst"]:
        title = Text("Worst pictures", "最差的图片")
        about = Text(
            "The picture, what is right, and what was said; look for wrong masks first.",
            "依次为图片、正确的掩码、给出的答案；请先检查掩码是否标错。",
        )
        legend = " ".join(
            f'<span class="key-of">{swatch(one["color"])} {say(short(one["class"], 24))}</span>'
            for one in report["classes"][:_MOST_CLASSES]
        )
        parts.append(f"<h3>{say(title)}</h3><p class='quiet'>{say(about)}</p><p class='small'>{legend}</p>")
        items = "".join(_example(example, thumbnails) for example in report["worst"])
        parts.append(f'<ul class="examples triples">{items}</ul>')
    return Section("mistakes", both("report.contents.mistakes"), both("report.mistakes.title"), "\n".join(parts))


def words() -> list[tuple[Text, Text]]:
    """What the yardsticks are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: saying the commonest class everywhere, or at each place the class that the "
                "training masks have there most often. A product that does not beat them is not worth its upkeep.",
                "几乎不花成本的做法：处处都答最常见的类别，或在每个位置答训练掩码在该处最常见的类别。如果产品超不过它们，就不值得维护。",
            ),
        )
    ]


def _example(example: Mapping[str, Any], thumbnails: Thumbnails) -> str:
    pictures = thumbnails.get(example["row"], ())
    photo = "".join(image_of(picture, example["path"] or "") for picture in pictures[:1])
    layers = "".join(
        f'<span class="layered">{photo}<img class="over" alt="{say_plainly}" '
        f'src="data:image/png;base64,{html.escape(example[name])}"></span>'
        for name, say_plainly in (("right", "truth"), ("said", "answer"))
    )
    where = html.escape(short(str(example["path"] or f"# {example['row']}"), 42))
    iou = say(shown(example["iou"], "share"))
    return (
        f'<li><div class="several three"><span class="layered">{photo}</span>{layers}</div>'
        f'<p>{say(Text("mean IoU", "平均交并比"))} <b>{iou}</b><br><span class="quiet small">{where}</span></p></li>'
    )
