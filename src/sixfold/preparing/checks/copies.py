"""Rows that say the same as others, or nearly so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields import Array
from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._codes import present, repeats, together
from sixfold.preparing._evidence import PAIRS, SHOWN, Evidence, Found, Shown, sample
from sixfold.preparing._near import near_pairs

_NEAR_TEXTS = threshold(
    "near duplicate texts",
    0.8,
    Text(
        "Share of shingles (three characters) that two texts must have in common to be nearly the same.",
        "两段文本共有多大比例的三字符片段，才算几乎相同。",
    ),
)
_NEAR_PICTURES = threshold(
    "near duplicate pictures",
    0.985,
    Text(
        "Correlation that the small grey versions of two pictures must have to be nearly the same.",
        "两张图片的灰度缩略图相关系数达到多少，才算几乎相同。",
    ),
)
_PAIRS_SHOWN = 6
_SPLITS_ZH = {"train": "训练", "validation": "验证", "test": "测试"}


@check("duplicate rows")
def duplicate_rows(evidence: Evidence) -> Iterator[Found]:
    """Rows that say the same, target included."""
    if evidence.same is None:
        return
    rows = evidence.rows
    again = repeats(together([evidence.same[rows], evidence.target.codes[rows]]))
    if again.any():
        yield Found(
            "duplicate rows",
            "warning",
            Text(
                f"{int(again.sum())} rows repeat another row in full: {evidence.named(rows[again], 'en')}.",
                f"{int(again.sum())} 行与别的行完全相同：{evidence.named(rows[again], 'zh')}。",
            ),
            Text(
                "If they were copied by mistake, remove them; a random split keeps them on one side.",
                "如果是误复制，请删除；随机划分会把它们放在同一侧。",
            ),
            count=int(again.sum()),
            rows=sample(rows[again]),
        )


@check("contradicting rows")
def contradicting_rows(evidence: Evidence) -> Iterator[Found]:
    """Rows with the same given values and different classes: no model can have both right."""
    if evidence.same is None or not evidence.is_classification:
        return
    rows = evidence.rows
    same = evidence.same[rows]
    pairs = same[~repeats(together([same, evidence.target.codes[rows]]))]  # one row of each pair of row and class
    at_odds = present(pairs[repeats(pairs)], int(same.max()))[same]
    if at_odds.any():
        yield Found(
            "contradicting rows",
            "warning",
            Text(
                f"{int(at_odds.sum())} rows have the same given values as another row, but another "
                f"{evidence.target.name}: {evidence.named(rows[at_odds], 'en')}.",
                f"{int(at_odds.sum())} 行的已知列与别的行相同，{evidence.target.name} 却不同："
                f"{evidence.named(rows[at_odds], 'zh')}。",
            ),
            Text(
                "Look at them: one of each is mislabelled, or a column that would tell them apart is not given.",
                "请查看这些行：要么其中有标错的，要么缺少能区分它们的列。",
            ),
            count=int(at_odds.sum()),
            rows=sample(rows[at_odds]),
        )


@check("shared rows", when="encoded")
def shared_rows(evidence: Evidence) -> Iterator[Found]:
    """The same row in two splits, pictures by their pixels: in the source's own split, or left out of ours."""
    if len(rows := evidence.repeated):
        yield Found(
            "shared rows",
            "info",
            Text(
                f"{len(rows)} validation or test rows are left out, since they repeat a row of another split: "
                f"{evidence.named(rows, 'en')}.",
                f"{len(rows)} 个验证或测试行与另一份数据里的行重复，已排除：{evidence.named(rows, 'zh')}。",
            ),
            Text("Nothing needs to be done.", "无需处理。"),
            count=len(rows),
            rows=sample(rows),
        )
    if evidence.same is None:
        return
    for earlier, later in PAIRS:
        first, second = evidence.splits.rows[earlier], evidence.splits.rows[later]
        most = int(evidence.same.max(initial=0))
        shared = second[present(evidence.same[first], most)[evidence.same[second]]]
        if len(shared):
            yield Found(
                "shared rows",
                "warning",
                Text(
                    f"{len(shared)} of {len(second)} {later} rows are also {earlier} rows: "
                    f"{evidence.named(shared, 'en')}.",
                    f"{len(second)} 个{_SPLITS_ZH[later]}行里有 {len(shared)} 行也出现在{_SPLITS_ZH[earlier]}数据里："
                    f"{evidence.named(shared, 'zh')}。",
                ),
                Text(
                    "The split is the source's own; `prepare: {split: {by: stratified}}` makes another.",
                    "这是数据源自带的划分：请告知其作者；用 `prepare: {split: {by: stratified}}` 可以另行划分。",
                ),
                count=len(shared),
                rows=sample(shared),
            )


@check("near duplicates", when="encoded")
def near_duplicates(evidence: Evidence) -> Iterator[Found]:
    """Pictures and texts that are nearly those of another row: saved again, cropped a little, a word changed.

    Those of another split flatter the figures as much as copies do. Pictures are held against each other by perceptual
    hashes and small grey versions, texts by how many shingles they share.
    """
    for name, look in evidence.looks.items():
        limit = evidence.limit(_NEAR_PICTURES if look.grey is not None else _NEAR_TEXTS)
        pairs = look.rows[near_pairs(look, limit)]
        same = evidence.same if evidence.same is not None else evidence.given[name].codes
        pairs = pairs[(same[pairs[:, 0]] != same[pairs[:, 1]]) & np.isin(pairs, evidence.rows).all(axis=1)]
        if len(pairs) == 0:
            continue
        sides = np.zeros(len(same), np.int8)
        for place, rows in enumerate(evidence.splits.rows.values(), start=1):
            sides[rows] = place
        across = sides[pairs[:, 0]] != sides[pairs[:, 1]]
        rows = np.unique(pairs[:, 1])
        held_out = np.unique(pairs[across])
        held_out = held_out[np.isin(held_out, evidence.others)]
        at_odds = _at_odds(evidence, pairs)
        sampled = len(look.rows) < len(evidence.rows)
        looked_en = f" (of {len(look.rows)} rows looked at)" if sampled else ""
        looked_zh = f"（只看了 {len(look.rows)} 行）" if sampled else ""
        said_en = f"{name}: {len(rows)} rows are nearly the same as another row{looked_en}"
        said_zh = f"{name}：{len(rows)} 行与别的行几乎相同{looked_zh}"
        if len(held_out):
            said_en += f"; {len(held_out)} validation or test rows nearly repeat a row of another split"
            said_zh += f"；其中 {len(held_out)} 个验证或测试行与另一份数据里的行几乎相同"
        if at_odds:
            said_en += f"; pairs of different {evidence.target.name}: {at_odds}"
            said_zh += f"；有 {at_odds} 对的 {evidence.target.name} 不同"
        ordered = pairs[np.argsort(~across, kind="stable")]
        yield Found(
            "near duplicates",
            "warning" if len(held_out) else "info",
            Text(f"{said_en}: {_named(evidence, ordered)}.", f"{said_zh}：{_named(evidence, ordered)}。"),
            Text(
                "Look at them. Keep one of each, or let those that belong together stay on one side with "
                "`prepare: {split: {group: COLUMN}}`: what was nearly learned by heart flatters the figures.",
                "请查看。每组只留一行，或用 `prepare: {split: {group: 列名}}` 让同属一处的行留在同一侧："
                "几乎背下来的行会让指标虚高。",
            ),
            name,
            len(rows),
            sample(rows),
            tuple(
                Shown((int(one), int(two)), Text(f"rows {one + 1} and {two + 1}", f"第 {one + 1} 行和第 {two + 1} 行"))
                for one, two in ordered[:_PAIRS_SHOWN].tolist()
            ),
        )


def _at_odds(evidence: Evidence, pairs: Array) -> int:
    """How many pairs of nearly the same rows have different classes."""
    if not evidence.is_classification:
        return 0
    codes = evidence.target.codes
    return int((codes[pairs[:, 0]] != codes[pairs[:, 1]]).sum())


def _named(evidence: Evidence, pairs: Array) -> str:
    named = ", ".join(f"{evidence.shown(one)} ≈ {evidence.shown(two)}" for one, two in pairs[:SHOWN].tolist())
    return named + (" …" if len(pairs) > SHOWN else "")
