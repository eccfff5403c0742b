"""The process of one service: ``python -m sixfold.serving``, started by the target ``local``.

What to serve comes as one JSON line on the standard input, so that nothing stands on the command line:
``{"home": …, "artefact": {"stage": …, "key": …}, "log": …, "trial": fd, "listen": fd}``. The sockets are inherited. The
service first answers on ``trial`` only; after the line ``go`` it leaves that and answers on ``listen``. If the starter
goes away before, so does the service. Each step is told by a word on the standard output: ``trial``, ``ready``.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from sixfold.errors import ServiceError, SixfoldError
from sixfold.security import Home, Keyring
from sixfold.serving._app import application
from sixfold.serving._bundle import Bundle
from sixfold.serving._serve import proven, server
from sixfold.serving._watching import Watching
from sixfold.store import Store

_LOG_BYTES = 5 << 20


def main() -> int:
    """Serve what the standard input names; returns the exit code."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    _log_to(Path(settings["log"]))
    try:
        home = Home(Path(settings["home"]))
        bundle = _bundle(home, **settings["artefact"])
        watch = Watching(bundle, home)
        watch.counts = False
        app = application(bundle, proven(bundle), watch=watch)
    except SixfoldError as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 — the standard error is the service's log
        return error.exit_code

    words = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
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

    def ready() -> None:
        _say(words, "ready")
        words.close()

    watch.counts = True
    logging.getLogger("sixfold.serving").info("serves %s, model %s", bundle.product.name, bundle.version)
    with socket.socket(fileno=settings["listen"]) as sock:
        server(app, ready).run(sockets=[sock])
    watch.close()
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
