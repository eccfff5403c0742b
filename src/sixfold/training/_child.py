"""What happens inside the child process: build, train, export."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.families import find
from sixfold.fields import Array
from sixfold.networks import Adversarial, Facts, Fitted, Layered, Network, Recipe, Rows
from sixfold.product import Product
from sixfold.progress import Epoch, Event, Note
from sixfold.security import Home, Keyring
from sixfold.store import Prepared, Store, Workspace
from sixfold.tasks import Task, task_of
from sixfold.training._ensemble import mean_of
from sixfold.training._export import exported, hold_equal, outputs_of
from sixfold.training._feed import Feed
from sixfold.training._loop import Loop, Standing
from sixfold.training._objective import judged, objective_of
from sixfold.training._steps import Steps
from sixfold.training._trial import Result, Trial

__all__ = ["train_in_child"]

STARTED = time.monotonic()
"""When this module was imported: the child does little before."""

_ROWS_CHECKED, _FEW_CHECKED = 512, 32
"""Rows on which a graph is held equal to Keras; few where a row has an answer at each of many places."""

_STEPS_TRIED = 6
_TRIES = 3
_WORTH_A_TRIAL = 120.0
"""Seconds from which it pays to find the faster arithmetic first, which compiles the network twice."""

_LEAST_OF_SHARE = 2.5
"""Seconds that a share of the rows has, however long the start took: on a busy machine nothing else would be told."""

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
    prepared = prepared.real if trial.without_synthetic else prepared
    product = Product(**trial.product)
    task = task_of(product)(product, prepared.target, prepared.outcome)
    feed = Feed(prepared, task, work, trial.seed, trial.columns)
    kind = find(Network, trial.network)  # type: ignore[type-abstract]  # a family is looked up, never built
    network = kind(kind.Options(**trial.options), beside=Path(trial.folder))
    train = _fitted if isinstance(network, Fitted) else _layered
    if trial.shares:
        return _of_shares(trial, train(trial, network, [feed.shared(rows) for rows in trial.shares], task, work), work)
    held: tuple[Array, Array] | None = None
    if task.output.form not in ("vector", "arms"):  # too large to be kept for every row: its best epoch judges it
        (made,) = train(trial, network, [feed], task, work)
        graph = made.graph
    elif trial.folds == 1:
        (made,) = train(trial, network, [feed], task, work)
        graph = made.graph
        held = outputs_of(graph, feed.validation.inputs, feed.texts), feed.validation.targets
    else:
        feeds = [feed.folded(number, trial.folds) for number in range(trial.folds)]
        folds = train(trial, network, feeds, task, work)
        made, graph = folds[0].joined(folds), mean_of([one.graph for one in folds], task.output.activation)
        parts = [part.validation for part in feeds]
        order = np.argsort(np.argsort(feed.fold_of(trial.folds), kind="stable"), kind="stable")
        answers = [outputs_of(one.graph, rows.inputs, feed.texts) for one, rows in zip(folds, parts, strict=True)]
        held = np.concatenate(answers)[order], np.concatenate([rows.targets for rows in parts])[order]
    judged_loss, judged_metric = made.judged
    if held is not None and len(held[0]):
        judged_loss, judged_metric = judged(task, held[1], held[0])
    work.write("graph.onnx", graph)
    for name, part in made.further.items():
        work.write(f"graph-{name}.onnx", part)
    if held is not None:
        work.write("validation.safetensors", _tensors({"outputs": held[0], "targets": held[1]}))
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


def _of_shares(trial: Trial, made: Sequence[_Made], work: Workspace) -> Result:
    """What was made of each share of the rows, and what that took."""
    weights = dict(work.members)
    work.members.clear()
    for number, one in enumerate(made):
        work.write(f"{number}/graph.onnx", one.graph)
        for name, part in one.further.items():
            work.write(f"{number}/graph-{name}.onnx", part)
        work.write_json(f"{number}/history.json", one.history)
        kept = weights.get(f"weights-{number}.safetensors", weights.get("weights.safetensors"))
        if kept is not None:
            work.members[f"{number}/weights.safetensors"] = kept
    shares = [
        {
            **one.about,
            "rows": rows,
            "recipe": one.description["recipe"],
            "versions": one.description["versions"],
            "judged": one.judged[0],
        }
        for rows, one in zip(trial.shares, made, strict=True)
    ]
    about = {"network": trial.network, "shares": shares, "wall_seconds": round(_since_start(), 3)}
    return Result(members={name: (member.blob, member.size) for name, member in work.members.items()}, about=about)


@dataclass(frozen=True, slots=True)
class _Made:
    """What training made: the graph, those it needs beside it, what is to be told of it, and what its best epoch
    reached on validation rows (loss, metric)."""

    graph: bytes
    description: Mapping[str, Any]
    history: list[dict[str, float]]
    about: Mapping[str, Any]
    further: Mapping[str, bytes] = field(default_factory=dict)
    judged: tuple[float | None, float | None] = (None, None)

    def joined(self, folds: Sequence[_Made]) -> _Made:
        """The first of several folds, told as all of them."""
        abouts = [one.about for one in folds]
        about = {
            **self.about,
            "folds": len(folds),
            "parameters": sum(int(one.get("parameters") or 0) for one in abouts),
            "seconds": round(sum(one["seconds"] for one in abouts), 3),
            "was_cut": any(one["was_cut"] for one in abouts),
            "export_seconds": round(sum(one.get("export_seconds", 0.0) for one in abouts), 3),
        }
        return _Made(self.graph, {**self.description, "folds": len(folds)}, self.history, about)


def _fitted(trial: Trial, network: Any, feeds: Sequence[Feed], task: Task, work: Workspace) -> list[_Made]:
    found = []
    for number, feed in enumerate(feeds):
        begun = time.monotonic()
        history: list[dict[str, float]] = []
        was_ended: list[float] = []
        budget = _share_left(trial, number, len(feeds), power=0.5)

        def tell(
            done: int,
            most: int,
            loss: float,
            begun: float = begun,
            budget: float | None = budget,
            history: list[dict[str, float]] = history,
            was_ended: list[float] = was_ended,
        ) -> bool:
            seconds = time.monotonic() - begun
            history.append({"epoch": done, "seconds": round(seconds, 3), "val_loss": float(loss)})
            left = seconds / max(done, 1) * (most - done)
            work.tell(Epoch(done, most, 1, 1, {"val_loss": float(loss)}, seconds, done == most, left))
            goes_on = budget is None or seconds < budget
            if not goes_on and done < most:
                was_ended.append(done / most)
            return goes_on

        validation = Rows(feed.validation.inputs, feed.validation.targets)
        graph, about = network.fit(feed.whole(), validation, feed.forms, task.output, trial.seed + number, tell)
        versions = {name: version(name) for name in ("onnx", "onnxruntime", "numpy")}
        versions |= {"python": platform.python_version()}
        seconds = time.monotonic() - begun
        told = {"seconds": round(seconds, 3), "was_cut": False, **about}  # no epochs: rows are not passed over in turn
        if trial.shares:  # whether the clock ended it, whatever the network itself says of that
            told["was_cut"] = bool(told["was_cut"] or was_ended)
            told["progress"] = was_ended[0] if was_ended else 1.0
        found.append(_Made(graph, {"recipe": {}, "layers": [], "versions": versions}, history, told))
    return found


def _layered(trial: Trial, network: Any, feeds: Sequence[Feed], task: Task, work: Workspace) -> list[_Made]:
    import keras

    from sixfold.training._adversarial import AdversarialStepper
    from sixfold.training._augment import Lying, augmentation
    from sixfold.training._optimizer import optimizer_of
    from sixfold.training._tensorflow import Stepper, keep_heap

    keep_heap()
    given = feeds[0].forms
    fed, facts = _fed(trial, network, feeds, task)
    on, form = feeds[0].base, task.target.form.name
    lying = None if on is None else Lying(on, form, task.ignored)

    def made(precision: str, seed: int) -> tuple[Any, Steps, Recipe]:
        keras.utils.set_random_seed(seed)
        keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
        model = network.build(given, task.output, facts)
        own_optimizer = getattr(model, "own_optimizer", None)
        recipe = recipe_of(network.recipe(given, task.output, facts), own_optimizer, trial.said)
        if isinstance(network, Adversarial):
            critic = network.critic(given, task.output, facts)
            noise = (task.own_inputs[0], network.noise_shape())
            return model, AdversarialStepper(model, critic, recipe, noise, task.metrics[0], seed), recipe
        objective = network.objective(task.output, recipe) or objective_of(task, recipe, feeds[0].some.targets)
        draws = keras.random.SeedGenerator(seed)
        optimizer = optimizer_of(recipe, own_optimizer)
        learning = _learning(model)
        if learning is not model and fed[0] is feeds[0]:
            fed[:] = _through(model.halves[0], feeds, trial)
        augment = augmentation(recipe, fed[0].forms, draws, lying)
        stepper = Stepper(learning, objective, optimizer, augment, fed[0].texts, [draws.state])
        return model, stepper, recipe

    kept = work.checkpoint() if len(feeds) == 1 else None
    wanted = recipe_of(network.recipe(given, task.output, facts), None, trial.said).precision
    precision = kept[0]["precision"] if kept is not None else wanted
    if precision == "auto" and trial.seconds is not None and trial.seconds < _WORTH_A_TRIAL and not trial.shares:
        precision = "float32"
    if precision == "auto":
        precision = _faster(lambda one: made(one, trial.seed), fed)
        work.note("train.precision", precision=precision)
    model, stepper, recipe = made(precision, trial.seed)
    beginning = stepper.state()
    found = []
    for number, feed in enumerate(feeds):
        if number:  # the same compiled steps, other weights: compiling takes longer than a small network's training
            keras.utils.set_random_seed(trial.seed + number)
            fresh = _learning(network.build(given, task.output, facts)).get_weights()
            stepper.restore(beginning)
            _learning(model).set_weights(fresh)
        budget = _share_left(trial, number, len(feeds), power=2)
        if trial.minutes is not None and trial.seconds is None:
            budget = trial.minutes * 60
        every = trial.checkpoint_seconds if len(feeds) == 1 else float("inf")
        loop = Loop(_learning(model), stepper, fed[number], recipe, work, budget, every, precision)
        standing = loop.run()
        found.append(_exported(network, model, stepper, feed, facts, recipe, standing, task, work, number, len(feeds)))
    return found


def _fed(trial: Trial, network: Layered, feeds: Sequence[Feed], task: Task) -> tuple[list[Feed], Facts]:
    """The rows as the network learns from them, and what it may adapt to."""
    facts = feeds[0].facts
    if trial.rows is not None:
        facts = replace(facts, rows=trial.rows)
    if not network.is_taught:
        return list(feeds), facts
    fed = [feed.taught(network.at_once) for feed in feeds]
    pieces = fed[0].rows / max(1, feeds[0].rows)  # long texts are taught in several pieces
    return fed, replace(facts, rows=round(pieces * facts.rows), columns={**facts.columns, "target": task.target.state})


def _through(frozen: Any, feeds: Sequence[Feed], trial: Trial) -> list[Feed]:
    """The rows as the frozen half of a network sees them, once and for all."""
    from sixfold.training._tensorflow import mapped

    if trial.said.get("augment"):
        raise TrainingError("augment_frozen", network=trial.network)

    def first(inputs: dict[str, Array]) -> dict[str, Array]:
        return mapped(frozen, inputs, feeds[0].texts)

    if trial.shares:
        whole = feeds[0].through(first)
        return [whole.shared(rows) for rows in trial.shares]
    return [feed.through(first) for feed in feeds]


def _share_left(trial: Trial, number: int, count: int, power: float) -> float | None:
    """What fold ``number`` of so many may take of the trial's time, if that is bounded: an even share of what is left
    of it; of shares of the rows, by a power of how many they are."""
    if trial.seconds is None:
        return None
    left = trial.seconds - _since_start() - trial.reserve
    if trial.shares:
        weights = [rows**power for rows in trial.shares[number:]]
        return max(_LEAST_OF_SHARE, left * weights[0] / sum(weights))
    return max(1.0, left / (count - number))


def _exported(
    network: Layered,
    model: Any,
    stepper: Steps,
    feed: Feed,
    facts: Facts,
    recipe: Recipe,
    standing: Standing,
    task: Task,
    work: Workspace,
    number: int,
    folds: int,
) -> _Made:
    """The trained model as a graph that answers as it does; its weights are written."""
    import keras

    from sixfold.training._tensorflow import mapped

    work.note("train.exporting")
    begun = time.monotonic()
    if standing.precision != "float32":  # the graph is float32: the same layers, built so, with the learned weights
        keras.config.set_dtype_policy("float32")
        whole = network.build(feed.forms, task.output, facts)
        whole.set_weights(model.get_weights())
        keras.config.set_dtype_policy("mixed_bfloat16")
    else:
        whole = model
    graphs, difference = {}, 0.0
    checked = _FEW_CHECKED if task.output.places else _ROWS_CHECKED
    for name, part in network.parts(whole, feed.forms, task.output).items():
        sample = part.sample or feed.some.inputs
        inputs = {name: x[:checked] for name, x in sample.items()}
        is_as_trained = part.model is _learning(model)
        texts = [] if part.sample else feed.texts  # a part's own sample is taken as it is
        found = {"output": stepper.outputs(inputs)} if is_as_trained else mapped(part.model, inputs, texts)
        graphs[name] = exported(part.model)  # which wants a model that was called before
        difference = max(difference, hold_equal(graphs[name], inputs, list(found.values()), is_ranked=part.is_ranked))
    weights = {f"{index:05}": np.array(value) for index, value in enumerate(whole.get_weights())}
    work.write("weights.safetensors" if folds == 1 else f"weights-{number}.safetensors", _tensors(weights))
    versions = {name: version(name) for name in ("keras", "onnx", "onnxruntime", "numpy")}
    versions |= {"python": platform.python_version(), "backend": _backend()}
    layers = [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "parameters": layer.count_params(),
            "shape": _shape_of(layer),
        }
        for layer in whole.layers
    ]
    kept = standing.best_epoch if recipe.keep_best else standing.epoch
    best = next((entry for entry in standing.history if entry["epoch"] == kept), {})
    metric = f"val_{task.metrics[0]}"
    return _Made(
        graphs.pop("graph"),
        {"recipe": {**recipe.model_dump(), "precision": standing.precision}, "layers": layers, "versions": versions},
        standing.history,
        {
            "parameters": int(whole.count_params()),
            "epochs": standing.epoch,
            "best_epoch": kept,
            "seconds": round(standing.spent, 3),
            "was_cut": standing.was_cut,
            "whole_seconds": standing.whole_seconds,
            "pace": standing.pace,
            "judging": round(standing.judging, 3),
            "steps": standing.steps,
            "batch": standing.batch,
            "graph_difference": difference,
            "export_seconds": round(time.monotonic() - begun, 3),
        },
        graphs,
        (best.get("val_loss"), best.get(metric)),
    )


def _shape_of(layer: Any) -> list[int | None] | None:
    """What a layer gives for one row; ``None`` where that is not one array, or the layer is used several times."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return None
    return [None if side is None else int(side) for side in shape[1:]]


def recipe_of(network: Recipe, own_optimizer: dict[str, Any] | None, said: Mapping[str, Any]) -> Recipe:
    """The network's recipe, over it the rate of a user's own compiled optimizer, over both what product.yaml says."""
    rate = None if own_optimizer is None else own_optimizer["config"].get("learning_rate")
    own = {"learning_rate": rate} if isinstance(rate, (int, float)) else {}
    return Recipe(**{**network.model_dump(), **own, **said})


def _learning(model: Any) -> Any:
    """What of a model is trained: its second half, where its first never changes, else the whole."""
    halves = getattr(model, "halves", None)
    return model if halves is None else halves[1]


def _faster(made: Callable[[str], tuple[Any, Steps, Recipe]], feeds: Sequence[Feed]) -> str:
    """``bfloat16`` where a short trial of real steps finds it faster on this machine, else ``float32``."""
    seconds = {}
    for precision in ("float32", "bfloat16"):
        _, stepper, recipe = made(precision)
        chunk, order = next(feeds[0].epoch(0, recipe.batch))
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
