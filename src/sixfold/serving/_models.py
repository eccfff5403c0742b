"""The models of one service by name and version, and what each has done."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from sixfold.errors import RequestError, SixfoldError
from sixfold.serving._batcher import Batcher
from sixfold.serving._limits import Limits
from sixfold.serving._served import Answered, Job, Served
from sixfold.serving._statistics import Statistics
from sixfold.serving._work import Work

__all__ = ["Entry", "Models", "Shadowed", "Standing"]


class Standing(BaseModel):
    """Which version of a model answers whom. Versions are called by what they are, or by an alias: ``champion``,
    ``challenger``.

    Args:
        champion: The version that answers.
        former: The champion before, to which a rollback returns.
        challenger: The version that is tried beside it.
        share: The share of requests that the challenger answers (canary); a request of one id always goes one way.
        shadow: Whether the challenger is also asked what the champion answers, unseen by callers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    champion: str
    former: str | None = None
    challenger: str | None = None
    share: float = Field(0.0, ge=0, le=1)
    shadow: bool = False

    @property
    def versions(self) -> list[str]:
        """All versions that it names, the champion first."""
        named = (self.champion, self.challenger, self.former)
        return list(dict.fromkeys(version for version in named if version is not None))

    def promoted(self, version: str) -> Standing:
        """Another champion; the one before is remembered."""
        return Standing(champion=version, former=self.former if version == self.champion else self.champion)

    def challenged(self, version: str, share: float, *, shadow: bool) -> Standing:
        """A challenger beside the champion."""
        return self.model_copy(update={"challenger": version, "share": share, "shadow": shadow})

    def rolled_back(self) -> Standing:
        """Without the challenger, where there is one; else the former champion again."""
        if self.challenger is not None:
            return Standing(champion=self.champion, former=self.former)
        return Standing(champion=self.former or self.champion, former=self.champion if self.former else None)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a challenger said of a request that another version answered, and how many milliseconds it took."""

    version: str
    answered: Answered
    milliseconds: float


class Entry:
    """A version of a model, as it stands in a service.

    Args:
        served: The model.
        load: Loads it anew.
        work: Where it is run.
        limits: How it is run.
    """

    def __init__(self, served: Served, load: Callable[[], Served], work: Work, limits: Limits) -> None:
        self.name, self.version, self.load = served.name, served.version, load
        self.statistics = Statistics()
        self.reason = ""
        """Why it is not loaded."""
        self._work, self._limits = work, limits
        self._loaded: tuple[Served, Batcher] | None = None
        self.take(served)

    def take(self, served: Served | None) -> None:
        """Have another model answer from now on; ``None``: nothing. What is at work is finished by the one before."""
        self._loaded = None if served is None else (served, Batcher(served, self._work, self._limits, self.statistics))

    @property
    def is_ready(self) -> bool:
        """Whether it is loaded."""
        return self._loaded is not None

    @property
    def loaded(self) -> tuple[Served, Batcher]:
        """The model, and what runs it.

        Raises:
            RequestError: It is not loaded.
        """
        if self._loaded is None:
            raise RequestError("model_unready", model=self.name)
        return self._loaded

    def shadowed(self, job: Callable[[Served], Job]) -> Callable[[], Awaitable[Shadowed | None]]:
        """What asks this version too, once the answer was sent; ``None`` where it cannot say.

        Args:
            job: What is to be run.
        """

        async def asked() -> Shadowed | None:
            begun = time.perf_counter_ns()
            try:
                served, batcher = self.loaded
                what = await self._work.beside(lambda: job(served))
                made = await batcher.made(what)
            except SixfoldError:
                self.statistics.refused(time.perf_counter_ns() - begun)
                return None
            answered = served.answered(what, made.result, served.outputs)
            spent = time.perf_counter_ns() - begun
            self.statistics.answered(answered.count, spent, made.waited, made.running)
            return Shadowed(served.version, answered, spent / 1e6)

        return asked

    @property
    def served(self) -> Served:
        """The model.

        Raises:
            RequestError: It is not loaded.
        """
        return self.loaded[0]


class Models:
    """The models of a service: versions by name, and which of them answers.

    Args:
        work: Where they are run.
        limits: How they are run.
        may_change: Whether callers may load and unload them.
    """

    def __init__(self, work: Work, limits: Limits, *, may_change: bool = False) -> None:
        self.work, self.limits, self.may_change = work, limits, may_change
        self._versions: dict[str, dict[str, Entry]] = {}
        self._standings: dict[str, Standing] = {}
        self._changing = threading.Lock()

    def add(self, served: Served, load: Callable[[], Served]) -> Entry:
        """Have a version of a model there; the first one of a name is its champion."""
        entry = Entry(served, load, self.work, self.limits)
        with self._changing:
            self._versions[served.name] = {**self._versions.get(served.name, {}), served.version: entry}
            self._standings.setdefault(served.name, Standing(champion=served.version))
        return entry

    def stand(self, name: str, standing: Standing) -> None:
        """Have versions that are there answer as ``standing`` says; others are let go once what they work on is done.

        Raises:
            RequestError: One of them is not there.
        """
        with self._changing:
            versions = self._versions[name]
            for version in standing.versions[: 1 + (standing.challenger is not None)]:
                if version not in versions:
                    raise RequestError("unknown_version", model=name, version=version, known=", ".join(versions))
            self._standings[name] = standing
            self._versions[name] = {one: entry for one, entry in versions.items() if one in standing.versions}

    def standing(self, name: str) -> Standing:
        """Which version of a model answers whom."""
        return self._standings[name]

    @property
    def are_ready(self) -> bool:
        """Whether the champion of each model is loaded."""
        return bool(self._standings) and all(self.champion(name).is_ready for name in self._standings)

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return list(self._standings)

    def champion(self, name: str) -> Entry:
        """The version that answers."""
        return self._versions[name][self._standings[name].champion]

    def versions(self, name: str) -> Mapping[str, Entry]:
        """The versions there are of a model.

        Raises:
            RequestError: There is none of that name.
        """
        if name not in self._versions:
            raise RequestError("unknown_model", model=name[:80], known=", ".join(self._versions) or "–")
        return self._versions[name]

    def find(self, name: str, version: str | None = None, request: str = "") -> Entry:
        """The version that answers a request.

        Args:
            name: The model.
            version: Which of its versions, or ``champion`` or ``challenger``; ``None``: as its standing says.
            request: The request's id: by it a challenger gets its share.

        Raises:
            RequestError: There is no model of that name, or not of that version.
        """
        versions, standing = self.versions(name), self._standings[name]
        if version in (None, "champion"):
            canary = version is None and standing.challenger is not None and _drawn(request) < standing.share
            return versions[standing.challenger if canary and standing.challenger else standing.champion]
        wanted = standing.challenger if version == "challenger" else version
        if wanted is None or wanted not in versions:
            known = ", ".join(versions)
            raise RequestError("unknown_version", model=name, version=str(version)[:80], known=known)
        return versions[wanted]

    def role(self, entry: Entry) -> str:
        """What a version is: ``champion``, ``challenger`` or ``former``."""
        standing = self._standings[entry.name]
        if entry.version == standing.champion:
            return "champion"
        return "challenger" if entry.version == standing.challenger else "former"

    def shadow(self, entry: Entry) -> Entry | None:
        """The challenger that is also to be asked what ``entry`` answered, if it is."""
        standing = self._standings[entry.name]
        if not standing.shadow or standing.challenger in (None, entry.version):
            return None
        return self._versions[entry.name].get(standing.challenger or "")

    def __iter__(self) -> Iterator[Entry]:
        return iter([entry for versions in self._versions.values() for entry in versions.values()])

    def load(self, name: str, *, may: bool = False) -> None:
        """Load a model's champion anew; what it was goes on answering until then, and if that fails.

        Args:
            name: The model.
            may: Whether this caller may though others may not.

        Raises:
            RequestError: Nobody may, there is none, or it cannot be loaded.
        """
        entry = self._to_change(name, may)
        with self._changing:
            try:
                served = entry.load()
            except (SixfoldError, OSError) as error:
                reason = error.says() if isinstance(error, SixfoldError) else str(error)
                raise RequestError("cannot_load", model=name, reason=reason) from error
            entry.take(served)
            entry.reason = ""

    def unload(self, name: str, *, may: bool = False) -> None:
        """Have a model answer no more; what it is at work on is finished.

        Args:
            name: The model.
            may: Whether this caller may though others may not.

        Raises:
            RequestError: Nobody may, or there is none.
        """
        entry = self._to_change(name, may)
        with self._changing:
            entry.take(None)
            entry.reason = "unloaded"

    def _to_change(self, name: str, may: bool) -> Entry:
        entry = self.find(name, "champion")
        if not (self.may_change or may):
            raise RequestError("no_control", model=name)
        return entry


def _drawn(request: str) -> float:
    """A number from 0 to 1 that a request's id always draws."""
    return int.from_bytes(hashlib.blake2b(request.encode(), digest_size=4).digest(), "big") / 2**32
