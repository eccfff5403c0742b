"""Texts: the figures are sacreBLEU's, each question is judged once by all its right texts, failures are told."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from sixfold.evaluation import Encoded, appraisal_of, measured
from sixfold.evaluation.texts import Texts, Written
from sixfold.product import Product
from sixfold.tasks import Decision, task_of

ENGLISH = ["I like cats.", "I like dogs.", "Come here at once.", "Good night.", "Where is the station?"]
CHINESE = ["我喜欢猫。", "我喜欢狗。", "马上过来这里。", "晚安。", "车站在哪里？"]
SAID = ["我喜欢猫。", "我喜欢大狗。", "马上来。", "晚上好。", "在哪里？"]


def appraisal(target: list[str] = CHINESE) -> Texts:
    product = Product(name="t", data="-", given={"english": "text"}, generate={"other": "text"})
    field = product.target.field("other").fit(target * 3, is_target=True)
    found = appraisal_of("texts")(task_of(product)(product, field))
    assert isinstance(found, Texts)
    return found


def written(said: list[str], right: list[tuple[str, ...]], tokenizer: str = "zh") -> Written:
    return Written(said, right, np.ones(len(said), bool), tokenizer)


def test_bleu_and_chrf_are_those_of_sacrebleu_with_any_number_of_right_texts() -> None:
    right = [
        ("我喜欢猫。", "我爱猫。"),
        ("我喜欢狗。",),
        ("马上过来这里。", "立刻过来！", "快来。"),
        ("晚安。",),
        ("车站在哪里？",),
    ]
    streams = [[texts[place] if place < len(texts) else None for texts in right] for place in range(3)]
    found = measured(["bleu", "chrf"], written(SAID, right), resamples=200)
    assert found["bleu"].value == pytest.approx(BLEU(tokenize="zh").corpus_score(SAID, streams).score)
    assert found["chrf"].value == pytest.approx(CHRF().corpus_score(SAID, streams).score)
    assert found["bleu"].low <= found["bleu"].value <= found["bleu"].high  # type: ignore[operator]


def test_rows_kept_count_what_they_counted_before() -> None:
    whole = written(SAID, [(text,) for text in CHINESE])
    keep = np.array([True, False, True, True, False])
    part = written(
        [s for s, k in zip(SAID, keep, strict=True) if k], [(c,) for c, k in zip(CHINESE, keep, strict=True) if k]
    )
    for one, other in zip(whole.kept(keep).counted, part.counted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_that_ask_the_same_are_one_question_with_all_their_right_texts() -> None:
    judge = appraisal()
    asked = np.array([[5, 6, 0], [7, 0, 0], [5, 6, 0], [5, 6, 0]], np.int32)
    truth = judge.truth(judge.task.target.encode(["我喜欢猫。", "晚安。", "我喜欢狗。", "我喜欢猫。"]))
    places, right = judge.asked({"english": asked}, truth)
    assert places.tolist() == [0, 1]
    assert right.tolist() == [("我喜欢猫。", "我喜欢狗。"), ("晚安。",)]


@pytest.mark.parametrize(
    ("said", "right", "fails"),
    [
        ("短", "这一句其实相当地长。", True),
        ("晚安。", "晚上好。", False),
        ("", "好。", True),
        ("很长很长的一句话，说个没完。", "好的。", True),
    ],
)
def test_a_text_far_too_short_or_too_long_fails(said: str, right: str, fails: bool) -> None:
    assert written([said], [(right,)]).fails_by_length.tolist() == [fails]


def test_a_text_without_an_end_fails_in_length() -> None:
    judge = appraisal()
    tokens = judge.task.target.encode(CHINESE[:2])
    tokens[1] = np.where(tokens[1] == judge.task.target.state["end"], 0, tokens[1])
    found = judge.answered(tokens, np.array([("我喜欢猫。",), ("我喜欢狗。",)], object), Decision())
    assert found.fails_by_length.tolist() == [False, True]


@pytest.mark.parametrize(
    ("said", "right", "fails"),
    [
        ("我我我我我我我", "我。", True),
        ("哈哈哈", "好笑。", False),
        ("哈哈哈哈哈哈", "他说：哈哈哈哈哈哈！", False),
        ("go on and on and on and on", "go on", True),
    ],
)
def test_going_in_circles_fails_unless_a_right_text_does_so_too(said: str, right: str, fails: bool) -> None:
    assert written([said], [(right,)]).fails_by_repetition.tolist() == [fails]


@pytest.mark.parametrize(
    ("target", "tokenizer"), [(CHINESE, "zh"), (ENGLISH, "13a"), (["ねこがすきです", "いぬがすきです"], "char")]
)
def test_words_are_split_as_the_target_is_written(target: list[str], tokenizer: str) -> None:
    judge = appraisal(target)
    outputs = judge.task.target.encode(target[:1])
    assert judge.answered(outputs, np.array([(target[0],)], object), Decision()).tokenizer == tokenizer


def test_the_yardsticks_are_the_nearest_rows_answer_and_a_copy() -> None:
    judge = appraisal()
    field = judge.task.product.given["english"].field("english").fit(ENGLISH * 3)
    arrays = {"english": field.encode(ENGLISH)}
    sample = Encoded(arrays, judge.truth(judge.task.target.encode(CHINESE)))
    nearest, copy = judge.yardsticks({"english": field}, sample, sample.y)
    assert nearest.outputs({"english": field.encode(["cats, I like them", "the station"])}).tolist() == [
        "我喜欢猫。",
        "车站在哪里？",
    ]
    assert copy.outputs(arrays).tolist()[0] == "i like cats."
