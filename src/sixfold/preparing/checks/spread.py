"""How values are spread: skewed numbers, texts and series of another length than is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields.number import Number
from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._drift import drifts
from sixfold.preparing._evidence import Evidence, Found, Shown, sample

_FAR = threshold(
    "outliers",
    3,
    Text(
        "How many times the range between the 1st and 99th percentile a number must lie beyond it.",
        "数值要超出第 1 至第 99 百分位范围的多少倍，才算离群。",
    ),
)
_DRIFT = threshold(
    "drift",
    0.2,
    Text(
        "Population stability index from which a difference between splits is a warning; half of it is a note.",
        "各份数据之间的群体稳定性指数（PSI）达到多少起发出提醒；一半起只作说明。",
    ),
)
_FLAT = 4.0
"""Standard deviation of the grey levels (of 255) of a picture that shows nothing."""

_OFTEN = 5
_SPLITS_ZH = {"validation": "验证", "test": "测试"}
_OF_ZH = {"value": "取值", "length": "长度", "brightness": "亮度"}
_CUT_TO_TELL = 0.01
_MUCH_CUT = 0.2
_SHORT = 0.25
"""Of the usual number of steps."""


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


@check("outliers", when="encoded")
def outliers(evidence: Evidence) -> Iterator[Found]:
    """Numbers far beyond all others, on the scale on which they are learned; and the largest one, if it comes again and
    again and is all nines: then it stands for something else, such as a missing value."""
    for name, fitted in evidence.fitted.items():
        column = evidence.target if name == evidence.target.name else evidence.given.get(name)
        if column is None or column.numbers is None or not isinstance(fitted, Number):
            continue
        rows = evidence.rows[~np.isnan(column.numbers[evidence.rows])]
        if len(rows) == 0:
            continue
        numbers = column.numbers[rows]
        scaled = numbers
        if fitted.state["log_unit"] is not None:
            scaled = np.arcsinh(numbers / fitted.state["log_unit"])
        low, high = np.quantile(scaled, (0.01, 0.99))
        reach = evidence.limit(_FAR) * (high - low)
        far = rows[(scaled < low - reach) | (scaled > high + reach)] if high > low else rows[:0]
        for end in (float(numbers.min()), float(numbers.max())):
            again = rows[numbers == end]
            digits = f"{abs(end):.0f}"
            if len(again) >= _OFTEN and len(digits) > 2 and set(digits) == {"9"} and end == round(end):  # noqa: PLR2004
                yield Found(
                    "outliers",
                    "warning",
                    Text(
                        f"{name}: {end:.0f} comes {len(again)} times and nothing lies beyond it; it may stand for a "
                        f"missing or cut-off value: {evidence.named(again, 'en')}.",
                        f"{name}：{end:.0f} 出现了 {len(again)} 次，而且没有更极端的值；它可能代表缺失或截断："
                        f"{evidence.named(again, 'zh')}。",
                    ),
                    Text(
                        "If it stands for a missing value, leave it empty at the source.",
                        "如果它代表缺失，请在源头留空。",
                    ),
                    name,
                    len(again),
                    sample(again),
                )
                far = far[column.numbers[far] != end]
        if len(far):
            farthest = float(column.numbers[far][np.abs(column.numbers[far] - np.median(numbers)).argmax()])
            yield Found(
                "outliers",
                "info",
                Text(
                    f"{name}: {len(far)} values lie far beyond all others, the farthest {farthest:.4g} (99 of 100 are "
                    f"at most {np.quantile(numbers, 0.99):.4g}): {evidence.named(far, 'en')}.",
                    f"{name}：{len(far)} 个值远离其他所有值，最远的是 {farthest:.4g}"
                    f"（百分之九十九不超过 {np.quantile(numbers, 0.99):.4g}）：{evidence.named(far, 'zh')}。",
                ),
                Text(
                    "Check them: another unit, a slip of the point? Correct or leave out what is wrong.",
                    "请核对：是不是单位不同、小数点错位？错的请更正或去掉。",
                ),
                name,
                len(far),
                sample(far),
            )


@check("blank pictures", when="encoded")
def blank_pictures(evidence: Evidence) -> Iterator[Found]:
    """Pictures that are the same shade all over: nothing can be told from them."""
    for name, look in evidence.looks.items():
        if look.grey is None:
            continue
        is_blank = look.seen & (look.grey.reshape(len(look.grey), -1).std(axis=1) < _FLAT)
        rows = look.rows[is_blank]
        rows = rows[np.isin(rows, evidence.rows)]
        if len(rows):
            yield Found(
                "blank pictures",
                "warning",
                Text(
                    f"{name}: {len(rows)} pictures are of one shade all over: {evidence.named(rows, 'en')}.",
                    f"{name}：{len(rows)} 张图片整张几乎是同一种颜色：{evidence.named(rows, 'zh')}。",
                ),
                Text("Replace or delete these files.", "请替换或删除这些文件。"),
                name,
                len(rows),
                sample(rows),
                tuple(Shown((int(row),), Text(evidence.shown(int(row)), evidence.shown(int(row)))) for row in rows[:6]),
            )


@check("drift", when="encoded")
def drift(evidence: Evidence) -> Iterator[Found]:
    """Test or validation rows that are spread otherwise than training rows, by the population stability index (PSI)."""
    limit, seen = evidence.limit(_DRIFT), set()
    for one in drifts(evidence):
        index, name, of, split = float(one["index"]), one["column"], one["of"], one["split"]
        if index - float(one["chance"]) < limit / 2 or (name, of) in seen:
            continue
        seen.add((name, of))
        what_en = "" if of == "value" else f" ({of})"
        what_zh = "" if of == "value" else f"（{_OF_ZH[of]}）"
        yield Found(
            "drift",
            "warning" if index >= limit else "info",
            Text(
                f"{name}{what_en} is spread otherwise in {split} rows than in training rows (PSI {index:.2f}).",
                f"{name}{what_zh} 在{_SPLITS_ZH[split]}行里的分布与训练行不同（PSI {index:.2f}）。",
            ),
            Text(
                "If use will look like the test, collect training rows like it; if not, the figures are those of "
                "another world than yours.",
                "如果实际使用时更像测试数据，请收集与之相似的训练数据；否则这些指标说的不是您的使用场景。",
            ),
            name,
            len(evidence.splits.rows[split]),
        )
