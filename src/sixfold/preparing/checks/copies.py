"""Rows that say the same as others, or nearly so."""

from __future__ import annotations

from collections.abc import Iterator

from sixfold.language import Text
from sixfold.preparing._check import check
from sixfold.preparing._codes import present, repeats, together
from sixfold.preparing._evidence import PAIRS, Evidence, Found, sample

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
