"""Sockets and the server loop: how a bundle comes to answer at an address."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixfold.errors import ServiceError
from sixfold.security import Home
from sixfold.serving._bundle import Bundle
from sixfold.serving._engine import Engine
from sixfold.serving._limits import Limits
from sixfold.serving._models import Models
from sixfold.serving._served import GraphServed
from sixfold.serving._work import Work
from sixfold.serving._workers import supervise

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

__all__ = [
    "Tls",
    "address",
    "graph_models",
    "listening",
    "proven",
    "quick",
    "same_answer",
    "serve",
    "serve_graphs",
    "server",
    "threads",
    "wrong_answer",
]

_GRACE_SECONDS = 4
"""How long requests under way may go on after the service was told to stop."""

_PNG = "iVBORw0KGgo"
"""What the base64 of a PNG file begins with."""

_TOLERANCE = 1e-3
"""How far a number may be from the one that was measured, as a share of its scale: another machine rounds otherwise."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate and its key, as PEM files.

    Args:
        certificate: The certificate, and those that vouch for it.
        key: Its private key, without a password.
    """

    certificate: Path
    key: Path

    def check(self) -> None:
        """Hold that they can be used.

        Raises:
            ServiceError: They cannot be read, or do not belong to each other.
        """
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ServiceError("bad_certificate", path=self.certificate, reason=error.strerror or error) from error


def serve(
    bundle: Bundle,
    host: str = "127.0.0.1",
    port: int | None = None,
    on_ready: Callable[[str], None] | None = None,
    *,
    may_change: bool = False,
    workers: int = 1,
    limits: Limits | None = None,
    keys: Home | None = None,
    tls: Tls | None = None,
) -> None:
    """Serve ``bundle`` from this process until it is told to stop (Ctrl-C, SIGTERM).

    Args:
        bundle: The model.
        host: The address to listen on.
        port: 1–65535; left out, a free one.
        on_ready: Told the service's URL once it answers.
        may_change: Whether callers may load and unload the model.
        workers: How many processes answer.
        limits: What is taken at most.
        keys: The home whose API keys callers need; ``None``: they need none.
        tls: The certificate to answer with; ``None``: plain HTTP.

    Raises:
        ServiceError: The port is taken, the model cannot be loaded, or it does not answer its sample row rightly.
    """

    def app() -> ASGIApp:
        from sixfold.serving._access import Access
        from sixfold.serving._app import application
        from sixfold.serving._watching import Watching

        access = None if keys is None else Access(keys, bundle.product.name)
        engine = proven(bundle, threads(workers))
        # In memory: whoever serves a pack has no record of it, and leaves none.
        watch = Watching(bundle, None)
        return application(bundle, engine, limits=limits, may_change=may_change, access=access, watch=watch)

    with contextlib.closing(listening(host, port)) as sock:
        _run(app, sock, on_ready, workers, tls)


def serve_graphs(
    files: Sequence[Path],
    host: str = "127.0.0.1",
    port: int | None = None,
    on_ready: Callable[[str], None] | None = None,
    *,
    may_change: bool = False,
    workers: int = 1,
    limits: Limits | None = None,
    keys: Home | None = None,
    tls: Tls | None = None,
) -> None:
    """Serve plain ONNX graphs by the Open Inference Protocol, each under its file's name, until told to stop.

    Args:
        files: The graphs.
        host: The address to listen on.
        port: 1–65535; left out, a free one.
        on_ready: Told the service's URL once it answers.
        may_change: Whether callers may load them anew, and unload them.
        workers: How many processes answer.
        limits: What is taken at most.
        keys: The home whose API keys callers need; ``None``: they need none.
        tls: The certificate to answer with; ``None``: plain HTTP.

    Raises:
        ServiceError: The port is taken, or a graph cannot be read.
    """

    def app() -> ASGIApp:
        from sixfold.serving._access import Access
        from sixfold.serving._app import graph_application

        models = graph_models(files, limits, may_change=may_change, threads=threads(workers))
        return graph_application(models, access=None if keys is None else Access(keys, "graphs"))

    with contextlib.closing(listening(host, port)) as sock:
        _run(app, sock, on_ready, workers, tls)


def threads(workers: int) -> int | None:
    """How many threads a run of a model may take in each of several processes; ``None``: as alone."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return None if workers == 1 else max(1, cores // workers)


def graph_models(
    files: Sequence[Path], limits: Limits | None = None, *, may_change: bool = False, threads: int | None = None
) -> Models:
    """Plain graphs as models, each under its file's name; loaded anew, they are read again.

    Args:
        files: The graphs.
        limits: What is taken at most.
        may_change: Whether callers may load them anew, and unload them.
        threads: How many threads one run may take.

    Raises:
        ServiceError: A file or the graph in it cannot be read, or two have one name.
    """
    limits = limits or Limits()
    models = Models(Work(limits), limits, may_change=may_change)
    for file in files:
        if file.stem in models.names:
            raise ServiceError("graph_twice", name=file.stem)
        load = partial(_graph, file, threads)
        models.add(load(), load)
    return models


def _graph(file: Path, threads: int | None) -> GraphServed:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ServiceError("no_graph", path=file, reason=error.strerror or error) from error
    return GraphServed(file.stem, content, threads=threads)


_SWITCH_SECONDS = 5e-4
"""How long a thread may hold the interpreter while another one waits: Python's own 5 ms would be most of an answer."""


def quick() -> None:
    """Have threads of this process hand the interpreter on as quickly as a service needs."""
    sys.setswitchinterval(_SWITCH_SECONDS)


def _run(
    app: Callable[[], ASGIApp],
    sock: socket.socket,
    on_ready: Callable[[str], None] | None,
    workers: int,
    tls: Tls | None,
) -> None:
    url = address(sock)
    if tls is not None:
        tls.check()
        url = url.replace("http:", "https:", 1)

    def ready() -> None:
        if on_ready is not None:
            on_ready(url)

    quick()

    def work(answers: Callable[[], None]) -> None:
        server(app(), answers, tls).run(sockets=[sock])

    if workers == 1:
        work(ready)
    else:
        supervise(workers, sock, work, ready)


def proven(bundle: Bundle, threads: int | None = None) -> Engine:
    """The engine of ``bundle``, once it has answered the bundle's sample row rightly.

    Args:
        bundle: The model.
        threads: How many threads one run may take; ``None``: as many as the machine has cores, eight at most.

    Raises:
        ServiceError: It did not.
    """
    engine = Engine(bundle, threads)
    answer = engine.answers([bundle.sample["row"]], bundle.sample.get("settings"))[0]
    if not same_answer(bundle.sample["answer"], answer):
        raise wrong_answer(bundle, answer)
    return engine


def wrong_answer(bundle: Bundle, received: Any) -> ServiceError:
    """The error that the sample row of ``bundle`` was answered with ``received``."""
    return ServiceError(
        "wrong_answer",
        product=bundle.product.name,
        expected=_short(bundle.sample["answer"]),
        received=_short(received),
    )


def same_answer(expected: Any, received: Any) -> bool:
    """Whether two answers say the same: equal words, and numbers within a thousandth of their scale.

    The scale of a number with an interval is the width of that, whatever its units; of any other it is 1, as of
    probabilities, or its own size if that is larger. Pictures are the same where all but a thousandth of their pixels
    are: on another processor the last bit may differ, and tip a pixel that is between two classes.
    """
    return _same(expected, received, None)


def _same(expected: Any, received: Any, scale: float | None) -> bool:
    if isinstance(expected, Mapping):
        if not isinstance(received, Mapping) or expected.keys() != received.keys():
            return False
        match expected.get("interval"):
            case {"low": int() | float() as low, "high": int() | float() as high}:
                scale = float(high) - float(low)
        return all(_same(value, received[name], scale) for name, value in expected.items())
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(received, (list, tuple))
            and len(expected) == len(received)
            and all(_same(one, other, scale) for one, other in zip(expected, received, strict=True))
        )
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        is_number = isinstance(received, (int, float)) and not isinstance(received, bool)
        size = max(1.0, abs(expected)) if scale is None else scale
        return is_number and abs(expected - received) <= _TOLERANCE * size
    if isinstance(expected, str) and isinstance(received, str) and expected.startswith(_PNG):
        return expected == received or _same_picture(expected, received)
    return bool(expected == received)


def _same_picture(expected: str, received: str) -> bool:
    import numpy as np

    from sixfold.fields.image import loaded, opened

    try:
        one, other = (np.asarray(loaded(opened(file)), np.int64) for file in (expected, received))
    except ValueError:
        return False
    return one.shape == other.shape and float((np.abs(one - other) > 1).mean()) <= _TOLERANCE


def listening(host: str, port: int | None, *, shared: bool = False) -> socket.socket:
    """A socket bound to ``host`` and ``port`` (left out: a free one); it takes connections once a server has it.

    Args:
        host: A name or an address.
        port: 1–65535.
        shared: Whether a former service of the same product, which still has the port, is about to be replaced.

    Raises:
        ServiceError: The port is taken, may not be used, or the host is none of this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ServiceError("no_such_host", host=host, reason=error.strerror or error) from error
    if port is not None and not shared:
        # Asked without SO_REUSEPORT, so that a port that any other process has is seen to be taken.
        _bound(family, kind, protocol, place, host, shared=False).close()
    return _bound(family, kind, protocol, place, host, shared=True)


def address(sock: socket.socket) -> str:
    """The URL at which a bound socket is reached from this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 — every address includes this one
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: ASGIApp, on_ready: Callable[[], None], tls: Tls | None = None) -> uvicorn.Server:
    """A server for ``app`` that calls ``on_ready`` once it takes connections; ``run(sockets=[…])`` starts it."""
    import uvicorn

    from sixfold.serving._wire import Wire

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=Wire,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )
    # Its lines would hold the query, which may hold what was sent; the application writes its own.
    logging.getLogger("uvicorn.access").disabled = True
    return Server(config)


def _bound(family: int, kind: int, protocol: int, place: Any, host: str, *, shared: bool) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared and hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(place)
    except OSError as error:
        sock.close()
        port = place[1]
        if error.errno == errno.EADDRINUSE:
            raise ServiceError("port_taken", host=host, port=port) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise ServiceError("no_such_host", host=host, reason=error.strerror or error) from error
        raise ServiceError("port_refused", host=host, port=port, reason=error.strerror or error) from error
    return sock


def _short(answer: Any, most: int = 300) -> str:
    text = str(answer)
    return text if len(text) <= most else text[: most - 1] + "…"
