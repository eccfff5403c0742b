"""What happens inside the child process: build, train, export."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.families import find
from sixfold.fields import Array, input_names
from sixfold.networks import Network, Recipe
from sixfold.product import Product
from sixfold.progress import Epoch, Event, Note
from sixfold.security import Home, Keyring
from sixfold.store import Prepared, Store, Workspace
from sixfold.tasks import Task, task_of
from sixfold.training._export import exported, hold_equal
from sixfold.training._feed import Feed
from sixfold.training._loop import Loop, Standing
from sixfold.training._trial import Result, Trial

__all__ = ["train_in_child"]

_ROWS_CHECKED = 512
_TINY = 1e-7


def train_in_child(trial: Trial, answer: Callable[[dict[str, Any]], None]) -> Result:
    """Train one network; its members are in the store when this returns."""
    import keras

    from sixfold.training._augment import augmentation
    from sixfold.training._optimizer import optimizer_of
    from sixfold.training._tensorflow import Stepper, keep_heap

    keep_heap()
    home = Home(Path(trial.home))
    store = Store(home, Keyring(home))
    work = Workspace(store, "train", trial.key, trial.seed, lambda event: answer(_message(event)))
    artefact = store.made("prepare", trial.prepared)
    if artefact is None:
        raise TrainingError("nothing_prepared")
    prepared = Prepared.open(artefact, work)
    task = task_of(Product(**trial.product))(Product(**trial.product), prepared.target)
    begun = time.monotonic()
    feed = Feed(prepared, task, work, trial.seed)
    reading = time.monotonic() - begun
    given = {name: prepared.given[column].form for column, name in input_names(prepared.given).items()}

    keras.utils.set_random_seed(trial.seed)
    kind = find(Network, trial.network)  # type: ignore[type-abstract]  # a family is looked up, never built
    network = kind(kind.Options(**trial.options))
    model = network.build(given, task.output)
    own_optimizer = getattr(model, "own_optimizer", None)
    recipe = recipe_of(network.recipe(given, task.output, feed.rows), own_optimizer, trial.said)
    loss = loss_of(task, recipe)
    seed = keras.random.SeedGenerator(trial.seed)
    optimizer = optimizer_of(recipe, own_optimizer)
    stepper = Stepper(model, loss, optimizer, augmentation(recipe, given, seed), [seed.state])
    loop = Loop(
        model,
        stepper,
        feed,
        recipe,
        judge_of(task, recipe),
        work,
        None if trial.minutes is None else trial.minutes * 60,
        trial.checkpoint_seconds,
    )
    standing = loop.run()
    standing.spent += reading
    return _kept(trial, model, stepper, feed, recipe, standing, given, task, work)


def recipe_of(network: Recipe, own_optimizer: dict[str, Any] | None, said: Mapping[str, Any]) -> Recipe:
    """The network's recipe, over it the rate of a user's own compiled optimizer, over both what product.yaml says."""
    rate = None if own_optimizer is None else own_optimizer["config"].get("learning_rate")
    own = {"learning_rate": rate} if isinstance(rate, (int, float)) else {}
    return Recipe(**{**network.model_dump(), **own, **said})


def loss_of(task: Task, recipe: Recipe) -> Any:
    """The Keras loss that the task names, with the recipe's label smoothing where it has any."""
    import keras

    kinds = {
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
        "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    }
    return kinds[task.loss](label_smoothing=recipe.label_smoothing)


def judge_of(task: Task, recipe: Recipe) -> Callable[[Array, Array], dict[str, float]]:
    """Validation figures as Keras tells them: the loss is the one trained on, label smoothing included.

    Judged by a plain loss, a network trained with smoothing looks best while it is still too sure of itself.
    """

    def judge(targets: Array, outputs: Array) -> dict[str, float]:
        chances = np.clip(outputs.astype(np.float64), _TINY, 1 - _TINY)
        classes = max(2, task.output.units)
        wanted = targets * (1 - recipe.label_smoothing) + recipe.label_smoothing / classes
        if task.output.units == 1:
            loss = -(wanted * np.log(chances) + (1 - wanted) * np.log1p(-chances)).mean()
            right = (chances >= 0.5) == (targets >= 0.5)  # noqa: PLR2004
        else:
            loss = -(wanted * np.log(chances)).sum(axis=1).mean()
            right = chances.argmax(axis=1) == targets.argmax(axis=1)
        return {"loss": float(loss), "accuracy": float(right.mean())}

    return judge


def _kept(
    trial: Trial,
    model: Any,
    stepper: Any,
    feed: Feed,
    recipe: Recipe,
    standing: Standing,
    given: Mapping[str, Any],
    task: Task,
    work: Workspace,
) -> Result:
    from safetensors.numpy import save

    work.note("train.exporting")
    graph = exported(model)
    rows, _ = next(feed.epoch(0))
    inputs = {name: x[:_ROWS_CHECKED] for name, x in rows.inputs.items()}
    difference = hold_equal(graph, inputs, stepper.outputs(inputs))
    weights = {f"{index:05}": np.array(value) for index, value in enumerate(model.get_weights())}
    versions = {name: version(name) for name in ("keras", "onnx", "onnxruntime", "numpy")}
    versions |= {"python": platform.python_version(), "backend": _backend()}
    network = {
        "kind": trial.network,
        "options": {name: value for name, value in trial.options.items() if name != "folder"},
        "recipe": recipe.model_dump(),
        "given": [{"input": name, **form.model_dump(mode="json")} for name, form in given.items()],
        "output": asdict(task.output),
        "layers": [
            {"name": layer.name, "kind": type(layer).__name__, "parameters": layer.count_params()}
            for layer in model.layers
        ],
        "versions": versions,
    }
    work.write("weights.safetensors", save(weights))
    work.write("graph.onnx", graph)
    work.write_json("history.json", standing.history)
    work.write_json("network.json", network)
    about = {
        "network": trial.network,
        "parameters": int(model.count_params()),
        "epochs": standing.epoch,
        "best_epoch": standing.best_epoch,
        "seconds": round(standing.spent, 3),
        "rows": feed.rows,
        "graph_difference": difference,
        "sealing_seconds": round(work.store.sealing_seconds, 3),
    }
    return Result(members={name: (member.blob, member.size) for name, member in work.members.items()}, about=about)


def _backend() -> str:
    import keras

    name = str(keras.backend.backend())
    if name != "tensorflow":
        return name
    import tensorflow as tf

    return f"tensorflow {tf.__version__}"


def _message(event: Event) -> dict[str, Any]:
    if isinstance(event, Epoch):
        return {"message": "epoch", **asdict(event)}
    assert isinstance(event, Note)
    return {"message": "note", "stage": event.stage, "key": event.key, "values": dict(event.values)}
