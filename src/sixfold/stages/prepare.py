"""Prepare: collected rows checked, split, and turned into arrays by fields fitted on training rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from sixfold.errors import DataError, Place, ProductError
from sixfold.families import find, names
from sixfold.fields import Array, Field, base_of
from sixfold.fields.category import Category
from sixfold.fields.neighbours import Neighbours
from sixfold.fields.series import Series
from sixfold.networks import Network
from sixfold.preparing import (
    MISSING,
    Collected,
    Column,
    Evidence,
    Found,
    Splits,
    data_report,
    encode,
    findings,
    groups_of,
    held_levels,
    held_thresholds,
    identity,
    reason_of,
    split,
    strata,
)
from sixfold.product import ColumnSpec, Product
from sixfold.progress import Finding
from sixfold.stages._generator import DIGEST_BYTES, SEEN, likeness_of
from sixfold.stages._stage import Stage
from sixfold.store import Artefact, Workspace
from sixfold.tasks import Task

__all__ = ["Prepare"]

_MOST_BAD = 0.01
"""Share of values not of their column's kind up to which they count as missing; beyond, the kind itself is wrong."""

_MOST_UNSEEN = 0.05
"""Share of a split's rows of classes that training lacks, left out while few; beyond, its figures would flatter."""

_FEWEST_PER_CLASS = 3
_FEWEST_PER_ARM = 20
"""Rows with a known outcome that each arm of a choice needs: five folds of fewer have next to none each."""

_FEWEST_ROWS = 6
"""Of two classes one row in each split."""

_TWO_CLASSES = 2


class Prepare(Stage):
    """Second of six.

    Rows without a target are left out; values not of their kind count as missing while they are few; rows with the same
    given values stay on one side of a random split; fields are fitted on training rows alone. What was left out, and
    what the checks found, is told and stands in the data report.
    """

    name: ClassVar[str] = "prepare"
    version: ClassVar[int] = 3

    def depends_on(self, product: Product) -> dict[str, Any]:
        return {
            "prepare": product.prepare.model_dump(mode="json"),
            **({"groups": groups} if (groups := _groups(product)) else {}),
            "given": list(product.given),
            "target": product.target_name,
            **({} if product.outcome_name is None else {"outcome": product.outcome_name}),
            "columns": {name: _depends_on(product, name, spec) for name, spec in wanted(product).items()},
        }

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """Write fields.json, shards.json, the shards and report.json.

        Raises:
            DataError: Nothing can be learned from these rows; the error says why.
            ProductError: product.yaml names a check that does not exist.
        """
        levels = held_levels(product)
        told = product.prepare.split
        windows = inputs["collect"].about.get("windows") or {}
        specs = _of_windows(wanted(product), product, windows)
        kinds = {name: spec.field(name, product.folder) for name, spec in specs.items()}
        groups = _groups(product)
        said = [told.group, told.time, *(groups or ())]
        beside = [name for name in dict.fromkeys(said) if name is not None]
        collected = Collected.open(inputs["collect"], work, kinds, beside)
        target = collected.columns[product.target_name]
        given = {name: collected.columns[name] for name in product.given}
        _hold_kinds(collected)
        outcome = None if product.outcome_name is None else collected.columns[product.outcome_name]
        candidates, unpictured = _pictured(_targeted(target, outcome), given)
        synthetic = np.intersect1d(candidates, collected.synthetic)
        candidates = np.setdiff1d(candidates, synthetic)
        same = identity(given.values() or [target])

        splits = split(
            told,
            candidates,
            classes=strata(target, candidates),
            same=same,
            official=collected.official,
            groups=None if told.group is None else collected.beside(told.group),
            times=None if told.time is None else collected.beside(told.time),
            spans=collected.spans,
        )
        if collected.spans is not None:
            used = sum(len(rows) for rows in splits.rows.values())
            work.note("prepare.windows", apart=len(candidates) - used)
        splits, unseen = _of_seen_classes(splits, target, synthetic)
        generated = _generated(inputs["collect"], collected, target, splits, synthetic, work)
        counts = {name: len(rows) for name, rows in splits.rows.items()}
        work.note("prepare.split", way=splits.way, **counts)

        untargeted = np.flatnonzero(target.missing)
        without_outcome = None if outcome is None else np.flatnonzero(outcome.missing & ~target.missing)
        evidence = Evidence(
            *(given, target, splits, collected.shown, same, untargeted, unpictured, unseen),
            thresholds=held_thresholds(product),
            groups=groups_of(
                groups, given, {name: collected.beside(name) for name in groups or () if name not in given}
            ),
            redacted=inputs["collect"].about.get("redacted") or {},
            personal_data=product.prepare.personal_data,
            paths=collected.paths,
            outcome=outcome,
            without_outcome=without_outcome,
        )
        found = findings(evidence, levels, "split")
        fitted: dict[str, Field] = {}
        for name, column in collected.columns.items():
            base = base_of(column.kind, fitted) if name == target.name else None
            kind = column.kind if base is None else column.kind.upon(base)
            fitted[name] = _fitted(
                column, kind, splits, collected, is_target=name not in product.given, synthetic=synthetic
            )
        fitted = _on_one_scale(fitted, product)
        encoded = encode(
            collected,
            fitted,
            target.name,
            splits,
            synthetic=synthetic,
            beside=() if outcome is None else (outcome.name,),
            same=same,
            seed=told.seed,
            work=work,
        )
        evidence = replace(
            evidence,
            splits=encoded.splits,
            unreadable=encoded.unreadable,
            same=encoded.same,
            repeated=encoded.repeated,
            fitted=fitted,
            lengths=encoded.lengths,
            looks=encoded.looks,
            sample=encoded.sample,
            stored=collected.stored,
        )
        found += findings(evidence, levels, "encoded", partial(work.step, unit="checks"))
        for one in found:
            work.tell(Finding(self.name, one.check, one.severity, one.says(), one.mend()))

        report = data_report(evidence, encoded, found, collected.rows - len(collected.synthetic))
        report["synthetic"] = generated
        work.write_json(
            "fields.json",
            {
                "given": [fitted[name].to_json() for name in product.given],
                "target": fitted[target.name].to_json(),
                **({} if outcome is None else {"outcome": fitted[outcome.name].to_json()}),
            },
        )
        work.write_json("shards.json", [shard.model_dump(exclude_defaults=True) for shard in encoded.shards])
        work.write_json("report.json", report)
        return {
            "rows": {name: len(rows) for name, rows in encoded.splits.rows.items()},
            "split": report["split"],
            "left_out": report["left_out"],
            "shared_rows": report["shared_rows"],
            "findings": _counted(found),
        }


def wanted(product: Product) -> dict[str, ColumnSpec]:
    """The given columns, the target and the outcome as they are prepared: what product.yaml says of them, and beyond
    that what the task asks of given ones (a mask: larger pictures), and the network (a pretrained one: its tokenizer),
    if one is named or `auto` is told what it needs. The outcome of a choice is not drawn together by logarithms:
    effects are differences in its own units."""
    networks, options = _asking(product), product.train.options
    family: type[Task] = Task  # type: ignore[type-abstract]  # a family is looked up, never built
    tasks = [task for task in (find(family, name) for name in names(family)) if task.matches(product)]
    columns = {}
    for name, spec in product.given.items():
        asked = {option: value for task in tasks for option, value in task.asks(spec.kind).items()}
        asked |= {option: value for network in networks for option, value in network.asks(spec.kind, options).items()}
        columns[name] = ColumnSpec(**{**asked, **spec.model_dump(by_alias=True, exclude_unset=True)})
    spec = product.target
    writing = [] if product.given else networks
    asked = {name: value for network in writing for name, value in network.asks_of_target(spec.kind, options).items()}
    columns[product.target_name] = ColumnSpec(**{**asked, **spec.model_dump(by_alias=True, exclude_unset=True)})
    for name in product.columns.keys() - columns.keys():
        spec = product.columns[name]
        asked = {"scale": "linear"} if spec.kind == "number" else {}
        columns[name] = ColumnSpec(**{**asked, **spec.model_dump(by_alias=True, exclude_unset=True)})
    return columns


def _groups(product: Product) -> list[str] | None:
    """The columns that tell groups apart, as far as product.yaml says: those of the data report, else the model's."""
    told = product.prepare.groups
    return told if told is not None else (list(product.evaluate.groups) or None)


def _of_windows(specs: Mapping[str, ColumnSpec], product: Product, windows: Mapping[str, Any]) -> dict[str, ColumnSpec]:
    """The columns with what was found while windows were cut: how long the past is, after how many steps a season."""
    if not windows:
        return dict(specs)
    found = {"length": windows["history"], "season": windows["season"]}
    return {
        name: ColumnSpec(**{**found, **spec.model_dump(by_alias=True, exclude_unset=True)})
        if spec.kind == "series" and name != product.target_name
        else spec
        for name, spec in specs.items()
    }


def _on_one_scale(fitted: Mapping[str, Field], product: Product) -> dict[str, Field]:
    """The fields, and of what lies ahead the target (and those nearby) on the scale of its past: the first series."""
    target = fitted[product.target_name]
    if not isinstance(target, Series) or product.target.options.get("steps") is None:
        return dict(fitted)
    past = next((field for name, field in fitted.items() if name != target.name and isinstance(field, Series)), None)
    if past is None:
        return dict(fitted)
    nearby = {name: field.going_on(past) for name, field in fitted.items() if isinstance(field, Neighbours)}
    try:
        return {**fitted, **nearby, target.name: target.going_on(past)}
    except ValueError as error:
        reason = reason_of(error)()
        raise DataError("bad_column", column=target.name, kind="series", reason=reason) from error


def _asking(product: Product) -> list[type[Network]]:
    """The networks that may ask something of the columns."""
    family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
    told = product.train
    if told.keras is not None:
        return []
    if told.network != "auto":
        return [find(family, told.network)]
    kinds = [find(family, name) for name in names(family)]
    said = set(told.options)  # what is said to `auto` is meant for the networks that know it
    return [kind for kind in kinds if set(kind.needs) <= said and said & set(kind.Options.model_fields)]


def _depends_on(product: Product, name: str, spec: ColumnSpec) -> dict[str, Any]:
    field = spec.field(name, product.folder)
    said = {"kind": spec.kind, "options": spec.options, "version": field.version}
    try:
        files = field.depends_on()
    except ValueError as error:
        key = product.key_of(name)
        raise ProductError("bad_value", place=product.place(key), key=key, reason=reason_of(error)()) from error
    return said if files is None else {**said, "files": files}


def _hold_kinds(collected: Collected) -> None:
    """A few values of the wrong kind are slips of the pen; many mean that the column is not what product.yaml says."""
    for column in collected.columns.values():
        if column.why is not None and len(column.bad) > max(1, _MOST_BAD * collected.rows):
            raise DataError(
                "bad_values",
                column=column.name,
                kind=column.kind.kind(),
                count=len(column.bad),
                total=collected.rows,
                first=collected.shown(int(column.bad[0])),
                reason=column.why(),
            )


def _targeted(target: Column, outcome: Column | None = None) -> Array:
    """The rows that have a target, and of a choice an outcome, ascending; held to be enough to learn from."""
    rows = np.flatnonzero(~target.missing)
    if len(rows) == 0:
        raise DataError("target_missing", column=target.name, rows=len(target.codes))
    if outcome is not None:
        rows = np.flatnonzero(~target.missing & ~outcome.missing)
        _hold_arms(target, outcome, rows)
    if len(rows) < _FEWEST_ROWS:
        raise DataError("too_few_rows", rows=len(rows), split="validation")
    if isinstance(target.kind, Category):
        counts = np.bincount(target.codes[rows])[1:]
        if len(counts) < _TWO_CLASSES:
            raise DataError("one_class", column=target.name, value=target.labels[0])
        small = int(np.count_nonzero(counts < _FEWEST_PER_CLASS))
        if small > len(counts) / 2:
            raise DataError("classes_too_small", column=target.name, classes=len(counts), small=small, rows=len(rows))
    else:
        _hold_varied(target, rows)
    return rows


def _hold_arms(target: Column, outcome: Column, rows: Array) -> None:
    """A choice is learned from what became of rows under each arm: of one arm alone nothing can be."""
    if len(rows) == 0:
        raise DataError("outcome_missing", column=outcome.name, rows=len(target.codes))
    counts = np.bincount(target.codes[rows], minlength=len(target.labels) + 1)[1:]
    if np.count_nonzero(counts) < _TWO_CLASSES:
        raise DataError("one_arm", column=target.name, value=target.labels[int(counts.argmax())], rows=len(rows))
    if counts.min() < _FEWEST_PER_ARM:
        arm = int(counts.argmin())
        raise DataError(
            "arm_too_small", column=target.name, value=target.labels[arm], rows=int(counts[arm]), least=_FEWEST_PER_ARM
        )
    if outcome.distinct(rows) == 1:
        raise DataError("constant_outcome", column=outcome.name, value=outcome.at(rows[:1])[0])


def _hold_varied(target: Column, rows: Array) -> None:
    """Of a target that never changes there is nothing to learn."""
    if target.distinct(rows) == 1:
        value = "–" if target.is_heavy else target.at(rows[:1])[0]
        raise DataError("constant_target", column=target.name, value=value)


def _pictured(rows: Array, given: Mapping[str, Column]) -> tuple[Array, Array]:
    """Rows that have something to learn from, and those whose picture, all that is given, is missing.

    Where other columns are given, a missing picture is a missing value as any other.
    """
    columns = list(given.values())
    if len(columns) != 1 or not columns[0].is_picture:
        return rows, rows[:0]
    lacking = columns[0].codes[rows] == MISSING
    return rows[~lacking], rows[lacking]


def _generated(
    artefact: Artefact, collected: Collected, target: Column, splits: Splits, synthetic: Array, work: Workspace
) -> dict[str, Any] | None:
    """What is told of rows that a generator made: which one, how many, of which classes. ``None`` where there are none.

    Raises:
        DataError: The generator learned from test rows: what it makes would tell of them.
    """
    told = artefact.about.get("synthetic")
    if told is None:
        return None
    learned = work.read(artefact, SEEN)
    known = {learned[start : start + DIGEST_BYTES] for start in range(0, len(learned), DIGEST_BYTES)}
    known.discard(bytes(DIGEST_BYTES))
    again: dict[str, list[int]] = {"validation": [], "test": []}
    for name, column in collected.columns.items():
        if column.is_heavy:
            for split, rows in again.items():
                numbers = splits.rows[split]  # type: ignore[index]  # both are names of splits
                values = collected.stored(name, numbers)
                rows += [
                    int(number)
                    for number, value in zip(numbers, values, strict=True)
                    if likeness_of(column.kind, value) in known
                ]
    if again["test"]:
        raise DataError(
            "generator_saw_test",
            place=Place(key="collect.synthetic"),
            product=told["product"],
            rows=len(again["test"]),
            total=len(splits.rows["test"]),
            first=collected.shown(again["test"][0]),
        )
    if again["validation"]:
        work.note("prepare.generator_saw", product=told["product"], rows=len(again["validation"]))
    counts = np.bincount(target.codes[synthetic], minlength=len(target.labels) + 1)[1 : len(target.labels) + 1]
    return {
        **told,
        "used": len(synthetic),
        "seen_validation": len(again["validation"]),
        "classes": {label: int(count) for label, count in zip(target.labels, counts, strict=True) if count},
    }


def _of_seen_classes(splits: Splits, target: Column, synthetic: Array) -> tuple[Splits, Array]:
    """The splits without validation and test rows of a class that training has not, and those rows.

    Kept, they would be errors that no model can avoid, and the loss knows no place for them; so they are left out and
    told, as long as they are few.
    """
    if not isinstance(target.kind, Category):
        _hold_varied(target, splits.rows["train"])
        return splits, np.zeros(0, np.int64)
    seen = np.unique(target.codes[np.concatenate([splits.rows["train"], synthetic])])
    if len(seen) < _TWO_CLASSES:
        raise DataError("one_class", column=target.name, value=target.labels[int(seen[0]) - 1])
    kept, unseen = dict(splits.rows), []
    for name, rows in splits.rows.items():
        is_seen = np.isin(target.codes[rows], seen)
        lost = rows[~is_seen]
        if len(lost) > max(1, _MOST_UNSEEN * len(rows)) or not is_seen.any():
            labels = sorted({target.labels[code - 1] for code in target.codes[lost].tolist()})
            raise DataError(
                "unseen_classes", split=name, count=len(lost), total=len(rows), classes=", ".join(labels[:10])
            )
        kept[name] = rows[is_seen]
        unseen.append(lost)
    return replace(splits, rows=kept), np.sort(np.concatenate(unseen))


def _fitted(
    column: Column, kind: Field, splits: Splits, collected: Collected, *, is_target: bool, synthetic: Array
) -> Field:
    rows = splits.rows["train"]
    if isinstance(
        kind, Category
    ):  # what a generator made may be all there is of a class; all else is told by real rows
        rows = np.concatenate([rows, synthetic])
    values = collected.stored(column.name, rows) if column.is_heavy else column.at(rows)
    try:
        return kind.fit(values, is_target=is_target)
    except ValueError as error:
        reason = reason_of(error)()
        raise DataError("bad_column", column=column.name, kind=column.kind.kind(), reason=reason) from error


def _counted(found: list[Found]) -> dict[str, int]:
    return {severity: sum(one.severity == severity for one in found) for severity in ("info", "warning")}
