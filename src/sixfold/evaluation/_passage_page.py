"""What the page says of passages."""

from __future__ import annotations

import html
from collections.abc import Sequence

from sixfold.evaluation._appraisal import Report, Section
from sixfold.evaluation._html import facts, say, t, table
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["memory", "notes", "samples", "surprises", "verdict", "words"]


def verdict(report: Report) -> list[Text]:
    """How sure it is of texts it never saw, against what counting can do; and whether it copies."""
    figures = {figure["name"]: figure for figure in report["figures"]}
    headline = report["figures"][0]
    value = shown(headline["value"], headline["style"])
    ends = interval(headline["low"], headline["high"], headline["style"])
    bits = shown(figures["bits_per_character"]["value"], "number")
    rows, tokens = count(headline["rows"]), count(report["tokens"]["test"])
    parts = [
        Text(
            f"On {rows} held-out texts ({tokens} tokens) its perplexity is {value.en} (95 % interval {ends.en}), or "
            f"{bits.en} bits per character.",
            f"在 {rows} 个留出的文本（{tokens} 个词元）上，困惑度为 {value.zh}（95% 区间 {ends.zh}），"
            f"即每字符 {bits.zh} 比特。",
        )
    ]
    counted = headline["against"].get("kneser_ney")
    if counted is not None and counted["value"] and headline["value"]:
        lower = 1 - headline["value"] / counted["value"]
        their, share = shown(counted["value"], headline["style"]), f"{abs(lower) * 100:.0f}"
        way = ("below", "低") if lower >= 0 else ("above", "高")
        parts.append(
            Text(
                f"That is {share} % {way[0]} the {their.en} of counting runs of five tokens.",
                f"比统计连续五个词元所得的 {their.zh} {way[1]} {share}%。",
            )
        )
    memory = report["memory"]
    parts.append(
        Text(
            f"The longest run that any of {memory['samples']} samples copies from the training texts has "
            f"{memory['runs']['most']} characters.",
            f"{memory['samples']} 个样本中，照抄训练文本的最长片段有 {memory['runs']['most']} 个字符。",
        )
    )
    return parts


def notes(report: Report) -> list[Text]:
    """What the n-grams learned from."""
    counted = report["baselines"].get("kneser_ney")
    if counted is None:
        return []
    tokens = count(counted["training_tokens"])
    return [
        Text(
            f"Runs of five tokens were counted in {tokens} training tokens, with interpolated, modified Kneser–Ney "
            "smoothing (Chen & Goodman 1999).",
            f"连续五个词元是在 {tokens} 个训练词元中统计的，采用插值的改进 Kneser–Ney 平滑（Chen 与 Goodman，1999）。",
        )
    ]


def samples(report: Report) -> Section:
    """The first texts that were drawn."""
    about = Text(
        "The first ones that were drawn, none chosen, with the settings that a service uses where nobody asks for "
        "others.",
        "最先抽取的几个，未经挑选；设置与服务的默认设置相同。",
    )
    repetition, drawn = report["repetition"], report["memory"]["samples"]
    unfinished = repetition["unfinished"]
    known = [
        (
            say(Text("In circles", "原地打转")),
            say(
                Text(
                    f"{repetition['circles']} of {drawn} samples; {repetition['unseen_circles']} of as many held-out "
                    "texts",
                    f"{drawn} 个样本中有 {repetition['circles']} 个；"
                    f"同样多的留出文本中有 {repetition['unseen_circles']} 个",
                )
            ),
        ),
        (
            say(Text("Different pairs of words", "不同的相邻词对")),
            say(
                Text(
                    f"{shown(repetition['distinct_pairs'], 'share').en} in samples, "
                    f"{shown(repetition['unseen_distinct_pairs'], 'share').en} in held-out texts of their length",
                    f"样本中 {shown(repetition['distinct_pairs'], 'share').zh}，"
                    f"同样长度的留出文本中 {shown(repetition['unseen_distinct_pairs'], 'share').zh}",
                )
            ),
        ),
        (
            say(Text("Cut at the limit", "到上限被截断")),
            say(Text(f"{unfinished} of {drawn} samples", f"{drawn} 个样本中有 {unfinished} 个")),
        ),
    ]
    body = f"<p class='quiet'>{say(about)}</p>{_quoted(report['samples'])}{facts(known)}"
    return Section("samples", Text("Samples", "样本"), Text("What it writes", "它写些什么"), body)


def memory(report: Report) -> Section:
    """How much of what is written was written before."""
    about = report["memory"]
    says = Text(
        f"The longest run of characters that a sample has in common with any training text, looked for in "
        f"{count(about['searched_characters'])} characters. What people write anew shares such runs too: beside it "
        "stands the same of held-out texts, cut to the same lengths.",
        f"样本与任一训练文本相同的最长字符片段，在 {count(about['searched_characters'])} 个字符中查找。"
        "人们新写的文本也会有这样的片段：旁边是截成同样长度的留出文本的情况。",
    )
    heads = [
        (say(Text("Longest run, in characters", "最长片段的字符数")), False),
        (say(Text("Samples", "样本")), True),
        (say(Text("Held-out texts", "留出的文本")), True),
    ]
    named = {
        "median": Text("Half have fewer than", "一半少于"),
        "high": Text("Nine in ten have fewer than", "九成少于"),
        "most": Text("The most of any", "最多"),
    }
    lines = [
        f"<tr><th>{say(name)}</th><td class='n'>{about['runs'][key]:.0f}</td>"
        f"<td class='n'>{about['unseen_runs'][key]:.0f}</td></tr>"
        for key, name in named.items()
    ]
    for entry in about["longer"]:
        name = Text(f"How many have more than {entry['characters']}", f"多于 {entry['characters']} 个的有")
        lines.append(
            f"<tr><th>{say(name)}</th><td class='n'>{count(entry['samples'])}</td>"
            f"<td class='n'>{count(entry['unseen'])}</td></tr>"
        )
    whole = Text("Whole training texts, word for word", "整篇照抄训练文本")
    lines.append(f"<tr><th>{say(whole)}</th><td class='n'>{count(about['whole_texts'])}</td><td class='n'>–</td></tr>")
    title = Text("The longest of them, in its sample", "其中最长的一段，及其所在的样本")
    shown_run = html.escape(about["longest_sample"]).replace(
        html.escape(about["longest"]), f"<mark>{html.escape(about['longest'])}</mark>", 1
    )
    sample = f"<h3>{say(title)}</h3><blockquote class='sample'>{_lines(shown_run)}</blockquote>" if shown_run else ""
    body = f"<p>{say(says)}</p>{table(heads, lines)}{sample}"
    label, name = Text("Memory", "记忆"), Text("Does it copy?", "它会照抄吗？")
    return Section("memory", label, name, body)


def surprises(report: Report) -> Section:
    """The held-out texts that it found least likely."""
    advice = Text(
        "Look at them first: texts of another kind or language, wrong line ends, leftovers of a page's markup.",
        "请先看这些：可能是另一类或另一种语言的文本、换行错误，或网页标记的残留。",
    )
    heads = [
        (t("report.mistakes.row"), True),
        (say(Text("Text", "文本")), False),
        (say(Text("Perplexity", "困惑度")), True),
    ]
    lines = (
        f'<tr><td class="n quiet">{count(example["row"])}</td>'
        f'<td class="prose">{_lines(html.escape(example["text"][:200]))}</td>'
        f'<td class="n">{say(shown(example["perplexity"], "amount"))}</td></tr>'
        for example in report["worst"]
    )
    title = Text("Least expected", "最出乎意料的文本")
    body = f"<p class='quiet'>{say(advice)}</p>{table(heads, lines)}"
    return Section("mistakes", Text("Surprises", "意外"), title, body)


def words() -> list[tuple[Text, Text]]:
    """What the yardstick and tokens are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: counting which token follows which four. A product that does not beat it "
                "is not worth its upkeep.",
                "几乎不花成本的做法：统计哪个词元跟在哪四个词元之后。如果产品超不过它，就不值得维护。",
            ),
        ),
        (
            Text("Token", "词元"),
            Text(
                "A piece of text that is told at once: a character, a part of a word, or a word.",
                "一次写出的一小段文本：一个字符、词的一部分，或一个词。",
            ),
        ),
    ]


def _quoted(texts: Sequence[str]) -> str:
    return "".join(f"<blockquote class='sample'>{_lines(html.escape(text))}</blockquote>" for text in texts)


def _lines(escaped: str) -> str:
    return escaped.replace("\n", "<br>")
