"""Making a quote: every stage is done once on some of the real rows, and what it took is carried on to all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sixfold.errors import TrainingError
from sixfold.families import find
from sixfold.files import private_folder
from sixfold.metering import Meter, Used
from sixfold.networks import Fitted
from sixfold.product import Product
from sixfold.progress import Listener, Note
from sixfold.progress import Stage as StageEvent
from sixfold.quoting._networks import Measured, Networks
from sixfold.quoting._plan import Timed, searched
from sixfold.quoting._prices import machine_of, rented, watts
from sixfold.quoting._quality import quality_of
from sixfold.quoting._quote import Machine, Quote, StageQuote
from sixfold.quoting._sample import Sample, Scratch, collected, prepared, scratch_house
from sixfold.quoting._verdict import judged
from sixfold.stages import Deliver, Deploy, Evaluate, seconds_left
from sixfold.store import Artefact, Store, Workspace
from sixfold.targets import Target
from sixfold.training import Contender

__all__ = ["quote_of"]

_LEAST_SECONDS, _SHARE = 60.0, 0.1
"""What a quote may take: a tenth of the run, or a minute where that is more."""

_COLLECTING, _PREPARING = 0.2, 0.12
"""Of its time, what reading a part of the source and preparing a part of the rows may take."""

_AFTER = 14.0
"""Seconds that are kept for evaluating, deploying and delivering once."""

_LEAST_FITTED, _LEAST_STEPPED = 4.0, 13.0
"""Seconds in which a child can say anything: TensorFlow alone takes about five to start, and more to compile."""

_MOST_OF_ONE = 0.6
"""Of the time that is left, what one network may take."""

_A_ROW = 5e-4
"""Seconds that a test row takes beside the graph: baselines, intervals (as `train` reckons with them)."""

_COPIES = 2
"""How often rows that are learned from stand in memory: shard by shard, and joined. And the graph of each fold: by
itself, and in the mean of all."""


@dataclass
class _Clock:
    """How much of the quote's time is left."""

    most: float
    begun: float = field(default_factory=time.perf_counter)

    @property
    def spent(self) -> float:
        return time.perf_counter() - self.begun

    @property
    def left(self) -> float:
        return self.most - self.spent


def quote_of(product: Product, store: Store, made: Mapping[str, Artefact], listener: Listener) -> Quote:
    """What a run of a product will take, and how good it will be: measured on some of the real rows.

    Args:
        product: The declaration.
        store: Of the home: what was collected or prepared before is taken from it.
        made: The artefacts that a run would take as they are, by stage.
        listener: Whom progress is told.

    Raises:
        InputError: The data is wrong, or too little of it could be read in time to tell anything.
        RunError: A stage failed on the sample, as it would on all rows.
    """
    minutes = product.train.minutes
    clock = _Clock(max(_LEAST_SECONDS, _SHARE * 60 * (minutes or 0.0)))
    with scratch_house(store.home, listener, lambda: (clock.spent, clock.most)) as house:
        return _Making(product, store, made, listener, house, clock).quote()


class _Making:
    """One quote in the making; call :meth:`quote` once."""

    def __init__(
        self,
        product: Product,
        store: Store,
        made: Mapping[str, Artefact],
        listener: Listener,
        house: Scratch,
        clock: _Clock,
    ) -> None:
        self._product, self._store, self._made, self._listener = product, store, made, listener
        self._house, self._clock = house, clock
        self._unmeasured: list[str] = []

    def quote(self) -> Quote:
        """The whole quote, with its verdict."""
        raw, sample, part = self._rows()
        minutes = self._product.train.minutes
        before = raw.used.seconds + sample.used.seconds
        tests = round(sample.artefact.about["rows"]["test"] * sample.times)
        seconds = None if minutes is None else seconds_left(minutes, before, tests)
        networks = Networks(self._product, self._house, sample, seconds)
        contenders, measured, bigger = self._trained(networks)
        best = _best(networks, measured)
        mixed = [one for one in measured if one.shares is not None] if _pays(networks, measured, best) else []
        inputs = {"collect": part, "prepare": sample.artefact, "train": networks.kept(best, mixed)}
        predicting = sum(one.predicting * one.contender.folds for one in mixed or [best])
        evaluated, after = self._evaluated(networks, predicting, inputs)
        inputs["evaluate"] = evaluated
        deployed, served = self._deployed(inputs)
        delivered, packed = self._delivered(inputs)
        training, longest = self._training(networks, contenders, measured, seconds)
        quality = quality_of(networks, measured, longest, evaluated.about["baselines"], bigger)
        graphs = sum(inputs["train"].members[name].size for name in inputs["train"].members if "graph" in name)
        used = {
            "collect": (raw.used, raw.disk_bytes),
            "prepare": (sample.used, sample.disk_bytes),
            "train": (training, inputs["train"].size),
            "evaluate": (after, evaluated.size),
            "deploy": (deployed, graphs + served),
            "deliver": (delivered, packed),
        }
        known = {one.contender.kind.kind() for one in measured}
        has_counter = all(one.joules is not None for one, _ in used.values())
        machine = machine_of(self._product, self._store.home.path, is_energy_measured=has_counter)
        quote = Quote(
            product=self._product.name,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            rows={**networks.rows, "looked_at": sample.rows},
            stages=tuple(
                _stage(name, one, disk, machine, is_made=name in self._made) for name, (one, disk) in used.items()
            ),
            machine=machine,
            rented=rented([one.time for one in measured], machine, training.peak_bytes),
            quality=quality,
            verdict="go",
            reasons=(),
            seconds=round(self._clock.spent, 1),
            most_seconds=self._clock.most,
            plan=tuple(dict.fromkeys(one.kind.kind() for one in contenders)),
            unmeasured=tuple(name for name in dict.fromkeys(self._unmeasured) if name not in known),
        )
        return judged(quote)

    def _rows(self) -> tuple[Sample, Sample, Artefact]:
        self._begin("collect")
        made = self._made.get("collect")
        raw = collected(self._product, self._house, made, _COLLECTING * self._clock.most)
        source = self._house.work("collect", "") if made is None else Workspace(self._store, "collect", "")
        self._end("collect", raw.used)
        self._begin("prepare")
        kept = self._made.get("prepare")
        sample, part = prepared(self._product, self._house, raw, source, kept, _PREPARING * self._clock.most)
        self._end("prepare", sample.used)
        return raw, sample, part

    def _trained(self, networks: Networks) -> tuple[list[Contender], list[Measured], tuple[str, Measured] | None]:
        """Every network of the plan that there is time for, measured; and one more, to compare with."""
        self._begin("train")
        begun, contenders = time.perf_counter(), networks.contenders()
        quick_first = sorted(contenders, key=lambda one: not issubclass(one.kind, Fitted))
        measured: list[Measured] = []
        failure: TrainingError | None = None
        for number, one in enumerate(quick_first):
            left = self._clock.left - _AFTER
            least = _LEAST_FITTED if issubclass(one.kind, Fitted) else _LEAST_STEPPED
            if measured and left < least:
                self._unmeasured.append(one.kind.kind())
                continue
            remaining = len(quick_first) - number
            share = max(least, left * (_MOST_OF_ONE if remaining > 1 else 1.0) / max(1.0, remaining / 2))
            self._listener(Note("train", "quote.measuring", {"network": one.kind.title}))
            try:
                measured.append(networks.measure(one, share, must_end=bool(measured)))
            except TrainingError as error:
                self._listener(Note("train", "train.trial_failed", {"name": one.kind.kind(), "reason": error}))
                self._unmeasured.append(one.kind.kind())
                failure = error
        if not measured:
            assert failure is not None
            raise failure
        bigger = self._bigger(networks, measured)
        self._listener(StageEvent("train", "done", time.perf_counter() - begun))
        return contenders, measured, bigger

    def _bigger(self, networks: Networks, measured: list[Measured]) -> tuple[str, Measured] | None:
        """A bigger network of the best one's kind on the largest share; else the next best of another kind."""
        best = _best(networks, measured)
        others = [one for one in measured if one is not best]
        than = networks.bigger(best.contender)
        needed = _LEAST_FITTED if issubclass(best.contender.kind, Fitted) else _LEAST_STEPPED
        if than is not None and self._clock.left - _AFTER > needed:
            self._listener(Note("train", "quote.measuring_bigger", {"network": than.kind.title}))
            try:
                one = networks.measure(than, self._clock.left - _AFTER, only_last=True)
            except TrainingError:
                pass  # it does not fit into the time that is left: nothing is told of it
            else:
                return f"bigger {than.kind.kind()}", one
        if others:
            return f"other {others[0].contender.kind.kind()}", others[0]
        return None

    def _evaluated(
        self, networks: Networks, predicting: float, inputs: Mapping[str, Artefact]
    ) -> tuple[Artefact, Used]:
        """The sample's evaluation, and what that of all rows will take."""
        self._begin("evaluate")
        work = self._house.work("evaluate", "evaluate", self._product.train.seed)
        with Meter() as meter:
            about = Evaluate().run(self._product, inputs, work)
        artefact, used = self._house.keep(work, about, meter.used), meter.used
        tests = networks.rows["test"] - networks.prepared.rows("test")
        others = networks.rows["validation"] - networks.prepared.rows("validation")
        seconds = predicting * (tests + others) + _A_ROW * tests
        grown = 1 + seconds / max(1e-9, used.seconds)
        whole = Used(used.seconds + seconds, used.cpu_seconds * grown, used.peak_bytes, used.joules)
        if "evaluate" in self._made:
            whole = replace(whole, seconds=self._made["evaluate"].seconds)
        self._end("evaluate", whole)
        return artefact, whole

    def _deployed(self, inputs: Mapping[str, Artefact]) -> tuple[Used, int]:
        """What deploying takes: a service is started from the sample's model, asked, and stopped."""
        self._begin("deploy")
        product = self._product.changed(deploy={"target": self._product.deploy.target})
        work = self._house.work("deploy", "deploy")
        family: type[Target] = Target  # type: ignore[type-abstract]  # a family is looked up, never built
        target = find(family, product.deploy.target)(self._house.store.home)
        try:
            with Meter() as meter:
                Deploy().run(product, inputs, work)
        finally:
            target.stop(product.name)
        self._end("deploy", meter.used)
        return meter.used, inputs["evaluate"].size

    def _delivered(self, inputs: Mapping[str, Artefact]) -> tuple[Used, int]:
        self._begin("deliver")
        work = self._house.work("deliver", "deliver")
        work.folder = private_folder(self._house.folder / "delivery")
        with Meter() as meter:
            receipt = Deliver().run(self._product, inputs, work)
        self._end("deliver", meter.used)
        return meter.used, int(receipt["bytes"])

    def _training(
        self, networks: Networks, contenders: list[Contender], measured: list[Measured], seconds: float | None
    ) -> tuple[Used, dict[str, float]]:
        """What training will take in all, and of each network the seconds of its longest trial."""
        if "train" in self._made:
            made = self._made["train"]
            kept = Used(made.seconds, made.seconds, int(made.used.get("peak_bytes") or 0), None)
            return kept, {one.contender.kind.kind(): one.time.whole() for one in measured}
        times = {id(one.contender): one.time for one in measured}
        alike = {one.contender.kind.kind(): one.time for one in measured}
        if self._product.train.keras is None and self._product.train.network == "auto":
            usual = max((one.time for one in measured), key=lambda one: one.whole())
            planned: list[Timed] = [
                times.get(id(one)) or alike.get(one.kind.kind()) or replace(usual, network=one.kind.kind())
                for one in contenders
            ]
            wall, longest = searched(planned, seconds, self._product.train.trials)
        else:
            only = measured[0].time
            wall = only.whole() if seconds is None else min(seconds, only.whole())
            longest = {only.network: wall}
        busy = sum(one.used.cpu_seconds for one in measured) / max(1e-9, sum(one.used.seconds for one in measured))
        more = max(0.0, networks.times - 1) * networks.prepared.bytes("train")
        peak = max(one.used.peak_bytes + (one.time.folds - 1) * _COPIES * one.graph_bytes for one in measured)
        peak += round(_COPIES * more)
        counted = [one.used for one in measured if one.used.joules is not None]
        joules = None
        if len(counted) == len(measured):
            power = sum(one.joules or 0.0 for one in counted) / max(1e-9, sum(one.seconds for one in counted))
            joules = power * wall
        return Used(wall, busy * wall, peak, joules), longest

    def _begin(self, stage: str) -> None:
        self._listener(StageEvent(stage, "started"))

    def _end(self, stage: str, used: Used) -> None:
        self._listener(StageEvent(stage, "done", used.seconds))


def _pays(networks: Networks, measured: list[Measured], best: Measured) -> bool:
    """Whether a search would mix the networks: together they are better than the best one alone."""
    known = [one.shares for one in measured if one.shares is not None]
    if len(known) < 2 or best.shares is None:  # noqa: PLR2004 — one alone is no mixture
        return False
    value = networks.mixed(known)
    if value is None:
        return False
    alone = best.shares.values[-1]
    return value > alone if networks.task.judged_by[0].higher_is_better else value < alone


def _best(networks: Networks, measured: list[Measured]) -> Measured:
    """The network that was best on its largest share."""
    upwards = networks.task.judged_by[0].higher_is_better
    known = [one for one in measured if one.shares is not None]
    if not known:
        return measured[0]

    def value(one: Measured) -> float:
        assert one.shares is not None
        return one.shares.values[-1] if upwards else -one.shares.values[-1]

    return max(known, key=value)


def _stage(name: str, used: Used, disk_bytes: int, machine: Machine, *, is_made: bool) -> StageQuote:
    joules = used.joules if machine.is_energy_measured and used.joules is not None else used.cpu_seconds * watts()
    return StageQuote(
        stage=name,
        is_made=is_made,
        seconds=round(used.seconds, 2),
        cpu_seconds=round(used.cpu_seconds, 2),
        peak_bytes=used.peak_bytes,
        disk_bytes=disk_bytes,
        kwh=joules / 3.6e6,
        cost=used.seconds / 3600 * machine.hour,
    )
