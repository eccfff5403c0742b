"""Personal data among the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sixfold.language import Text
from sixfold.personal import KINDS, PersonalKind, is_redacted_column, personal_data
from sixfold.preparing._check import check
from sixfold.preparing._column import Column
from sixfold.preparing._evidence import Evidence, Found, sample
from sixfold.preparing._look import few_of
from sixfold.progress import Severity

_MOST_NUMBERS = 2_000
_FEWEST_DIGITS = 1e9
_OFTEN = 0.5


@check("personal data", when="encoded")
def personal(evidence: Evidence) -> Iterator[Found]:
    """Names, identity and bank card numbers, telephones, e-mail and other addresses, in English and Chinese forms.

    Numbers are held against their checksums. Names are found by what stands around them, so not all are found.
    """
    for replaced, of_kind in evidence.redacted.items():
        yield Found(
            "personal data",
            "info",
            Text(
                f"{replaced}: {_counted(of_kind, 'en')} were replaced before anything was stored.",
                f"{replaced}：{_counted(of_kind, 'zh')}已在存储之前替换。",
            ),
            Text("Nothing needs to be done.", "无需处理。"),
            replaced,
            sum(of_kind.values()),
        )
    severity: Severity = "info" if evidence.personal_data == "allow" else "warning"
    for name, column in {**evidence.given, evidence.target.name: evidence.target}.items():
        if name == evidence.target.name and not column.is_heavy and column.numbers is None:
            continue  # classes are the answers; nobody would redact them
        found, looked_at = _of_column(evidence, name, column)
        if not found:
            continue
        rows = np.unique(np.concatenate([np.array(own, np.int64) for own in found.values()]))
        counts: dict[str, int] = {kind: len(own) for kind, own in found.items()}
        sampled = looked_at < len(evidence.rows)
        only_en = f" (of {looked_at} rows looked at)" if sampled else ""
        only_zh = f"（只看了 {looked_at} 行）" if sampled else ""
        mend = Text(
            "Say `prepare: {personal_data: redact}` to have them replaced before anything is stored, in a service too; "
            "or `allow`, if you have the right to use them.",
            "请设置 `prepare: {personal_data: redact}`，在存储之前替换掉，服务中同样处理；如有权使用，请写 `allow`。",
        )
        if column.numbers is not None:
            mend = Text(
                f"Leave {name} out of `given`: such a number says nothing that could be learned.",
                f"请从 `given` 中去掉 {name}：这样的号码里没有可学的东西。",
            )
        yield Found(
            "personal data",
            severity,
            Text(
                f"{name}: {len(rows)} rows hold personal data{only_en}, by rows: {_counted(counts, 'en')}: "
                f"{evidence.named(rows, 'en')}.",
                f"{name}：{len(rows)} 行含有个人信息{only_zh}，按行计：{_counted(counts, 'zh')}："
                f"{evidence.named(rows, 'zh')}。",
            ),
            mend,
            name,
            len(rows),
            sample(rows),
        )


def _of_column(evidence: Evidence, name: str, column: Column) -> tuple[dict[PersonalKind, list[int]], int]:
    """Of each kind the rows that hold some, and how many rows were looked at."""
    if name in evidence.looks:
        return evidence.looks[name].personal, len(evidence.looks[name].rows)
    found: dict[PersonalKind, list[int]] = {}
    rows = evidence.rows
    if column.numbers is not None:
        rows = rows[:: max(1, len(rows) // _MOST_NUMBERS)]
        numbers = column.numbers[rows]
        likely = (numbers >= _FEWEST_DIGITS) & (numbers == np.floor(numbers))
        for row, number in zip(rows[likely].tolist(), numbers[likely].tolist(), strict=True):
            for kind in {one.kind for one in personal_data(str(int(number)))}:
                found.setdefault(kind, []).append(row)
        # Some measured number always looks like one; a column of them does not.
        often = {kind: of_kind for kind, of_kind in found.items() if len(of_kind) >= _OFTEN * len(rows)}
        return often, len(rows)
    if not is_redacted_column(column.kind.kind()):
        return {}, len(rows)
    if column.is_heavy:  # texts to write: their values stay in the store
        rows = few_of(rows)
        for row, text in zip(rows.tolist(), evidence.stored(name, rows), strict=True):
            for kind in {one.kind for one in personal_data(str(text), name)} if text is not None else ():
                found.setdefault(kind, []).append(row)
        return found, len(rows)
    kinds = [{one.kind for one in personal_data(label, name)} for label in column.labels]
    for kind in KINDS:
        codes = np.array([False, *(kind in of_label for of_label in kinds)])
        own = rows[codes[column.codes[rows]]]
        if len(own):
            found[kind] = own.tolist()
    return found, len(rows)


def _counted(counts: Mapping[str, int], language: str) -> str:
    told = [(KINDS[kind][1], counts[kind]) for kind in KINDS if counts.get(kind)]
    return (
        "、".join(f"{about.zh} {count}" for about, count in told)
        if language == "zh"
        else ", ".join(f"{count} {about.en}" for about, count in told)
    )
