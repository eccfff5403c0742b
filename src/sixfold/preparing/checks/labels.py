"""Which labels look wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields import Array
from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._evidence import Evidence, Found, Shown

_NOISE = threshold(
    "label noise",
    0.01,
    Text("Estimated share of wrong labels from which it is a warning.", "估计的标错比例达到多少起发出提醒。"),
)
_SURE = threshold(
    "label noise accuracy",
    0.87,
    Text(
        "What the quick model must get right of rows that it did not learn from before its doubts are told.",
        "快速模型在没学过的行上至少要答对多少，才说出它的怀疑。",
    ),
)
_FAR_LESS_LIKELY = 0.3
"""Where classes are of unequal size, rows of the large one reach its mean too seldom: a wide margin is enough."""

_SHOWN = 12
_ROWS_KEPT = 200


@check("label noise", when="encoded")
def label_noise(evidence: Evidence) -> Iterator[Found]:
    """Labels that look wrong, by confident learning (Northcutt, Jiang, Chuang 2021).

    A quick model tells each row's class from models that did not learn from it. A class is told with confidence where
    its probability reaches what rows of that class have on average. A row whose confidently told class is another than
    its label is doubted, and one whose label is far less likely than another class; the surest doubts stand first. It
    is said only where the quick model is good enough, since what it cannot learn looks like noise to it.
    """
    model = evidence.quick if evidence.is_classification else None
    if model is None or model.accuracy < max(evidence.limit(_SURE), model.guessed):
        return
    doubted, margin = _doubts(model.said, model.truth)
    if len(doubted) == 0:
        return
    order = doubted[np.argsort(-margin[doubted], kind="stable")]
    rows, share = model.rows[order], len(order) / len(model.rows)
    sampled = len(model.rows) < len(evidence.rows)
    shows = tuple(
        Shown(
            (int(model.rows[place]),),
            Text(
                f"labelled {model.labels[int(model.truth[place])]}, looks like "
                f"{model.labels[int(model.said[place].argmax())]} ({model.said[place].max():.0%})",
                f"标为 {model.labels[int(model.truth[place])]}，更像 "
                f"{model.labels[int(model.said[place].argmax())]}（{model.said[place].max():.0%}）",
            ),
        )
        for place in order[:_SHOWN].tolist()
    )
    looked_en = f"{len(model.rows)} rows looked at, a sample of {len(evidence.rows)}" if sampled else "all rows"
    looked_zh = f"只看了 {len(evidence.rows)} 行中的 {len(model.rows)} 行" if sampled else "全部行"
    yield Found(
        "label noise",
        "warning" if share >= evidence.limit(_NOISE) else "info",
        Text(
            f"{len(rows)} of {len(model.rows)} labels look wrong to a quick model that is right on "
            f"{model.accuracy:.1%} of rows it did not learn from ({looked_en}): {evidence.named(rows, 'en')}.",
            f"快速模型在没学过的行上答对 {model.accuracy:.1%}，它认为 {len(model.rows)} 个标签里有 {len(rows)} 个可疑"
            f"（{looked_zh}）：{evidence.named(rows, 'zh')}。",
        ),
        Text(
            "Look at them, the surest first, and correct those that are wrong: a wrong label in the test makes a right "
            "answer count as an error.",
            "请从最可疑的看起，改正其中标错的；测试数据里的错标会把正确的答案算成错误。",
        ),
        evidence.target.name,
        len(rows),
        tuple(rows[:_ROWS_KEPT].tolist()),
        shows,
    )


def _doubts(chances: Array, truth: Array) -> tuple[Array, Array]:
    """Which rows are off the diagonal of the confident joint or far from their label, and by how much each row's
    likeliest class is likelier than its label."""
    every = np.arange(len(truth))
    classes = chances.shape[1]
    own = np.bincount(truth, chances[every, truth], minlength=classes)
    confident = own / np.maximum(np.bincount(truth, minlength=classes), 1)
    reaches = chances >= confident
    told = np.where(reaches, chances, -1.0).argmax(axis=1)
    margin = chances.max(axis=1) - chances[every, truth]
    doubted = (reaches.any(axis=1) & (told != truth) & (margin > 0)) | (margin >= _FAR_LESS_LIKELY)
    return np.flatnonzero(doubted), margin
