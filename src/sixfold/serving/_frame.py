"""Around every request: its id, security headers, errors as JSON, a line in the log without content, the witness."""

from __future__ import annotations

import logging
import re
import secrets
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sixfold.errors import RequestError, ServiceError, SixfoldError
from sixfold.language import language, use_language
from sixfold.serving._witness import Exchange, Witness

__all__ = ["Frame", "json_response", "told_error", "told_http_error"]

_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

_STATUS = {
    "no_route": 404,
    "no_report": 404,
    "no_model": 404,
    "unknown_model": 404,
    "unknown_version": 404,
    "wrong_method": 405,
    "too_slow": 408,
    "too_large": 413,
    "too_many_rows": 413,
    "wrong_type": 415,
    "wrong_packing": 415,
    "no_key": 401,
    "wrong_scope": 403,
    "too_fast": 429,
    "quota_used": 429,
    "no_control": 403,
    "not_seen_from_here": 403,
    "busy": 503,
    "asks_person": 503,
    "took_too_long": 503,
    "model_unready": 503,
}

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
_ANSWERING = ("/predict", "/v1/completions", "/v1/chat/completions")
_PROTOCOL = "/v2"
_log = logging.getLogger("sixfold.serving")


class Frame:
    """Around every request: its id, the security headers, errors nobody meant as JSON, one log line without content."""

    def __init__(self, app: ASGIApp, product: str, witness: Witness | None) -> None:
        self._app, self._product, self._witness = app, product, witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        asked = request.headers.get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        request.state.request_id = request_id
        use_language(_reader(request))  # of this request's task, and of the threads that work for it
        begun, status = time.perf_counter(), 0

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                message["headers"] += [header for header in _RAW_HEADERS if header[0] not in present]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, framed)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:
            # The message and the values of an error nobody meant may hold what was sent: only where and what it was.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s %s at %s:%s", request_id, type(error).__name__, frame.filename, frame.lineno)
            if status == 0:
                await told_error(request, ServiceError("failed", request=request_id))(scope, receive, framed)
        if "/health/" not in scope["path"]:
            took = (time.perf_counter() - begun) * 1000
            known = _endpoint(scope["path"])
            rows = getattr(request.state, "rows", 0)
            _log.info("%s %s %s %d %d rows %.1f ms", request_id, scope["method"], known, status, rows, took)
            if known != "page":
                await self._told(request, known, status, took)

    async def _told(self, request: Request, endpoint: str, status: int, took: float) -> None:
        """The witness, of the exchange and of what a challenger said of it; the answer was sent already."""
        exchange = self._exchange(request, endpoint, status, took)
        if self._witness is not None:
            self._witness.tell(exchange)
        shadow = getattr(request.state, "shadow", None)
        said = None if shadow is None else await shadow()
        if said is not None and self._witness is not None:
            self._witness.tell(
                replace(
                    exchange,
                    model=said.version,
                    role="shadow",
                    milliseconds=said.milliseconds,
                    rows=said.answered.rows,
                    answers=said.answered.answers,
                )
            )

    def _exchange(self, request: Request, endpoint: str, status: int, took: float) -> Exchange:
        told = request.state
        model, rows, answers = getattr(told, "exchanged", ("", (), ()))
        return Exchange(
            request=told.request_id,
            at=time.time() - took / 1000,
            product=self._product,
            model=model,
            role=getattr(told, "role", "champion"),
            endpoint=endpoint,
            status=status,
            milliseconds=took,
            rows=rows,
            answers=answers,
            error=getattr(told, "error", None),
            key=getattr(told, "key", None),
            client=request.client.host if request.client else None,
            bytes=getattr(told, "bytes", 0),
        )


def told_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers: Mapping[str, str] = error.headers or {}
    if error.status_code == 405:  # noqa: PLR2004
        allowed = headers.get("Allow", "")
        error = RequestError("wrong_method", method=request.method, allowed=allowed)
        return told_error(request, error, headers=headers)
    return told_error(request, RequestError("no_route"), status=error.status_code, headers=headers)


def told_error(
    request: Request, error: Exception, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    assert isinstance(error, SixfoldError)
    if status is None:
        status = _STATUS.get(error.slug, 400) if isinstance(error, RequestError) else 500
    request.state.error = error.code
    record: dict[str, Any] = {"code": error.code, "says": error.says(), "mend": error.mend()}
    if "row" in error.values:
        record["row"] = int(error.values["row"])
    if "column" in error.values:
        record["column"] = error.values["column"]
    more = {"retry-after": "1"} if status in (429, 503) else {}
    headers = {**(headers or {}), **more, "content-language": language(), "vary": "Accept-Language"}
    if request.url.path.startswith(_PROTOCOL):
        return json_response(orjson.dumps({"error": f"{record['says']} {record['mend']}"}), status, headers)
    if request.url.path.startswith("/v1/"):  # what clients of that interface show
        record |= {"message": f"{record['says']} {record['mend']}", "type": "invalid_request_error", "param": None}
    return json_response(orjson.dumps({"error": {**record, "request": request.state.request_id}}), status, headers)


def _reader(request: Request) -> str:
    """The language that ``Accept-Language`` prefers of those that Sixfold speaks (RFC 9110, 12.5.4).

    Left out, the service's own; of the Open Inference Protocol English, since its clients read what errors say.
    """
    best, weight = "en" if request.url.path.startswith(_PROTOCOL) else language(), 0.0
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, quality = part.partition(";")
        code = tag.strip().lower().split("-")[0]
        if code not in ("zh", "en"):
            continue
        try:
            value = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            value = 0.0
        if value > weight:
            best, weight = code, value
    return best


def _endpoint(path: str) -> str:
    """What the log calls a path: names of models may say much, so they are left out."""
    if path in _ANSWERING:
        return path
    return f"{_PROTOCOL}/infer" if path.startswith(_PROTOCOL) and path.endswith("/infer") else "page"


def json_response(content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON as it was written."""
    return Response(content, status_code=status, media_type="application/json", headers=headers)
