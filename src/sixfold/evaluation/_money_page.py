"""What the chapter on money says and draws."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

from sixfold.evaluation._economics import economics
from sixfold.evaluation._html import cell, facts, say, table
from sixfold.evaluation._pictures import Course, Span, courses, spans
from sixfold.evaluation._words import amount, count, duration, joined, money, shown
from sixfold.language import Text

__all__ = ["body", "verdict"]

_PER = 1000.0
_CENT = 0.01
_LARGE = 10_000.0
_POINTS = 41
_FULL_TIME = 160.0
"""Working hours of one person in a month."""

_WAYS = {
    "product": Text("This product", "本产品"),
    "alone": Text("This product, with nobody asked", "本产品，不转人工"),
    "plain": Text("Always its most likely answer", "总取最可能的答案"),
    "people": Text("All by people", "全部由人回答"),
    "no_model": Text("No model: the same answer for everyone", "没有模型：对所有人给同一个答案"),
    "always_yes": Text("Always yes", "总答「是」"),
}
_SHOWN = ("product", "plain", "people", "no_model", "always_yes")
_OTHERS = ("people", "no_model", "always_yes")
_IN_A_SENTENCE = {
    "people": Text("all by people", "全部由人回答"),
    "no_model": Text("the same answer for everyone", "对所有人给同一个答案"),
    "always_yes": Text("always yes", "总答「是」"),
}


def body(found: Mapping[str, Any]) -> str:
    """The chapter below its title (HTML)."""
    parts = [_worth(found), _decided(found)] if found["ways"] else []
    return "".join([*parts, _units(found), _what_if(found), _people(found)])


def _money(found: Mapping[str, Any], value: float | None, largest: float | None = None) -> Text:
    return money(value, found["currency"], largest)


def _ends(found: Mapping[str, Any], value: Mapping[str, float], scale: float = 1.0) -> Text:
    low, high = value["low"] * scale, value["high"] * scale
    largest = max(abs(low), abs(high))
    ends = [_money(found, end, largest) for end in (low, high)]
    return Text(f"{ends[0].en} to {ends[1].en}", f"{ends[0].zh} 至 {ends[1].zh}")


def verdict(found: Mapping[str, Any]) -> list[Text]:
    """What the product is worth, and against what."""
    ours, told = found["ways"]["product"]["value"], found["economics"]
    value, ends = _money(found, ours["value"]), _ends(found, ours)
    says = [
        Text(
            f"Decided by what they are worth, its answers bring {value.en} per 1,000 cases (95 % interval {ends.en}).",
            f"按价值来判定，它的答案每 1,000 个案例带来 {value.zh}（95% 区间 {ends.zh}）。",
        )
    ]
    if (instead := told["instead"]) is not None:
        gap = found["against"][instead]
        by, between, whose = _money(found, abs(gap["value"])), _ends(found, gap), _IN_A_SENTENCE[instead]
        if gap["low"] > 0:
            says.append(
                Text(
                    f"That is {by.en} more than the best way without it, “{whose.en}” (interval {between.en}).",
                    f"比不用它时最好的做法「{whose.zh}」多 {by.zh}（区间 {between.zh}）。",
                )
            )
        elif gap["high"] < 0:
            says.append(
                Text(
                    f"It is {by.en} less than “{whose.en}” (interval {between.en}): no gain.",
                    f"比「{whose.zh}」还少 {by.zh}（区间 {between.zh}）：按现在的情况不划算。",
                )
            )
        else:
            says.append(
                Text(
                    f"Whether that is more than “{whose.en}” cannot be told from these rows (interval {between.en}).",
                    f"这些行还看不出它是否胜过「{whose.zh}」（区间 {between.zh}）。",
                )
            )
    return says


def _worth(found: Mapping[str, Any]) -> str:
    rows = count(found["rows"])
    rows_drawn = [
        Span(_WAYS[name], way["value"]["value"], way["value"]["low"], way["value"]["high"], name == "product")
        for name in _SHOWN
        if (way := found["ways"].get(name)) is not None
    ]
    drawn = spans(
        "worth",
        rows_drawn,
        percent=False,
        label=Text("What each way of answering brings per 1,000 cases", "每种做法每 1,000 个案例带来多少"),
    )
    caption = Text(
        f"Value per 1,000 cases in {found['currency']}, on the same {rows} test rows: what right answers earn, less "
        "what errors and people cost.",
        f"每 1,000 个案例的价值（{found['currency']}），同样的 {rows} 个测试行：答对所得，减去出错与人工的代价。",
    )
    heads = [
        ("", False),
        (say(Text("Earned", "答对所得")), True),
        (say(Text("Lost to errors", "出错损失")), True),
        (say(Text("Paid to people", "人工费用")), True),
        (say(Text("Value", "价值")), True),
        (say(Text("The product brings more", "本产品多带来")), True),
    ]
    lines = []
    for name in (*_SHOWN[:1], "alone", *_SHOWN[1:]):
        if (way := found["ways"].get(name)) is None or (name == "alone" and found["asks"] is None):
            continue
        amounts = [way[part] * _PER for part in ("earned", "errors", "people")]
        largest = max(map(abs, amounts), default=0.0)
        gap = found["against"].get(name)
        lines.append(
            f"<tr{' class=ours' if name == 'product' else ''}><th>{say(_WAYS[name])}</th>"
            + "".join(f'<td class="n">{say(_money(found, part, largest))}</td>' for part in amounts)
            + cell(_money(found, way["value"]["value"], largest), _ends(found, way["value"]))
            + (cell(_money(found, gap["value"]), _ends(found, gap)) if gap else "<td></td>")
            + "</tr>"
        )
    return (
        f"<p>{say(joined(verdict(found)))}</p>"
        f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"
        f"{table(heads, lines)}"
        + _quiet(
            Text(
                "Per 1,000 cases. Intervals are 95 % bootstrap intervals; differences are paired: the same rows are "
                "drawn for both.",
                "均按每 1,000 个案例计。区间为 95% 自助法区间；差值为配对比较：两者抽取同样的行。",
            )
        )
    )


def _quiet(text: Text) -> str:
    return f'<p class="quiet small">{say(text)}</p>'


def _decided(found: Mapping[str, Any]) -> str:
    """The threshold and the band in which a person is asked."""
    says, share = [], shown(found["ways"]["product"]["asked"], "share")
    if found["threshold"] is not None and found["curve"]:
        place = f"{found['threshold']:.3f}"
        says.append(
            Text(
                f"Yes is said from a chance of {place}: the threshold that earns most on validation rows.",
                f"「是」的概率达到 {place} 就答「是」：这是在验证行上赚得最多的阈值。",
            )
        )
    if "alone" in found["against_plain"]:
        gap = found["against_plain"]["alone"]
        by, ends = _money(found, gap["value"]), _ends(found, gap)
        against = Text("the threshold 0.5", "阈值 0.5") if found["curve"] else Text("that answer", "那个答案")
        if gap["value"] or gap["low"] or gap["high"]:
            says.append(
                Text(
                    f"Against {against.en} it brings {by.en} more per 1,000 cases (paired interval {ends.en}).",
                    f"与{against.zh}相比，每 1,000 个案例多带来 {by.zh}（配对区间 {ends.zh}）。",
                )
            )
    if found["asks"] is not None:
        low, high = (f"{end:.3f}" for end in found["asks"])
        if found["curve"]:
            where = Text(f"between {low} and {high}", f"在 {low} 与 {high} 之间")
        else:
            where = Text(f"below {high}", f"低于 {high}")
        says.append(
            Text(
                f"Where the chance is {where.en}, it asks a person: {share.en} of the test rows.",
                f"概率{where.zh}时转给人回答：占测试行的 {share.zh}。",
            )
        )
    elif found["assumed"]["person"] is not None and found["decides"]:
        says.append(
            Text(
                "It asks nobody: at what a person costs and how often one is right, its own answers earn more.",
                "它不转人工：按人的费用和正确率，它自己的答案更划算。",
            )
        )
    picture = ""
    if found["curve"]:
        steps, values = zip(*found["curve"], strict=True)
        lines = [Course(Text("nobody asked", "不转人工"), steps, [value * _PER for value in values])]
        ours = found["ways"]["product"]["value"]["value"]
        lines.append(Course(Text("this product", "本产品"), [0, 1], [ours, ours]))
        drawn = courses("threshold", [("", lines)], Text("Value by threshold", "价值随阈值的变化"))
        caption = Text(
            f"What 1,000 cases bring by the chance from which yes is said ({found['currency']}, test rows).",
            f"从多大的概率起答「是」，1,000 个案例带来多少（{found['currency']}，测试行）。",
        )
        picture = f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"
    if not says and not picture:
        return ""
    title = Text("The decision that earns most", "赚得最多的判定方式")
    return f"<h3>{say(title)}</h3><p>{say(joined(says))}</p>{picture}"


def _units(found: Mapping[str, Any]) -> str:
    """Speed, cost, margin, break-even and payback."""
    told, assumed, speed = found["economics"], found["assumed"], found["speed"]
    known = [
        (
            Text("Time for one answer", "每个答案用时"),
            Text(
                f"{_time(speed['seconds']).en}; {_time(speed['seconds_in_batch']).en} where many are asked at once",
                f"{_time(speed['seconds']).zh}；一次询问很多时 {_time(speed['seconds_in_batch']).zh}",
            ),
        ),
    ]
    if assumed["machine_hour"] is not None:
        known += [
            (
                Text("Computing for 1,000 answers", "1,000 个答案的计算费用"),
                _small(found, told["computing_per_1000"]),
            ),
            (Text("Machines that stand ready", "需要待命的机器"), _machines(found)),
            (Text("Cost of 1,000 answers", "1,000 个答案的成本"), _money(found, told["cost_per_1000"])),
        ]
    if assumed["price"] > 0:
        known += [
            (Text("Revenue per month", "每月收入"), _money(found, told["revenue_per_month"])),
            (
                Text("Gross margin", "毛利率"),
                Text("–", "–") if told["margin"] is None else shown(told["margin"], "share"),
            ),
        ]
    if found["ways"] and told["highest_price"] is not None:
        known.append(
            (
                Text("Highest price of an answer", "每个答案的最高价格"),
                Text(
                    f"{_money(found, told['highest_price']).en}: above it, nothing is left to who pays it",
                    f"{_money(found, told['highest_price']).zh}：再高，付钱的人就没有好处了",
                ),
            )
        )
    if assumed["machine_hour"] is not None:
        said = _or_never(told["break_even_volume"], "answers a month", "个答案／月")
        known.append((Text("Break-even", "盈亏平衡"), said))
    known.append(
        (
            Text("Making it cost", "制作成本"),
            Text(
                f"{_money(found, assumed['training']).en}, {'given' if assumed['training_given'] else 'measured'}",
                f"{_money(found, assumed['training']).zh}（{'给定' if assumed['training_given'] else '实测'}）",
            ),
        )
    )
    if assumed["machine_hour"] is not None and assumed["volume"] is not None:
        known.append((Text("Paid back in", "回本时间"), _or_never(told["payback_months"], "months", "个月")))
    notes = [
        Text(
            f"The speed was measured on this machine ({speed['cores']} cores), row by row as a service takes them, on "
            f"{speed['answers']} answers; the way over a network is not in it. A service stands ready 730 h a month.",
            f"速度在本机（{speed['cores']} 核）实测，像服务那样逐行处理，共 {speed['answers']} 个答案；不含网络传输。"
            "服务整月待命，按 730 小时计。",
        )
    ]
    if assumed["hour_from"] is not None:
        hour = _money(found, assumed["machine_hour"])
        notes.append(
            Text(
                f"An hour of this machine is taken as {hour.en}, typical of its cores "
                f"(table of {assumed['hour_from']}): say yours with `train: {{price: {{hour: …, currency: …}}}}`.",
                f"这台机器每小时按 {hour.zh} 计，是其核数的常见价格（{assumed['hour_from']} 的价目表）："
                "请用 `train: {price: {hour: …, currency: …}}` 写明你的价格。",
            )
        )
    if assumed["machine_hour"] is None:
        notes.append(
            Text(
                "Machines are not counted: say `train: {price: {hour: …, currency: …}}` what an hour of one costs.",
                "未计机器费用：请用 `train: {price: {hour: …, currency: …}}` 说明每小时多少钱。",
            )
        )
    if assumed["volume"] is None:
        notes.append(
            Text(
                "Say `volume`, answers per month, to know what a month brings.",
                "请用 `volume` 说明每月多少个答案，才能算出每月的收益。",
            )
        )
    title = Text("Unit economics", "单位经济")
    return (
        f"<h3>{say(title)}</h3>{facts((say(name), say(value)) for name, value in known)}"
        f'<p class="quiet small">{say(joined(notes))}</p>'
    )


def _time(seconds: float) -> Text:
    if seconds >= 1:
        return duration(seconds)
    return Text(f"{amount(seconds * 1000)} ms", f"{amount(seconds * 1000)} 毫秒")


def _small(found: Mapping[str, Any], value: float) -> Text:
    if 0 < value < _CENT:
        cent = _money(found, _CENT)
        return Text(f"less than {cent.en}", f"不到 {cent.zh}")
    return _money(found, value)


def _machines(found: Mapping[str, Any]) -> Text:
    told = found["economics"]
    if told["machines"] is None:
        return Text("–", "–")
    each, kept = count(told["machines"]), _money(found, told["machines_per_month"])
    return Text(f"{each}, {kept.en} a month", f"{each} 台，每月 {kept.zh}")


def _or_never(value: float | None, english: str, chinese: str) -> Text:
    if value is None:
        return Text("never, as things are", "按现在的情况不能")
    return Text(f"{amount(value)} {english}", f"{amount(value)} {chinese}")


def _again(found: Mapping[str, Any], **changed: float) -> Any:
    """The economics of the chapter, with something else assumed."""
    return economics(_parts(found), **{**_start(found), **changed})


def _parts(found: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {
        name: {part: way[part] for part in ("earned", "errors", "people")}
        for name, way in found["ways"].items()
        if name in ("product", *_OTHERS)
    }


def _start(found: Mapping[str, Any]) -> dict[str, Any]:
    assumed = found["assumed"]
    return {
        "seconds": found["speed"]["seconds"],
        "machine_hour": assumed["machine_hour"],
        "price": assumed["price"],
        "volume": assumed["volume"],
        "training": assumed["training"],
        "error_cost": 1.0,
    }


def _what_if(found: Mapping[str, Any]) -> str:
    """What changes if price, volume or the cost of errors do: pictures, and sliders."""
    pictures: list[list[tuple[Text | str, list[Course]]]] = []
    assumed = found["assumed"]
    if found["ways"]:
        scales = [3 * place / (_POINTS - 1) for place in range(_POINTS)]
        runs = [_again(found, error_cost=scale) for scale in scales]
        lines = [
            Course(_SHORT[name], scales, [run.per_1000[name] for run in runs])
            for name in ("product", *_OTHERS)
            if name in found["ways"]
        ]
        pictures.append(
            [(Text("Value per 1,000 cases, by what errors cost (×)", "每千例价值，按出错代价（倍）"), lines)]
        )
    if assumed["volume"] is not None:
        volumes = [assumed["volume"] * 3 * place / (_POINTS - 1) for place in range(1, _POINTS)]
        months: list[tuple[Text | str, list[Course]]] = []
        steps, thousands = _in_thousands(volumes)
        if lines := _months(found, steps, [{"volume": volume} for volume in volumes]):
            months.append((Text(f"A month, by its volume{thousands.en}", f"每月收益，按量{thousands.zh}"), lines))
        most = _most_price(found)
        prices = [most * place / (_POINTS - 1) for place in range(1, _POINTS)]
        if most > 0 and (lines := _months(found, prices, [{"price": price} for price in prices])):
            months.append((Text("A month, by the price", "每月收益，按价格"), lines))
        # One picture where both have the same lines: they are named once.
        names = {tuple(str(line.of) for line in lines) for _, lines in months}
        pictures += [months] if len(names) == 1 else [[panel] for panel in months]
    if not pictures:
        return ""
    label = Text("What changes if price, volume or the cost of errors do", "价格、量或出错代价变化时的影响")
    drawn = "".join(
        f"<figure>{courses(f'whatif{place}', panels, label)}</figure>" for place, panels in enumerate(pictures)
    )
    says = Text(
        "Amounts stand as product.yaml gives them unless a slider moves them. The decision stays as it was fitted: for "
        "another cost of errors, say it in product.yaml and run again, and it moves too.",
        "除滑块所改之外，金额均取自 product.yaml。判定方式保持不变：若出错代价确实不同，"
        "请改 product.yaml 再运行，判定也会随之调整。",
    )
    return f"<h3>{say(Text('What if', '如果…会怎样'))}</h3><p>{say(says)}</p>{_sliders(found)}{drawn}"


_SHORT = {
    "product": Text("product", "本产品"),
    "people": Text("people", "全由人"),
    "no_model": Text("no model", "无模型"),
    "always_yes": Text("always yes", "总答是"),
}


def _in_thousands(values: list[float]) -> tuple[list[float], Text]:
    """Values in thousands where they are so large that their ticks would run into each other; and how to say so."""
    if max(map(abs, values), default=0.0) < _LARGE:
        return values, Text("", "")
    return [value / _PER for value in values], Text(" (thousands)", "（千）")


def _months(found: Mapping[str, Any], steps: list[float], changed: list[dict[str, float]]) -> list[Course]:
    runs = [_again(found, **change) for change in changed]
    sides = {"seller": [run.profit_per_month for run in runs], "user": [run.gain_per_month for run in runs]}
    if not (runs and runs[-1].revenue_per_month):
        sides.pop("seller")
    known = {name: [value for value in values if value is not None] for name, values in sides.items()}
    known = {name: values for name, values in known.items() if len(values) == len(steps)}
    _, unit = _in_thousands([value for values in known.values() for value in values])
    scale, names = _PER if unit.en else 1.0, {"seller": Text("seller", "卖方"), "user": Text("user", "用户")}
    return [
        Course(
            Text(f"{names[name].en}{unit.en}", f"{names[name].zh}{unit.zh}"), steps, [value / scale for value in values]
        )
        for name, values in known.items()
    ]


def _most_price(found: Mapping[str, Any]) -> float:
    price: float = found["assumed"]["price"]
    highest: float = found["economics"]["highest_price"] or 0.0
    return max(3 * price, 1.3 * highest)


_RESULTS = (
    ("value_per_1000", Text("Value per 1,000", "每千例价值"), "money", "ways"),
    ("gain_per_1000", Text("More than without it", "比不用它多"), "money", "ways"),
    ("cost_per_1000", Text("Cost of 1,000 answers", "千个答案成本"), "money", "volume"),
    ("profit_per_month", Text("Seller, a month", "卖方每月"), "money", "volume"),
    ("margin", Text("Gross margin", "毛利率"), "share", "volume"),
    ("gain_per_month", Text("User, a month", "用户每月"), "money", "ways"),
    ("break_even_volume", Text("Break-even, answers a month", "盈亏平衡（个／月）"), "amount", "any"),
    ("payback_months", Text("Paid back in months", "回本（月）"), "amount", "volume"),
)


def _sliders(found: Mapping[str, Any]) -> str:
    """Sliders and what follows from them; without a script the figures of the report stand there."""
    start, sliders = _start(found), []

    def slider(
        name: str, title: Text, style: str, value: Text, ends: tuple[float, float], at: float, scale: str = "plain"
    ) -> None:
        sliders.append(
            f'<label><span>{say(title)}</span><output>{say(value)}</output><input type="range" name="{name}" '
            f'data-style="{style}" data-scale="{scale}" min="{ends[0]:.10g}" max="{ends[1]:.10g}" step="any" '
            f'value="{at:.17g}"></label>'
        )

    if (most := _most_price(found)) > 0:
        title, value = Text("Price of an answer", "每个答案的价格"), _money(found, start["price"])
        slider("price", title, "money", value, (0, most), start["price"])
    if start["volume"] is not None:
        title = Text("Answers a month", "每月答案数")
        value = Text(*(amount(start["volume"]),) * 2)
        slider("volume", title, "amount", value, (-2, 2), 0, "log")
    if found["ways"]:
        title = Text("Errors cost, times", "出错代价（倍）")
        slider("error_cost", title, "amount", Text("1.00", "1.00"), (0, 3), 1)
    told = {**found["economics"], "value_per_1000": found["economics"]["per_1000"].get("product")}
    if start["price"] == 0:
        told["profit_per_month"] = None
    results = []
    for name, title, style, needs in _RESULTS:
        if (needs == "ways" and not found["ways"]) or (needs == "volume" and start["volume"] is None):
            continue
        value = told[name]
        said = _styled(found, value, style)
        results.append(f'<div><span>{say(title)}</span><b data-of="{name}" data-style="{style}">{say(said)}</b></div>')
    signs = money(1, found["currency"])
    sign, after = signs.en.removesuffix(amount(1)), signs.zh.removeprefix(f"{amount(1)}\u00a0")
    record = json.dumps({"ways": _parts(found), "start": start, "signs": [sign, after]}, ensure_ascii=False)
    reset = say(Text("Back to the report's figures", "恢复报告中的数值"))
    return (
        f'<div class="whatif" data-economics="{html.escape(record)}"><form hidden>{"".join(sliders)}'
        f'<button type="reset">{reset}</button></form><div class="results">{"".join(results)}</div></div>'
    )


def _styled(found: Mapping[str, Any], value: float | None, style: str) -> Text:
    if value is None:
        return Text("–", "–")
    if style == "money":
        return _money(found, value)
    return shown(value, "share") if style == "share" else Text(*(amount(value).replace("-", "−"),) * 2)


def _people(found: Mapping[str, Any]) -> str:
    """What changes for people: how many cases stay with them, hours freed, and what the work becomes."""
    people = found["people"]
    if people is None:
        return ""
    stays, away = shown(people["share"], "share"), shown(1 - people["share"], "share")
    known = [
        (Text("Cases that stay with people", "仍由人处理的案例"), stays),
        (Text("Cases that the product answers", "由产品回答的案例"), away),
    ]
    if people["hours_before"] is not None:
        before, after = people["hours_before"], people["hours_after"]
        freed = before - after
        known += [
            (
                Text("Hours a month", "每月工时"),
                Text(f"{amount(before)} before, {amount(after)} now", f"之前 {amount(before)}，现在 {amount(after)}"),
            ),
            (
                Text("Hours freed", "腾出的工时"),
                Text(
                    f"{amount(freed)} a month, the work of {amount(freed / _FULL_TIME)} people",
                    f"每月 {amount(freed)}，相当于 {amount(freed / _FULL_TIME)} 人的工作量",
                ),
            ),
        ]
    checked = count(people["to_check"])
    roles = [
        (
            Text("Decider of hard cases", "疑难案例裁定"),
            Text(
                "What the product is unsure of is the hardest part of the work: it needs the most experienced people, "
                "more time per case, and the right to decide.",
                "产品拿不准的正是最难的部分：需要最有经验的人、更多的时间，以及裁定的权力。",
            ),
        ),
        (
            Text("Quality steward", "质量看护"),
            Text(
                f"Checks {checked} answers a month, drawn at random (that tells the error rate within 5 points), hears "
                "complaints, and may stop the product. Needs sampling, and knowing what drift is.",
                f"每月随机抽查 {checked} 个答案（误差率可估到 ±5 个百分点），处理申诉，必要时叫停产品。"
                "需要懂抽样，知道什么是漂移。",
            ),
        ),
        (
            Text("Keeper of examples", "样例管理"),
            Text(
                "Turns decided cases into new rows to learn from, keeps the rules of labelling, and runs the product "
                "again. Needs careful labelling and product.yaml, no programming.",
                "把裁定过的案例变成新的训练行，维护标注规则，定期重新运行产品。"
                "需要细致的标注，会改 product.yaml，不必编程。",
            ),
        ),
    ]
    told = "".join(f"<dt>{say(name)}</dt><dd>{say(what)}</dd>" for name, what in roles)
    note = Text(
        "Talk with the people whose work this is before the first day, not after it: they know which errors hurt.",
        "请在上线之前而不是之后，与做这项工作的人谈：他们最清楚哪种错误要紧。",
    )
    return (
        f"<h3>{say(Text('What changes for people', '人的工作会怎样变化'))}</h3>"
        f"{facts((say(name), say(value)) for name, value in known)}"
        f'<p>{say(Text("What the work becomes:", "工作变成："))}</p><dl class="facts">{told}</dl>{_quiet(note)}'
    )
