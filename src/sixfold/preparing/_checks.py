"""What may be wrong with rows: each check is a small function behind ``@check``; product.yaml sets its level."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import numpy as np

from sixfold.errors import DataError, ProductError
from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.language import Text
from sixfold.preparing._codes import MISSING, binned, dense, present, repeats, together
from sixfold.preparing._evidence import SHOWN, Evidence, Found, sample
from sixfold.product import Product

__all__ = ["CHECKS", "check", "findings", "held_levels"]

Level: TypeAlias = Literal["off", "warn", "fail"]

_FEW_ROWS = 10
"""A class with fewer training rows is named: a figure about it rests on a handful of rows."""

_MUCH_MISSING = 0.3
_IMBALANCED = 10
"""How many times the largest class may outnumber the smallest before it is said."""

_GIVES_AWAY = 0.98
"""Share of the majority guess's errors that one column alone must avoid on rows not seen to be suspected."""

_ENOUGH_TO_SUSPECT = 50
_BINS = 64
_LIKE_AN_ID = 0.95
_ENOUGH_FOR_AN_ID = 50


When: TypeAlias = Literal["split", "encoded"]
Rule: TypeAlias = Callable[[Evidence], Iterable[Found]]

CHECKS: dict[str, tuple[When, Rule]] = {}
"""Every check by name, with when it can be made."""


def check(name: str, when: When = "split") -> Callable[[Rule], Rule]:
    """Make a function a check called ``name``, made after the split or once rows are encoded."""

    def enter(rule: Rule) -> Rule:
        CHECKS[name] = (when, rule)
        return rule

    return enter


def held_levels(product: Product) -> dict[str, Level]:
    """The level of every check: as product.yaml says, else ``warn``.

    Raises:
        ProductError: product.yaml names a check that does not exist.
    """
    told = product.prepare.checks
    for name in told:
        if name not in CHECKS:
            close = difflib.get_close_matches(name.replace("_", " "), CHECKS, n=1, cutoff=0.0)
            raise ProductError(
                "unknown_check",
                place=product.place(f"prepare.checks.{name}"),
                name=name,
                guess=close[0],
                known=", ".join(sorted(CHECKS)),
            )
    return {name: told.get(name, "warn") for name in CHECKS}


def findings(evidence: Evidence, levels: Mapping[str, Level], when: When) -> list[Found]:
    """What the checks that are on found.

    Raises:
        DataError: A check found something that product.yaml set to ``fail``.
    """
    found: list[Found] = []
    for name, (moment, rule) in CHECKS.items():
        if moment != when or levels[name] == "off":
            continue
        for one in rule(evidence):
            if levels[name] == "fail":
                raise DataError("check_failed", check=name, reason=one.says(), todo=one.mend())
            found.append(one)
    return found


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
                "warning" if share >= _MUCH_MISSING else "info",
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


@check("few rows")
def few_rows(evidence: Evidence) -> Iterator[Found]:
    """Classes with few training rows."""
    if not evidence.is_classification:
        return
    counts = evidence.class_rows(evidence.train)
    few = {name: count for name, count in counts.items() if 0 < count < _FEW_ROWS}
    if few:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(few.items(), key=lambda item: item[1])[:SHOWN])
        more = " …" if len(few) > SHOWN else ""
        yield Found(
            "few rows",
            "warning",
            Text(
                f"{len(few)} classes have fewer than {_FEW_ROWS} training rows: {named}{more}.",
                f"{len(few)} 个类别的训练数据不足 {_FEW_ROWS} 行：{named}{more}。",
            ),
            Text(
                "Collect more rows of them, merge them with others, or leave them out.",
                "请为它们多收集一些数据，或与其他类别合并，或不要它们。",
            ),
            evidence.target.name,
            sum(few.values()),
        )


@check("imbalance")
def imbalance(evidence: Evidence) -> Iterator[Found]:
    """One class has many times the rows of another."""
    if not evidence.is_classification:
        return
    counts = {name: count for name, count in evidence.class_rows(evidence.train).items() if count}
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[largest] >= _IMBALANCED * counts[smallest]:
        times = counts[largest] / counts[smallest]
        yield Found(
            "imbalance",
            "warning",
            Text(
                f"{largest} has {times:.0f} times as many training rows as {smallest} "
                f"({counts[largest]} and {counts[smallest]}).",
                f"{largest} 的训练数据是 {smallest} 的 {times:.0f} 倍"
                f"（{counts[largest]} 行对 {counts[smallest]} 行）。",
            ),
            Text(
                "Judge by balanced accuracy and the confusion matrix, not by accuracy alone; more rows of the rare "
                "class help most.",
                "请看均衡准确率和混淆矩阵，不要只看准确率；为少见的类别多收集数据最有效。",
            ),
            evidence.target.name,
            counts[smallest],
        )


@check("unseen classes")
def unseen_classes(evidence: Evidence) -> Iterator[Found]:
    """Validation and test rows of a class that no training row has: no model can be right there, so none is asked."""
    if len(rows := evidence.unseen):
        labels = sorted({evidence.target.labels[code - 1] for code in evidence.target.codes[rows].tolist()})
        named = ", ".join(labels[:SHOWN]) + (" …" if len(labels) > SHOWN else "")
        yield Found(
            "unseen classes",
            "warning",
            Text(
                f"{len(rows)} validation or test rows are left out, since no training row has their class: {named}. "
                "The figures do not count them.",
                f"{len(rows)} 个验证或测试行的类别在训练数据里没有（{named}）,已排除，指标不包含它们。",
            ),
            Text(
                "Add training rows of these classes, or split another way.",
                "请补充这些类别的训练数据，或换一种划分方式。",
            ),
            evidence.target.name,
            len(rows),
            sample(rows),
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
                "info" if len(new) < _MUCH_MISSING * len(others) else "warning",
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
            alike = isinstance(column.kind, Category) and different >= _LIKE_AN_ID * len(known)
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
        if guessed and errors <= (1 - _GIVES_AWAY) * guessed:
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
