"""A process on this machine, that goes on after the command ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sixfold.errors import ServiceError
from sixfold.families import Options as KindOptions
from sixfold.files import locked, private_folder, write_whole
from sixfold.hashing import digest, digest_of_value
from sixfold.language import Text
from sixfold.security import Keyring
from sixfold.serving import (
    Bundle,
    Limits,
    Plan,
    Standing,
    address,
    failure_of,
    listening,
    plan_at,
    same_answer,
    wrong_answer,
)
from sixfold.store import Store
from sixfold.targets._target import Service, Target

__all__ = ["Local"]

_START_SECONDS = 120.0
"""A larger model takes long to load; a service that is not there by then never will be."""

_ANSWER_SECONDS = 30.0
_STOP_SECONDS = 5.0
_ASKED_EACH = 4
"""So often in a row, for each worker, a service is asked whether it follows a plan: nobody can choose who answers."""

_LOG_LINES = 12


class _Record(BaseModel):
    """What is remembered of a running service. ``born`` tells its process from a later one with the same number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: str
    pid: int
    born: str
    host: str
    port: int
    url: str
    model: str
    artefact: str
    started: str
    workers: int = 1
    owner: str = ""

    @property
    def is_alive(self) -> bool:
        return _born(self.pid) == self.born


class Local(Target):
    """A process on this machine. Its log, and the note on it, stand in the home under ``services/<product>``.

    A new model is started beside the former one, checked on a port of its own, and only then given the former one's
    port; both hold that port for a moment, so that no caller finds it closed. The former model is kept, so that
    `sixfold rollback` can return to it. A challenger joins the process that runs.
    """

    title: ClassVar[Text] = Text("this machine", "本机")

    class Options(KindOptions):
        """``port``: 1–65535; left out, the one it had, else a free one. ``host``: the address to listen on.
        ``workers``: how many processes answer. ``keys``: callers need an API key (`sixfold access`).

        ``challenge``: not to replace the model that serves but to stand beside it, and answer this share of requests (0
        to 1). ``shadow``: the challenger is also asked what the other one answers, unseen by callers.

        ``limits``: what the service takes at most, by name: bytes, unpacked, rows, waiting, batch, delay, body_seconds,
        seconds.
        """

        port: int | None = Field(None, ge=1, le=65535)
        host: str = "127.0.0.1"
        workers: int = Field(1, ge=1, le=64)
        keys: bool = False
        challenge: float | None = Field(None, ge=0, le=1)
        shadow: bool = False
        limits: Limits = Limits()

    def deploy(self, bundle: Bundle) -> Service:
        assert isinstance(self.options, Local.Options)
        name = bundle.product.name
        members = bundle.members()
        artefact = digest_of_value({member: digest(content) for member, content in members.items()})
        with locked(self._folder(name) / "lock"):
            last = self._record(name)
            former = last if last is not None and last.is_alive else None
            if former is not None and self._is_wanted(former, artefact, bundle):
                return _service(former, self._log(name))
            store = Store(self.home, Keyring(self.home))
            held = {member: store.put(content) for member, content in members.items()}
            store.keep("deploy", artefact, {"product": name, "model": bundle.version}, held)
            before = plan_at(self._plan_path(name))
            if self.options.challenge is not None and former is not None and before is not None:
                return self._challenge(bundle, artefact, former, before)
            kept = {} if before is None or last is None else dict(before.artefacts)
            standing = Standing(champion=bundle.version)
            if last is not None and last.model in kept and last.model != bundle.version:
                standing = Standing(champion=last.model).promoted(bundle.version)
            artefacts = {**kept, bundle.version: artefact}
            plan = self._planned(name, standing, artefacts, before)
            try:
                record = self._started(bundle, artefact, last)
            except BaseException:
                if before is not None and former is not None:
                    write_whole(self._plan_path(name), before.model_dump_json().encode())
                if artefact not in kept.values():
                    store.drop("deploy", artefact)
                raise
            if former is not None:
                _end(former)
            self._let_go(store, artefacts, plan)
            return _service(record, self._log(name))

    def standing(self, product: str) -> Standing | None:
        record, plan = self._record(product), plan_at(self._plan_path(product))
        return plan.standing if plan is not None and record is not None and record.is_alive else None

    def stand(self, product: str, standing: Standing) -> Service:
        with locked(self._folder(product) / "lock"):
            record, plan = self._record(product), plan_at(self._plan_path(product))
            if record is None or plan is None or not record.is_alive:
                raise ServiceError("not_running", product=product)
            for version in standing.versions:
                if version not in plan.artefacts:
                    known = ", ".join(plan.artefacts)
                    raise ServiceError("no_version", product=product, version=version, known=known)
            changed = self._changed(record, plan, standing, plan.artefacts)
            self._let_go(Store(self.home, Keyring(self.home)), plan.artefacts, changed)
            champion = {"model": standing.champion, "artefact": plan.artefacts[standing.champion]}
            record = record.model_copy(update=champion)
            write_whole(self._record_path(product), record.model_dump_json().encode())
            return _service(record, self._log(product))

    def _challenge(self, bundle: Bundle, artefact: str, record: _Record, before: Plan) -> Service:
        """Have a new version join the service that runs."""
        assert isinstance(self.options, Local.Options)
        share = self.options.challenge or 0.0
        standing = before.standing.challenged(bundle.version, share, shadow=self.options.shadow)
        artefacts = {**before.artefacts, bundle.version: artefact}
        changed = self._changed(record, before, standing, artefacts)
        try:
            _check(record.url, bundle, bundle.version, record.owner)
        except ServiceError:
            self._changed(record, changed, before.standing, before.artefacts)
            raise
        self._let_go(Store(self.home, Keyring(self.home)), artefacts, changed)
        return _service(record, self._log(bundle.product.name))

    def _changed(self, record: _Record, before: Plan, standing: Standing, artefacts: dict[str, str]) -> Plan:
        """The plan, once every worker of the service follows it.

        Raises:
            ServiceError: It could not be followed; the former plan stands again.
        """
        path = self._plan_path(record.product)
        plan = self._planned(record.product, standing, artefacts, before)
        ends, heard = time.monotonic() + _START_SECONDS, 0
        while heard < (1 if record.workers == 1 else _ASKED_EACH * record.workers):
            reason = failure_of(path, plan.number)
            if time.monotonic() > ends or reason is not None:
                self._planned(record.product, before.standing, before.artefacts, plan)
                raise ServiceError("cannot_stand", product=record.product, reason=reason or "–")
            heard = heard + 1 if _stands(record, standing) else 0
            if not heard:
                time.sleep(0.05)
        return plan

    def _planned(self, name: str, standing: Standing, artefacts: dict[str, str], before: Plan | None) -> Plan:
        """A plan, written."""
        kept = {version: key for version, key in artefacts.items() if version in standing.versions}
        plan = Plan(standing=standing, artefacts=kept, number=0 if before is None else before.number + 1)
        write_whole(self._plan_path(name), plan.model_dump_json().encode())
        return plan

    def _let_go(self, store: Store, artefacts: dict[str, str], plan: Plan) -> None:
        """Forget the versions that nothing returns to."""
        for version, key in artefacts.items():
            if version not in plan.artefacts and key not in plan.artefacts.values():
                store.drop("deploy", key)

    def _plan_path(self, name: str) -> Path:
        return self.home.path / "services" / name / "plan.json"

    def services(self) -> list[Service]:
        found = []
        for folder in sorted(self.home.folder("services").iterdir()):
            record = self._record(folder.name)
            if record is not None and record.is_alive:
                found.append(_service(record, self._log(folder.name)))
            elif record is not None:
                self._record_path(folder.name).unlink(missing_ok=True)
        return found

    def stop(self, product: str) -> bool:
        if self._record(product) is None:
            return False
        with locked(self._folder(product) / "lock"):
            record = self._record(product)
            if record is None:
                return False
            was_alive = record.is_alive
            _end(record)
            self._record_path(product).unlink(missing_ok=True)
            plan = plan_at(self._plan_path(product))
            self._plan_path(product).unlink(missing_ok=True)
            store = Store(self.home, Keyring(self.home))
            for key in {record.artefact, *(plan.artefacts.values() if plan is not None else ())}:
                store.drop("deploy", key)
        return was_alive

    def _started(self, bundle: Bundle, artefact: str, last: _Record | None) -> _Record:
        """The record, written, of a new process that answers rightly on the port that is wanted."""
        assert isinstance(self.options, Local.Options)
        name = bundle.product.name
        log, owner = self._log(name), secrets.token_urlsafe(32) if self.options.keys else ""
        before = log.stat().st_size if log.exists() else 0
        with self._sockets(last) as (trial, final):
            process = self._process(name, artefact, log, trial, final, owner)
            try:
                self._await_word(process, "trial", name, log, before)
                _check(address(trial), bundle, owner=owner)
                assert process.stdin is not None
                process.stdin.write(b"go\n")
                process.stdin.close()
                self._await_word(process, "ready", name, log, before)
                record = _Record(
                    product=name,
                    pid=process.pid,
                    born=_born(process.pid) or "",
                    host=self.options.host,
                    port=final.getsockname()[1],
                    url=address(final),
                    model=bundle.version,
                    artefact=artefact,
                    started=datetime.now(UTC).isoformat(timespec="seconds"),
                    workers=self.options.workers,
                    owner=owner,
                )
                write_whole(self._record_path(name), record.model_dump_json().encode())
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        with contextlib.suppress(BrokenPipeError):
                            pipe.close()
        return record

    @contextlib.contextmanager
    def _sockets(self, last: _Record | None) -> Iterator[tuple[socket.socket, socket.socket]]:
        """Two bound sockets: one to be checked on, and one with the port that is wanted."""
        assert isinstance(self.options, Local.Options)
        host, port = self.options.host, self.options.port
        is_alive = last is not None and last.is_alive
        with contextlib.ExitStack() as stack:
            trial = stack.enter_context(listening("127.0.0.1", None))
            if port is None and last is not None:
                try:
                    final = listening(host, last.port, shared=is_alive)
                except ServiceError:
                    final = listening(host, None)
            else:
                final = listening(host, port, shared=is_alive and last is not None and last.port == port)
            yield trial, stack.enter_context(final)

    def _process(
        self, name: str, artefact: str, log: Path, trial: socket.socket, final: socket.socket, owner: str
    ) -> subprocess.Popen[bytes]:
        assert isinstance(self.options, Local.Options)
        settings = {
            "home": str(self.home.path),
            "artefact": {"stage": "deploy", "key": artefact},
            "log": str(log),
            "trial": trial.fileno(),
            "listen": final.fileno(),
            "plan": str(self._plan_path(name)),
            "workers": self.options.workers,
            "keys": self.options.keys,
            "owner": owner,
            "limits": self.options.limits.model_dump(),
        }
        with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sixfold.serving"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.home.path,
                start_new_session=True,
                pass_fds=(trial.fileno(), final.fileno()),
            )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()
        return process

    def _await_word(self, process: subprocess.Popen[bytes], word: str, name: str, log: Path, before: int) -> None:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            said = process.stdout.readline().decode().strip() if selector.select(_START_SECONDS) else ""
        if said != word:
            raise ServiceError("did_not_start", product=name, log=_last_lines(log, before), path=log)

    def _is_wanted(self, former: _Record, artefact: str, bundle: Bundle) -> bool:
        assert isinstance(self.options, Local.Options)
        if bool(former.owner) != self.options.keys:
            return False
        if former.artefact != artefact or former.host != self.options.host or former.workers != self.options.workers:
            return False
        if self.options.port not in (None, former.port):
            return False
        try:
            _check(former.url, bundle, owner=former.owner)
        except ServiceError:
            return False
        return True

    def _record(self, name: str) -> _Record | None:
        try:
            return _Record.model_validate_json(self._record_path(name).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None

    def _folder(self, name: str) -> Path:
        return private_folder(self.home.folder("services") / name)

    def _record_path(self, name: str) -> Path:
        return self.home.path / "services" / name / "service.json"

    def _log(self, name: str) -> Path:
        return self.home.path / "services" / name / "log"


def _service(record: _Record, log: Path) -> Service:
    return Service(
        product=record.product,
        target=Local.kind(),
        url=record.url,
        model=record.model,
        started=record.started,
        details={"pid": record.pid, "host": record.host, "port": record.port, "log": str(log)},
    )


def _stands(record: _Record, standing: Standing) -> bool:
    """Whether a service has the champion and the challenger that it should have."""
    try:
        is_champion = _asked(record.url, "GET", "/health/ready").get("model") == standing.champion
        about = _asked(record.url, "GET", f"/v2/models/{quote(record.product)}", owner=record.owner)
    except (OSError, HTTPException, ValueError):
        return False
    return is_champion and standing.challenger in (None, *about.get("versions", ()))


def _check(url: str, bundle: Bundle, version: str | None = None, owner: str = "") -> None:
    """Hold that the service at ``url`` is ready and answers the bundle's sample row rightly.

    Args:
        url: The service.
        bundle: What it serves.
        version: Where that is not its champion, which version is asked.
        owner: What its owner presents where callers need a key.
    """
    name = bundle.product.name
    query = "" if version is None else f"?version={version}"
    try:
        ready = _asked(url, "GET", "/health/ready") if version is None else {"model": version}
        said = _asked(url, "POST", f"/predict{query}", json.dumps(bundle.sample_body).encode(), owner)
    except (OSError, HTTPException, ValueError) as error:
        raise ServiceError("does_not_answer", product=name, reason=error) from error
    if ready.get("model") != bundle.version:
        raise ServiceError("does_not_answer", product=name, reason=f"model {ready.get('model')}")
    received = said.get("answers", [None])[0]
    if not same_answer(bundle.sample["answer"], received):
        raise wrong_answer(bundle, received)


def _asked(url: str, method: str, path: str, body: bytes | None = None, owner: str = "") -> dict[str, Any]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
    with contextlib.closing(connection):
        headers = {"content-type": "application/json"} if body is not None else {}
        connection.request(method, path, body, {**headers, **({"x-api-key": owner} if owner else {})})
        answer = json.loads(connection.getresponse().read())
    if not isinstance(answer, dict):
        raise ValueError("not a JSON object")
    return answer


def _end(record: _Record) -> None:
    """End the record's process, and no other: asked first, killed after five seconds."""
    for sign, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
        if not record.is_alive:
            return
        try:
            os.kill(record.pid, sign)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise ServiceError("cannot_stop", product=record.product, pid=record.pid) from error
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            # A process that this one started stays in the table until it is asked for.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(record.pid, os.WNOHANG)
            if not record.is_alive:
                return
            time.sleep(0.02)
    raise ServiceError("cannot_stop", product=record.product, pid=record.pid)


def _born(pid: int) -> str | None:
    """When process ``pid`` began, as far as this machine tells it apart from any other; ``None`` if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESRCH) and Path("/proc/self/stat").exists():
            return None
        return _born_by_ps(pid)
    # The name, in brackets, may hold anything; after it come the state (field 3) and, 19 fields on, the start time.
    fields = status.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text(encoding='ascii').strip() if boot.exists() else ''}:{fields[19]}"


def _born_by_ps(pid: int) -> str | None:
    ps = shutil.which("ps")
    if ps is None:
        return None
    told = subprocess.run(  # noqa: S603 — the system's own ps, and a number
        [ps, "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return None if not told or told.startswith("Z") else told.partition(" ")[2].strip()


def _last_lines(log: Path, before: int) -> str:
    with contextlib.suppress(OSError), log.open("rb") as stream:
        stream.seek(before)
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
        return "\n".join(lines[-_LOG_LINES:]) or "–"
    return "–"
