"""What `train` says is obeyed, or refused before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import ProductError  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.fields.category import Category  # noqa: E402
from sixfold.fields.number import Number  # noqa: E402
from sixfold.networks import Facts, Recipe  # noqa: E402
from sixfold.networks.gan import Gan  # noqa: E402
from sixfold.product import Product  # noqa: E402
from sixfold.stages import hold_settings  # noqa: E402
from sixfold.stages._obeyed import hold_asked  # noqa: E402
from sixfold.tasks import Output, Task, task_of  # noqa: E402
from sixfold.training._adversarial import AdversarialStepper  # noqa: E402
from sixfold.training._optimizer import optimizer_of  # noqa: E402

PICTURE = Form(name="grid", shape=(16, 12, 1), dtype="uint8")
NUMBER = Form(name="vector", shape=(2,), dtype="float32")


def product(train: dict[str, Any], kind: str = "category") -> tuple[Product, Task]:
    declared = Product(name="p", data="-", given={"x": "image"}, predict={"y": kind}, train=train)
    field = Category("y").fit(["a", "b"]) if kind == "category" else Number("y").fit([1.0, 2.0])
    return declared, task_of(declared)(declared, field)


@pytest.mark.parametrize(
    ("train", "kind", "given", "code"),
    [
        ({"network": "cnn", "augment": {"mirror": 0.5}}, "category", {"given_0": PICTURE}, None),
        ({"network": "cnn", "augment": {"miror": 0.5}}, "category", {"given_0": PICTURE}, "product.setting_idle"),
        ({"network": "mlp", "augment": {"shift": 0.5}}, "category", {"given_0": NUMBER}, "product.setting_idle"),
        ({"network": "cnn", "label_smoothing": 0.1}, "number", {"given_0": PICTURE}, "product.setting_idle"),
        ({"network": "cnn", "class_weights": "balanced"}, "number", {"given_0": PICTURE}, "product.setting_idle"),
        ({"network": "cnn", "modality_dropout": 0.2}, "category", {"given_0": PICTURE}, "product.setting_idle"),
        ({"modality_dropout": 0.2}, "category", {"given_0": PICTURE, "given_1": NUMBER}, None),
        ({"epochs": 3}, "category", {"given_0": NUMBER}, None),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused_and_any_other_taken(
    train: dict[str, Any], kind: str, given: dict[str, Form], code: str | None
) -> None:
    declared, task = product(train, kind)
    hold_settings(declared)
    if code is None:
        hold_asked(declared, given, task)
        return
    with pytest.raises(ProductError) as caught:
        hold_asked(declared, given, task)
    assert caught.value.code == code
    assert caught.value.says("zh")


def test_a_compiled_optimizer_of_ones_own_averages_gradients_where_product_yaml_says_so() -> None:
    own = keras.optimizers.serialize(keras.optimizers.SGD(0.1))
    assert optimizer_of(Recipe(), own).gradient_accumulation_steps is None
    assert optimizer_of(Recipe(accumulate=4), own).gradient_accumulation_steps == 4


def test_two_networks_that_learn_from_each_other_do_so_in_half_as_many_bits_too() -> None:
    import numpy as np

    from sixfold.training._feed import Chunk

    output = Output(1, "linear", (8, 8), "grid")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = Gan(Gan.Options(latent=4, width=4))
        models = network.build({}, output, Facts()), network.critic({}, output, Facts())
        one = AdversarialStepper(*models, Recipe(augment={"shift": 0.1}), ("noise", (4,)), "distance", 0)
        pictures = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1)).astype(np.uint8)
        one.steps(Chunk({"target": pictures}, pictures), np.arange(16).reshape(2, 8), [1e-3, 1e-3])
        assert np.isfinite(one.figures()["loss"])
    finally:
        keras.config.set_dtype_policy("float32")
