"""What gives the target away."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields import Array
from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._codes import binned, dense
from sixfold.preparing._evidence import Evidence, Found

_GIVES_AWAY = threshold(
    "gives the target away",
    0.98,
    Text(
        "Share of the majority guess's errors that one column alone must avoid on rows not seen to be suspected.",
        "单独一列在没见过的行上要避免多大比例的错误（与总猜最常见的类别相比），才会被怀疑。",
    ),
)
_ENOUGH_TO_SUSPECT = 50
_BINS = 64


@check("gives the target away")
def gives_the_target_away(evidence: Evidence) -> Iterator[Found]:
    """One column alone tells the target nearly without error on rows not seen: it may be made from the target.

    Each value (a number falls into one of 64 bins of equal rows) votes for its commonest class in one half of the
    training rows and is judged on the other half. So an id, whose values do not come again, tells nothing; and the
    errors are compared with those of always guessing the commonest class, so a rare class raises no alarm. Where only
    one column is given, telling the target is its task.
    """
    rows, columns = evidence.train, [column for column in evidence.given.values() if not column.is_picture]
    if len(evidence.given) < 2 or len(rows) < _ENOUGH_TO_SUSPECT or not evidence.is_classification:  # noqa: PLR2004
        return
    if evidence.outcome is not None:  # a column that tells the treatment is no leak but a lack of overlap
        return
    rows = np.random.default_rng(len(rows)).permutation(rows)
    target = evidence.target.codes[rows]
    for column in columns:
        codes = binned(column.numbers[rows], _BINS) if column.numbers is not None else column.codes[rows]
        errors, guessed = _errors_of_votes(codes, target)
        if guessed and errors <= (1 - evidence.limit(_GIVES_AWAY)) * guessed:
            right = 1 - errors / len(rows)
            yield Found(
                "gives the target away",
                "warning",
                Text(
                    f"{column.name} alone tells {evidence.target.name} in {right:.1%} of training rows not seen "
                    "before; it may be made from it.",
                    f"只凭 {column.name} 一列，就能在未见过的训练行上"
                    f"以 {right:.1%} 的准确率得出 {evidence.target.name}；"
                    "它可能就是由目标得来的。",
                ),
                Text(
                    "If it is known only after the fact, remove it from `given`; if it is truly known in time, set "
                    "`prepare: {checks: {gives the target away: off}}`.",
                    "如果它是事后才知道的，请从 `given` 中去掉；如果使用时确实已知，请设置 "
                    "`prepare: {checks: {gives the target away: off}}`。",
                ),
                column.name,
                len(rows),
            )


def _errors_of_votes(codes: Array, target: Array) -> tuple[int, int]:
    """Errors of each value's commonest class, and of the commonest class alone; each half is judged by the other."""
    codes, target = dense(codes), dense(target)
    values, classes = int(codes.max()) + 1, int(target.max()) + 1
    half = len(codes) // 2
    errors = guessed = 0
    for learned, judged in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        commonest = int(np.bincount(target[learned]).argmax())
        pairs, counts = np.unique(codes[learned].astype(np.int64) * classes + target[learned], return_counts=True)
        order = np.argsort(counts, kind="stable")  # the commonest class of a value is written last and stays
        votes = np.full(values, commonest)
        votes[pairs[order] // classes] = pairs[order] % classes
        errors += int(np.count_nonzero(votes[codes[judged]] != target[judged]))
        guessed += int(np.count_nonzero(target[judged] != commonest))
    return errors, guessed
