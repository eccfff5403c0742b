"""Evaluate: the exported graph on rows it never saw, what turns its output into answers, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from sixfold import evaluation
from sixfold.errors import DataError, RunError
from sixfold.evaluation import Answered, Appraisal, Encoded, Graph, Judged, Rows, Yardstick
from sixfold.fields import Array, base_of
from sixfold.preparing import CHECKS
from sixfold.product import Product
from sixfold.stages._reference import reference
from sixfold.stages._stage import Stage
from sixfold.store import ROW, Artefact, Prepared, Workspace
from sixfold.tasks import GRAPH, Decision, Task, graph_members, task_of

__all__ = ["Evaluate", "tested"]

_WORST = 12
_CANDIDATES = 8
"""Test rows that are tried as the sample before two encodings of a row are called different."""

_SECTIONS = ("given", "predict", "generate", "choose", "collect", "prepare", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged, and what with."""

    product: Product
    inputs: Mapping[str, Artefact]
    work: Workspace
    prepared: Prepared
    task: Task
    appraisal: Appraisal[Any]
    graph: Graph


class Evaluate(Stage):
    """Fit the decision on validation rows, measure on test rows against the baselines, judge, and write the report."""

    name: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 4

    def depends_on(self, product: Product) -> dict[str, Any]:
        """Its own section; and name and goal, which the report shows.

        Raises:
            ProductError: product.yaml names a gate that does not exist, or asks one what it cannot answer.
        """
        evaluation.check_gates(product, CHECKS)
        return {
            "evaluate": product.evaluate.model_dump(mode="json"),
            **({"money": [product.currency, product.machine_hour]} if product.evaluate.value.is_said else {}),
            "chapters": {kind.kind(): kind.version for kind in evaluation.every_chapter()},
            "task": [task_of(product).kind(), task_of(product).version],
            **({} if product.aim is None else {"aim": product.aim}),
            "name": product.name,
            "goal": product.goal,
        }

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """Members: decision.json, report.json, report.html, sample.json, predictions.safetensors, reference.json.

        Raises:
            DataError: There are no test rows.
            RunError: The graph cannot be run, or prepares a row otherwise than a service would.
        """
        from safetensors.numpy import save

        prepared = Prepared.open(inputs["prepare"], work)
        task = task_of(product)(product, prepared.target, prepared.outcome)
        appraisal = evaluation.appraisal_of(task.pattern)(task)
        graph = Graph(_graphs(inputs["train"], work), prepared.given, task)
        case = _Case(product, inputs, work, prepared, task, appraisal, graph)

        validation, *_ = _gone_through(case, "validation", most=appraisal.most_decided_on)
        outputs, truth = _held_out(case) or (validation.outputs, validation.truth)
        decision = appraisal.decide(outputs, truth)
        if appraisal.most_decided_on != 0:
            work.note("evaluate.decision", rows=len(truth), decision=appraisal.told(decision))
        sample, training = _training_rows(case)
        yardsticks = appraisal.yardsticks(prepared.given, sample, training, seed=work.seed)
        names = evaluation.listed(appraisal.baselines[yardstick.name] for yardstick in yardsticks)
        work.note("evaluate.baselines", rows=len(sample.y), names=names)
        test, guesses, left_out = _gone_through(case, "test", yardsticks)
        if len(test.truth) == 0:
            raise DataError("no_test_rows", target=prepared.target.name)

        answered = appraisal.answered(test.outputs, test.truth, decision)
        samples = graph.said(appraisal.samples, task.Settings(**_seeded(task, work))) if appraisal.samples else None
        judged = Judged(
            decision, len(truth), training, validation, test, answered, work.seed, samples, (outputs, truth)
        )
        report, data_pictures = _report(case, judged, yardsticks, guesses, left_out)
        report["rival"] = _rival(case, judged)
        report["chapters"] = _chapters(case, judged, sample, report)

        worst, candidates = appraisal.worst(answered, _WORST), appraisal.typical(answered, _CANDIDATES)
        wanted = test.numbers[np.concatenate([worst, candidates])].tolist()
        raw = evaluation.collected_rows(inputs["collect"], wanted, work)
        example = _sample(case, judged, candidates, raw)
        report["worst"] = [_example(case, judged, int(place), raw[int(test.numbers[place])]) for place in worst]
        report["typical"] = [_example(case, judged, int(place), raw[int(test.numbers[place])]) for place in candidates]
        report["gates"] = [verdict.to_json() for verdict in evaluation.judge(product, report)]
        thumbnails = {
            example["row"]: pictures
            for example in report["worst"]
            if (pictures := evaluation.thumbnails(prepared.given, raw[example["row"]]))
        }
        looked = evaluation.collected_rows(inputs["collect"], evaluation.looked_at(report["data"]), work)
        report["data"]["shown"] = {str(number): _shown(case, row) for number, row in looked.items()}
        thumbnails |= {
            number: pictures
            for number, row in looked.items()
            if (pictures := evaluation.thumbnails(prepared.given, row))
        }
        _tell(report, work)

        work.write_json("decision.json", decision.model_dump())
        work.write_json("report.json", report)
        work.write("report.html", evaluation.page({**report, "data_pictures": data_pictures}, thumbnails))
        work.write_json("sample.json", example)
        work.write_json("reference.json", reference(inputs["collect"], prepared, task, judged, report, work))
        kept = {"row": test.numbers, **appraisal.kept(answered)}
        work.write("predictions.safetensors", save({name: np.ascontiguousarray(array) for name, array in kept.items()}))
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


def tested(product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> tuple[Prepared, Appraisal[Any], Rows]:
    """What the model of `train` says of every test row that can be judged: the fitted columns, how such answers are
    judged, and the rows.

    Raises:
        RunError: The graph cannot be run.
    """
    prepared = Prepared.open(inputs["prepare"], work)
    task = task_of(product)(product, prepared.target, prepared.outcome)
    appraisal = evaluation.appraisal_of(task.pattern)(task)
    graph = Graph(_graphs(inputs["train"], work), prepared.given, task)
    rows, *_ = _gone_through(_Case(product, inputs, work, prepared, task, appraisal, graph), "test")
    return prepared, appraisal, rows


def _seeded(task: Task, work: Workspace) -> dict[str, int]:
    """The run's own seed, where a task draws by one."""
    return {"seed": work.seed} if "seed" in task.Settings.model_fields else {}


def _graphs(trained: Artefact, work: Workspace) -> dict[str, bytes]:
    return {name: work.read(trained, member) for member, name in graph_members(list(trained.members)).items()}


def _held_out(case: _Case) -> tuple[Array, Array] | None:
    """What the models of folds answered for the rows that each did not learn from, and their truth; ``None`` where the
    model learned from training rows alone, so that validation rows can tell."""
    from safetensors.numpy import load

    trained = case.inputs["train"]
    if "held_out.safetensors" not in trained.members:
        return None
    kept = load(case.work.read(trained, "held_out.safetensors"))
    return kept["outputs"], case.appraisal.truth(case.task.encoded(kept["targets"]))


def _gone_through(
    case: _Case, split: Any, yardsticks: Sequence[Yardstick] = (), *, most: int | None = None
) -> tuple[Rows, dict[str, Array], int]:
    """The rows of a split that can be judged, of the first ``most``; what each yardstick says of them; and how many
    rows were left out because their truth is not known.

    Shard by shard: only one shard is in memory at a time.
    """
    prepared, work, appraisal = case.prepared, case.work, case.appraisal
    left = prepared.rows(split) if most is None else min(most, prepared.rows(split))
    total, done = left, 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        work.step(done, total, "rows")

    left_out = 0
    parts: list[Rows] = []
    guesses: dict[str, list[Array]] = {yardstick.name: [] for yardstick in yardsticks}
    for arrays in prepared.arrays(split, work):
        if left <= 0:
            break
        arrays = {name: array[:left] for name, array in arrays.items()}  # noqa: PLW2901
        left -= len(arrays[ROW])
        truth = appraisal.truth(case.task.taken(arrays))
        if len(truth) == 0:
            continue
        beside = {name: array for name, array in arrays.items() if name not in (ROW, prepared.target.name)}
        places, truth = appraisal.asked(beside, truth)
        arrays = {name: array[places] for name, array in arrays.items()}  # noqa: PLW2901
        known = appraisal.is_known(truth)
        left_out += int((~known).sum())
        rows = Rows(arrays[ROW], case.graph.outputs(arrays, len(truth), tell), truth)
        parts.append(rows.kept(known))
        for yardstick in yardsticks:
            guesses[yardstick.name].append(yardstick.outputs(arrays)[known])
    if not parts:
        nothing = appraisal.truth(case.task.taken(prepared.no_rows()))
        parts = [Rows(np.zeros(0, np.int64), np.zeros((0, *case.task.output.shape), np.float32), nothing)]
    whole = Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "outputs", "truth")))
    return whole, {name: np.concatenate(found) for name, found in guesses.items() if found}, left_out


def _training_rows(case: _Case) -> tuple[Encoded, Array]:
    """At most so many training rows as the linear baseline learns from; and the truth of all that have one."""
    prepared, appraisal = case.prepared.real, case.appraisal  # yardsticks are not helped by a generator
    total, first = prepared.rows("train"), 0
    chosen = np.zeros(total, bool)
    chosen[np.random.default_rng(case.work.seed).permutation(total)[: evaluation.MOST_TRAINING_ROWS]] = True
    parts, truths = [], []
    for arrays in prepared.arrays("train", case.work):
        truth = appraisal.truth(case.task.taken(arrays))
        known = appraisal.is_known(truth)
        here = chosen[first : first + len(truth)] & known
        parts.append(Encoded({name: arrays[name][here] for name in prepared.given}, truth[here]))
        truths.append(truth[known])
        first += len(truth)
    together = {name: np.concatenate([part.arrays[name] for part in parts]) for name in prepared.given}
    return Encoded(together, np.concatenate([part.y for part in parts])), np.concatenate(truths)


def _report(
    case: _Case,
    judged: Judged[Any],
    yardsticks: Sequence[Yardstick],
    guesses: Mapping[str, Array],
    left_out: int,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The content of report.json, but for the worst examples and the gates; and the pictures of the data report."""
    work, task, test, appraisal = case.work, case.task, judged.test, case.appraisal
    data = work.read_json(case.inputs["prepare"], "report.json")
    data_pictures = data.pop("pictures", None) or {}
    against: dict[str, Answered] = appraisal.rivals(judged.answered, guesses, test.truth)
    about, product = case.inputs["collect"].about, case.product
    report = {
        "format": 1,
        "pattern": appraisal.kind(),
        "product": {
            "name": product.name,
            "goal": product.goal,
            "medical": product.evaluate.medical,
            "verb": product.verb,
            "target": product.target_name,
            "given": {name: spec.kind for name, spec in product.given.items()},
            "task": {"en": task.title("en"), "zh": task.title("zh")},
        },
        "rows": {
            "train": case.prepared.rows("train"),
            "validation": case.prepared.rows("validation"),
            "test": len(test.truth),
            "left_out": left_out,
        },
        "resamples": evaluation.RESAMPLES,
        "figures": evaluation.figures(task.judged_by, judged.answered, against, seed=work.seed),
        "baselines": {yardstick.name: yardstick.about for yardstick in yardsticks},
        **appraisal.parts(judged),
        "leaks": evaluation.leaks(data, task.judged_by[0], judged.answered, test.numbers, seed=work.seed),
        "training": {**case.inputs["train"].about, "history": work.read_json(case.inputs["train"], "history.json")},
        "data": data,
        "provenance": about.get("provenance") or {},
        "collected_rows": about.get("rows"),
        "made": _made(product, case.inputs, work),
    }
    return report, data_pictures


def _rival(case: _Case, judged: Judged[Any]) -> dict[str, Any] | None:
    """What the preset bought: every figure against the best model of the search that did without one.

    ``None`` where no model that answers began with a preset, or all that were tried did.
    """
    trained, work, appraisal = case.inputs["train"], case.work, case.appraisal
    if "rival.onnx" not in trained.members:
        return None
    other = replace(case, graph=Graph({GRAPH: work.read(trained, "rival.onnx")}, case.prepared.given, case.task))
    validation, *_ = _gone_through(other, "validation")
    test, *_ = _gone_through(other, "test")
    # A model of folds learned from validation rows too, and would look too sure of them.
    is_folded = "held_out.safetensors" in trained.members
    decision = Decision() if is_folded else appraisal.decide(validation.outputs, validation.truth)
    answered = appraisal.answered(test.outputs, test.truth, decision)
    figures = evaluation.figures(case.task.judged_by, judged.answered, {"rival": answered}, seed=work.seed)
    return {**trained.about["rival"], "figures": {figure["name"]: figure["against"]["rival"] for figure in figures}}


def _chapters(case: _Case, judged: Judged[Any], sample: Encoded, report: Mapping[str, Any]) -> dict[str, Any]:
    """What each chapter of the report found, by its name."""
    model = evaluation.Finished(
        product=case.product,
        inputs=case.inputs,
        work=case.work,
        prepared=case.prepared,
        task=case.task,
        appraisal=case.appraisal,
        graph=case.graph,
        judged=judged,
        sample=sample,
        report=report,
    )
    told = {}
    for kind in evaluation.every_chapter():
        if kind.suits(model) and (found := kind().measure(model)) is not None:
            told[kind.kind()] = found
    return told


def _sample(
    case: _Case, judged: Judged[Any], candidates: Array, raw: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """One test row as it would be sent, and the answer that must come back.

    The row is encoded again from its JSON form, as a service does; so a column kind whose two ways differ is found
    here, not by the customer.
    """
    given, test = case.prepared.given, judged.test
    if judged.samples is not None:  # nothing is given, so there is no row to be encoded another way
        asked = case.task.sample_settings
        output = case.graph.said(1, case.task.Settings(**asked))
        return {"row": {}, "settings": dict(asked), "answer": case.task.answers(output, judged.decision)[0]}
    for place in candidates:
        row = evaluation.json_row(given, raw[int(test.numbers[place])])
        arrays = {name: field.encode([row[name]]) for name, field in given.items()}
        output = case.graph.outputs({ROW: test.numbers[place : place + 1], **arrays}, 1)
        if case.task.alike(output[0], test.outputs[place]):
            first = case.graph.outputs(arrays, 1)  # as a service answers it, where it is the first row
            answers = case.task.answers(first, judged.decision)
            if (base := base_of(case.prepared.target, given)) is not None:
                answers = case.task.upon(answers, [base.extent(row[base.name])])
            return {"row": row, "answer": answers[0]}
    raise RunError("sample_differs", kinds=", ".join(sorted({field.kind() for field in given.values()})))


def _shown(case: _Case, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that the data report asks people to look at; pictures are shown apart."""
    plain = {name: field for name, field in case.prepared.given.items() if field.widget != "image"}
    return {"path": row.get("__path__"), "values": evaluation.json_row(plain, row)}


def _example(case: _Case, judged: Judged[Any], place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: field for name, field in case.prepared.given.items() if field.widget != "image"}
    return {
        "row": int(judged.test.numbers[place]),
        "path": row.get("__path__"),
        **case.appraisal.example(judged.answered, place, row),
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
