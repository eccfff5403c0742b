"""The one door that binds the six stages to store, ledger and events: load, plan, run.

A stage whose key was seen before is not run again: the key is made of what the stage depends on, the digests of its
inputs, the seed, and the versions of the kinds it uses. ``deploy`` and ``deliver`` are effects: they always run, and
doing them twice leaves what doing them once left.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

import sixfold.product
from sixfold.errors import GateRefused, InputError, ProductError, SixfoldError
from sixfold.evaluation import Comparison, check_gates
from sixfold.families import Kind, find, names
from sixfold.files import locked, private_folder, write_whole
from sixfold.hashing import digest_of_value
from sixfold.metering import Meter
from sixfold.networks import Network
from sixfold.preparing import CHECKS
from sixfold.product import Product, declaration_error
from sixfold.progress import Listener, Note, silent
from sixfold.progress import Stage as StageEvent
from sixfold.quoting import Quote, quote_of
from sixfold.security import Home, Keyring, Ledger, fingerprint, recipient_from
from sixfold.serving import Bundle, Engine
from sixfold.stages import (
    FED,
    STAGES,
    Collect,
    Compared,
    Stage,
    bundle_from,
    comparison,
    hold_settings,
    own_network,
)
from sixfold.store import Artefact, Store, Workspace, keep_quote, kept_quote
from sixfold.targets import Service, Target
from sixfold.tasks import task_of

__all__ = ["PlanStep", "Run", "Sixfold", "load"]

State = Literal["cached", "runs"]
_OF_PRODUCTS = ("product", "quote", "former", "candidate", "fed")
"""What is kept under a product's name until the product is removed."""

_EARLIER = re.compile(r"(?P<product>.+)~(?P<back>\d{0,4})")
_REFUSABLE = "deploy"
"""The stage before which gates are asked."""


def load(path: str | Path) -> Product:
    """The product that a product.yaml (or the folder it is in) declares, checked as a whole.

    Raises:
        ProductError: It cannot be read or is wrong; the error names the line, the key and the mend.
    """
    product = sixfold.product.load(path)
    check(product)
    return product


def check(product: Product) -> None:
    """Hold what the declaration alone cannot: that its task, network, gates and target exist and know their options.

    Raises:
        ProductError: One does not.
        KeyringError: A recipient of the pack is none.
    """
    task_of(product)
    if product.train.keras is not None:
        own_network(product).file  # noqa: B018 — raises where there is none
    if product.train.keras is None and product.train.network != "auto":
        _check_options(product, Network, product.train.network, "train", "network", product.train.options)
    elif product.train.keras is None:
        _check_options_of_auto(product)
    hold_settings(product)
    check_gates(product, CHECKS)
    _check_options(product, Target, product.deploy.target, "deploy", "target", product.deploy.options)
    for recipient in product.deliver.to:
        recipient_from(recipient)


def _check_options_of_auto(product: Product) -> None:
    """Beside ``network: auto`` stand only options that a network needs to be tried at all, such as its preset."""
    family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
    needed = {option for name in names(family) for option in find(family, name).needs}
    for key in product.train.options:
        if key not in needed:
            raise ProductError("option_of_auto", place=product.place(f"train.{key}"), key=key)


def _check_options(
    product: Product, family: type[Kind], name: str, section: str, key: str, options: Mapping[str, Any]
) -> None:
    try:
        kind = find(family, name)
    except ProductError as error:
        raise ProductError(error.slug, place=product.place(f"{section}.{key}"), **error.values) from error
    try:
        kind.Options(**options)
    except ValidationError as error:
        fault = declaration_error(error, kind.Options, prefix=section)
        place = product.place(fault.place.key if fault.place and fault.place.key else section)
        raise ProductError(
            fault.slug, place=place, expected=fault.expected, received=fault.received, **fault.values
        ) from error


@dataclass(frozen=True, slots=True)
class PlanStep:
    """What a run would do with one stage: nothing (``cached``) or run it, and why."""

    stage: str
    state: State
    reason: str


@dataclass(frozen=True)
class Run:
    """What a run made, or what is known of the last one.

    >>> run = sixfold.run(product)              # doctest: +SKIP
    >>> run.figures["accuracy"]                 # doctest: +SKIP
    {'value': 0.986, 'low': 0.971, 'high': 0.995, 'rows': 360}
    >>> run.predict([{"age": 41, …}])           # doctest: +SKIP
    """

    product: Product
    artefacts: Mapping[str, Artefact]
    receipts: Mapping[str, dict[str, Any]]
    seconds: Mapping[str, float]
    cached: Sequence[str]
    report_path: Path | None = None
    used: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each stage took of the machine when it last ran (:class:`sixfold.metering.Used`), as plain JSON."""
    _store: Store | None = field(default=None, repr=False)

    @property
    def figures(self) -> dict[str, Any]:
        """Every figure on test rows by name: value, 95 % interval, rows."""
        figures: dict[str, Any] = self.artefacts["evaluate"].about["figures"]
        return figures

    @cached_property
    def report(self) -> Report:
        """The report; shown in a notebook when it is the last line of a cell."""
        return Report(self._work("report").read(self.artefacts["evaluate"], "report.html"))

    @cached_property
    def bundle(self) -> Bundle:
        """Everything that answers need, in memory."""
        return bundle_from(self.product, self.artefacts, self._work("bundle"))

    @property
    def pack(self) -> Path | None:
        """The delivered pack, if there is one."""
        receipt = self.receipts.get("deliver")
        return None if receipt is None else Path(receipt["pack"])

    @property
    def service(self) -> str | None:
        """The address of the service that was deployed, if it was."""
        receipt = self.receipts.get("deploy")
        return None if receipt is None else str(receipt["url"])

    def predict(self, rows: Any) -> list[dict[str, Any]]:
        """The answers for rows: a data frame (pandas or Polars), a list of mappings, or one mapping.

        Raises:
            RequestError: A row is wrong; the error names the row, the column and the mend.
        """
        return self._engine.answers(rows_of(rows))

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.bundle)

    def _work(self, stage: str) -> Workspace:
        assert self._store is not None
        return Workspace(self._store, stage, "")


@dataclass(frozen=True, slots=True)
class Report:
    """The report, as one HTML file."""

    html: bytes

    def save(self, path: str | Path) -> Path:
        """Write it where the user wants it, in clear; returns the path."""
        target = Path(path)
        target.write_bytes(self.html)
        return target

    def _repr_html_(self) -> str:
        import html

        source = html.escape(self.html.decode(), quote=True)
        return f'<iframe srcdoc="{source}" style="width:100%;height:80vh;border:0" sandbox="allow-scripts"></iframe>'


def rows_of(rows: Any) -> list[dict[str, Any]]:
    """Rows as a list of mappings, from a data frame (pandas or Polars), one mapping, or a list of them."""
    if hasattr(rows, "to_dicts"):
        return list(rows.to_dicts())
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        return list(rows.to_dict(orient="records"))
    return [dict(rows)] if isinstance(rows, Mapping) else [dict(row) for row in rows]


class Sixfold:
    """The house of one home: its keys, store, ledger and products.

    Args:
        home: Where it keeps what it must remember; left out, what SIXFOLD_HOME names, else ~/.sixfold.
        listener: Whom progress is told.
    """

    def __init__(self, home: Home | None = None, listener: Listener = silent) -> None:
        self.home = home if home is not None else Home.default()
        self.keyring = Keyring(self.home)
        self.store = Store(self.home, self.keyring)
        self.ledger = Ledger(self.home, self.keyring)
        self.listener = listener

    def plan(self, product: Product) -> list[PlanStep]:
        """What :meth:`run` would do, stage by stage, without doing it."""
        check(product)
        steps: list[PlanStep] = []
        inputs: dict[str, Artefact] = {}
        for stage in STAGES:
            if stage.is_effect:
                steps.append(PlanStep(stage.name, "runs", "effect"))
                continue
            waits = next((step.stage for step in steps if step.state == "runs"), None)
            made = None if waits else self._made(stage, product, inputs)
            if made is None:
                is_asked = isinstance(stage, Collect) and stage.must_run(product)
                steps.append(
                    PlanStep(stage.name, "runs", f"after {waits}" if waits else "asked" if is_asked else "new")
                )
            else:
                inputs[stage.name] = made
                steps.append(PlanStep(stage.name, "cached", "same"))
        return steps

    def quote(self, product: Product) -> Quote:
        """What :meth:`run` will take, stage by stage, how good the model will be, and whether to begin.

        Measured, not guessed: every stage is done once on some of the real rows, in a house of its own that is gone
        afterwards. It takes a minute at most, or a tenth of the time that `train` has where that is more. The quote is
        kept, and set beside what came by the report and by ``sixfold status``.

        Raises:
            InputError: What the user gave is wrong, or too little of the source could be read in time.
            RunError: A stage failed on the sample.
        """
        check(product)
        with self._alone(product):
            made: dict[str, Artefact] = {}
            for stage in STAGES:
                found = None if stage.is_effect else self._made(stage, product, made)
                if found is None:
                    break
                made[stage.name] = found
            quote = quote_of(product, self.store, made, self.listener)
        keep_quote(self.store, product, quote.to_json())
        self.ledger.append("product.quoted", product.name, seconds=quote.seconds, verdict=quote.verdict)
        return quote

    def quoted(self, product: Product) -> Quote | None:
        """The last quote of a product as it is declared now; ``None`` if there is none."""
        kept = kept_quote(self.store, product)
        return None if kept is None else Quote.from_json(kept)

    def run(
        self,
        product: Product,
        *,
        until: str = "deliver",
        overrides: Mapping[str, str] | None = None,
        write_report: bool | None = None,
    ) -> Run:
        """Take a product through the stages, up to and including ``until``.

        Args:
            product: The declaration.
            until: The last stage: collect, prepare, train, evaluate, deploy or deliver.
            overrides: Gates to pass although they say no, each with the reason; both go into the ledger, and where the
                gate did say no onto the card.
            write_report: Whether the report is written beside product.yaml, for the user to open; left out, only for a
                product that has a file: one built in code shows it with :attr:`Run.report`.

        Raises:
            InputError: What the user gave is wrong (exit code 2).
            RunError: Something failed (exit code 1); finished stages are kept.
            GateRefused: A gate said no (exit code 3); the model and its report are kept.
        """
        check(product)
        if until not in {stage.name for stage in STAGES}:
            raise ProductError("unknown_stage", name=until, known=", ".join(stage.name for stage in STAGES))
        check_gates(product, CHECKS, overrides or {})
        if not all(reason.strip() for reason in (overrides or {}).values()):
            given = sum(bool(reason.strip()) for reason in (overrides or {}).values())
            raise InputError("override_reason", gates=len(overrides or {}), reasons=given)
        with self._alone(product):
            is_written = product.file is not None if write_report is None else write_report
            return self._run(product, until, dict(overrides or {}), is_written)

    def last(self, name: str) -> Run | None:
        """What the last run of the product called ``name`` made; ``None`` if there was none, or it was removed."""
        return self._run_of(self.store.made("product", name))

    def evaluated(self, name: str) -> Run:
        """What the last run of the product called ``name`` made, which came as far as `evaluate`.

        Raises:
            InputError: It was not run here, or not as far.
        """
        run = self.last(name)
        if run is None:
            raise InputError("unknown_product", name=name, known=", ".join(self.products()) or "–")
        if "evaluate" not in run.artefacts:
            raise InputError("not_evaluated", name=name)
        return run

    def _run_of(self, record: Artefact | None) -> Run | None:
        if record is None:
            return None
        about = record.about
        artefacts: dict[str, Artefact] = {}
        for stage, key in about["keys"].items():
            artefact = self.store.made(stage, key)
            if artefact is not None:
                artefacts[stage] = artefact
        file = Path(about["file"]) if about["file"] else None
        product = Product.declared(about["product"], file, {})
        report = Path(about["report"]) if about["report"] else None
        used = about.get("used", {})
        return Run(product, artefacts, about["receipts"], about["seconds"], [], report, used, self.store)

    def named(self, name: str) -> Run:
        """The last run of a product; with ``~1`` behind its name the newest one whose model was another, and so on.

        Raises:
            InputError: There is no such run here.
        """
        found = _EARLIER.fullmatch(name)
        product, back = (name, 0) if found is None else (found["product"], int(found["back"] or 1))
        last = self.last(product)
        if last is None:
            raise InputError("unknown_product", name=product, known=", ".join(self.products()) or "–")
        if back == 0:
            return last
        runs = self._runs(last)
        if back >= len(runs):
            raise InputError("no_such_run", name=product, back=back, kept=len(runs))
        return runs[back]

    def compare(self, first: Run, second: Run, *, names: tuple[str, str] | None = None) -> Comparison:
        """Two runs on the test rows that both have, each figure with the paired interval of the difference.

        Args:
            first: A run that came as far as `evaluate`.
            second: Another, of the same product or of one that answers the same question.
            names: What they are called; left out, as their products are.

        Raises:
            InputError: One was not evaluated, they answer different questions, or they share no test rows.
        """
        called = names or (first.product.name, second.product.name)
        for run, name in zip((first, second), called, strict=True):
            if "evaluate" not in run.artefacts:
                raise InputError("not_evaluated", name=name)
        one, other = (
            Compared(name, run.product, run.artefacts) for run, name in zip((first, second), called, strict=True)
        )
        return comparison(one, other, Workspace(self.store, "compare", "", listener=self.listener))

    def _runs(self, last: Run) -> list[Run]:
        """Every run of a product that came to `evaluate` and whose artefacts are still kept, the newest first."""
        name, newest = last.product.name, last.artefacts.get("evaluate")
        done = [entry for entry in self.ledger.entries() if entry.product == name and entry.act == "evaluate.done"]
        keys = dict.fromkeys(str(entry.values["key"]) for entry in reversed(done))
        runs = [last] if newest is not None else []
        kept = {stage: self._kept(stage) for stage in ("collect", "prepare", "train")}
        for key in keys:
            evaluated = self.store.made("evaluate", key)
            if evaluated is not None and (newest is None or evaluated.key != newest.key):
                run = self._earlier(last, evaluated, kept)
                runs += [] if run is None else [run]
        return runs

    def _kept(self, stage: str) -> dict[str, Artefact]:
        """What a stage made that is still kept, by digest."""
        made = (self.store.made(kind, key) for kind, key in self.store.steps() if kind == stage)
        return {artefact.digest: artefact for artefact in made if artefact is not None}

    def _earlier(self, last: Run, evaluated: Artefact, kept: Mapping[str, Mapping[str, Artefact]]) -> Run | None:
        """The run that a former evaluation belongs to; ``None`` where what it was made from is gone."""
        import yaml

        made = json.loads(self.store.get(evaluated.members["report.json"]))["made"]
        artefacts = {
            stage: artefact
            for stage in kept
            if (artefact := kept[stage].get(made["stages"][stage]["artefact"])) is not None
        }
        if len(artefacts) < len(kept):
            return None
        about = last.product.to_mapping()
        settings = {"name": about["name"], "data": about["data"], **yaml.safe_load(made["settings"])}
        product = Product.declared(settings, last.product.file, {})
        return Run(product, {**artefacts, "evaluate": evaluated}, {}, {}, [], _store=self.store)

    def deploy(self, run: Run) -> Service:
        """Have a run's model served, without running anything else; its gates must have passed.

        Raises:
            GateRefused: A gate said no.
            ServiceError: It does not answer rightly; the former service still runs.
        """
        self._ask_gates(run.product, run.artefacts["evaluate"], {})
        return self._deploy(run)

    def _deploy(self, run: Run) -> Service:
        with self._alone(run.product):
            stage = next(stage for stage in STAGES if stage.name == _REFUSABLE)
            receipts, folder = dict(run.receipts), run.product.folder / f"{run.product.name}-delivery"
            self._do(stage, run.product, dict(run.artefacts), receipts, folder, {}, {})
            self._keep(run.product, run.artefacts, receipts, run.seconds, run.report_path, run.used)
        return Service(**receipts["deploy"])

    def former(self, name: str) -> Run | None:
        """What answered before the last change that can be undone; ``None`` if there is nothing to go back to."""
        return self._run_of(self.store.made("former", name))

    def remember_former(self, name: str, *, candidate: bool = False) -> None:
        """Keep what the product's record says now, to go back to; ``candidate``: only until :meth:`settle`.

        Without ``candidate`` it is the candidate, kept before, that can be gone back to from now on.
        """
        record = self.store.made("product" if candidate else "candidate", name)
        if record is not None:
            self.store.keep("candidate" if candidate else "former", name, record.about, {})
        if not candidate:
            self.store.drop("candidate", name)

    def settle(self, name: str) -> None:
        """Where a candidate is still kept, nothing was promoted: it is the product's record again."""
        record = self.store.made("candidate", name)
        if record is not None:
            self.store.keep("product", name, record.about, {})
            self.store.drop("candidate", name)

    def restore(self, name: str) -> Run:
        """Have the former model served again; it is the product's record, and what it replaces becomes the former one.

        Raises:
            InputError: There is none.
            ServiceError: It does not answer rightly; what answered before still does.
        """
        former, now = self.store.made("former", name), self.store.made("product", name)
        run = self._run_of(former)
        if former is None or run is None:
            raise InputError("no_former", name=name)
        self._deploy(run)  # its gates passed once, or somebody answered for them
        if now is not None:
            self.store.keep("former", name, now.about, {})
        return run

    def products(self) -> list[str]:
        """The names of all products that were run here."""
        return [key for stage, key in self.store.steps() if stage == "product"]

    def remove(self, name: str) -> bool:
        """Forget a product: its service is stopped, its artefacts are dropped unless another product uses them."""
        record = self.store.made("product", name)
        if record is None:
            return False
        for kind in sorted({record.about["product"].get("deploy", {}).get("target", "local")}):
            find(Target, kind)(self.home).stop(name)  # type: ignore[type-abstract]
        others = {
            (stage, key)
            for other in self.products()
            if other != name and (kept := self.store.made("product", other)) is not None
            for stage, key in kept.about["keys"].items()
        }
        for step in record.about["keys"].items():
            if step not in others:
                self.store.drop(*step)
        for what in _OF_PRODUCTS:
            self.store.drop(what, name)
        shutil.rmtree(self.home.path / "watch" / name, ignore_errors=True)
        self.ledger.append("product.removed", name)
        return True

    def collect_garbage(self, *, dry: bool = False) -> tuple[int, int]:
        """Drop artefacts that no product's last run uses, then blobs that nothing names; returns blobs and bytes."""
        with locked(self._house_lock):
            used = {
                (stage, key)
                for name in self.products()
                for what in ("product", "former", "candidate")
                if (kept := self.store.made(what, name)) is not None
                for stage, key in kept.about["keys"].items()
            }
            unused = {step for step in self.store.steps() if step[0] not in _OF_PRODUCTS and step not in used}
            freed = self.store.collect_garbage(unused, dry=dry)
        if not dry:
            self.ledger.append("store.garbage_collected", None, blobs=freed[0], bytes=freed[1])
        return freed

    def _run(self, product: Product, until: str, overrides: dict[str, str], write_report: bool) -> Run:
        artefacts: dict[str, Artefact] = {}
        receipts: dict[str, dict[str, Any]] = {}
        seconds: dict[str, float] = {}
        used: dict[str, dict[str, Any]] = {}
        cached: list[str] = []
        folder = product.folder / f"{product.name}-delivery"
        report_path: Path | None = None
        before = self.store.made("product", product.name)
        self.ledger.append(
            "run.started",
            product.name,
            declaration=digest_of_value(product.to_mapping()),
            keys={
                "opens": self.keyring.recipient,
                "signs records": fingerprint(self.keyring.public_ledger_pem()),
                "signs packs": fingerprint(self.keyring.public_signing_pem()),
            },
        )
        for stage in STAGES:
            if stage.name == _REFUSABLE:
                if write_report:
                    report_path = self._export_report(artefacts["evaluate"], folder)
                self._keep(product, artefacts, receipts, seconds, report_path, used)
                overrides = self._ask_gates(product, artefacts["evaluate"], overrides)
            begun = time.perf_counter()
            made = None if stage.is_effect else self._made(stage, product, artefacts)
            if made is not None:
                artefacts[stage.name] = made
                cached.append(stage.name)
                self.listener(StageEvent(stage.name, "cached", made.seconds))
            else:
                self._do(stage, product, artefacts, receipts, folder, overrides, used)
            seconds[stage.name] = time.perf_counter() - begun
            if made is None:
                self.listener(StageEvent(stage.name, "done", seconds[stage.name]))
            if stage.name == _REFUSABLE:
                self._remember(before, artefacts)
            if stage.name == until:
                break
        if write_report and report_path is None and "evaluate" in artefacts:
            report_path = self._export_report(artefacts["evaluate"], folder)
        self._keep(product, artefacts, receipts, seconds, report_path, used)
        self.ledger.append("run.finished", product.name, until=until, seconds=round(sum(seconds.values()), 3))
        return Run(product, artefacts, receipts, seconds, cached, report_path, used, self.store)

    def _remember(self, before: Artefact | None, artefacts: Mapping[str, Artefact]) -> None:
        """Once another model is served, the one before can be gone back to."""
        if before is None or "deploy" not in before.about["receipts"] or "evaluate" not in before.about["keys"]:
            return
        if before.about["keys"]["evaluate"] != artefacts["evaluate"].key:
            self.store.keep("former", before.key, before.about, {})

    def _do(
        self,
        stage: Stage,
        product: Product,
        artefacts: dict[str, Artefact],
        receipts: dict[str, dict[str, Any]],
        folder: Path,
        overrides: Mapping[str, str],
        used: dict[str, dict[str, Any]],
    ) -> None:
        self.listener(StageEvent(stage.name, "started"))
        key = self._key(stage, product, artefacts)
        work = Workspace(self.store, stage.name, key, product.train.seed, self.listener, folder, overrides)
        begun = time.perf_counter()
        try:
            with Meter() as meter:
                about = stage.run(product, artefacts, work)
        except BaseException as error:
            self.listener(StageEvent(stage.name, "failed", time.perf_counter() - begun))
            reason = error.code if isinstance(error, SixfoldError) else type(error).__name__
            with contextlib.suppress(SixfoldError):
                self.ledger.append(f"{stage.name}.failed", product.name, reason=reason)
            raise
        used[stage.name] = meter.used.to_json()
        if stage.is_effect:
            receipts[stage.name] = about
            self.ledger.append(f"{stage.name}.done", product.name, receipt=about)
            return
        seconds = time.perf_counter() - begun
        made = self.store.keep(stage.name, key, about, work.members, seconds, used[stage.name])
        work.drop_checkpoint()
        artefacts[stage.name] = made
        self.ledger.append(f"{stage.name}.done", product.name, key=key, artefact=made.digest)

    def _made(self, stage: Stage, product: Product, inputs: Mapping[str, Artefact]) -> Artefact | None:
        if isinstance(stage, Collect) and stage.must_run(product):
            return None
        return self.store.made(stage.name, self._key(stage, product, inputs))

    def _key(self, stage: Stage, product: Product, inputs: Mapping[str, Artefact]) -> str:
        return digest_of_value(
            {
                "stage": stage.name,
                "version": stage.version,
                "depends_on": stage.depends_on(product),
                "fingerprint": self._fingerprint(stage, product) if isinstance(stage, Collect) else None,
                "inputs": {name: artefact.digest for name, artefact in sorted(inputs.items())},
            }
        )

    def _fingerprint(self, stage: Collect, product: Product) -> str:
        """Of the source, of the generator whose rows are added, and of the rows that came back from use."""
        fed = self.store.made(FED, product.name)
        own = stage.fingerprint(product) + stage.generator(product, self.store)
        return own + ("" if fed is None else f" {fed.digest}")

    def _ask_gates(self, product: Product, evaluated: Artefact, overrides: dict[str, str]) -> dict[str, str]:
        """Those of ``overrides`` that were needed: a gate that said yes was passed by nobody."""
        gates: list[dict[str, Any]] = evaluated.about["gates"]
        refused, needed = [], {}
        for gate in gates:
            if gate["passed"]:
                self.ledger.append("gate.passed", product.name, gate=gate["name"], state=gate["state"])
                continue
            if gate["name"] in overrides:
                self.ledger.append("gate.overridden", product.name, gate=gate["name"], reason=overrides[gate["name"]])
                self.listener(Note("evaluate", "run.gate_overridden", {"gate": gate["name"]}))
                needed[gate["name"]] = overrides[gate["name"]]
                continue
            self.ledger.append("gate.refused", product.name, gate=gate["name"], by=gate["by"])
            refused.append(gate)
        if refused:
            self.listener(StageEvent("deploy", "refused"))
            raise refusal(refused)
        return needed

    def _export_report(self, evaluated: Artefact, folder: Path) -> Path:
        html = self.store.get(evaluated.members["report.html"])
        private_folder(folder)
        path = folder / "report.html"
        write_whole(path, html, private=False)
        return path

    def _keep(
        self,
        product: Product,
        artefacts: Mapping[str, Artefact],
        receipts: Mapping[str, dict[str, Any]],
        seconds: Mapping[str, float],
        report: Path | None,
        used: Mapping[str, Mapping[str, Any]],
    ) -> None:
        former = self.store.made("product", product.name)
        about = {
            "product": product.to_mapping(),
            "file": None if product.file is None else str(product.file.absolute()),
            "keys": {stage: artefact.key for stage, artefact in artefacts.items()},
            "receipts": {**(former.about["receipts"] if former is not None else {}), **receipts},
            "seconds": {**(former.about["seconds"] if former is not None else {}), **seconds},
            "used": {**(former.about.get("used", {}) if former is not None else {}), **used},
            "report": None if report is None else str(report.absolute()),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.store.keep("product", product.name, about, {})

    @property
    def _house_lock(self) -> Path:
        """Held shared by runs, alone by garbage collection."""
        return self.home.folder("locks") / ".house"

    @contextlib.contextmanager
    def _alone(self, product: Product) -> Iterator[None]:
        """One run of a product at a time; a second one waits, and then finds its work done."""
        path = self.home.folder("locks") / f"{product.name}.lock"
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self._house_lock, shared=True))
            try:
                stack.enter_context(locked(path, wait=False))
            except BlockingIOError:
                self.listener(Note("collect", "run.waiting", {"product": product.name}))
                stack.enter_context(locked(path))
            yield


def refusal(gates: Sequence[Mapping[str, Any]]) -> GateRefused:
    """The error that gates become that said no; its sentences are their own, each told once."""

    def told(part: str, code: str, between: str) -> str:
        return between.join(dict.fromkeys(gate[part][code] for gate in gates))

    return GateRefused(
        "refused",
        gate=gates[0]["name"],
        gates=[gate["name"] for gate in gates],
        says_en=told("says", "en", " "),
        says_zh=told("says", "zh", ""),
        mend_en=told("mend", "en", " "),
        mend_zh=told("mend", "zh", ""),
        overrides=" ".join(f'--override "{gate["name"]}" --reason "…"' for gate in gates),
    )
