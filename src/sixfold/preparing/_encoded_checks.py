"""Checks that can only be made once rows are encoded, each a small function behind ``@check`` as well."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields.category import Category
from sixfold.fields.number import Number
from sixfold.language import Text
from sixfold.preparing._checks import check
from sixfold.preparing._codes import present
from sixfold.preparing._evidence import PAIRS, Evidence, Found, sample

_MUCH_RARE = 0.3
_CUT_TO_TELL = 0.01
_MUCH_CUT = 0.2
_SHORT = 0.25
"""Of the usual number of steps."""

_SPLITS_ZH = {"train": "训练", "validation": "验证", "test": "测试"}


@check("unreadable images", when="encoded")
def unreadable_images(evidence: Evidence) -> Iterator[Found]:
    """Pictures that cannot be decoded; their rows are left out, or kept where other columns are given."""
    is_kept = len(evidence.given) > 1
    for column, whys in evidence.unreadable.items():
        if not whys or column not in evidence.given or not evidence.given[column].is_picture:
            continue
        rows = np.array(sorted(whys))
        why = whys[int(rows[0])]
        became_en = "pictures count as missing" if is_kept else "rows are left out"
        became_zh = "张图片按缺失处理" if is_kept else "行已排除"
        yield Found(
            "unreadable images",
            "warning",
            Text(
                f"{column}: {len(rows)} {became_en} ({why.en}): {evidence.named(rows, 'en')}.",
                f"{column}：{len(rows)} {became_zh}（{why.zh}）:{evidence.named(rows, 'zh')}。",
            ),
            Text("Replace or delete these files.", "请替换或删除这些文件。"),
            column,
            len(rows),
            sample(rows),
        )


@check("skewed numbers", when="encoded")
def skewed_numbers(evidence: Evidence) -> Iterator[Found]:
    """Numbers that spread over several powers of ten, which are learned by their logarithm unless told otherwise."""
    for column, fitted in evidence.fitted.items():
        if (
            not isinstance(fitted, Number)
            or fitted.state["log_unit"] is None
            or "scale" in fitted.options.model_fields_set
        ):
            continue
        quantiles = fitted.state["quantiles"]
        middle, largest = (f"{number:.4g}" for number in (quantiles[len(quantiles) // 2], quantiles[-1]))
        yield Found(
            "skewed numbers",
            "info",
            Text(
                f"{column} is strongly skewed (half of it is at most {middle}, the largest is {largest}), so its "
                "logarithm is learned.",
                f"{column} 严重偏斜（一半不超过 {middle}，最大为 {largest}），因此按对数来学习。",
            ),
            Text(
                f"Nothing needs to be done; `{column}: {{kind: number, scale: linear}}` takes it as it is.",
                f"无需处理；如要按原值学习，请写 `{column}: {{kind: number, scale: linear}}`。",
            ),
            column,
            len(evidence.train),
        )


@check("rare values", when="encoded")
def rare_values(evidence: Evidence) -> Iterator[Found]:
    """Values of a given category with too few training rows to learn from; they share the place of the unknown."""
    rows = evidence.train
    for column in evidence.given.values():
        fitted = evidence.fitted[column.name]
        if not isinstance(fitted, Category):
            continue
        known = set(fitted.classes)
        is_rare = np.array([False, *(name not in known for name in column.labels)]) & column.present(rows)
        rare = rows[is_rare[column.codes[rows]]]
        if len(rare):
            values, all_values = int(is_rare.sum()), column.distinct(rows)
            yield Found(
                "rare values",
                "info" if len(rare) < _MUCH_RARE * len(rows) else "warning",
                Text(
                    f"{column.name}: {values} of {all_values} values have too few training rows to learn from and "
                    f"count as unknown, in {len(rare)} of {len(rows)} rows.",
                    f"{column.name}：{all_values} 个取值中有 {values} 个训练行太少，按“未知”处理"
                    f"（{len(rows)} 行中有 {len(rare)} 行）。",
                ),
                Text(
                    f"Merge values that mean nearly the same, or set `{column.name}: {{kind: category, rare: 1}}` to "
                    "learn them all.",
                    f"请合并含义相近的取值；如要全部学习，请写 `{column.name}: {{kind: category, rare: 1}}`。",
                ),
                column.name,
                len(rare),
                sample(rare),
            )


@check("unreadable values", when="encoded")
def unreadable_values(evidence: Evidence) -> Iterator[Found]:
    """Values that do not go with those of the training rows, such as a series of other channels."""
    for column, whys in evidence.unreadable.items():
        is_target = column == evidence.target.name
        if not whys or (not is_target and evidence.given[column].is_picture):
            continue
        rows = np.array(sorted(whys))
        why = whys[int(rows[0])]
        became_en, became_zh = (
            ("rows are left out", "行已排除") if is_target else ("values count as missing", "个值按缺失处理")
        )
        yield Found(
            "unreadable values",
            "warning",
            Text(
                f"{column}: {len(rows)} {became_en} ({why.en}): {evidence.named(rows, 'en')}.",
                f"{column}：{len(rows)} {became_zh}（{why.zh}）：{evidence.named(rows, 'zh')}。",
            ),
            Text("Correct them, or leave these rows out.", "请更正这些值，或去掉这些行。"),
            column,
            len(rows),
            sample(rows),
        )


@check("long text", when="encoded")
def long_text(evidence: Evidence) -> Iterator[Found]:
    """Texts of which only the beginning is read, since they have more tokens than the column keeps."""
    for column, lengths in evidence.lengths.items():
        form = evidence.fitted[column].form
        rows = evidence.rows
        full = rows[lengths[rows] >= form.shape[0]]
        share = len(full) / len(rows)
        if form.name == "tokens" and share >= _CUT_TO_TELL:
            yield Found(
                "long text",
                "warning" if share >= _MUCH_CUT else "info",
                Text(
                    f"{column}: {share:.1%} of the rows have {form.shape[0]} tokens or more; what lies beyond is not "
                    f"read ({len(full)} of {len(rows)}).",
                    f"{column}：{share:.1%} 的行达到或超过 {form.shape[0]} 个词元，超出部分不会读取"
                    f"（{len(rows)} 行中有 {len(full)} 行）。",
                ),
                Text(
                    f"If what matters stands further on, say `{column}: {{kind: text, length: …}}`; training takes "
                    "longer by as much.",
                    f"如果重要内容在后面，请写 `{column}: {{kind: text, length: …}}`；训练时间会相应变长。",
                ),
                column,
                len(full),
                sample(full),
            )


@check("short series", when="encoded")
def short_series(evidence: Evidence) -> Iterator[Found]:
    """Series with far fewer steps than the others: most of what a network sees of them is padding."""
    for column, lengths in evidence.lengths.items():
        rows = evidence.rows
        known = lengths[evidence.train]
        usual = float(np.median(known[known > 0])) if (known > 0).any() else 0.0
        short = rows[(lengths[rows] > 0) & (lengths[rows] < _SHORT * usual)]
        if evidence.fitted[column].form.name == "steps" and len(short):
            least = int(lengths[short].min())
            yield Found(
                "short series",
                "info",
                Text(
                    f"{column}: {len(short)} series have fewer than a quarter of the usual {usual:.0f} steps, the "
                    f"shortest {least}: {evidence.named(short, 'en')}.",
                    f"{column}：{len(short)} 个序列不到通常的 {usual:.0f} 步的四分之一，最短的只有 {least} 步："
                    f"{evidence.named(short, 'zh')}。",
                ),
                Text(
                    "Check that they are whole; those that are cut off are better left out.",
                    "请检查这些序列是否完整；中断的最好去掉。",
                ),
                column,
                len(short),
                sample(short),
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
