"""Settings of training are obeyed or refused: one that is passed over in silence looks as if it had been tried."""

from __future__ import annotations

from collections.abc import Mapping

from sixfold.errors import ProductError
from sixfold.families import find
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks import Adversarial, Network
from sixfold.product import Product
from sixfold.tasks import Task
from sixfold.training import HIDEABLE, PASSED, candidates, changes_of

__all__ = ["hold_asked", "hold_settings"]

_OF_CLASSES = ("label_smoothing", "class_weights")
_CLASSES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


def hold_settings(product: Product) -> None:
    """Hold what the declaration alone can tell: that the network that is named goes by what `train` says.

    Raises:
        ProductError: It does not; or trials are counted where none is searched for.
    """
    kind = _named(product)
    if product.evaluate.without_synthetic:
        key = "evaluate.without_synthetic"
        if product.collect.synthetic is None:
            raise ProductError("nothing_synthetic", place=product.place(key))
        if kind is None:
            raise ProductError("without_needs_network", place=product.place(key))
    if kind is None:
        return
    for key in product.train.recipe:
        if key not in kind.obeys:
            known = ", ".join(["minutes", *sorted(kind.obeys)])
            place = product.place(f"train.{key}")
            raise ProductError("setting_ignored", place=place, key=key, network=kind.kind(), known=known)
    if product.train.trials is not None:
        raise ProductError("trials_of_one", place=product.place("train.trials"))


def hold_asked(product: Product, given: Mapping[str, Form], task: Task) -> None:
    """Hold what only columns can tell: that there is something for each setting to change.

    Args:
        product: The declaration.
        given: The forms of the given columns, by input name.
        task: What is to be learned.

    Raises:
        ProductError: There is nothing.
    """
    named, said = _named(product), product.train.recipe
    kinds = [named] if named else [kind for kind, _ in candidates(given, task.output, product.train.options)]
    for key in said:
        if kinds and not any(key in kind.obeys for kind in kinds):
            network = ", ".join(kind.kind() for kind in kinds)
            raise ProductError(
                "setting_ignored",
                place=product.place(f"train.{key}"),
                key=key,
                network=network,
                known="minutes, trials",
            )
    for key in _OF_CLASSES:
        if said.get(key) not in (None, "none", 0) and task.loss not in _CLASSES:
            raise _idle(product, key, Text("the target has no classes", "目标没有类别"))
    known = PASSED if all(issubclass(kind, Adversarial) for kind in kinds) and kinds else changes_of(given)
    unknown = [name for name in said.get("augment", {}) if name not in known]
    if unknown:
        reason = Text(
            f"no such change of these columns is known: {', '.join(unknown)}",
            f"这些列没有这样的变化：{', '.join(unknown)}",
        )
        raise _idle(product, "augment", reason, ", ".join(known) or "–")
    if said.get("modality_dropout") and (len(given) < 2 or not any(form.name in HIDEABLE for form in given.values())):  # noqa: PLR2004
        reason = Text(
            "it hides pictures, texts and series where there are other columns to go by",
            "它用于在还有其他列可依据时隐去图片、文本和序列",
        )
        raise _idle(product, "modality_dropout", reason)


def _idle(product: Product, key: str, reason: Text, known: str = "–") -> ProductError:
    return ProductError("setting_idle", place=product.place(f"train.{key}"), key=key, reason=reason(), known=known)


def _named(product: Product) -> type[Network] | None:
    """The network that product.yaml names; ``None`` where it is searched for."""
    family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
    if product.train.keras is not None:
        return find(family, "keras")
    return None if product.train.network == "auto" else find(family, product.train.network)
