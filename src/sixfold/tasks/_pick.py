"""Which task a product is."""

from __future__ import annotations

from sixfold.errors import ProductError
from sixfold.families import find, names
from sixfold.product import Product
from sixfold.tasks._task import Task

__all__ = ["task_of"]


def task_of(product: Product) -> type[Task]:
    """The task that the verb and the kinds of ``product`` make of it.

    Raises:
        ProductError: No task serves that verb with those kinds.
    """
    family: type[Task] = Task  # type: ignore[type-abstract]  # a family is looked up, never built
    for name in names(family):
        task = find(family, name)
        if task.matches(product):
            return task
    raise ProductError(
        "no_task",
        place=product.place(product.verb),
        verb=product.verb,
        target=product.target.kind,
        given=", ".join(spec.kind for spec in product.given.values()) or "–",
    )
