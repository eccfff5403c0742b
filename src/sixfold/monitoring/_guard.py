"""Callers that behave as no user does: noticed, slowed down, locked for a while, told of.

============  =========================================================================  ============================
what          how it is noticed                                                          what is done
============  =========================================================================  ============================
burst         in ten seconds ten times the caller's own usual rate, and over 50 a second  its answers wait a little
failed_keys   five refused keys from one address within a minute                          the address is locked
extraction    of 200 rows half differ from a former one in a single column (a sweep), or  its answers wait; at twice
              9 in 10 are far from training: a model is being asked out (Tramèr et al.    as many rows it is locked
              2016; Juuti et al. 2019)
membership    one row, or small changes of it, asked 30 times: how sure the model is of   its answers wait; at twice
              it tells whether it was learned from (Shokri et al. 2017)                   as many it is locked
far           of 50 rows half lie beyond all that was learned from                        the owner is told
============  =========================================================================  ============================

Callers are known by digests alone. What is *not* promised: that a patient adversary with many addresses is found.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sixfold.fields import Field
from sixfold.monitoring._features import OTHER, Feature, features
from sixfold.monitoring._reference import Reference

__all__ = ["Admission", "Guard"]

_BURST_SECONDS = 10.0
_BURST_TIMES = 10.0
_BURST_LEAST = 500
_KEYS_SECONDS, _KEYS = 60.0, 5
_SWEPT_ROWS, _SWEPT_SHARE, _STRANGE_SHARE = 200, 0.5, 0.9
_REPEATS = 30
_FAR_ROWS, _FAR_SHARE = 50, 0.5
_WAIT = 0.5
_WAIT_SECONDS = 60.0
_LOCK_SECONDS = 300.0
_MOST_CALLERS = 10_000
_MOST_REMEMBERED = 4000
_FADE = 0.9
_BEYOND = 0.5
"""How far beyond the range of training rows, in ranges, a number is strange."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a request: answered at once, after ``wait`` seconds, or not until ``locked`` seconds are over."""

    wait: float = 0.0
    locked: float = 0.0


@dataclass(slots=True)
class _Caller:
    usual: float = 0.0
    began: float = 0.0
    here: int = 0
    refused: deque[float] = field(default_factory=lambda: deque(maxlen=_KEYS))
    waits_until: float = 0.0
    locked_until: float = 0.0
    rows: int = 0
    swept: int = 0
    strange: int = 0
    far_rows: int = 0
    far: int = 0
    without_one: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    repeats: Counter[bytes] = field(default_factory=Counter)


class Guard:
    """Watches callers of one service process.

    Args:
        given: The fitted given columns.
        reference: What was learned from; without one nothing can be far from it.
        mode: ``off``, ``tell`` (only note it) or ``act``.
        noticed: Told what was noticed: what, the caller, what was done, how long.
    """

    def __init__(
        self,
        given: Mapping[str, Field],
        reference: Reference | None,
        mode: Literal["off", "tell", "act"],
        noticed: Callable[[str, str, str, Mapping[str, Any]], None],
    ) -> None:
        self._mode, self._noticed = mode, noticed
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._lock = threading.Lock()
        self._features = features(given)
        self._known = {} if reference is None else _ranges(self._features, reference)
        self._shapes = [one for one in self._features if one.aspect != "missing"]

    def admit(self, caller: str, now: float | None = None) -> Admission:
        """Whether a caller is answered now; counts the request."""
        if self._mode == "off":
            return Admission()
        now = time.monotonic() if now is None else now
        with self._lock:
            one = self._of(caller)
            if now - one.began >= _BURST_SECONDS:
                one.usual = _FADE * one.usual + (1 - _FADE) * one.here if one.began else float(one.here)
                one.began, one.here = now, 0
            one.here += 1
            burst = one.here == max(_BURST_LEAST, int(_BURST_TIMES * one.usual) + 1)
            if burst:
                one.waits_until = now + _BURST_SECONDS
            locked, waits = one.locked_until - now, one.waits_until - now
        if burst:
            self._tell("burst", caller, "slowed", rate=round(one.here / _BURST_SECONDS, 1))
        if self._mode != "act":
            return Admission()
        return Admission(_WAIT if waits > 0 else 0.0, max(0.0, locked))

    def key_refused(self, caller: str, now: float | None = None) -> None:
        """Count a key that was not the right one."""
        if self._mode == "off":
            return
        now = time.monotonic() if now is None else now
        with self._lock:
            one = self._of(caller)
            one.refused.append(now)
            many = len(one.refused) == _KEYS and now - one.refused[0] <= _KEYS_SECONDS
            if many:
                one.refused.clear()
                one.locked_until = now + _LOCK_SECONDS
        if many:
            self._tell("failed_keys", caller, "locked", times=_KEYS, seconds=_LOCK_SECONDS)

    def answered(self, caller: str, rows: Sequence[Mapping[str, Any]], now: float | None = None) -> None:
        """Look at measured rows of a caller, after they were answered."""
        if self._mode == "off" or not rows:
            return
        now = time.monotonic() if now is None else now
        news: list[tuple[str, str, dict[str, Any]]] = []
        with self._lock:
            one = self._of(caller)
            for row in rows:
                self._count(one, row)
            if one.rows >= _SWEPT_ROWS:
                swept, strange = one.swept / one.rows, one.strange / one.rows
                if swept >= _SWEPT_SHARE or strange >= _STRANGE_SHARE:
                    news.append(("extraction", self._stop(one, now), {"swept": swept, "far": strange}))
                one.rows = one.swept = one.strange = 0
            most, times = max(one.repeats.items(), key=lambda item: item[1], default=(b"", 0))
            if times >= _REPEATS:
                news.append(("membership", self._stop(one, now), {"times": times}))
                one.repeats.clear()
                del most
            if one.far_rows >= _FAR_ROWS:
                if one.far / one.far_rows >= _FAR_SHARE:
                    news.append(("far", "told", {"share": one.far / one.far_rows, "rows": one.far_rows}))
                one.far_rows = one.far = 0
        for what, done, more in news:
            self._tell(what, caller, done, **more)

    def unlock(self, caller: str) -> None:
        """Let a caller be answered again."""
        with self._lock:
            self._callers.pop(caller, None)

    def _of(self, caller: str) -> _Caller:
        one = self._callers.get(caller)
        if one is None:
            one = self._callers[caller] = _Caller()
            if len(self._callers) > _MOST_CALLERS:
                self._callers.popitem(last=False)
        self._callers.move_to_end(caller)
        return one

    def _stop(self, one: _Caller, now: float) -> str:
        """Slow a caller down; one that is slowed down already is locked."""
        if one.waits_until > now:
            one.locked_until = now + _LOCK_SECONDS
            return "locked"
        one.waits_until = now + _WAIT_SECONDS
        return "slowed"

    def _count(self, one: _Caller, row: Mapping[str, Any]) -> None:
        values = [row.get(feature.name) for feature in self._shapes]
        whole = _digest(values)
        # Features of a text or a picture are few: two of them may look alike and be far from it.
        is_plain = bool(self._shapes) and all(not feature.aspect for feature in self._shapes)
        if is_plain and len(values) > 1:
            masked = [_digest([*values[:place], None, *values[place + 1 :], place]) for place in range(len(values))]
            is_new = whole not in one.without_one
            one.swept += is_new and any(key in one.without_one for key in masked)
            for key in (whole, *masked):
                one.without_one[key] = None
                if len(one.without_one) > _MOST_REMEMBERED:
                    one.without_one.popitem(last=False)
        one.repeats[whole] += 1
        if len(one.repeats) > _MOST_REMEMBERED:
            one.repeats = Counter(dict(one.repeats.most_common(_MOST_REMEMBERED // 2)))
        is_far = any(_is_far(self._known[feature.name], row.get(feature.name)) for feature in self._shapes
                     if feature.name in self._known)  # fmt: skip
        one.rows += 1
        one.strange += is_far
        one.far_rows += 1
        one.far += is_far

    def _tell(self, what: str, caller: str, done: str, **more: Any) -> None:
        self._noticed(what, caller, done if self._mode == "act" else "told", more)


def _ranges(watched: Sequence[Feature], reference: Reference) -> dict[str, tuple[float, float] | frozenset[str]]:
    found: dict[str, tuple[float, float] | frozenset[str]] = {}
    for feature in watched:
        known = reference.known.get(feature.name)
        if known is None or not known.values or feature.aspect == "missing":
            continue
        if feature.nature == "category":
            found[feature.name] = frozenset(str(value) for value in known.values)
        else:
            low, high = float(known.values[0]), float(known.values[-1])
            room = _BEYOND * max(high - low, abs(high) * 1e-6, 1e-9)
            found[feature.name] = (low - room, high + room)
    return found


def _is_far(known: tuple[float, float] | frozenset[str], value: Any) -> bool:
    if value is None:
        return False
    if isinstance(known, frozenset):
        return str(value) == OTHER and OTHER not in known
    return not known[0] <= float(value) <= known[1]


def _digest(values: Sequence[Any]) -> bytes:
    return hashlib.blake2b(repr(values).encode(), digest_size=8).digest()
