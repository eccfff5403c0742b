"""What gives the target away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.fields.number import Number
from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._codes import binned, dense
from sixfold.preparing._evidence import PAIRS, Evidence, Found, Shown, sample
from sixfold.preparing._look import few_of

_GIVES_AWAY = threshold(
    "gives the target away",
    0.98,
    Text(
        "Share of the majority guess's errors that one column alone must avoid on rows not seen to be suspected.",
        "单独一列在没见过的行上要避免多大比例的错误（与总猜最常见的类别相比），才会被怀疑。",
    ),
)
_TELLING = threshold(
    "telling words",
    0.8,
    Text(
        "Share of a class's texts that must have a word which others do not have, for it to be suspected.",
        "某个类别有多大比例的文本含有其他类别没有的词，才会怀疑它泄露了答案。",
    ),
)
_ALONE = 0.98
"""Share of the rows with a telling word or mark that must be of its class."""

_TEXTS, _SPOTS = 6_000, 5_000
"""Rows in which words and marks are looked for: enough for what most rows of a class have."""

_WORDS = re.compile(r"[^\W_]+|[^\w\s]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_SUBJECT = re.compile(
    r"(?i)(?:^|[^a-z])(?:patient|subject|person|user|customer|client|member|account|household|family|speaker|author|"
    r"participant|case|animal|machine|vehicle|driver)(?:[ _.-]?(?:id|no|nr|number|code|key))?$|"
    r"(?:患者|病人|病例|用户|客户|会员|账号|受试者|说话人|作者|被试|参与者)(?:编号|号|id|ID)?$"
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


@check("telling numbers")
def telling_numbers(evidence: Evidence) -> Iterator[Found]:
    """One column alone tells the number to predict nearly exactly, on rows not seen: it may be made from it.

    The mean target of each value (a number falls into one of 64 bins of equal rows) in one half of the training rows
    foretells the other half; so does a straight line.
    """
    target = evidence.target
    if not isinstance(target.kind, Number) or target.numbers is None or len(evidence.given) < 2:  # noqa: PLR2004
        return
    rows = np.random.default_rng(0).permutation(evidence.train)
    if len(rows) < _ENOUGH_TO_SUSPECT or evidence.outcome is not None:
        return
    truth = target.numbers[rows]
    half = len(rows) // 2
    varies = float(((truth[half:] - truth[:half].mean()) ** 2).sum())
    for column in evidence.given.values():
        if column.is_heavy or varies == 0:
            continue
        left = _unexplained(column.numbers[rows] if column.numbers is not None else None, column.codes[rows], truth)
        if left <= (1 - evidence.limit(_GIVES_AWAY)) * varies:
            yield Found(
                "telling numbers",
                "warning",
                Text(
                    f"{column.name} alone explains {1 - left / varies:.1%} of how {target.name} varies in training "
                    "rows not seen before; it may be made from it.",
                    f"只凭 {column.name} 一列，就能解释未见过的训练行里 {target.name} 变化的 {1 - left / varies:.1%}；"
                    "它可能就是由目标得来的。",
                ),
                Text(
                    "If it is known only after the fact, remove it from `given`; if it is truly known in time, set "
                    "`prepare: {checks: {telling numbers: off}}`.",
                    "如果它是事后才知道的，请从 `given` 中去掉；如果使用时确实已知，请设置 "
                    "`prepare: {checks: {telling numbers: off}}`。",
                ),
                column.name,
                len(rows),
            )


def _unexplained(numbers: Array | None, codes: Array, truth: Array) -> float:
    """What is left of the squares of the second half, of the better of a line and of means by value."""
    half = len(truth) // 2
    found = []
    if numbers is not None and not np.isnan(numbers).any() and np.ptp(numbers[:half]) > 0:
        line = np.polyfit(numbers[:half], truth[:half], 1)
        found.append(float(((np.polyval(line, numbers[half:]) - truth[half:]) ** 2).sum()))
    values = dense(binned(numbers, _BINS) if numbers is not None else codes)
    counts = np.bincount(values[:half], minlength=int(values.max()) + 1)
    sums = np.bincount(values[:half], truth[:half], minlength=len(counts))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), truth[:half].mean())
    found.append(float(((means[values[half:]] - truth[half:]) ** 2).sum()))
    return min(found)


@check("telling words", when="encoded")
def telling_words(evidence: Evidence) -> Iterator[Found]:
    """A word that nearly all texts of a class have and hardly any other: a label that was left inside, a signature.

    Words (of Chinese, pairs of characters) are found in one half of the training rows and held against the other half.
    """
    if not evidence.is_classification or len(evidence.train) < _ENOUGH_TO_SUSPECT or evidence.outcome is not None:
        return
    for name, look in evidence.looks.items():
        if look.sketch is None:
            continue
        rows = few_of(look.few[np.isin(look.few, evidence.train)], _TEXTS)
        target = dense(evidence.target.codes[rows])
        counts: list[dict[str, Array]] = [{}, {}]
        sizes = np.zeros((2, int(target.max()) + 1))
        for place, text in enumerate(evidence.stored(name, rows)):
            side, own = place % 2, int(target[place])
            sizes[side, own] += 1
            for word in _words(str(text)) if text is not None else ():
                seen = counts[side].get(word)
                if seen is None:
                    seen = counts[side][word] = np.zeros(sizes.shape[1], np.int32)
                seen[own] += 1
        labels = [evidence.target.labels[code - 1] for code in np.unique(evidence.target.codes[rows]).tolist()]
        told = _telling(counts, sizes, evidence.limit(_TELLING))
        if told:
            named = ", ".join(f"“{word}” → {labels[own]} ({share:.0%})" for word, own, share in told)
            yield Found(
                "telling words",
                "warning",
                Text(
                    f"{name}: single words give {evidence.target.name} away, since nearly all texts of a class have "
                    f"them and no others do: {named}.",
                    f"{name}：个别词语会泄露 {evidence.target.name}，因为某个类别的文本几乎都有、"
                    f"其他类别没有：{named}。",
                ),
                Text(
                    "If the word came in after the label was known (a tag, a template), remove it from the texts; if "
                    "it truly stands there in use, set `prepare: {checks: {telling words: off}}`.",
                    "如果该词是在知道标签之后才加入的（标记、模板），请从文本中去掉；如果使用时确实会出现，请设置 "
                    "`prepare: {checks: {telling words: off}}`。",
                ),
                name,
                len(rows),
            )


def _words(text: str) -> set[str]:
    found: set[str] = set()
    for word in _WORDS.findall(text[:4000].lower()):
        if _HAN.match(word):
            found.update(word[place : place + 2] for place in range(max(1, len(word) - 1)))
        else:
            found.add(word)
    return found


def _telling(counts: list[dict[str, Array]], sizes: Array, limit: float) -> list[tuple[str, int, float]]:
    """Of each class at most one word that tells it in both halves, with the share of its texts that have it."""
    best: dict[int, tuple[float, str]] = {}
    for word, first in counts[0].items():
        own = int(first.argmax())
        second = counts[1].get(word)
        if second is None or sizes[:, own].min() < _FEWEST_OF_A_CLASS:
            continue
        shares = [seen[own] / sizes[side, own] for side, seen in enumerate((first, second))]
        alone = [seen[own] / seen.sum() for seen in (first, second)]
        # A class that nearly all rows have is told by any common word.
        most = sizes[:, own].sum() / sizes.sum()
        if min(shares) >= limit and min(alone) >= max(_ALONE, 1 - 0.1 * (1 - most)):
            best[own] = max(best.get(own, (0.0, "")), (float(min(shares)), word))
    return [(word, own, share) for own, (share, word) in sorted(best.items())]


_FEWEST_OF_A_CLASS = 10


@check("telling pictures", when="encoded")
def telling_pictures(evidence: Evidence) -> Iterator[Found]:
    """The size of a picture, or one spot of it, tells the class: a frame, a mark, another camera for each class.

    Spots are those of a thumbnail of 16 by 16; each votes as a column would (see `gives the target away`).
    """
    if not evidence.is_classification or evidence.outcome is not None:
        return
    for name, look in evidence.looks.items():
        if look.grey is None or look.colour is None:
            continue
        places = np.flatnonzero(np.isin(look.few, evidence.train))[:_SPOTS]
        places = np.random.default_rng(len(places)).permutation(places)
        if len(places) < _ENOUGH_TO_SUSPECT:
            continue
        target = evidence.target.codes[look.few[places]]
        limit = 1 - evidence.limit(_GIVES_AWAY)
        errors, guessed = _errors_of_votes(look.sizes[places] @ np.array([100_003, 1]), target)
        by_size = bool(guessed) and errors <= limit * guessed
        pixels = look.colour[places].reshape(len(places), 16, 2, 16, 2, 3).mean(axis=(2, 4))
        spots = []
        for row in range(16) if not by_size else ():
            for column in range(16):
                levels = (pixels[:, row, column] // 16).astype(np.int64) @ np.array([256, 16, 1])
                errors, guessed = _errors_of_votes(levels, target)
                if guessed and errors <= limit * guessed:
                    spots.append((row, column))
        if by_size or spots:
            where_en, where_zh = ("their size", "图片的尺寸") if by_size else _where(spots)
            yield Found(
                "telling pictures",
                "warning",
                Text(
                    f"{name}: {where_en} alone tells {evidence.target.name} on training rows not seen before; a model "
                    "would learn that instead of what the pictures show.",
                    f"{name}：只凭{where_zh}就能在未见过的训练行上得出 {evidence.target.name}；"
                    "模型会去学这个，而不是图片的内容。",
                ),
                Text(
                    "Bring all pictures to one size and remove marks and frames; take those of each class with the "
                    "same cameras and in the same places.",
                    "请统一图片尺寸，去掉标记和边框；每个类别都用同样的相机、在同样的地方拍摄。",
                ),
                name,
                len(places),
                shows=tuple(
                    Shown((int(row),), Text(str(label), str(label)))
                    for label, row in _one_of_each(evidence, look.few[places]).items()
                ),
            )


def _one_of_each(evidence: Evidence, rows: Array) -> dict[str, int]:
    """One row of each of a few classes."""
    codes, first = np.unique(evidence.target.codes[rows], return_index=True)
    return {
        evidence.target.labels[code - 1]: int(rows[place]) for code, place in zip(codes[:6], first[:6], strict=True)
    }


def _where(spots: list[tuple[int, int]]) -> tuple[str, str]:
    """Where in a picture some spots of 16 by 16 lie, in words."""
    row, column = (sum(place) / len(spots) / 15 for place in zip(*spots, strict=True))
    up = ("top", "上") if row < 1 / 3 else ("bottom", "下") if row > 2 / 3 else ("middle", "中")
    side = ("left", "左") if column < 1 / 3 else ("right", "右") if column > 2 / 3 else ("centre", "中")
    return f"a spot ({up[0]}, {side[0]})", f"一个位置（{side[1]}{up[1]}）"


@check("same subject", when="encoded")
def same_subject(evidence: Evidence) -> Iterator[Found]:
    """The same patient, customer, device … in two splits: what was learned of them helps where it will not in use.

    Told by columns that are named so, and by names of files that begin alike (`person12_3.jpeg`).
    """
    for name, codes in _subjects(evidence):
        for earlier, later in PAIRS:
            first, second = evidence.splits.rows[earlier], evidence.splits.rows[later]
            known = np.unique(codes[first])
            shared = second[np.isin(codes[second], known[known > 0])]
            if len(shared) == 0:
                continue
            subjects = len(np.unique(codes[shared]))
            yield Found(
                "same subject",
                "warning",
                Text(
                    f"{name}: {subjects} subjects of the {earlier} rows also have {len(shared)} of the {len(second)} "
                    f"{later} rows: {evidence.named(shared, 'en')}.",
                    f"{name}：{_SPLITS_ZH[earlier]}行里的 {subjects} 个主体，在{_SPLITS_ZH[later]}数据 "
                    f"{len(second)} 行中也有 {len(shared)} 行：{evidence.named(shared, 'zh')}。",
                ),
                Text(
                    "Keep each subject on one side with `prepare: {split: {group: COLUMN}}`; for files, a column that "
                    "tells the subject can be made under `collect: columns`.",
                    "请用 `prepare: {split: {group: 列名}}` 让同一主体留在同一侧；如果是文件，"
                    "可在 `collect: columns` 里做出表示主体的列。",
                ),
                name,
                len(shared),
                sample(shared),
            )
            break


_SPLITS_ZH = {"train": "训练", "validation": "验证", "test": "测试"}
_STEM = re.compile(r"([^/\\]+?)(?:\.[A-Za-z0-9]{1,5})?$")
_PARTS = re.compile(r"[_\-. ]+")
_DIGIT = re.compile(r"\d")


def _subjects(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """What tells subjects apart: its name, and codes (rows,) with 0 where it is not known."""
    for column in evidence.given.values():
        named = isinstance(column.kind, (Category, Number)) and _SUBJECT.search(column.name)
        if named and 2 < column.count < len(column.codes):  # noqa: PLR2004 — two are not subjects but groups
            yield column.name, column.codes
    if evidence.paths is None:
        return
    stems = [match[1] if (match := _STEM.search(path or "")) else "" for path in evidence.paths]
    parts = [_PARTS.split(stem) for stem in stems]
    first = [one[0] if len(one) > 1 and _DIGIT.search(one[0]) and not one[0].isdecimal() else "" for one in parts]
    codes = np.unique(first, return_inverse=True)[1].reshape(-1)
    has_none = "" in first
    codes = codes if has_none else codes + 1
    rows = evidence.rows
    known = rows[codes[rows] > 0]
    subjects = len(np.unique(codes[known]))
    # Few rows a subject, and nearly all files called so: else it is the name of a class or of a camera.
    if len(known) >= 0.9 * len(rows) and _FEWEST_SUBJECTS <= subjects <= len(known) / 1.2:
        yield "file names", codes


_FEWEST_SUBJECTS = 20
