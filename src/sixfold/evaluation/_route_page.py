"""What the page says of routes."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from sixfold.evaluation._appraisal import Report, Section, Thumbnails
from sixfold.evaluation._html import say, t, table
from sixfold.evaluation._pictures import Axis, Dots, dots
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_length", "notes", "verdict", "ways", "words"]

_MANY_DOTS = 150


def verdict(report: Report) -> list[Text]:
    """What is found, how long it is, and how much was searched for it."""
    nodes, length, success = report["figures"]
    weighted = {one["name"]: one["against"]["weighted"]["value"] for one in report["figures"]}
    share, ends = shown(success["value"], "share"), interval(nodes["low"], nodes["high"], "number")
    return [
        Text(
            f"On {count(nodes['rows'])} test problems a way was found in {share.en} of cases, "
            f"{length['value']:.3f} times as long as the shortest on average. The search expands {nodes['value']:.2f} "
            f"of the nodes that A* does (95 % interval {ends.en}).",
            f"在 {count(nodes['rows'])} 个测试问题上，{share.zh} 找到了路线，平均长度是最短路线的 "
            f"{length['value']:.3f} 倍。搜索展开的节点数是 A* 的 {nodes['value']:.2f}（95% 区间 {ends.zh}）。",
        )
        if length["value"] is not None
        else Text("Not one way was found.", "一条路线也没有找到。"),
        Text(
            f"Weighted A* (1.5) expands {weighted['nodes_over_astar']:.2f} of them, for ways "
            f"{weighted['length_over_optimum']:.3f} times as long.",
            f"加权 A*（1.5）展开 {weighted['nodes_over_astar']:.2f}，路线长度是最短的 "
            f"{weighted['length_over_optimum']:.3f} 倍。",
        ),
    ]


def notes(report: Report) -> list[Text]:
    """What counts as a node, and what learning bought."""
    unlearned, ours = report["unlearned"], report["figures"][0]["value"]
    return [
        Text(
            "Nodes are cells and rooms taken out of the queues of both searches, the one among rooms and the one among "
            "cells; which cells make a room is told from the map, without a search. "
            f"Guided by costs of which nothing was learned, the same search would expand {unlearned:.3f} instead of "
            f"{ours:.3f}.",
            "节点指两次搜索（房间之间的和格子之间的）从队列中取出的格子与房间；哪些格子构成一个房间由地图直接得出，"
            f"不经搜索。若用没有学习过的代价来引导，同样的搜索会展开 {unlearned:.3f}，而不是 {ours:.3f}。",
        )
    ]


def by_length(report: Report) -> str:
    """Nodes and lengths by how far it is."""
    groups = report["by_length"]
    if not groups:
        return ""
    heads = [
        (say(Text("Shortest way, in cells", "最短路线（格）")), False),
        (t("report.figures.test_rows"), True),
        (say(Text("Nodes over A*", "节点数与 A* 之比")), True),
        (say(Text("Length over the optimum", "长度与最优之比")), True),
        (say(Text("Found", "找到")), True),
    ]
    lines = (
        f"<tr><th>{say(interval(group['low'], group['high'], 'amount'))}</th>"
        f'<td class="n">{count(group["rows"])}</td><td class="n">{group["nodes"]:.3f}</td>'
        f'<td class="n">{"–" if group["length"] is None else format(group["length"], ".4f")}</td>'
        f'<td class="n">{say(shown(group["found"], "share"))}</td></tr>'
        for group in groups
    )
    return f"<h3>{say(Text('By the length of the way', '按路线长度来看'))}</h3>{table(heads, lines)}"


def ways(report: Report, thumbnails: Thumbnails) -> Section:
    """Nodes against length, and routes drawn on their maps."""
    lengths, nodes = ([point[axis] for point in report["points"]] for axis in (0, 1))
    drawn = dots(
        "nodes_by_length",
        [Dots(lengths, nodes, 11 if len(nodes) > _MANY_DOTS else 34, opacity=0.55)],
        Axis(Text("length of the shortest way", "最短路线的长度")),
        Axis(Text("nodes expanded, over A*", "展开节点数与 A* 之比")),
        Text("Nodes expanded over A*, by the length of the way", "展开节点数与 A* 之比，按路线长度"),
        guide=1.0,
        broad=True,
    )
    caption = Text(
        "Each dot is a test problem; below the dashed line less is searched than by A*. On short ways there is little "
        "to save: A* looks at hardly more than the way itself.",
        "每个圆点是一个测试问题；虚线以下表示搜索得比 A* 少。路程短时可省的不多：A* 看的几乎只有路线本身。",
    )
    legend = Text(
        "The way that was found (solid) and an optimal one (dotted), on the map. First the problems that took the most "
        "search against A*, then some of all lengths.",
        "地图上找到的路线（实线）与一条最优路线（点线）。先是与 A* 相比搜索最多的问题，再是各种长度的若干问题。",
    )
    items = "".join(_drawn(example, thumbnails) for example in report["worst"])
    body = (
        f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"
        f"<p class='quiet'>{say(legend)}</p><div class=\"routes\">{items}</div>"
    )
    title = Text("What the ways look like", "路线是什么样的")
    return Section("ways", Text("Ways", "路线"), title, body)


def _drawn(example: Report, thumbnails: Thumbnails) -> str:
    """A map with both ways, as one picture."""
    height, width = example["height"] or 1, example["width"] or 1
    picture = next(iter(thumbnails.get(example["row"], ())), None)
    image = ""
    if picture is not None:
        data = base64.b64encode(picture[0]).decode()
        image = (
            f'<image href="data:{picture[1]};base64,{data}" width="{width}" height="{height}" '
            'preserveAspectRatio="none" opacity="0.75"/>'
        )
    thick = max(height, width) / 110
    lines = _line(example["said"], thick, "var(--accent)", "") + _line(
        example["right"], 0.7 * thick, "var(--second)", f"{thick} {1.6 * thick}"
    )
    ends = "".join(
        f'<circle cx="{point[0] + 0.5}" cy="{point[1] + 0.5}" r="{1.7 * thick}" fill="var(--accent)"/>'
        for point in (example["said"][:1] + example["said"][-1:])
    )
    told = Text(
        f"{example['length']:.1f} cells, the shortest {example['optimum']:.1f}; {count(example['expanded'])} nodes, A* "
        f"{count(example['astar'])}",
        f"{example['length']:.1f} 格，最短 {example['optimum']:.1f}；{count(example['expanded'])} 个节点，A* "
        f"{count(example['astar'])}",
    )
    where = say(str(example["path"] or f"# {example['row']}"))
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{where}">{image}{lines}{ends}</svg>'
        f"<figcaption>{where}: {say(told)}</figcaption></figure>"
    )


def _line(points: Sequence[Sequence[int]], thick: float, colour: str, dashes: str) -> str:
    told = " ".join(f"{x + 0.5},{y + 0.5}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="{thick}"{dashed}/>'


def words() -> list[tuple[Text, Text]]:
    """What the words of routes mean."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What needs no learning: A*, which finds the shortest way, and weighted A*, which searches less for "
                "one at most half as long again.",
                "不需要学习的做法：A* 找出最短路线；加权 A* 搜索得少些，路线至多长一半。",
            ),
        ),
        (
            Text("Node", "节点"),
            Text(
                "A cell, or a room of cells, that a search takes out of its queue to look at its neighbours: what a "
                "search costs, whatever machine it runs on.",
                "搜索从队列中取出、去看其相邻者的一个格子或房间：无论在什么机器上，这就是搜索的代价。",
            ),
        ),
        (
            Text("Octile distance", "八向距离"),
            Text(
                "How long a way would be with nothing between: straight steps count 1, diagonal ones √2.",
                "中间没有阻挡时路线的长度：直走一步算 1，斜走一步算 √2。",
            ),
        ),
    ]
