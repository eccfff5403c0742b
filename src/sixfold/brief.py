"""One page about a finished product, for whoever decides: opportunity, evidence, economics, risks, open questions.

Nothing is written by hand: it says what the last run measured, what was assumed, and what nobody has said yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sixfold.evaluation import (
    amount,
    appraisal_of,
    baseline_title,
    better_baseline,
    both,
    count,
    document,
    facts,
    gate_title,
    interval,
    joined,
    money,
    say,
    shown,
    text_of,
)
from sixfold.evaluation.chapters.economics import Economics
from sixfold.language import Text
from sixfold.store import Workspace

if TYPE_CHECKING:
    from sixfold.ideas import Idea
    from sixfold.pipeline import Run, Sixfold

__all__ = ["brief"]

_MOST_FINDINGS, _MOST_RIVALS, _MOST_FIGURES = 3, 2, 3
_LONGEST = 110
_STYLE = """
.brief { display: grid; grid-template-columns: 1fr 1fr; gap: 0 2.6rem; }
.brief section { margin-top: 1.4rem; padding-top: .8rem; }
.brief section.whole { grid-column: 1 / -1; }
.brief h2 { font-size: 1.2rem; } .brief dl.facts { font-size: .88rem; gap: .3rem 1.2rem; margin: .4rem 0; }
.brief ul { margin: .3rem 0; padding-left: 1.1rem; font-size: .9rem; } .brief li { margin: .25rem 0; }
main > .verdict { font-size: 1.25rem; }
@media (max-width: 44rem) { .brief { grid-template-columns: minmax(0, 1fr); } }
@page { size: A4; margin: 12mm 13mm; }
@media print {
  html { font-size: 12px; } body { font-size: 8.5pt; line-height: 1.35; }
  h1 { font-size: 19pt; } main > .verdict { font-size: 11pt; margin-bottom: .5rem; } .lede { margin-bottom: .5rem; }
  .brief { grid-template-columns: 1fr 1fr; } .brief h2 { font-size: 11.5pt; }
  .brief section { margin-top: 3mm; padding-top: 2mm; } .brief dl.facts, .brief ul { font-size: 8.5pt; }
  footer { padding: 3mm 0 0; }
}
"""
_RENT = {
    "train": Text("train: it is worth more than the rented model", "训练：比租用的模型更有价值"),
    "rent": Text("rent: the rented model is worth more", "租用：租用的模型更有价值"),
    "combine": Text("combine: the rented model where this one is unsure", "结合：拿不准时用租用的模型"),
    "stop": Text("stop: neither is worth more than doing without", "停下：两者都不比不用更有价值"),
}


def brief(house: Sixfold, name: str, idea: Idea | None = None) -> bytes:
    """The brief of a product's last run, as one self-contained HTML file that prints to one page of A4.

    Args:
        house: Where it was run.
        name: The product.
        idea: What was said of it before there was data, if anything: customer, today's way, rivals, rules, trend.

    Raises:
        InputError: It was not run here, or not as far as `evaluate`.
    """
    from sixfold.renting import rented

    run = house.evaluated(name)
    report: dict[str, Any] = Workspace(house.store, "brief", "").read_json(run.artefacts["evaluate"], "report.json")
    paid = report["chapters"].get("economics")
    against = rented(house, name)
    verdict = appraisal_of(report["pattern"]).verdict(report)[:2]
    if paid is not None:
        verdict += Economics.verdict(paid)
    goal = f'<p class="lede">{say(report["product"]["goal"])}</p>' if report["product"]["goal"] else ""
    parts = [
        _section(Text("Opportunity", "机会"), facts(_opportunity(report, paid, idea))),
        _section(Text("Evidence", "证据"), facts(_evidence(report))),
        _section(Text("Economics", "效益"), facts(_economics(paid, against))),
        _section(Text("Risks", "风险"), _list(_risks(report, paid, idea))),
        _section(Text("Open questions", "待解决的问题"), _list(_questions(run, report, paid, against, idea)), "whole"),
    ]
    top = f'<h1>{say(name)}</h1>{goal}<p class="verdict">{say(joined(verdict))}</p>'
    body = f'{top}<div class="brief">{"".join(parts)}</div>'
    footer = say(both("report.footer", version=version("sixfold")))
    return document(f"{name} · Sixfold", body, footer=footer, style=_STYLE)


def _section(title: Text, body: str, kind: str = "") -> str:
    return f'<section class="{kind}"><h2>{say(title)}</h2>{body}</section>'


def _list(told: Sequence[Text]) -> str:
    return f"<ul>{''.join(f'<li>{say(text)}</li>' for text in told)}</ul>"


def _short(text: str) -> str:
    return _cut(text, _LONGEST)


def _cut(text: str, longest: int = 2 * _LONGEST) -> str:
    """A text that leaves room for the others on its page."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _opportunity(report: Mapping[str, Any], paid: Mapping[str, Any] | None, idea: Idea | None) -> list[tuple[str, str]]:
    product = report["product"]
    given = list(product["given"])
    columns = ", ".join(given[:5]) + (" …" if len(given) > 5 else "")  # noqa: PLR2004 — a line of them
    known = [
        (Text("What it does", "做什么"), Text(f"{product['task']['en']}: {product['target']} from {columns or '–'}",
                                          f"{product['task']['zh']}：由 {columns or '–'} 得出 {product['target']}")),
    ]  # fmt: skip
    if idea is not None:
        told = (
            (Text("Customer", "客户"), idea.customer),
            (Text("Today", "今天的做法"), idea.today),
            (Text("Trend", "趋势"), idea.trend),
        )
        known += [(name, Text(_short(text), _short(text))) for name, text in told if text]
    if paid is not None and paid["assumed"]["volume"] is not None:
        volume = amount(paid["assumed"]["volume"])
        known.append((Text("Volume", "数量"), Text(f"{volume} answers a month", f"每月 {volume} 个答案")))
    if paid is not None and paid["economics"]["highest_price"] is not None:
        known.append((Text("Highest price", "最高价格"), money(paid["economics"]["highest_price"], paid["currency"])))
    return [(say(name), say(text)) for name, text in known]


def _evidence(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = []
    for figure in report["figures"][:_MOST_FIGURES]:
        style = figure["style"]
        value, ends = shown(figure["value"], style), interval(figure["low"], figure["high"], style)
        said = Text(f"{value.en} ({ends.en})", f"{value.zh}（{ends.zh}）")
        best = better_baseline(figure)
        if best is not None:
            theirs, whose = shown(figure["against"][best]["value"], style), baseline_title(best)
            said = Text(f"{said.en}; {whose.en}: {theirs.en}", f"{said.zh}；{whose.zh}：{theirs.zh}")
        known.append((text_of(figure["title"]), said))
    rows = report["rows"]
    known.append(
        (
            Text("Rows", "数据"),
            Text(
                f"{count(rows['train'])} to learn from, {count(rows['test'])} never seen to test",
                f"{count(rows['train'])} 行训练，{count(rows['test'])} 行从未见过的测试",
            ),
        )
    )
    held = [gate_title(gate["name"]) for gate in report["gates"] if gate["state"] in ("passed", "warning")]
    if held:
        names = Text(", ".join(gate.en for gate in held), "、".join(gate.zh for gate in held))
        known.append((Text("Gates passed", "通过的关卡"), names))
    return [(say(name), say(text)) for name, text in known]


def _economics(paid: Mapping[str, Any] | None, against: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if paid is None:
        return [
            (
                say(Text("Not known", "未知")),
                say(Text("nobody has said what answers are worth", "还没有说明答案值多少钱")),
            )
        ]
    told, currency = paid["economics"], paid["currency"]
    known: list[tuple[Text, Text]] = []
    if paid["ways"]:
        value = paid["ways"]["product"]["value"]
        ends = [money(value[end], currency) for end in ("low", "high")]
        worth = money(value["value"], currency)
        known.append(
            (
                Text("Value per 1,000", "每千例价值"),
                Text(f"{worth.en} ({ends[0].en} to {ends[1].en})", f"{worth.zh}（{ends[0].zh} 至 {ends[1].zh}）"),
            )
        )
        known.append((Text("More than without it", "比不用它多"), money(told["gain_per_1000"], currency)))
    if told["cost_per_1000"] is not None:
        known.append((Text("Cost of 1,000 answers", "千个答案成本"), money(told["cost_per_1000"], currency)))
    if told["margin"] is not None:
        known.append((Text("Gross margin", "毛利率"), shown(told["margin"], "share")))
    for name, key, unit in (
        (Text("Break-even", "盈亏平衡"), "break_even_volume", Text("answers a month", "个答案／月")),
        (Text("Paid back in", "回本时间"), "payback_months", Text("months", "个月")),
    ):
        if (found := told[key]) is not None:
            known.append((name, Text(f"{amount(found)} {unit.en}", f"{amount(found)} {unit.zh}")))
    if paid["people"] is not None:
        share = shown(paid["people"]["share"], "share")
        known.append((Text("Stays with people", "仍由人处理"), share))
    if against is not None:
        known.append((Text("Rent or train", "租还是训"), _RENT[against["verdict"]]))
    return [(say(name), say(text)) for name, text in known]


def _risks(report: Mapping[str, Any], paid: Mapping[str, Any] | None, idea: Idea | None) -> list[Text]:
    told = [_of(gate["says"]) for gate in report["gates"] if gate["state"] in ("failed", "warning", "off")]
    severe = sorted(report["data"].get("findings", []), key=lambda finding: finding.get("severity") != "error")
    told += [
        _of(finding.get("text", finding.get("says", "")))
        for finding in severe
        if finding.get("severity") in ("error", "warning")
    ][:_MOST_FINDINGS]
    if paid is not None and paid["ways"] and (instead := paid["economics"]["instead"]) is not None:
        gap = paid["against"][instead]
        if gap["low"] <= 0:
            told.append(
                Text(
                    "That it is worth more than doing without is not certain on these rows.",
                    "从这些行还不能确定它比不用更有价值。",
                )
            )
    if idea is not None:
        for rival in idea.rivals[:_MOST_RIVALS]:
            away = rival.kept_away_by or "–"
            told.append(
                Text(
                    f"Rival: {_short(rival.name)}; kept away by: {_short(away)}",
                    f"对手：{_short(rival.name)}；被什么挡住：{_short(away)}",
                )
            )
        if idea.regulation:
            told.append(Text(f"Rules: {_short(idea.regulation)}", f"法规：{_short(idea.regulation)}"))
    none = Text(
        "None that the run could find; it cannot see rivals, rules and people.",
        "运行中没有发现；但它看不到对手、法规和人。",
    )
    return told or [none]


def _of(said: Any) -> Text:
    text = text_of(said)
    return Text(_cut(text.en), _cut(text.zh)) if isinstance(text, Text) else Text(_cut(text), _cut(text))


def _questions(
    run: Run,
    report: Mapping[str, Any],
    paid: Mapping[str, Any] | None,
    against: Mapping[str, Any] | None,
    idea: Idea | None,
) -> list[Text]:
    """What nobody has said yet, and how to say it."""
    asked = []
    if paid is None or not paid["ways"]:
        asked.append(
            Text(
                "What is a right answer worth, and what does an error cost? (`evaluate: {value: …}`)",
                "答对值多少，答错的代价多少？（`evaluate: {value: …}`）",
            )
        )
    elif paid["assumed"]["person"] is None:
        asked.append(
            Text(
                "What would a person cost for a case, and how often is one right? (`value: {person: …}`)",
                "由人回答一个案例要多少钱，答对的比例是多少？（`value: {person: …}`）",
            )
        )
    if paid is not None and (paid["assumed"]["machine_hour"] is None or paid["assumed"]["hour_from"] is not None):
        asked.append(
            Text("What does an hour of the machine cost? (`machine_hour`)", "机器每小时多少钱？（`machine_hour`）")
        )
    if paid is not None and paid["assumed"]["volume"] is None:
        asked.append(Text("How many answers are asked for in a month? (`volume`)", "每月需要多少个答案？（`volume`）"))
    if not report["provenance"].get("licence"):
        asked.append(
            Text(
                "Under which terms may the data be used? (`collect: {licence: …}`)",
                "数据可以在什么条件下使用？（`collect: {licence: …}`）",
            )
        )
    if against is None and paid is not None and paid["ways"]:
        asked.append(
            Text("Would a rented model do as well? (`sixfold rent`)", "租用的模型是否同样好？（`sixfold rent`）")
        )
    elif against is not None and not against["is_sure"]:
        asked.append(
            Text(
                "Rent or train is not decided yet: ask about more rows (`sixfold rent --rows`).",
                "租还是训尚无定论：请询问更多行（`sixfold rent --rows`）。",
            )
        )
    if idea is None:
        asked.append(
            Text(
                "Who would pay, how is it done today, and who else could do it? (`sixfold brief --ideas ideas.yaml`)",
                "谁会付钱，今天怎么做，还有谁能做？（`sixfold brief --ideas ideas.yaml`）",
            )
        )
    if "deliver" not in run.receipts:
        asked.append(
            Text(
                "It was not delivered yet: does it work with a first customer's own rows?",
                "尚未交付：在第一位客户自己的数据上能用吗？",
            )
        )
    asked.append(
        Text(
            "Do the people whose work this changes know of it, and which errors do they fear?",
            "工作会因此改变的人知道了吗，他们最怕哪种错误？",
        )
    )
    return asked
