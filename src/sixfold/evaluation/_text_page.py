"""What the page says of texts."""

from __future__ import annotations

import html
from collections.abc import Sequence

from sixfold.evaluation._appraisal import Report, Section
from sixfold.evaluation._html import say, short, t, table
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_length", "examples_of", "notes", "verdict", "words"]

_LONGEST_SHOWN = 400
_MOST_RIGHT = 3


def verdict(report: Report) -> list[Text]:
    """How near the texts are, against what costs nothing; and how many fail."""
    figures = {figure["name"]: figure for figure in report["figures"]}
    headline, failed = report["figures"][0], report["failures"]
    value, rows = shown(headline["value"], headline["style"]), count(headline["rows"])
    ends = interval(headline["low"], headline["high"], headline["style"])
    near = shown(figures["chrf"]["value"], "amount")
    title = Text(headline["title"]["en"], headline["title"]["zh"])
    parts = [
        Text(
            f"On {rows} questions it had not seen, its texts reach {title.en} {value.en} (95 % interval {ends.en}) and "
            f"chrF {near.en}.",
            f"在 {rows} 个没见过的问题上，它写的文本达到 {title.zh} {value.zh}（95% 区间 {ends.zh}），chrF {near.zh}。",
        )
    ]
    nearest = headline["against"].get("nearest")
    if nearest is not None:
        their = shown(nearest["value"], headline["style"])
        parts.append(
            Text(
                f"Giving the answer to the most similar training row would reach {their.en}.",
                f"如果直接给出最相似训练行的答案，只有 {their.zh}。",
            )
        )
    parts.append(
        Text(
            f"{count(failed['length'])} texts have a wrong length, {count(failed['repetition'])} go in circles.",
            f"{count(failed['length'])} 个文本长度失常，{count(failed['repetition'])} 个原地打转。",
        )
    )
    return parts


def notes(report: Report) -> list[Text]:
    """How the figures were counted."""
    about, nearest = report["scoring"], report["baselines"].get("nearest")
    told = [
        Text(
            f"{count(about['right_texts'])} right texts in all, {count(about['most_right_texts'])} at most for one "
            f"question. BLEU `{about['bleu']}`; chrF `{about['chrf']}`.",
            f"共有 {count(about['right_texts'])} 个正确文本，一个问题最多 {count(about['most_right_texts'])} 个。"
            f"BLEU `{about['bleu']}`；chrF `{about['chrf']}`。",
        )
    ]
    if nearest is not None:
        rows = count(nearest["training_rows"])
        told.append(
            Text(
                f"The most similar row is looked for among {rows} training rows.",
                f"最相似的行是在 {rows} 个训练行中找的。",
            )
        )
    return told


def by_length(report: Report) -> str:
    """How near texts are, by how long the right one is."""
    groups = report["groups"]
    if not groups:
        return ""
    title = Text("By the length of the right text", "按正确文本的长度来看")
    heads = [
        (say(Text("Letters", "字符数")), False),
        (t("report.figures.test_rows"), True),
        (say(Text("BLEU", "BLEU")), True),
        (say(Text("chrF", "chrF")), True),
    ]
    lines = (
        f"<tr><th>{group['low']}–{group['high']}</th>"
        f'<td class="n">{count(group["rows"])}</td>'
        f'<td class="n">{say(shown(group["bleu"], "amount"))}</td>'
        f'<td class="n">{say(shown(group["chrf"], "amount"))}</td></tr>'
        for group in groups
    )
    return f"<h3>{say(title)}</h3>{table(heads, lines)}"


def examples_of(report: Report) -> Section:
    """Ordinary texts, and the ones that are farthest from what is right."""
    parts = []
    ordinary = Text("Ordinary ones", "一般水平的例子")
    about = Text(
        "Half of the texts are nearer to a right one than these, half are farther.",
        "有一半的文本比这些更接近正确文本，另一半更远。",
    )
    if report["typical"]:
        parts.append(f"<h3>{say(ordinary)}</h3><p class='quiet'>{say(about)}</p>{_listed(report['typical'])}")
    farthest = Text("Farthest off", "偏差最大的例子")
    advice = Text(
        "Look at them first: wrong pairs in the data are the usual cause, then words that the training rows do not "
        "have. A text can also be right though nobody wrote it so.",
        "请先看这些：常见的原因是数据里配错了对，其次是训练行里没有的词。也可能写得没错，只是没有人这样写过。",
    )
    if report["worst"]:
        parts.append(f"<h3>{say(farthest)}</h3><p class='quiet'>{say(advice)}</p>{_listed(report['worst'])}")
    return Section("mistakes", Text("Examples", "例子"), Text("What it writes", "它写得怎么样"), "\n".join(parts))


def _listed(examples: Sequence[Report]) -> str:
    given = list(examples[0]["values"])
    heads = [
        (t("report.mistakes.row"), True),
        *((say(short(name)), False) for name in given),
        (t("report.mistakes.said"), False),
        (t("report.mistakes.is"), False),
        (say(Text("chrF", "chrF")), True),
    ]
    lines = (
        f'<tr><td class="n quiet">{count(example["row"])}</td>'
        + "".join(f'<td class="prose">{_text(example["values"].get(name))}</td>' for name in given)
        + f'<td class="prose wrong">{_text(example["said"])}</td>'
        f'<td class="prose right">{_right(example["right"])}</td>'
        f'<td class="n">{say(shown(example["chrf"], "amount"))}</td></tr>'
        for example in examples
    )
    return table(heads, lines)


def _right(texts: Sequence[str]) -> str:
    rest = len(texts) - _MOST_RIGHT
    more = Text(f"… and {rest} more", f"……另有 {rest} 个")
    note = f'<br><span class="quiet small">{say(more)}</span>' if rest > 0 else ""
    return "<br>".join(_text(text) for text in texts[:_MOST_RIGHT]) + note


def _text(value: object) -> str:
    if value is None or value == "":
        return "–"
    return html.escape(short(str(value), _LONGEST_SHOWN)).replace("\n", "<br>")


def words() -> list[tuple[Text, Text]]:
    """What the yardsticks are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: giving the answer to the most similar training row, or copying what was "
                "given. A product that does not beat them is not worth its upkeep.",
                "几乎不花成本的做法：给出最相似训练行的答案，或照抄所给的内容。如果产品超不过它们，就不值得维护。",
            ),
        ),
        (
            Text("Right texts", "正确文本"),
            Text(
                "What people wrote to the same question, in any of the held-out rows. There are more ways to say it "
                "than these, so no figure reaches 100.",
                "在留出的行中，人们对同一个问题写下的文本。说法不止这些，所以没有指标会达到 100。",
            ),
        ),
    ]
