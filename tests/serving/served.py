"""A real server in a thread of this process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sixfold.serving import Bundle, address, listening
from sixfold.serving._app import application, graph_application
from sixfold.serving._serve import graph_models, server


def running(bundle: Bundle, **options: Any) -> contextlib.AbstractContextManager[str]:
    """The URL of a real server of ``bundle`` in a thread of this process."""
    return at_work(application(bundle, **options))


def running_graphs(files: list[Path], *, may_change: bool = False) -> contextlib.AbstractContextManager[str]:
    """The URL of a real server of plain graphs in a thread of this process."""
    return at_work(graph_application(graph_models(files, may_change=may_change)))


@contextlib.contextmanager
def at_work(app: Any) -> Iterator[str]:
    """The URL of a real server of an application in a thread of this process."""
    ready = threading.Event()
    with listening("127.0.0.1", None) as sock:
        service = server(app, ready.set)
        thread = threading.Thread(target=service.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        assert ready.wait(20)
        yield address(sock)
        service.should_exit = True
        thread.join(20)
