"""Pretrained encoders: loaded from a folder in the hub's layout, tokenised as they were, tuned three ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
keras_hub = pytest.importorskip("keras_hub")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields.text import Text  # noqa: E402
from sixfold.networks import Facts  # noqa: E402
from sixfold.networks.bert import Bert  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import exported, hold_equal, outputs_of  # noqa: E402

CHARACTERS = "服务很好下次还来房间太小不满意价格便宜早餐丰富隔音差位置方便干净整洁态度冷淡推荐入住失望"
TEXTS = ["服务很好，下次还来", "房间太小，不满意", "价格便宜，早餐丰富", "隔音差", None]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with a Chinese vocabulary, written in the hub's own layout."""
    folder = tmp_path_factory.mktemp("preset")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "，", *dict.fromkeys(CHARACTERS)]
    tokenizer = keras_hub.models.BertTokenizer(vocabulary=words, lowercase=True)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(words),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=32,
    )
    backbone.save_to_preset(str(folder))
    tokenizer.save_to_preset(str(folder))
    return folder


def rows(chinese: Path) -> tuple[Text, np.ndarray]:
    field = Text("review", Text.Options(tokenizer=str(chinese), length=16)).fit(TEXTS)
    return field, field.encode(TEXTS)


def test_a_chinese_preset_splits_its_texts_character_by_character(chinese: Path) -> None:
    field, tokens = rows(chinese)
    assert tokens.shape[1] == 16
    assert np.count_nonzero(tokens[3]) == 5  # [CLS], three characters, [SEP]
    assert not tokens[4].any()
    assert 1 not in tokens[:4]  # nothing is unknown to it
    assert json.dumps(field.state)


@pytest.mark.parametrize("tuning", ["whole", "lora", "frozen"])
def test_it_builds_in_each_way_and_its_graph_answers_alike_whatever_the_padding(chinese: Path, tuning: Any) -> None:
    field, tokens = rows(chinese)
    network = Bert(Bert.Options(preset=str(chinese), tuning=tuning, rank=2))
    assert network.asks("text", {"preset": "x"}) == {"tokenizer": "x"}
    facts = Facts(100, {}, {"given_0": field.state})
    model = network.build({"given_0": field.form}, Output(1, "sigmoid"), facts)
    answers = np.asarray(model({"given_0": tokens}, training=False))
    assert answers.shape == (5, 1)
    assert np.isfinite(answers).all()
    learning = sum(
        int(np.prod(weight.shape)) for weight in getattr(model, "halves", (None, model))[1].trainable_weights
    )
    whole = sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert learning == whole if tuning == "whole" else learning < whole
    graph = exported(model)
    assert hold_equal(graph, {"given_0": tokens}, answers) < 1e-4
    np.testing.assert_allclose(outputs_of(graph, {"given_0": tokens}, ["given_0"]), answers, atol=1e-5)


def test_a_preset_that_is_not_there_is_named_with_the_mend(tmp_path: Path) -> None:
    form = Text("t", None).fit(["one two", "three"]).form
    with pytest.raises(TrainingError) as caught:
        Bert(Bert.Options(preset=str(tmp_path / "nowhere"))).build({"given_0": form}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.no_preset"
    with pytest.raises(TrainingError) as caught:
        Bert().build({"given_0": form}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.no_preset_named"
