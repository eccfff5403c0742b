"""Training: resumed to the same bits, on the clock, exported to the same answers."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

from safetensors.numpy import load, save

from sixfold.errors import TrainingError
from sixfold.fields.category import Category
from sixfold.fields.image import Image
from sixfold.product import Product
from sixfold.progress import Epoch, Event
from sixfold.store import Store, Workspace
from sixfold.training import Trial, run_trial

pytestmark = pytest.mark.slow


@pytest.fixture
def prepared(store: Store) -> Store:
    """The handwritten digits as the stage `prepare` leaves them, in several shards."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = (digits.images * 255 / 16).astype(np.uint8)[..., None]
    work = Workspace(store, "prepare", "digits")
    scan = Image("scan", None, {"height": 8, "width": 8, "channels": 1})
    digit = Category("digit", None, {"classes": [str(number) for number in range(10)]})
    work.write_json("fields.json", {"given": [scan.to_json()], "target": digit.to_json()})
    shards = []
    for name, split, rows in (
        ("test", "test", slice(0, 300)),
        ("validation", "validation", slice(300, 500)),
        ("train-0", "train", slice(500, 1200)),
        ("train-1", "train", slice(1200, 1797)),
    ):
        arrays = {"scan": pictures[rows].copy(), "digit": (digits.target[rows] + 1).astype(np.int32)}
        arrays["__row__"] = np.arange(1797)[rows].copy()
        work.write(name, save(arrays))
        shards.append({"name": name, "split": split, "rows": len(arrays["digit"]), "bytes": arrays["scan"].nbytes})
    work.write_json("shards.json", shards)
    store.keep("prepare", "digits", {}, work.members)
    return store


def trial(store: Store, key: str, **changed: Any) -> Trial:
    product = Product(name="digits", data="-", given={"scan": "image"}, predict={"digit": "category"})
    values: dict[str, Any] = {
        "home": str(store.home.path),
        "key": key,
        "prepared": "digits",
        "product": {**product.to_mapping(), "data": "–"},
        "folder": ".",
        "network": "cnn",
        "options": {},
        "said": {"epochs": 4},
        "minutes": None,
        "seed": 0,
    }
    return Trial(**{**values, **changed})


def weights(store: Store, result: Any) -> dict[str, np.ndarray]:
    return dict(load(store.get(result.stored()["weights.safetensors"])))


def test_training_killed_at_any_moment_goes_on_to_the_same_bits(prepared: Store) -> None:
    whole = run_trial(trial(prepared, "whole"), lambda event: None)
    expected = weights(prepared, whole)
    heard: list[Event] = []

    def kill_child(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Epoch) and event.epoch >= 2:
            os.kill(_child_of(os.getpid()), signal.SIGKILL)

    with pytest.raises(TrainingError) as caught:
        run_trial(trial(prepared, "killed", checkpoint_seconds=0), kill_child)
    assert caught.value.code == "training.killed"
    resumed: list[Event] = []
    result = run_trial(trial(prepared, "killed", checkpoint_seconds=0), resumed.append)
    assert any(getattr(event, "key", "") == "train.resumed" for event in resumed)
    actual = weights(prepared, result)
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(actual[name], array)
    histories = [json.loads(prepared.get(r.stored()["history.json"])) for r in (whole, result)]
    without_time = [[{k: v for k, v in epoch.items() if k != "seconds"} for epoch in h] for h in histories]
    assert without_time[0] == without_time[1]


def test_a_budget_of_time_is_kept_and_leaves_the_best_model_so_far(prepared: Store) -> None:
    result = run_trial(trial(prepared, "clock", said={"epochs": 100_000}, minutes=0.3), lambda event: None)
    assert 17 <= result.about["seconds"] <= 60  # on a free machine 18 to 19: the first call, which compiles, is not cut
    assert result.about["epochs"] < 100_000
    assert result.about["best_epoch"] >= 1


def test_the_exported_graph_answers_as_the_network_does(prepared: Store) -> None:
    import onnxruntime

    result = run_trial(trial(prepared, "graph"), lambda event: None)
    assert result.about["graph_difference"] < 1e-4
    session = onnxruntime.InferenceSession(prepared.get(result.stored()["graph.onnx"]))
    assert [put.name for put in session.get_inputs()] == ["given_0"]
    for rows in (1, 7):
        (answers,) = session.run(None, {"given_0": np.zeros((rows, 8, 8, 1), np.uint8)})
        assert answers.shape == (rows, 10)


def test_a_loss_that_is_no_number_ends_training_with_a_mend(prepared: Store, tmp_path: Path) -> None:
    (tmp_path / "apart.py").write_text(
        "import keras\n"
        "def build(input_shape, classes):\n"
        "    flat = [keras.layers.Input(input_shape), keras.layers.Flatten()]\n"
        "    model = keras.Sequential([*flat, keras.layers.Dense(9), keras.layers.Dense(classes, 'softmax')])\n"
        "    model.compile(optimizer=keras.optimizers.SGD(1e30), loss='categorical_crossentropy')\n"
        "    return model\n"
    )
    own = {"function": "apart:build", "folder": str(tmp_path)}
    with pytest.raises(TrainingError) as caught:
        run_trial(trial(prepared, "apart", network="keras", options=own), lambda event: None)
    assert caught.value.code == "training.diverged"


def test_the_child_ends_with_its_parent(prepared: Store) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Epoch):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(trial(prepared, "stopped", said={"epochs": 1000}), stop)
    assert _child_of(os.getpid(), required=False) is None


def _child_of(parent: int, *, required: bool = True) -> Any:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
                status = (folder / "stat").read_text()
            except OSError:
                continue
            fields = status.rpartition(")")[2].split()
            if b"sixfold.training" in line and int(fields[1]) == parent and fields[0] != "Z":
                return int(folder.name)
    assert not required
    return None


def test_an_optimizer_of_ones_own_may_bring_its_schedule(prepared: Store, tmp_path: Path) -> None:
    (tmp_path / "falling.py").write_text(
        "import keras\n"
        "def build(input_shape, classes):\n"
        "    flat = [keras.layers.Input(input_shape), keras.layers.Flatten()]\n"
        "    model = keras.Sequential([*flat, keras.layers.Dense(classes, 'softmax')])\n"
        "    falling = keras.optimizers.schedules.CosineDecay(0.05, 150)\n"
        "    model.compile(optimizer=keras.optimizers.Adam(falling), loss='categorical_crossentropy')\n"
        "    return model\n"
    )
    own = {"function": "falling:build", "folder": str(tmp_path)}
    result = run_trial(trial(prepared, "falling", network="keras", options=own), lambda event: None)
    history = json.loads(prepared.get(result.stored()["history.json"]))
    assert history[-1]["val_accuracy"] > 0.9


def test_shares_of_the_rows_are_learned_one_after_the_other_by_the_network_of_all_rows(prepared: Store) -> None:
    asked = trial(prepared, "shares", said={"epochs": 2}, shares=(160, 320), rows=50_000)
    result = run_trial(asked, lambda event: None)
    first, second = result.about["shares"]
    assert (first["rows"], second["rows"]) == (160, 320)
    assert first["recipe"]["batch"] == 128  # as of fifty thousand pictures, not of a few hundred
    assert second["steps"] == 2 * (320 // 128)
    assert {"0/graph.onnx", "1/graph.onnx"} <= set(result.members)


def test_shares_have_time_by_the_square_of_their_rows(prepared: Store) -> None:
    asked = trial(prepared, "clocked", said={"epochs": 100_000}, shares=(300, 600), seconds=25.0, reserve=3.0)
    first, second = run_trial(asked, lambda event: None).about["shares"]
    assert second["seconds"] > 1.5 * first["seconds"]  # the first also compiles
