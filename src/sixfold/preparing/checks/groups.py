"""Who is in the data: groups with few rows, and groups in which the target falls otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._evidence import SHOWN, Evidence, Found
from sixfold.preparing._groups import represented

_FEW = threshold(
    "few rows of a group",
    50,
    Text("A group with fewer training rows is named.", "训练行少于此数的群体会被点名。"),
)
_APART = threshold(
    "label rates of groups",
    0.8,
    Text(
        "Lowest rate of a group divided by the highest, below which it is said (the four-fifths rule).",
        "群体之间最低比率与最高比率之商低于此值时发出提醒（五分之四规则）。",
    ),
)


@check("groups")
def groups(evidence: Evidence) -> Iterator[Found]:
    """Groups (`prepare: groups`, or given categories that look like groups) that have few training rows."""
    for name, told in represented(evidence).items():
        least = evidence.limit(_FEW)
        few = [entry for entry in told["groups"] if entry["rows"]["train"] < least]
        if few:
            named = ", ".join(f"{entry['group']} ({entry['rows']['train']})" for entry in few[:SHOWN])
            more = " …" if len(few) > SHOWN else ""
            yield Found(
                "groups",
                "info",
                Text(
                    f"{name}: {len(few)} of {len(told['groups'])} groups have fewer than {least:g} training rows: "
                    f"{named}{more}.",
                    f"{name}：{len(told['groups'])} 个群体中有 {len(few)} 个"
                    f"的训练数据不足 {least:g} 行：{named}{more}。",
                ),
                Text(
                    "Collect more of them, or do not use the product for them: what it does there is hardly measured.",
                    "请多收集这些群体的数据；否则不要对他们使用：那里的表现几乎没有测过。",
                ),
                name,
                sum(entry["rows"]["train"] for entry in few),
            )


@check("label rates of groups")
def label_rates_of_groups(evidence: Evidence) -> Iterator[Found]:
    """A class is much rarer in one group than in another, beyond chance: a model will learn that difference."""
    for name, told in represented(evidence).items():
        if told["of"] is None:
            continue
        entries = [one for one in told["groups"] if sum(one["rows"].values()) >= evidence.limit(_FEW)]
        if len(entries) < 2:  # noqa: PLR2004 — nothing to compare
            continue
        low, high = (chosen(entries, key=lambda one: one["rate"]) for chosen in (min, max))
        if low["rate"] < evidence.limit(_APART) * high["rate"] and low["high"] < high["low"]:
            yield Found(
                "label rates of groups",
                "info",
                Text(
                    f"{name}: {told['of']} is the {evidence.target.name} of {low['rate']:.1%} of the rows of "
                    f"{low['group']}, but of {high['rate']:.1%} of those of {high['group']}.",
                    f"{name}：{low['group']} 的行里 {evidence.target.name} 为 {told['of']} 的占 {low['rate']:.1%}，"
                    f"{high['group']} 的占 {high['rate']:.1%}。",
                ),
                Text(
                    "Ask whether the world is so or only the collection; a model repeats the difference unless you "
                    "mend the data or leave the column out.",
                    "请弄清是现实如此，还是收集造成的；若不修正数据或去掉该列，模型会照样重复这种差别。",
                ),
                name,
                sum(low["rows"].values()),
            )
