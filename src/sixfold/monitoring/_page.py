"""The watch page: a state as one HTML file with pictures, in both languages, that needs nothing beside itself."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from sixfold.language import Text, language

__all__ = ["ACTS", "TESTS", "amount", "page", "percent", "verdict"]

State = Mapping[str, Any]

_WIDE, _HIGH = 640, 190
_BAR_WIDE, _BAR_HIGH = 260, 56
_MOST_SLICES = 24

TESTS: Mapping[str, Text] = {
    "kolmogorov": Text("Kolmogorov–Smirnov, p", "柯尔莫哥洛夫–斯米尔诺夫检验，p"),
    "chi_square": Text("chi-square, p", "卡方检验，p"),
    "proportions": Text("z-test, p", "z 检验，p"),
    "wasserstein": Text("Wasserstein distance", "Wasserstein 距离"),
    "jensen_shannon": Text("Jensen–Shannon distance", "Jensen–Shannon 距离"),
}
"""The statistics of drift, for people."""

ACTS: Mapping[str, Text] = {
    "guard.burst": Text("a burst of requests", "请求突增"),
    "guard.failed_keys": Text("repeated wrong keys", "多次使用错误密钥"),
    "guard.extraction": Text("probing that looks like copying the model", "疑似窃取模型的探测"),
    "guard.membership": Text("probing for rows that were learned from", "疑似探测训练数据"),
    "guard.far": Text("rows far from all that was learned from", "输入远离训练数据"),
    "alarm.broken": Text("alarm", "报警"),
    "alarm.holds": Text("alarm over", "报警解除"),
    "incident": Text("incident", "事故处置"),
}
"""What may have been done or noticed, for people."""

_DONE: Mapping[str, Text] = {
    "slowed": Text("slowed down", "已放慢"),
    "locked": Text("locked for a while", "已暂时锁定"),
    "told": Text("noted", "已记录"),
}
_OK = Text("All that is expected holds", "一切符合预期")
_TITLE = Text("{name} in use", "{name} 运行状况")
_MODES: Mapping[str, Text] = {
    "rule": Text("A declared rule answers in place of the model.", "目前由声明的规则代替模型作答。"),
    "person": Text(
        "Requests are passed on to a person: the model does not answer.", "目前模型不作答，请求转由人工处理。"
    ),
}


def page(found: State) -> str:
    """The page of a state (:func:`sixfold.monitoring.state`)."""
    name = html.escape(found["product"])
    title = Text(_TITLE("en", name=found["product"]), _TITLE("zh", name=found["product"]))
    parts = [
        _head(found, title),
        _alarms(found),
        _section(Text("Traffic", "流量"), _traffic(found)),
        _section(Text("Quality", "质量"), _quality(found)),
        _section(Text("Drift", "漂移"), _drift(found)),
        _section(Text("What was done", "处置记录"), _acts(found)),
    ]
    code = language()
    return (
        f'<!doctype html><html lang="{code}" data-lang="{code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name} · Sixfold</title><style>{_part('watch.css')}</style></head><body><main>{''.join(parts)}"
        f"<footer>{_foot()}</footer></main><script>{_part('watch.js')}</script></body></html>"
    )


def percent(value: float | None, digits: int = 1) -> str:
    """A share as people read it."""
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def amount(value: float | None) -> str:
    """A number in a few digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"  # noqa: PLR2004


def verdict(one: Mapping[str, Any]) -> tuple[str, Text]:
    """Of a column how it is: a word for programs, and one for people."""
    if one["drifted"] is None:
        return "few", Text("too few rows", "行数不足")
    if one["alarming"]:
        return "alarm", Text("drifted, alarming", "已漂移，报警")
    if one["drifted"]:
        return "drifted", Text("drifted", "已漂移")
    return "same", Text("as learned", "与学习时一致")


def _say(text: Text | str) -> str:
    if isinstance(text, str):
        return html.escape(text)
    english, chinese = html.escape(text("en")), html.escape(text("zh"))
    return english if english == chinese else f'<span lang="en">{english}</span><span lang="zh">{chinese}</span>'


def _both(english: str, chinese: str) -> str:
    return _say(Text(english, chinese))


def _section(title: Text, body: str) -> str:
    return f'<section class="card"><h2>{_say(title)}</h2>{body}</section>'


def _head(found: State, title: Text) -> str:
    switch = (
        '<div class="switch" role="group" aria-label="Language / 语言"><button type="button" data-code="en">English'
        '</button><button type="button" data-code="zh">中文</button></div>'
    )
    mode = found["standing"].get("mode", "model")
    note = f'<p class="note bad">{_say(_MODES[mode])}</p>' if mode in _MODES else ""
    return (
        f'<header><div class="top"><span class="brand">Sixfold</span>{switch}</div><h1>{_say(title)}</h1>'
        f'<p class="quiet">{_both("model", "模型")} <code>{html.escape(found["model"])}</code> · '
        f"{_both('state of', '状态时间')} {_moment(found['time'])}</p>{note}</header>"
    )


def _alarms(found: State) -> str:
    alarms = found["alarms"]
    if not alarms:
        return f'<p class="verdict good" role="status"><b aria-hidden="true">✓</b> {_say(_OK)}</p>'
    lines = "".join(
        f"<li>{_say(Text(one['says']['en'], one['says']['zh']))} "
        f'<span class="quiet">{_both("since", "自")} {_moment(one["since"])}</span></li>'
        for one in alarms.values()
    )
    return f'<div class="verdict bad" role="alert"><b aria-hidden="true">!</b><ul>{lines}</ul></div>'


def _traffic(found: State) -> str:
    traffic = found["traffic"]
    tiles = _tiles(
        [
            (Text("requests in 24 hours", "24 小时请求数"), amount(traffic["requests"])),
            (Text("rows", "行数"), amount(traffic["rows"])),
            (Text("time of half of the answers", "半数应答用时"), _took(traffic["p50"])),
            (Text("time of 99 %", "99% 应答用时"), _took(traffic["p99"])),
            (Text("failed", "失败"), amount(traffic["failed"])),
            (Text("refused", "被拒"), amount(traffic["refused"])),
            (Text("callers", "调用方"), amount(traffic["callers"])),
            (Text("not summarised", "未计入"), amount(traffic["dropped"])),
        ]
    )
    hours = traffic["hours"]
    most = max(hours) or 1
    step = _WIDE / len(hours)
    bars = "".join(
        f'<rect class="now" x="{place * step + 2:.1f}" y="{120 - 112 * count / most:.1f}" width="{step - 4:.1f}" '
        f'height="{112 * count / most:.1f}"><title>{count}</title></rect>'
        for place, count in enumerate(hours)
    )
    axis = f'<line class="axis" x1="0" y1="120" x2="{_WIDE}" y2="120"/>'
    label = Text("Requests per hour, the last 24 hours", "最近 24 小时每小时请求数")
    drawn = f'<svg viewBox="0 0 {_WIDE} 122" role="img" aria-label="{html.escape(label())}">{bars}{axis}</svg>'
    models = ""
    if len(found["models"]) > 1:
        lines = "".join(
            f"<tr><td><code>{html.escape(one['model'])}</code></td><td>{_moment(one['since'])}</td>"
            f'<td>{_moment(one["until"])}</td><td class="n">{amount(one["requests"])}</td></tr>'
            for one in found["models"]
        )
        heads = (Text("model", "模型"), Text("first answer", "首次应答"), Text("last answer", "最近应答"))
        models = _table([*heads, Text("requests", "请求数")], lines)
    caption = f"<figcaption>{_say(label)} ({_both('at most', '最多')} {most})</figcaption>"
    return f"{tiles}<figure>{drawn}{caption}</figure>{models}"


def _quality(found: State) -> str:
    quality = found["quality"]
    guess, real, reference = quality["estimated"], quality["realised"], quality["reference"]
    is_share = real["figure"] == "accuracy"
    show = percent if is_share else amount
    tiles = []
    if reference is not None:
        tiles.append((Text("accuracy on test rows", "测试集准确率"), percent(reference["accuracy"])))
    if guess is not None:
        tiles.append((Text("estimated now, without labels", "当前估计(无标签)"), _ranged(guess, percent)))
    by = (
        Text("accuracy by feedback", "反馈准确率")
        if is_share
        else Text("mean absolute error by feedback", "反馈平均绝对误差")
    )
    tiles.append((by, _ranged(real, show)))
    tiles.append((Text("rows with feedback", "有反馈的行"), f"{percent(real['coverage'])} ({amount(real['rows'])})"))
    body = _tiles(tiles)
    if is_share and len(quality["over_time"]) > 1:
        body += _lines(quality["over_time"])
    if quality["slices"]:
        lines = "".join(_slice(one, show) for one in quality["slices"][:_MOST_SLICES])
        heads = [
            *(Text("column", "列"), Text("value", "取值"), Text("rows", "行数")),
            *(Text("estimated", "估计"), Text("by feedback", "反馈")),
        ]
        body += f"<details><summary>{_both('By group', '按分组')}</summary>{_table(heads, lines)}</details>"
    if guess is not None:
        body += _quiet(
            Text(
                "Estimated: the mean calibrated chance of the answers (CBPE). It follows inputs that drift; it cannot "
                "see that the same input now means something else. Only feedback can.",
                "估计值是各应答校准概率的均值(CBPE)。它能反映输入的漂移，"
                "但看不出同样的输入是否已有不同的含义，这只有反馈才知道。",
            )
        )
    if not real["rows"]:
        body += _quiet(
            Text(
                'Nothing came back yet: POST /feedback {"request": id, "truth": value}; late is fine.',
                '尚无反馈：请 POST /feedback {"request": 请求编号, "truth": 真值}；晚些也没关系。',
            )
        )
    return body


def _drift(found: State) -> str:
    drift, window = found["drift"], found["window"]
    if drift["reference_rows"] is None:
        return _quiet(
            Text(
                "This model carries no reference: run the product again, and drift is told.",
                "该模型没有参考数据：请重新运行产品，之后即可判断漂移。",
            )
        )
    if not window["enough"]:
        told = Text(
            f"{window['rows']} rows so far: drift is told from 50 on.",
            f"目前 {window['rows']} 行：满 50 行后判断漂移。",
        )
        return _quiet(told)
    tiles = _tiles(
        [
            (Text("input columns that drifted", "漂移的输入列"), percent(drift["share"], 0)),
            (Text("rows compared", "比较的行数"), amount(window["rows"])),
            (Text("reference rows", "参考行数"), amount(drift["reference_rows"])),
            (Text("looks taken", "已检视次数"), amount(drift["look"])),
        ]
    )
    rank = {"alarm": 0, "drifted": 1, "same": 2, "few": 3}
    ordered = sorted(drift["columns"], key=lambda one: rank[verdict(one)[0]])
    columns = "".join(_column(one) for one in ordered)
    how = Text(
        "Drifted: by Evidently's default rules (p < 0.05, or a distance from 0.1). Alarming: drifted, and beyond "
        "chance at a level shared among all columns and looks, so that over all time at most one model in twenty "
        "alarms without cause.",
        "“已漂移”按 Evidently 的默认规则判断(p < 0.05，或距离达到 0.1)。"
        "“报警”要求既已漂移，又超出由所有列和所有次检视分摊的显著性水平，因此长期来看，二十个模型中至多一个会无故报警。",
    )
    legend = (
        f'<p class="legend"><i class="then"></i>{_both("learned from", "学习时")} <i class="now"></i>'
        f"{_both('now', '现在')}</p>"
    )
    return f"{tiles}{legend}<div class='columns'>{columns}</div>{_quiet(how)}"


def _column(one: Mapping[str, Any]) -> str:
    word, said = verdict(one)
    title = Text(one["title"]["en"], one["title"]["zh"])
    score = "" if one["test"] is None else f"{_say(TESTS[one['test']])} {one['score']:.3g}"
    return (
        f'<article class="{word}"><h3>{_say(title)}</h3><p class="badge {word}">{_say(said)}</p>{_bars(one)}'
        f'<p class="quiet">{score}</p></article>'
    )


def _bars(one: Mapping[str, Any]) -> str:
    """Both samples side by side: as columns of a histogram, or as bars with names."""
    bars = one["bars"]
    if one["nature"] == "number":
        most = max((max(bar["reference"], bar["current"]) for bar in bars), default=0) or 1
        step = _BAR_WIDE / max(1, len(bars))
        drawn = "".join(
            f'<rect class="{kind}" x="{place * step + shift:.1f}" y="{_BAR_HIGH - _BAR_HIGH * bar[key] / most:.1f}" '
            f'width="{step / 2 - 0.6:.1f}" height="{_BAR_HIGH * bar[key] / most:.1f}"><title>{bar["label"]}: '
            f"{percent(bar[key])}</title></rect>"
            for place, bar in enumerate(bars)
            for kind, key, shift in (("then", "reference", 0.0), ("now", "current", step / 2))
        )
        ends = f"<span>{html.escape(bars[0]['label'])}</span><span>{html.escape(bars[-1]['label'])}</span>"
        return (
            f'<svg viewBox="0 0 {_BAR_WIDE} {_BAR_HIGH}" role="img" aria-label="{_plain(one)}">{drawn}</svg>'
            f'<p class="ends" aria-hidden="true">{ends}</p>'
        )
    lines = "".join(
        f'<tr><th scope="row">{html.escape(bar["label"])}</th>'
        f'<td><i class="then" style="width:{bar["reference"] * 100:.1f}%"></i>'
        f'<i class="now" style="width:{bar["current"] * 100:.1f}%"></i></td>'
        f'<td class="n">{percent(bar["reference"], 0)} → {percent(bar["current"], 0)}</td></tr>'
        for bar in bars
    )
    return f'<table class="shares" aria-label="{_plain(one)}">{lines}</table>'


def _plain(one: Mapping[str, Any]) -> str:
    title = Text(one["title"]["en"], one["title"]["zh"])
    return html.escape(f"{title()}: {verdict(one)[1]()}", quote=True)


def _acts(found: State) -> str:
    if not found["acts"]:
        return _quiet(Text("Nothing had to be done.", "无需处置。"))
    lines = "".join(_act(one) for one in found["acts"])
    heads = [Text("when", "时间"), Text("what", "事件"), Text("caller", "调用方"), Text("done", "处置")]
    return _table(heads, lines)


def _act(one: Mapping[str, Any]) -> str:
    detail = one["detail"]
    what = ACTS.get(one["act"], Text(one["act"], one["act"]))
    says = detail.get("says")
    done = (
        Text(says["en"], says["zh"]) if isinstance(says, Mapping) else _DONE.get(detail.get("done", ""), Text("–", "–"))
    )
    return (
        f"<tr><td>{_moment(one['time'])}</td><td>{_say(what)}</td><td><code>{html.escape(one['caller'] or '–')}</code>"
        f"</td><td>{_say(done)}</td></tr>"
    )


def _slice(one: Mapping[str, Any], show: Any) -> str:
    guess, real = one["estimated"], one["realised"]
    return (
        f"<tr><td>{html.escape(one['column'])}</td><td>{html.escape(str(one['value']))}</td>"
        f'<td class="n">{amount(one["rows"])}</td>'
        f'<td class="n">{"–" if guess is None else percent(guess["value"])}</td>'
        f'<td class="n">{show(real["value"])} ({amount(real["rows"])})</td></tr>'
    )


def _lines(points: Sequence[Mapping[str, Any]]) -> str:
    values = [one[key] for one in points for key in ("estimated", "realised") if one[key] is not None]
    if not values:
        return ""
    low, high = max(0.0, min(values) - 0.05), min(1.0, max(values) + 0.05)
    first, last = float(points[0]["time"]), float(points[-1]["time"])
    left, right, bottom = 46, _WIDE - 8, _HIGH - 24

    def x(moment: float) -> float:
        return float(left + (right - left) * (moment - first) / max(last - first, 1e-9))

    def y(value: float) -> float:
        return float(8 + (bottom - 8) * (high - value) / (high - low))

    drawn = "".join(
        f'<line class="grid" x1="{left}" x2="{right}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>'
        f'<text x="{left - 6}" y="{y(level) + 4:.1f}" text-anchor="end">{level * 100:.0f} %</text>'
        for level in (low, (low + high) / 2, high)
    )
    for key, kind in (("estimated", "guess"), ("realised", "real")):
        known = [(x(one["time"]), y(one[key])) for one in points if one[key] is not None]
        if len(known) > 1:
            path = " ".join(f"{one:.1f},{other:.1f}" for one, other in known)
            drawn += f'<polyline class="{kind}" points="{path}"/>'
        drawn += "".join(f'<circle class="{kind}" cx="{one:.1f}" cy="{other:.1f}" r="2.6"/>' for one, other in known)
    times = (
        f'<text x="{left}" y="{_HIGH - 5}">{_clock(first)}</text>'
        f'<text x="{right}" y="{_HIGH - 5}" text-anchor="end">{_clock(last)}</text>'
    )
    label = Text("Accuracy over time", "准确率随时间变化")
    legend = (
        f'<figcaption>{_say(label)}: <i class="guess"></i>{_both("estimated", "估计")} <i class="real"></i>'
        f"{_both('by feedback', '反馈')}</figcaption>"
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{html.escape(label())}">'
        f"{drawn}{times}</svg>"
        f"{legend}</figure>"
    )


def _tiles(told: Sequence[tuple[Text, str]]) -> str:
    return (
        f'<dl class="tiles">{"".join(f"<div><dt>{_say(name)}</dt><dd>{value}</dd></div>" for name, value in told)}</dl>'
    )


def _table(heads: Sequence[Text], lines: str) -> str:
    head = "".join(f'<th scope="col">{_say(one)}</th>' for one in heads)
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _quiet(text: Text) -> str:
    return f'<p class="quiet">{_say(text)}</p>'


def _ranged(figure: Mapping[str, Any], show: Any) -> str:
    if figure["value"] is None:
        return "–"
    return f"{show(figure['value'])} <small>{show(figure['low'])} – {show(figure['high'])}</small>"


def _took(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:.1f} ms"


def _moment(seconds: float) -> str:
    return f'<time datetime="{datetime.fromtimestamp(seconds).astimezone().isoformat()}">{_clock(seconds)}</time>'


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


@cache
def _part(name: str) -> str:
    return (resources.files("sixfold.monitoring") / "page" / name).read_text(encoding="utf-8")


def _foot() -> str:
    return _both(
        "Only summaries are kept: no picture, no text, no row. The same for programs: /watch.json, /metrics.",
        "仅保存摘要：不存图片、文本或整行数据。供程序读取：/watch.json、/metrics。",
    )
