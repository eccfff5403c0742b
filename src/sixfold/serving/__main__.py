"""The process of one service: ``python -m sixfold.serving``, started by the target ``local``.

What to serve comes as one JSON line on the standard input, so that nothing stands on the command line:
``{"home": …, "artefact": {"stage": …, "key": …}, "log": …, "trial": fd, "listen": fd, "plan": …, "workers": …}``. The
sockets are inherited. The service first answers on ``trial`` only; after the line ``go`` it leaves that and answers on
``listen``, as the file ``plan`` says. If the starter goes away before, so does the service. Each step is told by a word
on the standard output: ``trial``, ``ready``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from sixfold.errors import ServiceError, SixfoldError
from sixfold.security import Home, Keyring
from sixfold.serving._access import Access
from sixfold.serving._app import product_application
from sixfold.serving._bundle import Bundle
from sixfold.serving._engine import Engine
from sixfold.serving._follow import follow
from sixfold.serving._limits import Limits
from sixfold.serving._models import Models
from sixfold.serving._serve import proven, quick, server, threads
from sixfold.serving._served import ProductServed
from sixfold.serving._watching import Watching
from sixfold.serving._work import Work
from sixfold.serving._workers import supervise
from sixfold.store import Store

_LOG_BYTES = 5 << 20
_log = logging.getLogger("sixfold.serving")


def main() -> int:
    """Serve what the standard input names; returns the exit code."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    _log_to(Path(settings["log"]))
    words = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    quick()
    try:
        return (_alone if settings["workers"] == 1 else _many)(settings, words)
    except SixfoldError as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 — the standard error is the service's log
        return error.exit_code


class _Product:
    """The product that is served: its models, its watch, the application.

    Args:
        settings: As the starter tells them.
        counts: Whether requests are watched; a service on trial is asked by nobody but its starter.
    """

    def __init__(self, settings: dict[str, Any], *, counts: bool) -> None:
        self._settings, self._home = settings, Home(Path(settings["home"]))
        bundle, limits = self._bundle(settings["artefact"]["key"]), Limits(**settings["limits"])
        self.watch = Watching(bundle, self._home)
        self.watch.counts = counts
        self._name, self._models = bundle.product.name, Models(Work(limits), limits)
        served = ProductServed(self._proven(bundle), limits.rows)
        self._models.add(served, lambda: served)
        access = Access(self._home, self._name, settings["owner"]) if settings["keys"] else None
        self.app = product_application(self._models, self._name, watch=self.watch, access=access)
        _log.info("serves %s, model %s", served.name, served.version)

    def follow(self) -> None:
        """From now on: watch, and have versions answer as the plan says."""
        self.watch.counts = True
        load = lambda key: self._proven(self._bundle(key))  # noqa: E731
        follow(Path(self._settings["plan"]), self._models, self._name, load)

    def _proven(self, bundle: Bundle) -> Engine:
        engine = proven(bundle, threads(self._settings["workers"]))
        engine.standing = self.watch.standing
        return engine

    def _bundle(self, key: str) -> Bundle:
        store = Store(self._home, Keyring(self._home))
        artefact = store.made(self._settings["artefact"]["stage"], key)
        if artefact is None:
            raise ServiceError("no_bundle", path=self._home.path)
        return Bundle.from_members({name: store.get(member) for name, member in artefact.members.items()})


def _alone(settings: dict[str, Any], words: IO[str]) -> int:
    product = _Product(settings, counts=False)
    told_to_go = threading.Event()
    trial = server(product.app, lambda: _say(words, "trial"))

    def wait() -> None:
        if sys.stdin.readline() == "go\n":
            told_to_go.set()
        trial.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    with socket.socket(fileno=settings["trial"]) as sock:
        trial.run(sockets=[sock])
    if not told_to_go.is_set():
        return 1
    product.follow()
    with socket.socket(fileno=settings["listen"]) as sock:
        server(product.app, partial(_say_last, words)).run(sockets=[sock])
    product.watch.close()
    return 0


def _many(settings: dict[str, Any], words: IO[str]) -> int:
    """As :func:`_alone`, in processes of their own: this one loads no model, so that it may fork."""
    hears, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        words.close()
        os.close(hears)
        _try(settings, tells)
    os.close(tells)
    with os.fdopen(hears, "rb") as told:
        if told.read(1) != b"r":
            os.waitpid(pid, 0)
            return 1
    _say(words, "trial")
    told_to_go = sys.stdin.readline() == "go\n"
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    if not told_to_go:
        return 1
    with socket.socket(fileno=settings["listen"]) as sock:

        def work(ready: Callable[[], None]) -> None:
            product = _Product(settings, counts=True)
            product.follow()
            server(product.app, ready).run(sockets=[sock])
            product.watch.close()

        supervise(settings["workers"], sock, work, partial(_say_last, words))
    return 0


def _try(settings: dict[str, Any], tells: int) -> None:
    """The process on trial: it answers on the socket for that until it is ended."""

    def ready() -> None:
        os.write(tells, b"r")
        os.close(tells)

    try:
        with socket.socket(fileno=settings["trial"]) as sock:
            server(_Product(settings, counts=False).app, ready).run(sockets=[sock])
    except SixfoldError as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 — the standard error is the service's log
    finally:
        sys.stderr.flush()
        os._exit(0)


def _log_to(path: Path) -> None:
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _say(words: IO[str], word: str) -> None:
    try:
        words.write(word + "\n")
        words.flush()
    except BrokenPipeError:
        _log.warning("the starter went away")


def _say_last(words: IO[str]) -> None:
    _say(words, "ready")
    words.close()


if __name__ == "__main__":
    sys.exit(main())
