"""What happens inside the child process: build, train, export."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.families import find
from sixfold.networks import Fitted, Layered, Network, Recipe, Rows
from sixfold.product import Product
from sixfold.progress import Epoch, Event, Note
from sixfold.security import Home, Keyring
from sixfold.store import Prepared, Store, Workspace
from sixfold.tasks import Task, task_of
from sixfold.training._export import exported, hold_equal, outputs_of
from sixfold.training._feed import Feed
from sixfold.training._loop import Loop
from sixfold.training._objective import judged, objective_of
from sixfold.training._trial import Result, Trial

__all__ = ["train_in_child"]

STARTED = time.monotonic()
"""When this module was imported: the child does little before."""

_ROWS_CHECKED = 512
_STEPS_TRIED = 6
_TRIES = 3
_WORTH_IT = 1.15
"""How many times faster bfloat16 must be on this machine to be used."""


def train_in_child(trial: Trial, answer: Callable[[dict[str, Any]], None]) -> Result:
    """Train one network; its members are in the store when this returns."""
    home = Home(Path(trial.home))
    store = Store(home, Keyring(home))
    work = Workspace(store, "train", trial.key, trial.seed, lambda event: answer(_message(event)))
    artefact = store.made("prepare", trial.prepared)
    if artefact is None:
        raise TrainingError("nothing_prepared")
    prepared = Prepared.open(artefact, work)
    product = Product(**trial.product)
    task = task_of(product)(product, prepared.target)
    feed = Feed(prepared, task, work, trial.seed)
    kind = find(Network, trial.network)  # type: ignore[type-abstract]  # a family is looked up, never built
    network = kind(kind.Options(**trial.options))
    if isinstance(network, Fitted):
        made = _fitted(trial, network, feed, task, work)
    else:
        assert isinstance(network, Layered)
        made = _layered(trial, network, feed, task, work)
    outputs = outputs_of(made.graph, feed.validation.inputs, feed.texts)
    judged_loss, judged_metric = judged(task, feed.validation.targets, outputs) if len(outputs) else (None, None)
    work.write("graph.onnx", made.graph)
    work.write("validation.safetensors", _tensors({"outputs": outputs, "targets": feed.validation.targets}))
    network_json = {
        "kind": trial.network,
        "options": {name: value for name, value in trial.options.items() if name != "folder"},
        "given": [{"input": name, **form.model_dump(mode="json")} for name, form in feed.forms.items()],
        "output": asdict(task.output),
        **made.description,
    }
    work.write_json("network.json", network_json)
    work.write_json("history.json", made.history)
    about = {
        "network": trial.network,
        "rows": feed.rows,
        **made.about,
        "validation": judged_loss,
        "figure": {"name": task.metrics[0], "value": judged_metric},
        "wall_seconds": round(_since_start(), 3),
        "sealing_seconds": round(work.store.sealing_seconds, 3),
    }
    return Result(members={name: (member.blob, member.size) for name, member in work.members.items()}, about=about)


@dataclass(frozen=True, slots=True)
class _Made:
    """What training made: the graph, and what is to be told of it."""

    graph: bytes
    description: Mapping[str, Any]
    history: list[dict[str, float]]
    about: Mapping[str, Any]


def _fitted(trial: Trial, network: Fitted, feed: Feed, task: Task, work: Workspace) -> _Made:
    begun = time.monotonic()
    history: list[dict[str, float]] = []
    ends = None if trial.seconds is None else begun + trial.seconds - _since_start() - trial.reserve

    def tell(done: int, most: int, loss: float) -> bool:
        seconds = time.monotonic() - begun
        history.append({"epoch": done, "seconds": round(seconds, 3), "val_loss": float(loss)})
        left = seconds / max(done, 1) * (most - done)
        work.tell(Epoch(done, most, 1, 1, {"val_loss": float(loss)}, seconds, done == most, left))
        return ends is None or time.monotonic() < ends

    validation = Rows(feed.validation.inputs, feed.validation.targets)
    graph, about = network.fit(feed.whole(), validation, feed.forms, task.output, trial.seed, tell)
    versions = {name: version(name) for name in ("onnx", "onnxruntime", "numpy")} | {
        "python": platform.python_version()
    }
    seconds = time.monotonic() - begun
    best = min(history, key=lambda entry: entry["val_loss"])["epoch"] if history else 0
    return _Made(
        graph,
        {"recipe": {}, "layers": [], "versions": versions},
        history,
        {"epochs": len(history), "best_epoch": best, "seconds": round(seconds, 3), "was_cut": False, **about},
    )


def _layered(trial: Trial, network: Layered, feed: Feed, task: Task, work: Workspace) -> _Made:
    import keras

    from sixfold.training._augment import augmentation
    from sixfold.training._optimizer import optimizer_of
    from sixfold.training._tensorflow import Stepper, keep_heap

    keep_heap()
    given, facts = feed.forms, feed.facts

    def made(precision: str) -> tuple[Any, Stepper, Recipe, Any]:
        keras.utils.set_random_seed(trial.seed)
        keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
        model = network.build(given, task.output, facts)
        own_optimizer = getattr(model, "own_optimizer", None)
        recipe = recipe_of(network.recipe(given, task.output, facts), own_optimizer, trial.said)
        objective = objective_of(task, recipe, feed.some.targets)
        seed = keras.random.SeedGenerator(trial.seed)
        optimizer = optimizer_of(recipe, own_optimizer)
        stepper = Stepper(model, objective, optimizer, augmentation(recipe, given, seed), feed.texts, [seed.state])
        return model, stepper, recipe, objective

    kept = work.checkpoint()
    wanted = recipe_of(network.recipe(given, task.output, facts), None, trial.said).precision
    precision = kept[0]["precision"] if kept is not None else wanted
    if precision == "auto":
        precision = _faster(made, feed)
        work.note("train.precision", precision=precision)
    model, stepper, recipe, objective = made(precision)
    budget = None if trial.minutes is None else trial.minutes * 60
    if trial.seconds is not None:
        budget = max(1.0, trial.seconds - _since_start() - trial.reserve)
    loop = Loop(model, stepper, feed, recipe, objective.judge, work, budget, trial.checkpoint_seconds, precision)
    standing = loop.run()

    work.note("train.exporting")
    begun = time.monotonic()
    if precision != "float32":  # the graph is float32: the same layers, built so, with the weights that were learned
        keras.config.set_dtype_policy("float32")
        whole = network.build(given, task.output, facts)
        whole.set_weights(model.get_weights())
        model = whole
    graph = exported(model)
    inputs = {name: x[:_ROWS_CHECKED] for name, x in feed.some.inputs.items()}
    expected = stepper.outputs(inputs) if precision == "float32" else np.asarray(model(inputs, training=False))
    difference = hold_equal(graph, inputs, expected)
    weights = {f"{index:05}": np.array(value) for index, value in enumerate(model.get_weights())}
    work.write("weights.safetensors", _tensors(weights))
    versions = {name: version(name) for name in ("keras", "onnx", "onnxruntime", "numpy")}
    versions |= {"python": platform.python_version(), "backend": _backend()}
    return _Made(
        graph,
        {
            "recipe": {**recipe.model_dump(), "precision": precision},
            "layers": [
                {"name": layer.name, "kind": type(layer).__name__, "parameters": layer.count_params()}
                for layer in model.layers
            ],
            "versions": versions,
        },
        standing.history,
        {
            "parameters": int(model.count_params()),
            "epochs": standing.epoch,
            "best_epoch": standing.best_epoch,
            "seconds": round(standing.spent, 3),
            "was_cut": standing.was_cut,
            "graph_difference": difference,
            "export_seconds": round(time.monotonic() - begun, 3),
        },
    )


def recipe_of(network: Recipe, own_optimizer: dict[str, Any] | None, said: Mapping[str, Any]) -> Recipe:
    """The network's recipe, over it the rate of a user's own compiled optimizer, over both what product.yaml says."""
    rate = None if own_optimizer is None else own_optimizer["config"].get("learning_rate")
    own = {"learning_rate": rate} if isinstance(rate, (int, float)) else {}
    return Recipe(**{**network.model_dump(), **own, **said})


def _faster(made: Callable[[str], tuple[Any, Any, Recipe, Any]], feed: Feed) -> str:
    """``bfloat16`` where a short trial of real steps finds it faster on this machine, else ``float32``."""
    seconds = {}
    for precision in ("float32", "bfloat16"):
        _, stepper, recipe, _ = made(precision)
        chunk, order = next(feed.epoch(0, recipe.batch))
        steps = min(_STEPS_TRIED, len(order) // recipe.batch)
        if steps == 0:
            return "float32"
        batches = order[: steps * recipe.batch].reshape(steps, recipe.batch)
        rates = [0.0] * steps
        times = []
        for _ in range(_TRIES):
            begun = time.monotonic()
            stepper.steps(chunk, batches, rates)
            stepper.figures()
            times.append(time.monotonic() - begun)
        seconds[precision] = min(times[1:])
    return "bfloat16" if seconds["float32"] > _WORTH_IT * seconds["bfloat16"] else "float32"


def _tensors(arrays: Mapping[str, Any]) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _since_start() -> float:
    """Seconds since this process began."""
    return time.monotonic() - STARTED


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
