"""Train: prepared rows to a model, and the graph exported from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from sixfold.errors import TrainingError
from sixfold.families import find, names
from sixfold.fields import Form, input_names
from sixfold.networks import Network
from sixfold.networks.keras import Keras
from sixfold.product import Product
from sixfold.stages._stage import Stage
from sixfold.store import Artefact, Prepared, Workspace
from sixfold.training import Trial, run_trial

__all__ = ["Train", "own_network"]


class Train(Stage):
    """Choose the network, train it in a process of its own, keep its weights, its graph and its history."""

    name: ClassVar[str] = "train"

    def depends_on(self, product: Product) -> dict[str, Any]:
        train = product.train.model_dump(mode="json", exclude_unset=True)
        family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
        versions = {name: find(family, name).version for name in names(family)}
        used = versions if product.train.network == "auto" else {k: versions[k] for k in (product.train.network,)}
        code = None if product.train.keras is None else own_network(product).digest
        return {"train": train, "versions": used, "code": code, "backend": os.environ.get("KERAS_BACKEND")}

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        prepared = Prepared.open(inputs["prepare"], work)
        if prepared.rows("train") == 0:
            raise TrainingError("no_rows")
        forms = {name: field.form for name, field in prepared.given.items()}
        network, options = chosen(product, forms)
        work.note("train.network", network=network)
        trial = Trial(
            home=str(work.store.home.path),
            key=work.key,
            prepared=inputs["prepare"].key,
            product={**product.to_mapping(), "data": "–"},
            folder=str(product.folder),
            network=network,
            options=options,
            said=product.train.model_dump(
                include={"epochs", "batch", "learning_rate"}, exclude_unset=True, exclude_none=True
            ),
            minutes=product.train.minutes,
            seed=work.seed,
        )
        result = run_trial(trial, work.listener)
        work.members.update(result.stored())
        return result.about


def chosen(product: Product, forms: Mapping[str, Form]) -> tuple[str, dict[str, Any]]:
    """The network's kind and its options: as said, or for `auto` the one that suits the forms best.

    Raises:
        TrainingError: None suits.
    """
    if product.train.keras is not None:
        return "keras", own_network(product).options.model_dump()
    if product.train.network != "auto":
        return product.train.network, product.train.options
    family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
    given = {name: forms[column] for column, name in input_names(forms).items()}
    suits = {name: find(family, name).suits(given) for name in names(family)}
    best = max(suits, key=lambda name: suits[name])
    if suits[best] == 0:
        raise TrainingError("none_suits", forms=", ".join(form.name for form in forms.values()))
    return best, {}


def own_network(product: Product) -> Keras:
    """The network that ``train: {keras: module:function}`` names."""
    return Keras(Keras.Options(function=str(product.train.keras), folder=str(product.folder)))
