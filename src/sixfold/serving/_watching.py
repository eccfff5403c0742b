"""The watch of a service over HTTP: feedback, the watch page, figures for Prometheus, and who has to wait.

What others may see of a product in use is seen from this machine alone, unless `deploy: {watch: {seen_by: everyone}}`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sixfold.errors import RequestError
from sixfold.language import Text, language
from sixfold.monitoring import MEDIA_TYPE, Reference, Watched, Watcher, open_storage, page
from sixfold.security import Home, Keyring, Ledger
from sixfold.serving._bundle import Bundle
from sixfold.serving._witness import Exchange, Witness

__all__ = ["Watching", "watched_of"]

_HERE = ("127.0.0.1", "::1", "localhost")
_PROXIED = ("x-forwarded-for", "forwarded", "x-real-ip")
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; frame-ancestors 'none'"
)
_MOST_BYTES = 4 << 20
_MOST_TOLD = 1000
_PATHS = ("/predict", "/feedback", "/watch", "/watch.json", "/metrics", "/report", "/about", "/openapi.json")
_ANSWERING = ("/predict", "/v1/", "/v2/")
_UNAUTHORIZED = 401
_NO_LIST = Text(
    'send {"request": id, "truth": value}, or a list of those', '请发送 {"request": 请求编号, "truth": 真值}，或其列表'
)


def watched_of(bundle: Bundle) -> Watched:
    """What is watched of a bundle."""
    return Watched(
        product=bundle.product.name,
        model=bundle.version,
        given=bundle.given,
        target=bundle.target,
        reference=Reference(**bundle.reference) if bundle.reference else None,
        settings=bundle.product.deploy.watch,
    )


class Watching:
    """The watch of one bundle that is served.

    Args:
        bundle: What is served.
        home: Where summaries are kept and whose ledger is written; ``None``: in memory, gone with the process.
    """

    def __init__(self, bundle: Bundle, home: Home | None) -> None:
        settings = bundle.product.deploy.watch
        storage = open_storage(bundle.product.name, home, settings.to if home is not None else None)
        write: Callable[..., Any] = Ledger(home, Keyring(home)).append if home is not None else lambda *_, **__: None
        self.watcher = Watcher(watched_of(bundle), storage, write)
        self.witness = Witness(self._saw)
        self.watcher.dropped = lambda: self.witness.dropped
        self._seen_by_all = settings.seen_by == "everyone"
        self._rule = settings.rule
        self.counts = True
        """Whether requests are told of; a service on trial is asked by nobody but its starter."""

    def routes(self) -> list[Route]:
        """What a watched service answers beside the others."""
        return [
            Route("/feedback", self.feedback, methods=["POST"]),
            Route("/watch", self.page),
            Route("/watch.json", self.state),
            Route("/metrics", self.metrics),
        ]

    def middleware(self) -> list[Middleware]:
        """What stands around every request: who has to wait waits."""
        return [Middleware(_Guarded, watcher=self.watcher)]

    def standing(self) -> Mapping[str, Any] | None:
        """What is answered in place of the model: ``None`` where it answers itself.

        Raises:
            RequestError: A person is to answer.
        """
        standing = self.watcher.standing
        # It was said of one version: another that is deployed after it answers itself.
        is_meant = standing.get("model") in (None, self.watcher.watched.model)
        mode = standing.get("mode", "model") if is_meant else "model"
        if mode == "person":
            raise RequestError("asks_person")
        return self._rule if mode == "rule" else None

    def close(self) -> None:
        """Tell and write what waits."""
        self.witness.close()
        self.watcher.close()

    async def feedback(self, request: Request) -> Response:
        """``POST /feedback``: what was right, by the request's id; late is normal, said again the newer word holds."""
        body = await _small_body(request)
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise RequestError("not_json", reason=_NO_LIST) from None
        listed = told if isinstance(told, list) else [told]
        if not all(isinstance(one, dict) and isinstance(one.get("request"), str) and "truth" in one for one in listed):
            raise RequestError("not_json", reason=_NO_LIST)
        if len(listed) > _MOST_TOLD:
            raise RequestError("too_many_rows", count=len(listed), limit=_MOST_TOLD)
        await run_in_threadpool(self._keep, listed)
        return Response(orjson.dumps({"accepted": len(listed)}), media_type="application/json")

    async def page(self, request: Request) -> Response:
        """``/watch``: how the product is, as one page."""
        self._hold(request)
        content = await run_in_threadpool(lambda: page(self.watcher.state()))
        return Response(content, media_type="text/html; charset=utf-8", headers={"content-security-policy": _POLICY})

    async def state(self, request: Request) -> Response:
        """``/watch.json``: the same for programs."""
        self._hold(request)
        return Response(orjson.dumps(await run_in_threadpool(self.watcher.state)), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """``/metrics``: figures for Prometheus."""
        self._hold(request)
        return Response(await run_in_threadpool(self.watcher.metrics), media_type=MEDIA_TYPE)

    def _keep(self, listed: list[dict[str, Any]]) -> None:
        for number, one in enumerate(listed, start=1):
            place = one.get("row", 0)
            if not isinstance(place, int) or not 0 <= place < _MOST_TOLD:
                raise RequestError("not_json", reason=_NO_LIST)
            try:
                self.watcher.feedback(one["request"], place, one["truth"])
            except ValueError as error:
                target = self.watcher.watched.target.name
                raise RequestError("bad_value", row=number, column=target, reason=error) from error

    def _hold(self, request: Request) -> None:
        """Hold that whoever asks may see how the product is.

        Raises:
            RequestError: They may not.
        """
        if self._seen_by_all or "watch" in getattr(request.state, "scopes", ()):
            return
        host = request.client.host if request.client else None
        if host not in _HERE or any(name in request.headers for name in _PROXIED):
            raise RequestError("not_seen_from_here")

    def _saw(self, exchange: Exchange) -> None:
        if not self.counts or exchange.role == "shadow":
            return
        address = self.watcher.caller(exchange.client or "")
        if exchange.status == _UNAUTHORIZED:
            self.watcher.guard.key_refused(address)
        self.watcher.saw(
            exchange.request,
            address if exchange.key is None else self.watcher.caller("", exchange.key),
            address=address,
            model=exchange.model or None,
            status=exchange.status,
            seconds=exchange.milliseconds / 1000,
            rows=exchange.rows,
            answers=exchange.answers,
            at=exchange.at,
        )


class _Guarded:
    """Has callers wait whom the guard slows down, refuses those that it locked, and counts every request."""

    def __init__(self, app: ASGIApp, watcher: Watcher) -> None:
        self._app, self._watcher = app, watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/health/" in scope["path"]:
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in _PATHS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._watcher.counts.request(scope["method"], path, message["status"])
            await send(message)

        if scope["path"].startswith(_ANSWERING):
            client = scope.get("client")
            admission = self._watcher.admit(self._watcher.caller(client[0] if client else ""))
            if admission.locked > 0:
                await _refused(Request(scope), admission.locked)(scope, receive, counted)
                return
            if admission.wait > 0:
                await asyncio.sleep(admission.wait)
        await self._app(scope, receive, counted)


def _refused(request: Request, seconds: float) -> Response:
    error = RequestError("locked", seconds=round(seconds))
    record = {"code": error.code, "says": error.says(), "mend": error.mend()}
    with contextlib.suppress(AttributeError):
        record["request"] = request.state.request_id
        request.state.error = error.code
    headers = {"retry-after": str(max(1, round(seconds))), "content-language": language()}
    return Response(orjson.dumps({"error": record}), 429, media_type="application/json", headers=headers)


async def _small_body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _MOST_BYTES:
            raise RequestError("too_large", limit=f"{_MOST_BYTES >> 20} MiB")
        parts.append(part)
    return b"".join(parts)
