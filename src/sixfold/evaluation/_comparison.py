"""Two models on the same test rows: every figure of both, and the paired interval of the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from sixfold.evaluation._document import document
from sixfold.evaluation._figures import compared, difference, formula
from sixfold.evaluation._formula import Answered
from sixfold.evaluation._html import cell, say, t, table, text_of
from sixfold.evaluation._pictures import Span, spans
from sixfold.evaluation._words import change, change_interval, count, interval, joined, shown
from sixfold.language import Text
from sixfold.tasks import Figure

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What two models do on the rows that both were tested on.

    Args:
        names: What the first and the second are called.
        networks: What each is.
        matched_by: How rows were told to be the same: by their ``number`` in the same data, or by their ``content``.
        rows: How many both were tested on.
        alone: On how many more each was tested.
        figures: Each figure of both with its interval, and ``difference``: by how much the second is better (above 0,
            whichever way is up) with its paired 95 % interval.
    """

    names: tuple[str, str]
    networks: tuple[str, str]
    matched_by: Literal["number", "content"]
    rows: int
    alone: tuple[int, int]
    figures: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON."""
        sides = zip(("first", "second"), self.names, self.networks, self.alone, strict=True)
        return {
            **{side: {"name": name, "network": network, "alone": alone} for side, name, network, alone in sides},
            "matched_by": self.matched_by,
            "rows": self.rows,
            "figures": self.figures,
        }

    @property
    def verdict(self) -> Text:
        """Which of both is better by the headline figure, if chance can be ruled out."""
        headline = self.figures[0]
        gap, how, title = headline["difference"], formula(headline["name"]), text_of(headline["title"])
        assert isinstance(title, Text)
        first, second = self.names
        if gap["low"] is None:
            return Text(
                f"{title.en} is not defined on these rows, so it cannot say which is better.",
                f"{title.zh}在这些行上无定义，无法据此判断哪个更好。",
            )
        by = change(gap["value"], how.style, headline["second"]["value"])
        ends = change_interval(gap["low"], gap["high"], how.style, headline["second"]["value"])
        rows = count(self.rows)
        if gap["low"] <= 0 <= gap["high"]:
            return Text(
                f"On the same {rows} test rows neither is better beyond chance: {second} differs from {first} in "
                f"{title.en} by {by.en}, 95 % interval {ends.en} (above 0 is better).",
                f"在同样的 {rows} 个测试行上，两者的差别没有超出偶然：{second} 与 {first} 的{title.zh}相差 {by.zh}，"
                f"95% 区间为 {ends.zh}（大于 0 表示更好）。",
            )
        better = second if gap["low"] > 0 else first
        return Text(
            f"On the same {rows} test rows {better} is better: {second} differs from {first} in {title.en} by {by.en}, "
            f"95 % interval {ends.en} (above 0 is better).",
            f"在同样的 {rows} 个测试行上，{better} 更好：{second} 与 {first} 的{title.zh}相差 {by.zh}，"
            f"95% 区间为 {ends.zh}（大于 0 表示更好）。",
        )

    @property
    def notes(self) -> Text:
        """What is to be known of the rows."""
        first, second = self.names
        told = [
            Text(
                "Both are drawn on the same bootstrap samples, so the interval of the difference is a paired one.",
                "两者使用相同的自助样本，因此差值的区间是成对的。",
            )
        ]
        if self.matched_by == "content":
            told.append(
                Text(
                    "The data is not the same file, so rows were told to be the same by what they hold.",
                    "两者的数据不是同一个文件，因此按行的内容判断是否为同一行。",
                )
            )
        if any(self.alone):
            told.append(
                Text(
                    f"Left out: {count(self.alone[0])} rows that only {first} and {count(self.alone[1])} that only "
                    f"{second} was tested on.",
                    f"未计入：仅 {first} 测试过的 {count(self.alone[0])} 行，仅 {second} 测试过的 "
                    f"{count(self.alone[1])} 行。",
                )
            )
        return joined(told)

    def html(self) -> bytes:
        """The comparison as one page in both languages."""
        first, second = self.names
        headline = self.figures[0]
        sides = ((first, headline["first"]), (second, headline["second"]))
        rows = [
            Span(Text(name, name), one["value"], one["low"], one["high"], name == second)
            for name, one in sides
            if one["low"] is not None
        ]
        title = text_of(headline["title"])
        picture = ""
        if len(rows) == 2:  # noqa: PLR2004 — one alone is compared with nothing
            drawn = spans("both", rows, percent=headline["style"] == "share", label=_PICTURE)
            picture = f"<figure>{drawn}<figcaption>{say(title)}</figcaption></figure>"
        heads = [
            (t("report.figures.figure"), False),
            (f"{say(first)}<br><span class='quiet'>{say(self.networks[0])}</span>", True),
            (f"{say(second)}<br><span class='quiet'>{say(self.networks[1])}</span>", True),
            (say(_GAIN), True),
        ]
        lines = []
        for figure in self.figures:
            style = formula(figure["name"]).style
            cells = [
                cell(shown(one["value"], style), interval(one["low"], one["high"], style))
                for one in (figure["first"], figure["second"])
            ]
            gap, beside = figure["difference"], figure["second"]["value"]
            ends = change_interval(gap["low"], gap["high"], style, beside)
            cells.append(cell(change(gap["value"], style, beside), ends))
            lines.append(f"<tr><th>{say(text_of(figure['title']))}</th>{''.join(cells)}</tr>")
        body = (
            f'<h1>{say(f"{first} · {second}")}</h1><p class="verdict">{say(self.verdict)}</p>{picture}'
            f'{table(heads, lines)}<p class="quiet small">{say(self.notes)}</p>'
        )
        return document(f"{first} · {second}", body, footer=t("report.footer", version=version("sixfold")))


_GAIN = Text("The second is better by", "后者好多少")
_PICTURE = Text("The headline figure of both, with intervals", "两者的主要指标及区间")


def compare(wanted: Sequence[Figure], first: Answered, second: Answered, *, seed: int = 0) -> list[dict[str, Any]]:
    """Each figure of two models that answered the same rows in the same order, as :attr:`Comparison.figures`."""
    names = [figure.name for figure in wanted]
    both = compared(names, {"first": first, "second": second}, seed=seed)
    return [
        {
            "name": figure.name,
            "title": {"en": formula(figure.name).title.en, "zh": formula(figure.name).title.zh},
            "style": formula(figure.name).style,
            "higher_is_better": figure.higher_is_better,
            "first": both["first"][figure.name].to_json(),
            "second": both["second"][figure.name].to_json(),
            "difference": difference(
                both["second"][figure.name],
                both["first"][figure.name],
                higher_is_better=figure.higher_is_better,
            ).to_json(),
        }
        for figure in wanted
    ]
