"""Everything that answers need, in memory: what `deploy` starts and what a pack carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sixfold.fields import Field, restored
from sixfold.hashing import canonical_json, digest
from sixfold.product import Product
from sixfold.tasks import GRAPH, Decision, Task, graph_members, task_of

__all__ = ["PAPERS", "Bundle"]

PAPERS = ("report.json", "DATASHEET.md")
"""What goes with a delivered bundle beside its report."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model ready to serve.

    Args:
        product: The declaration, as plain values (without ``data``'s place).
        given: The fitted fields of the given columns, by name.
        target: The fitted target field.
        decision: What turns the graph's output into answers.
        graphs: The ONNX graphs by name, serialised; one is called ``graph``.
        sample: One real row as JSON values (``row``), and the answer that the service must give to it (``answer``);
            where that depends on them, with ``settings``.
        report: The report as HTML; empty where it is not carried.
        figures: How good the model is on test rows: by figure's name its value, 95 % interval and rows, its title in
            both languages (``title``) and how it is shown (``style``: share, number or amount).
        outcome: Of a choice the fitted field of what it is to raise or lower.
        papers: What goes with it by file name: the report for programs, the data sheet; empty where none are carried.
        reference: What later rows are held against (:class:`sixfold.monitoring.Reference`); empty where there is none.
    """

    product: Product
    given: Mapping[str, Field]
    target: Field
    decision: Decision
    graphs: Mapping[str, bytes]
    sample: Mapping[str, Any]
    report: bytes = b""
    figures: Mapping[str, Any] = field(default_factory=dict)
    outcome: Field | None = None
    reference: Mapping[str, Any] = field(default_factory=dict)
    papers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """The task, which turns the graph's output into answers."""
        # A stored declaration's keys are sorted; which column is given first may mean something (a start, then a goal).
        product = self.product.changed(given={name: self.product.given[name] for name in self.given})
        return task_of(product)(product, self.target, self.outcome)

    @property
    def needed(self) -> str | None:
        """The one given column that a row may not lack: where it is the only one, and is all there is to go by.

        Beside others a missing picture, text or series is one more thing that is not known.
        """
        if len(self.given) != 1:
            return None
        ((name, column),) = self.given.items()
        return name if column.is_heavy else None

    @property
    def sample_body(self) -> dict[str, Any]:
        """The body of a request for the sample's answer."""
        row, settings = self.sample["row"], self.sample.get("settings")
        return {"rows": [row], "settings": settings} if settings else dict(row)

    @property
    def version(self) -> str:
        """Twelve digits that name what answers: declaration, fields, decision, graphs; any change gives another.

        Where it runs and who watches it (`deploy`) is none of it: the same model has the same name everywhere.
        """
        graphs = b"".join(self.graphs[name] for name in sorted(self.graphs))
        about = self._about()
        about["product"] = {name: value for name, value in about["product"].items() if name != "deploy"}
        return digest(canonical_json(about) + graphs)[:12]

    def members(self) -> dict[str, bytes]:
        """The bundle as files; :meth:`from_members` is the way back."""
        members = {
            "bundle.json": canonical_json(
                {**self._about(), "sample": dict(self.sample), "figures": dict(self.figures)}
            ),
            **{
                f"{GRAPH}.onnx" if name == GRAPH else f"{GRAPH}-{name}.onnx": graph
                for name, graph in self.graphs.items()
            },
        }
        if self.reference:
            members["reference.json"] = canonical_json(dict(self.reference))
        members |= {name: self.papers[name] for name in PAPERS if name in self.papers}
        return {**members, "report.html": self.report} if self.report else members

    @classmethod
    def from_members(cls, members: Mapping[str, bytes]) -> Self:
        """The bundle that :meth:`members` wrote."""
        about = json.loads(members["bundle.json"])
        return cls(
            product=Product(**about["product"]),
            given={record["name"]: restored(record) for record in about["given"]},
            target=restored(about["target"]),
            decision=Decision(**about["decision"]),
            graphs={name: members[member] for member, name in graph_members(list(members)).items()},
            sample=about["sample"],
            report=members.get("report.html", b""),
            figures=about["figures"],
            outcome=restored(about["outcome"]) if "outcome" in about else None,
            reference=json.loads(members["reference.json"]) if "reference.json" in members else {},
            papers={name: members[name] for name in PAPERS if name in members},
        )

    def _about(self) -> dict[str, Any]:
        product = self.product.to_mapping()
        return {
            "format": 1,
            "product": {**product, "data": "–"},
            "given": [column.to_json() for column in self.given.values()],
            "target": self.target.to_json(),
            **({} if self.outcome is None else {"outcome": self.outcome.to_json()}),
            "decision": self.decision.model_dump(exclude_none=True),
        }
