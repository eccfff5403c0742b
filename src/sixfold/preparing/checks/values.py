"""What single values lack: none, of the wrong kind, always the same, never seen, a number that only counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields.category import Category
from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._codes import MISSING
from sixfold.preparing._evidence import SHOWN, Evidence, Found, sample

_MUCH_MISSING = threshold(
    "missing values",
    0.3,
    Text("Share of rows without a value from which it is a warning.", "缺失的行占多大比例起发出提醒。"),
)
_LIKE_AN_ID = threshold(
    "like an id",
    0.95,
    Text("Share of different values from which a category looks like an id.", "不同取值占多大比例起，类别列就像编号。"),
)
_ENOUGH_FOR_AN_ID = 50
_MUCH_NEW = 0.3
_MUCH_RARE = 0.3


@check("missing target")
def missing_target(evidence: Evidence) -> Iterator[Found]:
    """Rows without a target teach nothing."""
    if len(rows := evidence.untargeted):
        yield Found(
            "missing target",
            "warning",
            Text(
                f"{len(rows)} rows have no {evidence.target.name} and are left out: {evidence.named(rows, 'en')}.",
                f"{len(rows)} 行没有 {evidence.target.name}，未参与学习：{evidence.named(rows, 'zh')}。",
            ),
            Text("Fill it in where you know it.", "知道的话请补上。"),
            evidence.target.name,
            len(rows),
            sample(rows),
        )


@check("missing outcome")
def missing_outcome(evidence: Evidence) -> Iterator[Found]:
    """Rows whose outcome is not known tell nothing of what a choice leads to."""
    rows = evidence.without_outcome
    if evidence.outcome is not None and rows is not None and len(rows):
        name = evidence.outcome.name
        yield Found(
            "missing outcome",
            "warning",
            Text(
                f"{len(rows)} rows have no {name} and are left out: {evidence.named(rows, 'en')}. If it is missing "
                "more often under one choice, or where things went badly, the effects are biased.",
                f"{len(rows)} 行没有 {name}，未参与学习：{evidence.named(rows, 'zh')}。"
                "如果在某种选择下、或结果不好时更容易缺失，估计的效应会有偏差。",
            ),
            Text("Fill it in where you know it.", "知道的话请补上。"),
            name,
            len(rows),
            sample(rows),
        )


@check("bad values")
def bad_values(evidence: Evidence) -> Iterator[Found]:
    """Values that cannot be of their column's kind; a few count as missing, many were an error already."""
    for column in (*evidence.given.values(), evidence.target, *([evidence.outcome] if evidence.outcome else [])):
        if column.why is not None:
            rows, why = column.bad, column.why
            yield Found(
                "bad values",
                "warning",
                Text(
                    f"{column.name}: {len(rows)} values count as missing ({why.en}): {evidence.named(rows, 'en')}.",
                    f"{column.name}：{len(rows)} 个值按缺失处理（{why.zh}）:{evidence.named(rows, 'zh')}。",
                ),
                Text("Correct them, or give the column another kind.", "请更正这些值，或为该列换一个种类。"),
                column.name,
                len(rows),
                sample(rows),
            )


@check("missing values")
def missing_values(evidence: Evidence) -> Iterator[Found]:
    """The share of missing values of each given column."""
    rows = evidence.rows
    for column in evidence.given.values():
        lacking = rows[column.codes[rows] == MISSING]
        if len(lacking):
            share = len(lacking) / len(rows)
            yield Found(
                "missing values",
                "warning" if share >= evidence.limit(_MUCH_MISSING) else "info",
                Text(
                    f"{column.name}: {share:.1%} of the rows have no value ({len(lacking)} of {len(rows)}).",
                    f"{column.name}：{share:.1%} 的行没有值({len(rows)} 行中有 {len(lacking)} 行)。",
                ),
                Text(
                    "Sixfold learns that it is missing; collect it more fully if you can.",
                    "Sixfold 会把“缺失”本身当作信息来学；如有可能，请收集得更完整。",
                ),
                column.name,
                len(lacking),
                sample(lacking),
            )


@check("missing pictures")
def missing_pictures(evidence: Evidence) -> Iterator[Found]:
    """Rows without the picture that is all that is given; where other columns are given, they are kept."""
    if len(rows := evidence.unpictured):
        column = next(iter(evidence.given))
        yield Found(
            "missing pictures",
            "warning",
            Text(
                f"{len(rows)} rows have no {column} and are left out: {evidence.named(rows, 'en')}.",
                f"{len(rows)} 行没有 {column}，未参与学习：{evidence.named(rows, 'zh')}。",
            ),
            Text("Add the pictures, or delete the rows.", "请补上图片，或删除这些行。"),
            column,
            len(rows),
            sample(rows),
        )


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


@check("constant columns")
def constant_columns(evidence: Evidence) -> Iterator[Found]:
    """A column that is the same in all training rows tells nothing."""
    for column in evidence.given.values():
        if np.count_nonzero(column.present(evidence.train)) == 1:
            empty = bool(column.codes[evidence.train[0]] == MISSING)
            yield Found(
                "constant columns",
                "warning",
                Text(
                    f"{column.name} is {'empty' if empty else 'the same'} in every training row, so it tells nothing.",
                    f"{column.name} 在所有训练行里都{'是空的' if empty else '相同'}，不提供任何信息。",
                ),
                Text("Remove it from `given`.", "请从 `given` 中去掉它。"),
                column.name,
                len(evidence.train),
            )


@check("unseen values")
def unseen_values(evidence: Evidence) -> Iterator[Found]:
    """Values of validation and test rows that no training row has; the model takes them all for one unknown value."""
    for column in evidence.given.values():
        if not isinstance(column.kind, Category):
            continue
        others = evidence.others
        known = column.present(evidence.train)
        known[MISSING] = True
        new = others[~known[column.codes[others]]]
        if len(new):
            labels = sorted({column.labels[code - 1] for code in column.codes[new].tolist()})
            named = ", ".join(labels[:SHOWN]) + (" …" if len(labels) > SHOWN else "")
            yield Found(
                "unseen values",
                "info" if len(new) < _MUCH_NEW * len(others) else "warning",
                Text(
                    f"{column.name}: {len(new)} validation or test rows have a value not seen in training: {named}.",
                    f"{column.name}：{len(new)} 个验证或测试行的值在训练数据里没有出现过：{named}。",
                ),
                Text(
                    "They count as unknown, as they will in use. Many of them: perhaps it is a name or a number.",
                    "它们按“未知”处理，实际使用时也是如此。如果很多，该列可能其实是名字或数字。",
                ),
                column.name,
                len(new),
                sample(new),
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


@check("like an id")
def like_an_id(evidence: Evidence) -> Iterator[Found]:
    """A column of names or running numbers: different in nearly every row, it can only be learned by heart."""
    rows = evidence.train
    for column in evidence.given.values():
        known = rows[column.codes[rows] != MISSING]
        if len(known) < _ENOUGH_FOR_AN_ID or column.is_heavy:
            continue
        different = column.distinct(known)
        if column.numbers is not None:
            numbers = column.numbers[known]
            # Measured numbers differ from row to row too; numbers that only count fill their range without gaps.
            whole = bool((numbers == np.floor(numbers)).all())
            alike = (
                whole and different == len(known) and np.ptp(column.numbers[column.codes > 0]) < 2 * len(column.codes)
            )
        else:
            alike = isinstance(column.kind, Category) and different >= evidence.limit(_LIKE_AN_ID) * len(known)
        if alike:
            yield Found(
                "like an id",
                "warning",
                Text(
                    f"{column.name} looks like an id: {different} different values in {len(known)} training rows.",
                    f"{column.name} 像是编号：{len(known)} 个训练行里有 {different} 个不同的值。",
                ),
                Text(
                    "Remove it from `given`: it says nothing about rows to come.",
                    "请从 `given` 中去掉它：它对将来的数据没有意义。",
                ),
                column.name,
                different,
            )
