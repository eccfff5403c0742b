"""Deploy: a healthy service of the model, or the former one still serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sixfold.evaluation import formula
from sixfold.families import find
from sixfold.product import Product
from sixfold.serving import Bundle
from sixfold.stages._stage import Stage
from sixfold.store import Artefact, Prepared, Workspace
from sixfold.targets import Target
from sixfold.tasks import Decision, graph_members

__all__ = ["Deploy", "bundle_from"]


class Deploy(Stage):
    """Have the evaluated model served by the target that the product names."""

    name: ClassVar[str] = "deploy"
    is_effect: ClassVar[bool] = True

    def depends_on(self, product: Product) -> dict[str, Any]:
        return {"deploy": product.deploy.model_dump(mode="json")}

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """The receipt: the service, as plain JSON.

        Raises:
            ServiceError: The new service does not answer rightly; the former one, if any, still runs.
        """
        family: type[Target] = Target  # type: ignore[type-abstract]  # a family is looked up, never built
        kind = find(family, product.deploy.target)
        target = kind(work.store.home, kind.Options(**product.deploy.options))
        service = target.deploy(bundle_from(product, inputs, work))
        work.note("deploy.serves", url=service.url, model=service.model)
        return service.model_dump(mode="json")


def bundle_from(product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> Bundle:
    """Everything that answers need, from the artefacts of `prepare`, `train` and `evaluate`.

    The given columns stand in the order in which they were prepared: that is the order of the graph's inputs, whatever
    order the declaration has since been written in.
    """
    prepared = Prepared.open(inputs["prepare"], work)
    trained, evaluated = inputs["train"], inputs["evaluate"]
    return Bundle(
        product=product,
        given=prepared.given,
        target=prepared.target,
        outcome=prepared.outcome,
        decision=Decision(**work.read_json(evaluated, "decision.json")),
        graphs={name: work.read(trained, member) for member, name in graph_members(list(trained.members)).items()},
        sample=work.read_json(evaluated, "sample.json"),
        report=work.read(evaluated, "report.html") if "report.html" in evaluated.members else b"",
        reference=work.read_json(evaluated, "reference.json") if "reference.json" in evaluated.members else {},
        figures={name: _told(name, figure) for name, figure in evaluated.about.get("figures", {}).items()},
    )


def _told(name: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    """A figure with what a page needs to show it."""
    how = formula(name)
    return {**figure, "title": {"en": how.title("en"), "zh": how.title("zh")}, "style": how.style}
