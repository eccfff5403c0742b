"""Pretrained language models: loaded from a folder in the hub's layout, tokenised as they were, going on as they do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
keras_hub = pytest.importorskip("keras_hub")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields.text import Text  # noqa: E402
from sixfold.networks import Facts  # noqa: E402
from sixfold.networks.causal_preset import CausalPreset  # noqa: E402
from sixfold.tasks import Graphs, Output  # noqa: E402
from sixfold.tasks._decoding import Cache  # noqa: E402
from sixfold.training._export import exported, hold_equal  # noqa: E402
from sixfold.training._tensorflow import mapped  # noqa: E402

TEXTS = ["the quick fox\nis quick", "a fox, and 好!", "quick quick"] * 3


def bytes_as_letters() -> list[str]:
    """GPT-2's letters for the 256 bytes, in the order of its vocabulary."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2, written in the hub's own layout."""
    folder = tmp_path_factory.mktemp("preset")
    merges = ["q u", "qu i", "c k", "qui ck", "Ġ quick", "f o", "fo x", "Ġ fox", "t h", "th e"]
    words = [*bytes_as_letters(), *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = keras_hub.models.GPT2Tokenizer(vocabulary=vocabulary, merges=merges)
    keras.utils.set_random_seed(1)
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=len(words) + 3,  # padded, as many are
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=24,
    )
    preprocessor = keras_hub.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=24)
    keras_hub.models.GPT2CausalLM(backbone, preprocessor).save_to_preset(str(folder))
    return folder


def field_of(preset: Path) -> Text:
    return Text("verse", Text.Options(tokenizer=str(preset))).fit(TEXTS, is_target=True)


def built(preset: Path, **options: Any) -> tuple[CausalPreset, Any, Text, Output]:
    field = field_of(preset)
    network = CausalPreset(CausalPreset.Options(preset=str(preset), context=12, **options))
    output = Output(field.state["vocabulary"], "softmax", field.form.shape, "tokens")
    return network, network.build({}, output, Facts(10, {}, {"target": field.state})), field, output


def test_its_tokenizer_splits_the_texts_and_loses_nothing(gpt2: Path) -> None:
    field = field_of(gpt2)
    tokens = field.encode(TEXTS)
    assert field.decode(tokens) == TEXTS
    own = keras_hub.models.GPT2Tokenizer.from_preset(str(gpt2))
    for text, row in zip(TEXTS, tokens, strict=True):
        assert [token - 2 for token in row.tolist() if token > 1] == np.asarray(own(text)).tolist()
    (special,) = field.state["silent"]
    assert special - 2 == own.token_to_id("<|endoftext|>")
    assert CausalPreset.asks_of_target("text", {"preset": "x"}) == {"tokenizer": "x"}


@pytest.mark.parametrize("tuning", ["whole", "lora"])
def test_the_graph_goes_on_as_the_preset_does(gpt2: Path, tuning: Any) -> None:
    network, model, field, output = built(gpt2, tuning=tuning, rank=2)
    learning = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    whole = sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert learning == whole if tuning == "whole" else 0 < learning < whole
    target = np.concatenate([np.ones((3, 1), np.int32), field.encode(TEXTS[:3])[:, :8]], axis=1)
    said = np.asarray(model({"target": target}, training=False))
    lm = keras_hub.models.CausalLM.from_preset(str(gpt2), preprocessor=None)
    end = field.state["preset"]["end"]
    ids = np.where(target[:, :-1] > 1, target[:, :-1] - 2, end)
    there = np.ones_like(ids)
    theirs = np.asarray(lm({"token_ids": ids, "padding_mask": there}))[..., : output.units - 2]
    np.testing.assert_allclose(said[..., 1], theirs[..., end], atol=1e-4)
    others = [number for number in range(output.units - 2) if number != end]
    np.testing.assert_allclose(said[..., 2:][..., others], theirs[..., others], atol=1e-4)
    assert (said[..., [0, end + 2]] < -1e8).all()
    (part,) = network.parts(model, {}, output).values()
    expected = mapped(part.model, part.sample, [])
    graph = exported(part.model)
    assert hold_equal(graph, part.sample, list(expected.values())) < 1e-4
    cache = Cache(Graphs({"graph": graph}, {}), 3, name="graph")
    found = [cache.logits(target[:, :3]), *(cache.logits(target[:, at : at + 1]) for at in range(3, 8))]
    np.testing.assert_allclose(np.concatenate(found, axis=1), said, atol=1e-3)
    assert cache.left == 12 - 8


SIZES: dict[str, Any] = {
    "vocabulary_size": 270, "num_layers": 2, "num_query_heads": 4, "hidden_dim": 16, "intermediate_dim": 32,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("Llama3", {"num_key_value_heads": 2}),
        ("Qwen", {"num_key_value_heads": 2}),
        ("Qwen3", {"num_key_value_heads": 2, "head_dim": 4}),
        ("Gemma", {"num_key_value_heads": 1, "head_dim": 4}),
    ],
)
def test_other_shapes_go_on_as_they_do_too(gpt2: Path, tmp_path: Path, kind: str, sizes: dict[str, int]) -> None:
    backbone = getattr(keras_hub.models, f"{kind}Backbone")(**SIZES, **sizes)
    getattr(keras_hub.models, f"{kind}CausalLM")(backbone=backbone, preprocessor=None).save_to_preset(str(tmp_path))
    shutil.copytree(gpt2 / "assets", tmp_path / "assets", dirs_exist_ok=True)
    test_the_graph_goes_on_as_the_preset_does(tmp_path, "whole")


def test_a_preset_that_does_not_go_with_the_texts_is_refused(gpt2: Path, tmp_path: Path) -> None:
    field = Text("verse").fit(TEXTS, is_target=True)
    output = Output(field.state["vocabulary"], "softmax", field.form.shape, "tokens")
    facts = Facts(10, {}, {"target": field.state})
    cases = {
        "training.other_tokenizer": {"preset": str(gpt2), "context": 12},
        "training.longer_than_preset": {"preset": str(gpt2), "context": 40},
        "training.no_preset": {"preset": str(tmp_path / "nowhere")},
        "training.no_preset_named": {},
    }
    for code, options in cases.items():
        with pytest.raises(TrainingError) as caught:
            CausalPreset(CausalPreset.Options(**options)).build({}, output, facts)
        assert caught.value.code == code


def test_a_folder_without_a_tokenizer_to_write_with_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no tokenizer can be read"):
        field_of(tmp_path)


@pytest.mark.slow
def test_it_goes_the_whole_way_from_a_folder(gpt2: Path, home: Any, tmp_path: Path) -> None:
    import sixfold

    draw = np.random.default_rng(0)
    words = ["the", "quick", "fox", "a"]
    rows = [{"verse": " ".join(draw.choice(words, 5)) + f" {number}"} for number in range(150)]
    product = sixfold.Product(
        name="foxes",
        data=rows,
        generate={"verse": "text"},
        train={"network": "causal_preset", "preset": str(gpt2), "context": 12, "epochs": 3, "learning_rate": 0.01},
    )
    run = sixfold.run(product, until="evaluate")
    assert run.figures["perplexity"]["value"] < 100
    (answer,) = run.predict([{}])
    assert isinstance(answer["verse"], str)
