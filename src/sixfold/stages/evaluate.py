"""Evaluate: the exported graph on rows it never saw, what turns its output into answers, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from sixfold import evaluation
from sixfold.errors import DataError, RunError
from sixfold.evaluation import Encoded, Graph, Scored
from sixfold.fields import Array
from sixfold.product import Product
from sixfold.stages._stage import Stage
from sixfold.store import Artefact, Prepared, Workspace
from sixfold.tasks import Decision, Task, task_of

__all__ = ["Evaluate"]

_ROW = "__row__"
_WORST = 12
_CANDIDATES = 8
"""Test rows that are tried as the sample before two encodings of a row are called different."""

_SAME = 1e-4
_SECTIONS = ("given", "predict", "generate", "choose", "collect", "prepare", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one split: their collected numbers, outputs of the graph and class indices."""

    numbers: Array
    outputs: Array
    y: Array

    def known(self) -> _Rows:
        """Without rows of a class that no training row has."""
        keep = self.y >= 0
        return _Rows(self.numbers[keep], self.outputs[keep], self.y[keep])


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the report is made from."""

    product: Product
    inputs: Mapping[str, Artefact]
    work: Workspace
    prepared: Prepared
    task: Task
    graph: Graph
    validation: _Rows
    every_test: _Rows
    test: _Rows
    decision: Decision

    @property
    def classes(self) -> list[str]:
        """The classes, in the order of the network's outputs."""
        classes: list[str] = self.prepared.target.state["classes"]
        return classes

    def scored(self, decision: Decision) -> Scored:
        """The test rows as ``decision`` has them answered."""
        probabilities = evaluation.chances(self.test.outputs, decision)
        return Scored(self.test.y, probabilities, evaluation.decided(probabilities, self.task, decision))


class Evaluate(Stage):
    """Fit the decision on validation rows, measure on test rows against the baselines, judge, and write the report."""

    name: ClassVar[str] = "evaluate"

    def depends_on(self, product: Product) -> dict[str, Any]:
        """Its own section; and name and goal, which the report shows.

        Raises:
            ProductError: product.yaml names a gate that does not exist.
        """
        evaluation.check_gates(product)
        return {
            "evaluate": product.evaluate.model_dump(mode="json"),
            "task": [task_of(product).kind(), task_of(product).version],
            "name": product.name,
            "goal": product.goal,
        }

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """Members: decision.json, report.json, report.html, sample.json, predictions.safetensors.

        Raises:
            DataError: There are no test rows.
            RunError: The graph cannot be run, or prepares a row otherwise than a service would.
        """
        from safetensors.numpy import save

        prepared = Prepared.open(inputs["prepare"], work)
        task = task_of(product)(product, prepared.target)
        graph = Graph(work.read(inputs["train"], "graph.onnx"), prepared.given)
        validation = _answered(graph, prepared, "validation", work).known()
        every_test = _answered(graph, prepared, "test", work)
        test = every_test.known()
        if len(test.y) == 0:
            raise DataError("no_test_rows", target=prepared.target.name)

        decision = evaluation.decide(task, validation.outputs, validation.y)
        told = {"temperature": f"{decision.temperature:.3f}", "threshold": f"{decision.threshold:.3f}"}
        work.note("evaluate.decision", rows=len(validation.y), **told)
        case = _Case(product, inputs, work, prepared, task, graph, validation, every_test, test, decision)
        scored = case.scored(decision)
        report, data_pictures = _report(case, scored)

        worst, candidates = evaluation.worst_rows(scored, _WORST), _likely_samples(scored)
        wanted = test.numbers[np.concatenate([worst, candidates])].tolist()
        raw = evaluation.collected_rows(inputs["collect"], wanted, work)
        sample = _sample(case, candidates, raw)
        report["worst"] = [_example(case, scored, int(place), raw[int(test.numbers[place])]) for place in worst]
        report["gates"] = [verdict.to_json() for verdict in evaluation.judge(product, report)]
        thumbnails = {
            example["row"]: pictures
            for example in report["worst"]
            if (pictures := evaluation.thumbnails(prepared.given, raw[example["row"]]))
        }
        _tell(report, work)

        work.write_json("decision.json", decision.model_dump())
        work.write_json("report.json", report)
        work.write("report.html", evaluation.page({**report, "data_pictures": data_pictures}, thumbnails))
        work.write_json("sample.json", sample)
        chances = scored.probabilities.astype(np.float32)
        work.write(
            "predictions.safetensors",
            save({"row": test.numbers, "y": test.y, "probabilities": chances, "decided": scored.decided}),
        )
        figures = {
            figure["name"]: {key: figure[key] for key in ("value", "low", "high", "rows")}
            for figure in report["figures"]
        }
        headline = report["figures"][0]
        return {
            "headline": {"name": headline["name"], **figures[headline["name"]]},
            "figures": figures,
            "baselines": {name: them["value"] for name, them in headline["against"].items()},
            "gates": report["gates"],
        }


def _answered(graph: Graph, prepared: Prepared, split: Any, work: Workspace) -> _Rows:
    """The graph's outputs on a split, shard by shard: only one shard is in memory at a time."""
    total, done = prepared.rows(split), 0
    numbers, outputs, y = [np.zeros(0, np.int64)], [], [np.zeros(0, np.int64)]
    for arrays in prepared.arrays(split, work):
        for output in graph.batches(arrays):
            outputs.append(output)
            done += len(output)
            work.step(done, total, "rows")
        numbers.append(arrays[_ROW])
        y.append(arrays[prepared.target.name].astype(np.int64) - 1)
    whole = np.concatenate(outputs) if outputs else np.zeros((0, 1), np.float32)
    return _Rows(np.concatenate(numbers), whole, np.concatenate(y))


def _report(case: _Case, scored: Scored) -> tuple[dict[str, Any], dict[str, str]]:
    """The content of report.json, but for the worst examples and the gates; and the pictures of the data report."""
    work, task, test, classes = case.work, case.task, case.test, case.classes
    training, counts = _training_rows(case.prepared, len(classes), work)
    keep = case.every_test.y >= 0
    tested = {name: array[keep] for name, array in case.prepared.whole("test", work).items()}
    yardsticks = evaluation.baselines(case.prepared.given, training, Encoded(tested, test.y), counts, seed=work.seed)
    work.note("evaluate.baseline", rows=len(training.y))
    data = work.read_json(case.inputs["prepare"], "report.json")
    data_pictures = data.pop("pictures", None) or {}
    matrix, pairs = evaluation.confused(classes, scored)
    per_split = {
        "train": counts,
        "validation": np.bincount(case.validation.y, minlength=len(classes)),
        "test": np.bincount(test.y, minlength=len(classes)),
    }
    about, product = case.inputs["collect"].about, case.product
    report = {
        "format": 1,
        "product": {
            "name": product.name,
            "goal": product.goal,
            "verb": product.verb,
            "target": product.target_name,
            "given": {name: spec.kind for name, spec in product.given.items()},
            "task": {"en": task.title("en"), "zh": task.title("zh")},
        },
        "rows": {
            "train": case.prepared.rows("train"),
            "validation": case.prepared.rows("validation"),
            "test": len(test.y),
            "left_out": len(case.every_test.y) - len(test.y),
        },
        "resamples": evaluation.RESAMPLES,
        "classes": classes,
        "figures": evaluation.figures(task.figures, scored, yardsticks, seed=work.seed),
        "baselines": {yardstick.name: yardstick.about for yardstick in yardsticks},
        "by_class": evaluation.by_class(classes, scored, per_split),
        "confusion": matrix,
        "confused": pairs,
        "calibration": evaluation.calibration(
            scored, case.scored(Decision()), case.decision, has_threshold=task.output.units == 1
        ),
        "wrong_rows": int((scored.right == 0).sum()),
        "leaks": evaluation.leaks(data, task.figures[0], scored, test.numbers, seed=work.seed),
        "training": {**case.inputs["train"].about, "history": work.read_json(case.inputs["train"], "history.json")},
        "data": data,
        "provenance": about.get("provenance") or {},
        "collected_rows": about.get("rows"),
        "made": _made(product, case.inputs, work),
    }
    return report, data_pictures


def _training_rows(prepared: Prepared, classes: int, work: Workspace) -> tuple[Encoded, Array]:
    """At most so many training rows as the linear baseline learns from; and how many of all are of each class."""
    total, first = prepared.rows("train"), 0
    chosen = np.zeros(total, bool)
    chosen[np.random.default_rng(work.seed).permutation(total)[: evaluation.MOST_TRAINING_ROWS]] = True
    parts, counts = [], np.zeros(classes, np.int64)
    for arrays in prepared.arrays("train", work):
        y = arrays[prepared.target.name].astype(np.int64) - 1
        counts += np.bincount(y[y >= 0], minlength=classes)
        here = chosen[first : first + len(y)] & (y >= 0)
        parts.append({name: array[here] for name, array in arrays.items()})
        first += len(y)
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Encoded(together, together[prepared.target.name].astype(np.int64) - 1), counts


def _likely_samples(scored: Scored) -> Array:
    """Positions of rows that were answered rightly, those of middling confidence first; of any rows if none was."""
    right = np.flatnonzero(scored.right == 1)
    places = right if right.size else np.arange(scored.rows)
    sureness = scored.probabilities[places, scored.decided[places]]
    return places[np.argsort(np.abs(sureness - np.median(sureness)), kind="stable")][:_CANDIDATES]


def _sample(case: _Case, candidates: Array, raw: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """One test row as it would be sent, and the answer that must come back.

    The row is encoded again from its JSON form, as a service does; so a column kind whose two ways differ is found
    here, not by the customer.
    """
    given = case.prepared.given
    for place in candidates:
        row = evaluation.json_row(given, raw[int(case.test.numbers[place])])
        output = case.graph.outputs({name: field.encode([row[name]]) for name, field in given.items()})
        if np.allclose(output[0], case.test.outputs[place], rtol=0, atol=_SAME):
            return {"row": row, "answer": case.task.answers(output, case.decision)[0]}
    raise RunError("sample_differs", kinds=", ".join(sorted({field.kind() for field in given.values()})))


def _example(case: _Case, scored: Scored, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    said = int(scored.decided[place])
    plain = {name: field for name, field in case.prepared.given.items() if field.widget != "image"}
    return {
        "row": int(case.test.numbers[place]),
        "path": row.get("__path__"),
        "right": case.classes[int(scored.y[place])],
        "said": case.classes[said],
        "confidence": float(scored.probabilities[place, said]),
        "values": evaluation.json_row(plain, row),
    }


def _made(product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
    import yaml

    settings = {name: value for name, value in product.to_mapping(full=True).items() if name in _SECTIONS}
    network = work.read_json(inputs["train"], "network.json") if "network.json" in inputs["train"].members else {}
    return {
        "sixfold": version("sixfold"),
        "stages": {
            name: {
                "seconds": artefact.seconds,
                "artefact": artefact.digest,
            }
            for name, artefact in inputs.items()
        },
        "seeds": {"train": product.train.seed, "split": product.prepare.split.seed},
        "versions": {name: str(value) for name, value in (network.get("versions") or {}).items()},
        "settings": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    }


def _tell(report: Mapping[str, Any], work: Workspace) -> None:
    for figure in report["figures"]:
        how = evaluation.formula(figure["name"])
        work.note(
            "evaluate.headline",
            figure=how.title,
            value=evaluation.shown(figure["value"], how.style),
            rows=evaluation.count(figure["rows"]),
            interval=evaluation.interval(figure["low"], figure["high"], how.style),
        )
    for gate in report["gates"]:
        state = evaluation.both(f"report.gates.{gate['state']}")
        work.note("evaluate.gate", gate=evaluation.gate_title(gate["name"]), state=state)
