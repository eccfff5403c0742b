"""What the page says of boxes."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from sixfold.evaluation._appraisal import Report, Section, Thumbnails
from sixfold.evaluation._html import image_of, meter, say, short, swatch, t, table
from sixfold.evaluation._pictures import Course, courses
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_class", "mistakes", "notes", "verdict", "words"]

_MOST_CLASSES, _MOST_CURVES = 60, 6


def verdict(report: Report) -> list[Text]:
    """How many boxes are found and right, against what costs nothing."""
    headline = report["figures"][0]
    value, ends = shown(headline["value"], "share"), interval(headline["low"], headline["high"], "share")
    by_name = {figure["name"]: shown(figure["value"], "share") for figure in report["figures"]}
    precision, recall = by_name["box_precision"], by_name["box_recall"]
    rows = count(headline["rows"])
    parts = [
        Text(
            f"On {rows} test pictures, average precision at IoU 0.5 is {value.en} (95 % interval {ends.en}). Of the "
            f"boxes that the product tells, {precision.en} are right; of those that there are, it tells {recall.en}.",
            f"在 {rows} 张测试图片上，IoU 0.5 的平均精度为 {value.zh}（95% 区间 {ends.zh}）。产品答出的框有 "
            f"{precision.zh} 正确；实际存在的框，它找到了 {recall.zh}。",
        )
    ]
    layout = headline["against"].get("layout")
    if layout is not None:
        other = shown(layout["value"], "share")
        parts.append(
            Text(
                f"Always saying the boxes of the most typical picture would reach {other.en}.",
                f"如果总答最典型图片的框，只有 {other.zh}。",
            )
        )
    return parts


def notes(report: Report) -> list[Text]:
    """On what the thresholds rest."""
    rows = count(report["decided_on"])
    return [
        Text(
            f"A box is told from the score on that has the highest F1 for its label on {rows} validation pictures.",
            f"框的得分达到门槛才会答出；门槛按标签确定，使其在 {rows} 张验证图片上的 F1 最高。",
        )
    ]


def by_class(report: Report) -> str:
    """Each label with its average precision, precision and recall, and how precision falls as recall rises."""
    heads = [
        (t("report.figures.class"), False),
        (say(Text("Average precision", "平均精度")), False),
        (say(Text("95 % interval", "95% 区间")), True),
        (say(Text("Right of what is told", "所答中正确的")), True),
        (say(Text("Found of what there is", "实有中找到的")), True),
        (say(Text("Told from score", "答出的得分门槛")), True),
        (say(Text("Test boxes", "测试框数")), True),
        (say(Text("Training boxes", "训练框数")), True),
    ]
    lines = (
        f"<tr><th>{swatch(one['color'])} {say(short(one['class']))}</th>"
        f'<td class="wide">{meter(one["average_precision"]) if one["average_precision"] is not None else "–"}</td>'
        f'<td class="n">{say(interval(one["low"], one["high"], "share"))}</td>'
        f'<td class="n">{say(shown(one["precision"], "share"))}</td>'
        f'<td class="n">{say(shown(one["recall"], "share"))}</td>'
        f'<td class="n">{say(shown(one["threshold"], "share"))}</td>'
        f'<td class="n">{count(one["boxes"])}</td><td class="n">{count(one["training_boxes"])}</td></tr>'
        for one in report["classes"][:_MOST_CLASSES]
    )
    rest = len(report["classes"]) - _MOST_CLASSES
    note = f'<p class="quiet small">{t("report.figures.more_classes", count=count(rest))}</p>' if rest > 0 else ""
    title = say(Text("Label by label, at IoU 0.5", "逐个标签查看（IoU 0.5）"))
    return f"<h3>{title}</h3>{table(heads, lines)}{note}{_curves(report)}"


def mistakes(report: Report, thumbnails: Thumbnails) -> Section:
    """The pictures whose boxes agree least with the true ones, each beside its truth and its answer."""
    parts = []
    if report["worst"]:
        about = Text(
            "Pictures that agree least: left what is right, right what was said. A box that nobody drew, or that was "
            "drawn where nothing is, counts against the product; so look for wrong labels first.",
            "最不一致的图片：左为正确的框，右为所答的框。漏标或误标的框都会算在产品头上，所以请先检查标注。",
        )
        legend = " ".join(
            f'<span class="key-of">{swatch(one["color"])} {say(short(one["class"], 24))}</span>'
            for one in report["classes"][:_MOST_CLASSES]
        )
        colors = {one["class"]: one["color"] for one in report["classes"]}
        items = "".join(_example(example, thumbnails, colors) for example in report["worst"])
        parts.append(f"<p>{say(about)}</p><p class='small'>{legend}</p>")
        parts.append(f'<ul class="examples triples">{items}</ul>')
    return Section("mistakes", both("report.contents.mistakes"), both("report.mistakes.title"), "\n".join(parts))


def words() -> list[tuple[Text, Text]]:
    """What the yardsticks and the overlap are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: always saying the boxes of the training picture that is most like the "
                "others, or tiling the picture with boxes of the usual size.",
                "几乎不花成本的做法：总答与其他训练图片最相似的那张图片的框，或以通常大小的框铺满图片。",
            ),
        ),
        (
            Text("IoU", "交并比（IoU）"),
            Text(
                "Of two boxes, the area that both cover as a share of the area that either covers: 1 if they are the "
                "same.",
                "两个框共同覆盖的面积，占两者合起来覆盖的面积的比例：完全相同时为 1。",
            ),
        ),
    ]


def _curves(report: Report) -> str:
    known = sorted((one for one in report["classes"] if one["curve"]), key=lambda one: -one["boxes"])[:_MOST_CURVES]
    if not known:
        return ""
    lines = [
        Course(
            short(one["class"], 14), [100 * at for at, _ in one["curve"]], [100 * value for _, value in one["curve"]]
        )
        for one in known
    ]
    label = Text("Precision in percent by recall in percent, by label", "各标签在不同召回率（%）下的精确率（%）")
    drawn = courses("precision_by_recall", [("", lines)], label)
    caption = Text(
        "Precision (upwards, in percent) by recall (to the right, in percent): how many of the boxes are right, as "
        "more of what there is is found.",
        "精确率（纵轴，%）与召回率（横轴，%）：找到的越多，所答的框还有多少是正确的。",
    )
    return f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"


def _example(example: Mapping[str, Any], thumbnails: Thumbnails, colors: Mapping[str, str]) -> str:
    pictures = thumbnails.get(example["row"], ())
    photo = "".join(image_of(picture, example["path"] or "") for picture in pictures[:1])
    layers = "".join(
        f'<span class="layered">{photo}{_drawn(example[name], colors)}</span>' for name in ("right", "said")
    )
    where = html.escape(short(str(example["path"] or f"# {example['row']}"), 42))
    told = Text(
        f"found {example['found']}, missed {example['missed']}, wrong {example['wrong']}",
        f"找到 {example['found']}，漏掉 {example['missed']}，误报 {example['wrong']}",
    )
    return f'<li><div class="several">{layers}</div><p>{say(told)}<br><span class="quiet small">{where}</span></p></li>'


def _drawn(boxes: Sequence[Mapping[str, Any]], colors: Mapping[str, str]) -> str:
    """Boxes over a picture, as markup of numbers alone."""
    parts = "".join(
        f'<rect x="{box["x"]:.4f}" y="{box["y"]:.4f}" width="{box["width"]:.4f}" height="{box["height"]:.4f}" '
        f'stroke="{html.escape(colors.get(box["label"], "#888888"))}"/>'
        for box in boxes
    )
    return f'<svg class="boxes" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">{parts}</svg>'
