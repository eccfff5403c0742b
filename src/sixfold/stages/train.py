"""Train: prepared rows to a model, and the graph exported from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from sixfold.errors import TrainingError
from sixfold.families import find, names
from sixfold.fields import Field, input_names
from sixfold.hashing import digest_of_value
from sixfold.networks import Fitted, Network
from sixfold.networks.keras import Keras
from sixfold.product import Product
from sixfold.stages._obeyed import hold_asked
from sixfold.stages._stage import Stage
from sixfold.store import WITHOUT, Artefact, Prepared, Workspace
from sixfold.tasks import task_of
from sixfold.training import Folds, Search, Trial, run_trial

__all__ = ["Train", "folds_of", "own_network", "seconds_left", "trial_of"]

_EVALUATION_SECONDS, _EVALUATION_SECONDS_PER_ROW = 5.0, 5e-4
"""What `evaluate` takes beside running a small graph, on two cores: baselines, intervals, the report."""

_FOLDS, _FEW_ROWS, _MANY_ROWS = 5, 1500, 200_000
_FOLDED_PICTURES_SECONDS = 400.0
"""From so much time on, networks of few pictures or texts are trained in folds too; those of numbers and series always,
which are compiled and exported in a second or two."""

_DRAWN_AT_RANDOM = ("stratified", "random", "fold", "official")

_LEAST_SHARE = 0.3
"""Of the budget, what training gets however long the stages before took."""


class Train(Stage):
    """Train the network that is named, or search for one; keep its weights, its graph and its history."""

    name: ClassVar[str] = "train"

    def depends_on(self, product: Product) -> dict[str, Any]:
        train = product.train.model_dump(mode="json", exclude_unset=True, exclude={"price"})
        family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
        versions = {name: find(family, name).version for name in names(family)}
        used = versions if product.train.network == "auto" else {k: versions[k] for k in (product.train.network,)}
        code = None if product.train.keras is None else own_network(product).digest
        options = product.train.options
        files = {name: find(family, name).depends_on(options, product.folder) for name in used}
        files = {name: found for name, found in files.items() if found is not None}
        if product.evaluate.without_synthetic:
            train["without_synthetic"] = True
        told = {"train": train, "versions": used, "code": code, "backend": os.environ.get("KERAS_BACKEND")}
        return {**told, "files": files} if files else told

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """Members: graph.onnx, network.json, history.json, and the weights of what Keras trained.

        Raises:
            TrainingError: There are no rows, no network suits the columns, or training failed.
        """
        prepared = Prepared.open(inputs["prepare"], work)
        rows = prepared.rows("train")
        if rows == 0:
            raise TrainingError("no_rows")
        given = {name: prepared.given[column].form for column, name in input_names(prepared.given).items()}
        train, template = product.train, trial_of(product, inputs["prepare"], work)
        before = sum(inputs[stage].seconds for stage in ("collect", "prepare"))
        seconds = None if train.minutes is None else seconds_left(train.minutes, before, prepared.rows("test"))
        task = task_of(product)(product, prepared.target, prepared.outcome)
        output = task.output
        hold_asked(product, given, task)
        known, columns = rows + prepared.rows("validation"), list(prepared.given)
        folds = folds_of(inputs["prepare"].about["split"], known, prepared.given, seconds)
        if prepared.synthetic_rows:  # in folds they would validate too, which is for real rows
            folds = Folds()
        if template.network == "auto":
            search = Search(template, given, task, rows, train.options, work, seconds, train.trials, folds, columns)
            return search.run()
        work.note("train.network", network=template.network)
        family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
        kind = find(family, template.network)
        if output.form not in kind.makes:
            able = ", ".join(name for name in names(family) if output.form in find(family, name).makes)
            raise TrainingError("cannot_make", network=kind.kind(), form=output.form, able=able)
        is_fitted = issubclass(kind, Fitted)
        count = folds.fitted if is_fitted else 1
        result = run_trial(template.model_copy(update={"seconds": seconds, "folds": count}), work.listener)
        members = result.stored()
        judged = "validation.safetensors"
        work.members.update({name: member for name, member in members.items() if name != judged})
        if count > 1 and judged in members:  # it learned from validation rows too: what each fold held out judges it
            work.members["held_out.safetensors"] = members[judged]
        if product.evaluate.without_synthetic:
            return {**result.about, "without": self._without(template, seconds, work)}
        return result.about

    def _without(self, template: Trial, seconds: float | None, work: Workspace) -> dict[str, Any]:
        """The same training without rows that a generator made, so that it shows what they bought; what is told of
        it. Its graphs are kept beside the others."""
        work.note("train.without_synthetic")
        trial = template.model_copy(
            update={"key": digest_of_value([template.key, WITHOUT]), "seconds": seconds, "without_synthetic": True}
        )
        other = run_trial(trial, work.listener)
        work.store.drop_slot(trial.key)
        for name, member in other.stored().items():
            if name.endswith(".onnx"):
                work.members[f"{WITHOUT}{name}"] = member
        return {name: other.about[name] for name in ("rows", "epochs", "seconds") if name in other.about}


def trial_of(product: Product, prepared: Artefact, work: Workspace) -> Trial:
    """What all trials of a product have in common; of a network that is named, or the user's own, all of it."""
    train, is_own = product.train, product.train.keras is not None
    return Trial(
        home=str(work.store.home.path),
        key=work.key,
        prepared=prepared.key,
        product={**product.to_mapping(), "data": "–"},
        folder=str(product.folder),
        network="keras" if is_own else train.network,
        options=own_network(product).options.model_dump() if is_own else train.options,
        said=train.recipe,
        minutes=None,
        seed=work.seed,
    )


def folds_of(split: Mapping[str, Any], rows: int, given: Mapping[str, Field], seconds: float | None) -> Folds:
    """In how many folds networks take their rows.

    A tenth of few rows would be too few to choose by, and dear to do without; and what is fitted quickly can afford to
    learn from validation rows too, whatever their number. Only where validation rows were drawn at random: groups and
    times must not be mixed.

    Args:
        split: What `prepare` says of the split.
        rows: How many rows there are for training and validation.
        given: The fitted columns.
        seconds: What training may take, where that is bounded.
    """
    if split["way"] not in _DRAWN_AT_RANDOM or "validation" in split["official"]:
        return Folds()
    has_time = seconds is not None and seconds >= _FOLDED_PICTURES_SECONDS
    are_quick = all(field.form.name == "steps" or not field.is_heavy for field in given.values())
    return Folds(
        light=_FOLDS if rows < _FEW_ROWS else 1,
        heavy=_FOLDS if rows < _FEW_ROWS and (are_quick or has_time) else 1,
        fitted=_FOLDS if rows < _MANY_ROWS else 1,
    )


def seconds_left(minutes: float, before: float, rows: int) -> float:
    """What training may take of a budget that also holds the stages before it, and the evaluation after it.

    Args:
        minutes: The budget.
        before: Seconds that the stages before took.
        rows: How many test rows there are.
    """
    after = _EVALUATION_SECONDS + _EVALUATION_SECONDS_PER_ROW * rows
    return max(_LEAST_SHARE * minutes * 60, minutes * 60 - before - after)


def own_network(product: Product) -> Keras:
    """The network that ``train: {keras: module:function}`` names."""
    return Keras(Keras.Options(function=str(product.train.keras), folder=str(product.folder)))
