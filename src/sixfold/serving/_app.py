"""The service over HTTP: answers, health, OpenAPI, the demo page and the report.

Nothing of what is sent is written to a disk or into the log. An error is ``{"error": {code, says, mend, …}}`` in the
language of the caller. What is *not* promised: who may call. The service listens on this machine alone unless told
otherwise; before others reach it, put a proxy with TLS and a login in front.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import logging
import os
import re
import secrets
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sixfold.errors import RequestError, ServiceError, SixfoldError
from sixfold.language import Text, language, use_language
from sixfold.serving._bundle import Bundle
from sixfold.serving._completions import Chat, Completion, json_of, models, read
from sixfold.serving._engine import Engine
from sixfold.serving._openapi import openapi
from sixfold.serving._witness import Exchange, Witness
from sixfold.tasks import Streamed

__all__ = ["MOST_BYTES", "MOST_ROWS", "application"]

MOST_BYTES = 32 << 20
"""The largest body of a request."""

MOST_ROWS = 1000
"""The most rows of a request."""

_DRAINED_BYTES = 4 * MOST_BYTES
"""So much of a body that is too large is still read, so that its sender hears the answer instead of a broken pipe."""

_BODY_SECONDS = 60
_MOST_AT_ONCE = 32
"""Requests for answers that are read or worked on at the same time; bounds memory. More are told to come again."""

_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

_STATUS = {
    "no_route": 404,
    "no_report": 404,
    "no_model": 404,
    "wrong_method": 405,
    "too_slow": 408,
    "too_large": 413,
    "too_many_rows": 413,
    "wrong_type": 415,
    "busy": 503,
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
_REPORT_POLICY = (
    # The report is one file with its own styles and scripts; the sandbox gives it an origin that can reach nothing.
    "sandbox allow-scripts allow-modals allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE_FOLDER = resources.files("sixfold.serving") / "page"
_PAINTER = "answer-{pattern}.js"
"""The script of a pattern of answers that the page shows in a way of its own: in the folder of the page."""

_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/page/style.css": ("style.css", "text/css; charset=utf-8"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"/page/{part.name}": (part.name, "text/javascript; charset=utf-8")
        for part in _PAGE_FOLDER.iterdir()
        if part.name.startswith("answer-")
    },
}

_NO_SETTINGS = Text("`settings` is not an object of names and values", "`settings` 不是由名称和值组成的对象")
_ANSWERING = ("/predict", "/v1/completions", "/v1/chat/completions")
_T = TypeVar("_T")
_log = logging.getLogger("sixfold.serving")


def application(bundle: Bundle, engine: Engine | None = None, witness: Witness | None = None) -> ASGIApp:
    """The ASGI application that serves ``bundle``.

    Args:
        bundle: The model.
        engine: Its engine, where one is loaded already.
        witness: Told of every request for answers, after its answer was sent.
    """
    service = _Service(bundle, engine if engine is not None else Engine(bundle))
    return Starlette(
        routes=[
            Route("/predict", service.predict, methods=["POST"]),
            Route("/health/live", service.live),
            Route("/health/ready", service.ready),
            Route("/openapi.json", service.openapi),
            *service.completions(),
            Route("/about", service.about),
            Route("/example", service.example),
            Route("/report", service.report),
            *(Route(path, service.page) for path in _PAGE),
        ],
        middleware=[Middleware(_Frame, product=bundle.product.name, witness=witness)],
        exception_handlers={HTTPException: _http_error, SixfoldError: _error},
    )


class _Service:
    """The endpoints of one bundle."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self._bundle, self._engine, self._version = bundle, engine, bundle.version
        # Work with the model runs beside the event loop, so that health is told at once however long an answer takes.
        self._pool = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1), thread_name_prefix="answers")
        self._at_work = 0
        self._page = {path: ((_PAGE_FOLDER / name).read_bytes(), media) for path, (name, media) in _PAGE.items()}
        self._about = orjson.dumps(_about(bundle, self._version))
        self._example = orjson.dumps(bundle.sample)

    def completions(self) -> list[Route]:
        """The forms in which existing clients ask for texts, where the model writes them."""
        if not self._engine.can_stream:
            return []
        return [
            Route("/v1/models", self.models),
            Route("/v1/completions", self.completion, methods=["POST"]),
            Route("/v1/chat/completions", self.completion, methods=["POST"]),
        ]

    async def models(self, _: Request) -> Response:
        """``GET /v1/models``: the one model there is."""
        return _json(orjson.dumps(models(self._engine)))

    async def completion(self, request: Request) -> Response:
        """``POST /v1/completions`` and ``/v1/chat/completions``: one text or several, whole or as they are written."""
        kind = Chat if request.url.path.endswith("/chat/completions") else Completion
        body, reader = await _body(request), _reader(request)
        asked = read(kind, body, self._engine)
        if asked.stream:
            return await self._streamed(asked.events(self._engine), reader)
        with self._working():
            answer = await asyncio.get_running_loop().run_in_executor(
                self._pool, _in_language(reader, lambda: asked.answer(self._engine))
            )
        request.state.rows = len(answer["choices"])
        return _json(orjson.dumps(answer))

    async def _streamed(self, events: Iterator[bytes], reader: str) -> Response:
        """Server-sent events (HTML, 9.2), made beside the event loop; what is wrong with the request is told before."""
        loop, advance = asyncio.get_running_loop(), _in_language(reader, lambda: next(events, None))
        with self._working():
            first = await loop.run_in_executor(self._pool, advance)

        async def told() -> AsyncGenerator[bytes, None]:
            with self._working(begun=True):
                event = first
                while event is not None:
                    yield event
                    event = await loop.run_in_executor(self._pool, advance)

        return StreamingResponse(told(), media_type="text/event-stream")

    @contextlib.contextmanager
    def _working(self, *, begun: bool = False) -> Iterator[None]:
        """While a request is worked on; one that has begun to answer is not refused any more.

        Raises:
            RequestError: So many are already.
        """
        if self._at_work >= _MOST_AT_ONCE and not begun:
            raise RequestError("busy")
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    def _written(self, settings: Mapping[str, Any], request_id: str) -> Iterator[bytes]:
        """One text as events: its pieces, and then the answer as it would have come whole."""
        begun, pieces = time.perf_counter(), self._engine.stream(settings)
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                record = self._record([end.value], request_id, begun)
                yield b"event: answer\ndata: " + orjson.dumps(record) + b"\n\n"
                return
            yield b"data: " + orjson.dumps({"text": piece}) + b"\n\n"

    def _record(self, answers: list[dict[str, Any]], request_id: str, begun: float) -> dict[str, Any]:
        return {
            "answers": answers,
            "model": self._version,
            "product": self._bundle.product.name,
            "request": request_id,
            "milliseconds": round((time.perf_counter() - begun) * 1000, 2),
        }

    async def predict(self, request: Request) -> Response:
        """``POST /predict``: answers for one row or many; of a text alone as it is written, where that is accepted."""
        begun = time.perf_counter()
        if self._engine.can_stream and "text/event-stream" in request.headers.get("accept", ""):
            asked = self._asked("application/json", await _body(request) or b"{}")
            if len(asked.rows) != 1 or asked.rows[0]:
                raise RequestError("one_at_a_time")
            request.state.rows = 1
            return await self._streamed(self._written(asked.settings, request.state.request_id), _reader(request))
        with self._working():
            body = await _body(request)
            media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media == "multipart/form-data":
                form = await _multipart(request, body)
                sent: _Asked | None = _Asked(_form_rows(form))
            else:
                sent = None
            request.state.bytes = len(body)
            rows, answers = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._answers, sent, media, body, _reader(request)
            )
        request.state.rows = len(answers)
        request.state.exchanged = (self._version, rows, answers)
        return _json(orjson.dumps(self._record(answers, request.state.request_id, begun)))

    async def live(self, _: Request) -> Response:
        """``/health/live``: the process is there."""
        return _json(b'{"live":true}')

    async def ready(self, _: Request) -> Response:
        """``/health/ready``: the model is loaded, and has answered its sample row rightly."""
        return _json(orjson.dumps({"ready": True, "product": self._bundle.product.name, "model": self._version}))

    async def openapi(self, _: Request) -> Response:
        """``/openapi.json``: what may be sent and what comes back, as OpenAPI 3.1."""
        return _json(orjson.dumps(openapi(self._bundle, self._version, most_rows=MOST_ROWS)))

    async def about(self, _: Request) -> Response:
        """``/about``: what is served."""
        return _json(self._about)

    async def example(self, _: Request) -> Response:
        """``/example``: one real row, and the answer that was measured for it."""
        return _json(self._example)

    async def report(self, _: Request) -> Response:
        """``/report``: how good the model is, as one page; if the bundle carries it."""
        if not self._bundle.report:
            raise RequestError("no_report")
        return Response(
            self._bundle.report,
            media_type="text/html; charset=utf-8",
            headers={"content-security-policy": _REPORT_POLICY},
        )

    async def page(self, request: Request) -> Response:
        """``/``: the demo page and its parts."""
        content, media = self._page[request.url.path.removeprefix(request.scope.get("root_path", ""))]
        return Response(content, media_type=media, headers={"cache-control": "no-cache"})

    def _answers(
        self, asked: _Asked | None, media: str, body: bytes, reader: str
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows that a request asks about, and their answers."""
        use_language(reader)  # of this thread: the kinds of column say in it what is wrong with a value
        if asked is None:
            asked = self._asked(media, body)
        if not asked.rows:
            raise RequestError("no_rows")
        if len(asked.rows) > MOST_ROWS:
            raise RequestError("too_many_rows", count=len(asked.rows), limit=MOST_ROWS)
        return asked.rows, self._engine.answers(asked.rows, asked.settings)

    def _asked(self, media: str, body: bytes) -> _Asked:
        only = next(iter(self._bundle.given.values())) if len(self._bundle.given) == 1 else None
        widget = None if only is None else only.widget
        if media == "text/csv":
            return _Asked(_csv_rows(body))
        if only is not None and widget == "image" and media.startswith(("image/", "application/octet-stream")):
            return _Asked([{only.name: body}])
        if only is not None and widget == "text" and media == "text/plain":
            return _Asked([{only.name: _utf8(body)}])
        if media == "application/x-www-form-urlencoded" and body.lstrip()[:1] not in (b"{", b"["):
            return _Asked(_form_rows(_pairs(body)))
        # JSON under the type that `curl -d` writes unasked is understood as well.
        if media in ("", "application/json", "text/json", "application/x-www-form-urlencoded") or media.endswith(
            "+json"
        ):
            return _json_asked(body)
        raise RequestError("wrong_type", received=media)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks: rows, and beside them what it says of how to answer."""

    rows: list[dict[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)


def _about(bundle: Bundle, version: str) -> dict[str, Any]:
    product, target = bundle.product, bundle.target
    headline, painter = bundle.task.judged_by[0].name, _PAINTER.format(pattern=bundle.task.pattern)
    return {
        "name": product.name,
        "goal": product.goal,
        "model": version,
        "task": _text(bundle.task),
        "verb": product.verb,
        "streams": isinstance(bundle.task, Streamed),
        "pattern": bundle.task.pattern,
        "painter": painter if f"/page/{painter}" in _PAGE else None,
        "given": [
            {
                "name": column.name,
                "kind": column.kind(),
                "title": _text(column),
                "widget": column.widget,
                "choices": getattr(column, "classes", None),
                "schema": column.schema(),
            }
            for column in bundle.given.values()
        ],
        "needed": bundle.needed,
        "settings": bundle.task.Settings.model_json_schema(),
        "target": {
            "name": target.name,
            "kind": target.kind(),
            "title": _text(target),
            "widget": target.widget,
            "usual": getattr(target, "usual", None),
            "coverage": product.evaluate.coverage,
        },
        "outcome": None
        if bundle.outcome is None
        else {"name": bundle.outcome.name, "kind": bundle.outcome.kind(), "aim": product.aim},
        "classes": getattr(target, "classes", None),
        "colors": getattr(target, "colors", None),
        "headline": {"name": headline, **bundle.figures[headline]} if headline in bundle.figures else None,
        "report": bool(bundle.report),
        "limits": {"bytes": MOST_BYTES, "rows": MOST_ROWS},
    }


def _in_language(reader: str, work: Callable[[], _T]) -> Callable[[], _T]:
    """Work that a thread of the pool does in the language of who asked."""

    def done() -> _T:
        use_language(reader)
        return work()

    return done


def _text(kind: Any) -> dict[str, str]:
    return {"en": kind.title.en, "zh": kind.title.zh}


async def _body(request: Request) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError("wrong_type", received=request.headers["content-encoding"])
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BYTES:
                    parts.clear()
                    if size > _DRAINED_BYTES:
                        break
                else:
                    parts.append(part)
    except TimeoutError:
        raise RequestError("too_slow", seconds=_BODY_SECONDS) from None
    if size > MOST_BYTES:
        raise RequestError("too_large", limit=f"{MOST_BYTES >> 20} MiB")
    return b"".join(parts)


class _FormParser(MultiPartParser):
    """Starlette's parser, with uploads held in memory: what a caller sends is never written to a disk."""

    spool_max_size: ClassVar[int] = MOST_BYTES + 1  # type: ignore[misc]


async def _multipart(request: Request, body: bytes) -> list[tuple[str, Any]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    most = MOST_ROWS * 100
    parser = _FormParser(request.headers, stream(), max_files=most, max_fields=most, max_part_size=MOST_BYTES)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise RequestError("bad_form", reason=getattr(error, "message", "no boundary")) from error
    try:
        return [
            (name, await value.read() if isinstance(value, UploadFile) else value) for name, value in form.multi_items()
        ]
    finally:
        await form.close()


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_ROWS * 100)
    except ValueError as error:
        raise RequestError("bad_form", reason=error) from error


def _form_rows(pairs: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """One row; or, where fields come several times, as many rows: each field then comes as often."""
    columns: dict[str, list[Any]] = {}
    for name, value in pairs:
        columns.setdefault(name, []).append(value)
    count = max(map(len, columns.values()), default=0)
    for name, values in columns.items():
        if len(values) != count:
            raise RequestError("uneven_form", column=name, count=len(values), most=count)
    return [{name: values[index] for name, values in columns.items()} for index in range(count)]


def _json_asked(body: bytes) -> _Asked:
    value = json_of(body)
    settings: dict[str, Any] = {}
    if isinstance(value, dict) and {"rows"} <= set(value) <= {"rows", "settings"} and isinstance(value["rows"], list):
        settings = value.get("settings") or {}
        value = value["rows"]
    if not isinstance(settings, dict):
        raise RequestError("not_json", reason=_NO_SETTINGS)
    rows = value if isinstance(value, list) else [value]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise RequestError("not_a_row", row=number)
    return _Asked(rows, settings)


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError("not_utf8") from None


def _csv_rows(body: bytes) -> list[dict[str, Any]]:
    text = _utf8(body)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise RequestError("bad_csv", reason=error) from error
    lines = [line for line in lines if line]
    if not lines:
        raise RequestError("no_rows")
    header, rows = lines[0], lines[1:]
    if len(set(header)) < len(header):
        raise RequestError("bad_csv", reason=Text("a column name stands twice in the first line", "首行有重复的列名"))
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            reason = Text(
                "row {row} has {count} values, the first line {names}",
                "第 {row} 行有 {count} 个值，而首行有 {names} 个列名",
            )
            raise RequestError("bad_csv", reason=reason(row=number, count=len(row), names=len(header)))
    return [dict(zip(header, row, strict=True)) for row in rows]


class _Frame:
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
        begun, status = time.perf_counter(), 0

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                extra = {**_HEADERS, "x-request-id": request_id}
                message["headers"] += [
                    (name.encode(), value.encode()) for name, value in extra.items() if name.encode() not in present
                ]
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
                await _error(request, ServiceError("failed", request=request_id))(scope, receive, framed)
        if not scope["path"].startswith("/health/"):
            took = (time.perf_counter() - begun) * 1000
            known = scope["path"] if scope["path"] in _ANSWERING else "page"
            rows = getattr(request.state, "rows", 0)
            _log.info("%s %s %s %d %d rows %.1f ms", request_id, scope["method"], known, status, rows, took)
            if self._witness is not None and known != "page":
                self._witness.tell(self._exchange(request, known, status, took))

    def _exchange(self, request: Request, endpoint: str, status: int, took: float) -> Exchange:
        told = request.state
        model, rows, answers = getattr(told, "exchanged", ("", (), ()))
        return Exchange(
            request=told.request_id,
            at=time.time() - took / 1000,
            product=self._product,
            model=model,
            endpoint=endpoint,
            status=status,
            milliseconds=took,
            rows=rows,
            answers=answers,
            error=getattr(told, "error", None),
            client=request.client.host if request.client else None,
            bytes=getattr(told, "bytes", 0),
        )


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers: Mapping[str, str] = error.headers or {}
    if error.status_code == 405:  # noqa: PLR2004
        allowed = headers.get("Allow", "")
        return _error(request, RequestError("wrong_method", method=request.method, allowed=allowed), headers=headers)
    return _error(request, RequestError("no_route"), status=error.status_code, headers=headers)


def _error(
    request: Request, error: Exception, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    assert isinstance(error, SixfoldError)
    reader = _reader(request)
    if status is None:
        status = _STATUS.get(error.slug, 400) if isinstance(error, RequestError) else 500
    request.state.error = error.code
    record: dict[str, Any] = {"code": error.code, "says": error.says(reader), "mend": error.mend(reader)}
    if "row" in error.values:
        record["row"] = int(error.values["row"])
    if "column" in error.values:
        record["column"] = error.values["column"]
    if request.url.path.startswith("/v1/"):  # what clients of that interface show
        record |= {"message": f"{record['says']} {record['mend']}", "type": "invalid_request_error", "param": None}
    more = {"retry-after": "1"} if status == 503 else {}  # noqa: PLR2004
    response = _json(orjson.dumps({"error": {**record, "request": request.state.request_id}}), status)
    response.headers.update({**(headers or {}), **more, "content-language": reader, "vary": "Accept-Language"})
    return response


def _reader(request: Request) -> str:
    """The language that ``Accept-Language`` prefers of those that Sixfold speaks (RFC 9110, 12.5.4)."""
    best, weight = language(), 0.0
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


def _json(content: bytes, status: int = 200) -> Response:
    return Response(content, status_code=status, media_type="application/json")
