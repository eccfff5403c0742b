"""A real server in a thread of this process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from sixfold.serving import Bundle, Witness, address, listening
from sixfold.serving._app import application
from sixfold.serving._serve import server


@contextlib.contextmanager
def running(bundle: Bundle, witness: Witness | None = None) -> Iterator[str]:
    """The URL of a real server of ``bundle`` in a thread of this process."""
    ready = threading.Event()
    with listening("127.0.0.1", None) as sock:
        service = server(application(bundle, witness=witness), ready.set)
        thread = threading.Thread(target=service.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        assert ready.wait(20)
        yield address(sock)
        service.should_exit = True
        thread.join(20)
