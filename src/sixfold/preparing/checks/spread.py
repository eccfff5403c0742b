"""How values are spread: skewed numbers, texts and series of another length than is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields.number import Number
from sixfold.language import Text
from sixfold.preparing._check import check
from sixfold.preparing._evidence import Evidence, Found, sample

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
