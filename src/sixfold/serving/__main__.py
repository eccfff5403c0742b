"""The process of one service: ``python -m sixfold.serving``, started by the target ``local``.

What to serve comes as one JSON line on the standard input, so that nothing stands on the command line:
``{"home": …, "artefact": {"stage": …, "key": …}, "log": …, "trial": fd, "listen": fd, "plan": …, "workers": …}``. The
sockets are inherited. The service first answers on ``trial`` only; after the line ``go`` it leaves that and answers on
``listen``, as the file ``plan`` says. If the starter goes away before, so does the service. Each step is told by a word
on the standard output: ``trial``, ``ready``.
"""

from __future__ import annotations

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

from starlette.types import ASGIApp

from sixfold.errors import ServiceError, SixfoldError
from sixfold.security import Home, Keyring
from sixfold.serving._app import product_application
from sixfold.serving._bundle import Bundle
from sixfold.serving._engine import Engine
from sixfold.serving._follow import follow
from sixfold.serving._limits import Limits
from sixfold.serving._models import Models
from sixfold.serving._serve import proven, quick, server, threads
from sixfold.serving._served import ProductServed
from sixfold.serving._work import Work
from sixfold.serving._workers import supervise
from sixfold.store import Store

_LOG_BYTES = 5 << 20


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


def _alone(settings: dict[str, Any], words: IO[str]) -> int:
    models, name = _models(settings)
    app = product_application(models, name)
    told_to_go = threading.Event()
    trial = server(app, lambda: _say(words, "trial"))

    def wait() -> None:
        if sys.stdin.readline() == "go\n":
            told_to_go.set()
        trial.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    with socket.socket(fileno=settings["trial"]) as sock:
        trial.run(sockets=[sock])
    if not told_to_go.is_set():
        return 1
    _follow(settings, models, name)
    with socket.socket(fileno=settings["listen"]) as sock:
        server(app, partial(_say_last, words)).run(sockets=[sock])
    return 0


def _many(settings: dict[str, Any], words: IO[str]) -> int:
    """As :func:`_alone`, in processes of their own: this one loads no model, so that it may fork."""
    pid = os.fork()
    if pid == 0:
        with socket.socket(fileno=settings["trial"]) as sock:
            models, name = _models(settings)
            server(product_application(models, name), lambda: _say(words, "trial")).run(sockets=[sock])
        os._exit(0)
    told_to_go = sys.stdin.readline() == "go\n"
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    if not told_to_go:
        return 1
    with socket.socket(fileno=settings["listen"]) as sock:

        def work(ready: Callable[[], None]) -> None:
            server(_followed(settings), ready).run(sockets=[sock])

        supervise(settings["workers"], sock, work, partial(_say_last, words))
    return 0


def _followed(settings: dict[str, Any]) -> ASGIApp:
    models, name = _models(settings)
    _follow(settings, models, name)
    return product_application(models, name)


def _follow(settings: dict[str, Any], models: Models, name: str) -> None:
    follow(Path(settings["plan"]), models, name, lambda key: _engine(settings, key))


def _models(settings: dict[str, Any]) -> tuple[Models, str]:
    limits = Limits(**settings["limits"])
    engine = _engine(settings, settings["artefact"]["key"])
    models, served = Models(Work(limits), limits), ProductServed(engine, limits.rows)
    models.add(served, lambda: served)
    logging.getLogger("sixfold.serving").info("serves %s, model %s", served.name, served.version)
    return models, served.name


def _engine(settings: dict[str, Any], key: str) -> Engine:
    home = Home(Path(settings["home"]))
    return proven(_bundle(home, settings["artefact"]["stage"], key), threads(settings["workers"]))


def _bundle(home: Home, stage: str, key: str) -> Bundle:
    store = Store(home, Keyring(home))
    artefact = store.made(stage, key)
    if artefact is None:
        raise ServiceError("no_bundle", path=home.path)
    return Bundle.from_members({name: store.get(member) for name, member in artefact.members.items()})


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
        logging.getLogger("sixfold.serving").warning("the starter went away")


def _say_last(words: IO[str]) -> None:
    _say(words, "ready")
    words.close()


if __name__ == "__main__":
    sys.exit(main())
