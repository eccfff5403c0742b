"""The service over HTTP: answers, health, OpenAPI, the demo page and the report.

Nothing of what is sent is written to a disk or into the log. An error is ``{"error": {code, says, mend, …}}`` in the
language of the caller. The service listens on this machine alone unless told otherwise; before others reach it, have
callers bring keys (``_access.py``) and answer over TLS.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from importlib import resources
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sixfold.errors import RequestError, SixfoldError
from sixfold.serving._access import Access, Guarded
from sixfold.serving._batcher import Batcher, Made
from sixfold.serving._bodies import read_body
from sixfold.serving._bundle import Bundle
from sixfold.serving._completions import Chat, Completion, models, read
from sixfold.serving._engine import Engine
from sixfold.serving._frame import Frame, json_response, told_error, told_http_error
from sixfold.serving._inference import InferenceProtocol
from sixfold.serving._limits import Limits
from sixfold.serving._models import Models
from sixfold.serving._openapi import openapi
from sixfold.serving._rows import Asked, form_asked, read_asked
from sixfold.serving._served import Answers, Job, ProductServed, Served
from sixfold.serving._watching import Watching
from sixfold.serving._witness import Witness
from sixfold.serving._work import Work
from sixfold.tasks import Streamed

__all__ = ["application", "graph_application", "product_application"]

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


def application(
    bundle: Bundle,
    engine: Engine | None = None,
    witness: Witness | None = None,
    limits: Limits | None = None,
    *,
    may_change: bool = False,
    watch: Watching | None = None,
    access: Access | None = None,
) -> ASGIApp:
    """The ASGI application that serves ``bundle``.

    Args:
        bundle: The model.
        engine: Its engine, where one is loaded already.
        witness: Told of every request for answers, after its answer was sent.
        limits: What is taken at most.
        may_change: Whether callers may load and unload the model.
        watch: What watches it: has endpoints of its own, and is told of every request.
        access: The keys that callers need; ``None``: none.
    """
    limits, engine = limits or Limits(), engine if engine is not None else Engine(bundle)
    if watch is not None:
        engine.standing = watch.standing
    models = Models(Work(limits), limits, may_change=may_change)
    served = ProductServed(engine, limits.rows)
    models.add(served, lambda: served)
    return product_application(models, bundle.product.name, witness, watch, access)


def product_application(
    models: Models,
    name: str,
    witness: Witness | None = None,
    watch: Watching | None = None,
    access: Access | None = None,
) -> ASGIApp:
    """The ASGI application that serves the versions of one product.

    Args:
        models: Its versions.
        name: The product's name.
        witness: Told of every request for answers, after its answer was sent.
        watch: What watches it: has endpoints of its own, and is told of every request.
        access: The keys that callers need; ``None``: none.
    """
    routes = _Service(models, name).routes()
    if watch is None:
        return _framed(routes, name, witness, access=access)
    return _framed([*routes, *watch.routes()], name, watch.witness, watch, access)


def graph_application(models: Models, witness: Witness | None = None, access: Access | None = None) -> ASGIApp:
    """The ASGI application that serves plain graphs, by the Open Inference Protocol alone.

    Args:
        models: The graphs.
        witness: Told of every request for answers, after its answer was sent.
        access: The keys that callers need; ``None``: none.
    """
    service = _Health(models)
    routes = [Route("/health/live", service.live), Route("/health/ready", service.ready)]
    return _framed([*routes, *InferenceProtocol(models).routes()], "graphs", witness, access=access)


def _framed(
    routes: list[Route],
    product: str,
    witness: Witness | None,
    watch: Watching | None = None,
    access: Access | None = None,
) -> ASGIApp:
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Frame, product=product, witness=witness),
            *(watch.middleware() if watch else []),
            *([Middleware(Guarded, access=access)] if access else []),
        ],
        exception_handlers={HTTPException: told_http_error, SixfoldError: told_error},
    )


class _Health:
    """Health of a service of plain graphs."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def live(self, _: Request) -> Response:
        """``/health/live``: the process is there."""
        return json_response(b'{"live":true}')

    async def ready(self, _: Request) -> Response:
        """``/health/ready``: each graph is loaded."""
        is_ready = self._models.are_ready
        return json_response(orjson.dumps({"ready": is_ready}), 200 if is_ready else 503)


class _Service:
    """The endpoints of one product, whichever of its versions answers."""

    def __init__(self, models: Models, name: str) -> None:
        self._models, self._name = models, name
        self._limits, self._work = models.limits, models.work
        self._protocol = InferenceProtocol(models)
        self._page = {path: ((_PAGE_FOLDER / name).read_bytes(), media) for path, (name, media) in _PAGE.items()}

    @property
    def _engine(self) -> Engine:
        """That of the champion."""
        served = self._models.champion(self._name).served
        assert isinstance(served, ProductServed)
        return served.engine

    @property
    def _bundle(self) -> Bundle:
        return self._engine.bundle

    def routes(self) -> list[Route]:
        """What an application serves."""
        return [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            *self._protocol.routes(),
            Route("/openapi.json", self.openapi),
            *self._completions(),
            Route("/about", self.about),
            Route("/example", self.example),
            Route("/report", self.report),
            *(Route(path, self.page) for path in _PAGE),
        ]

    def _completions(self) -> list[Route]:
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
        return json_response(orjson.dumps(models(self._engine)))

    async def completion(self, request: Request) -> Response:
        """``POST /v1/completions`` and ``/v1/chat/completions``: one text or several, whole or as they are written."""
        kind = Chat if request.url.path.endswith("/chat/completions") else Completion
        body = await read_body(request, self._limits)
        asked = read(kind, body, self._engine)
        if asked.stream:
            return await self._streamed(asked.events(self._engine))
        with self._work.place():
            answer = await self._work.beside(lambda: asked.answer(self._engine))
        request.state.rows = len(answer["choices"])
        return json_response(orjson.dumps(answer))

    async def _streamed(self, events: Iterator[bytes]) -> Response:
        """Server-sent events (HTML, 9.2), made beside the event loop; what is wrong with the request is told before."""
        with self._work.place():
            first = await self._work.beside(lambda: next(events, None))

        async def told() -> AsyncGenerator[bytes, None]:
            with self._work.place(begun=True):
                event = first
                while event is not None:
                    yield event
                    event = await self._work.beside(lambda: next(events, None))

        return StreamingResponse(told(), media_type="text/event-stream")

    def _written(self, settings: Mapping[str, Any], request_id: str) -> Iterator[bytes]:
        """One text as events: its pieces, and then the answer as it would have come whole."""
        begun, engine = time.perf_counter(), self._engine
        pieces = engine.stream(settings)
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                spent = (time.perf_counter() - begun) * 1000
                record = self._record([end.value], request_id, spent, engine.bundle.version)
                yield b"event: answer\ndata: " + orjson.dumps(record) + b"\n\n"
                return
            yield b"data: " + orjson.dumps({"text": piece}) + b"\n\n"

    def _record(self, answers: Answers, request_id: str, spent: float, version: str) -> dict[str, Any]:
        return {
            "answers": answers,
            "model": version,
            "product": self._name,
            "request": request_id,
            "milliseconds": round(spent, 2),
        }

    async def predict(self, request: Request) -> Response:
        """``POST /predict``: answers for one row or many; of a text alone as it is written, where that is accepted."""
        begun = time.perf_counter_ns()
        if self._engine.can_stream and "text/event-stream" in request.headers.get("accept", ""):
            body = await read_body(request, self._limits)
            asked = read_asked("application/json", body or b"{}", self._bundle.given, self._limits)
            if len(asked.rows) != 1 or asked.rows[0]:
                raise RequestError("one_at_a_time")
            request.state.rows = 1
            return await self._streamed(self._written(asked.settings, request.state.request_id))
        entry = self._models.find(self._name, request.query_params.get("version"), request.state.request_id)
        served, batcher = entry.loaded
        assert isinstance(served, ProductServed)
        try:
            with self._work.place():
                body = await read_body(request, self._limits)
                request.state.bytes = len(body)
                media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                is_form = media == "multipart/form-data"
                sent = await form_asked(request.headers, body, self._limits) if is_form else None
                if self._work.under_way == 1 and batcher.is_idle:
                    asked, job, made = await self._work.beside(
                        lambda: self._made_alone(served, batcher, sent, media, body)
                    )
                else:
                    asked, job = await self._work.beside(lambda: self._job(served, sent, media, body))
                    made = await batcher.made(job)
        except RequestError:
            entry.statistics.refused(time.perf_counter_ns() - begun)
            raise
        spent = time.perf_counter_ns() - begun
        entry.statistics.answered(job.count, spent, made.waited, made.running)
        request.state.rows = job.count
        request.state.exchanged = (served.version, job.rows, made.result)
        request.state.role = self._models.role(entry)
        if (shadow := self._models.shadow(entry)) is not None:
            request.state.shadow = shadow.shadowed(lambda other: _job_of(other, asked))
        record = self._record(made.result, request.state.request_id, spent / 1e6, served.version)
        return json_response(orjson.dumps(record))

    def _made_alone(
        self, served: ProductServed, batcher: Batcher, sent: Asked | None, media: str, body: bytes
    ) -> tuple[Asked, Job, Made]:
        asked, job = self._job(served, sent, media, body)
        return asked, job, batcher.run_alone(job)

    def _job(self, served: ProductServed, sent: Asked | None, media: str, body: bytes) -> tuple[Asked, Job]:
        """What a request asks, and what is to be run for it."""
        asked = sent or read_asked(media, body, served.engine.bundle.given, self._limits)
        return asked, served.job_of(asked.rows, asked.settings)

    async def live(self, _: Request) -> Response:
        """``/health/live``: the process is there."""
        return json_response(b'{"live":true}')

    async def ready(self, _: Request) -> Response:
        """``/health/ready``: the model is loaded, and has answered its sample row rightly."""
        entry = self._models.champion(self._name)
        said = {"ready": entry.is_ready, "product": self._name, "model": entry.version}
        return json_response(orjson.dumps(said), 200 if entry.is_ready else 503)

    async def openapi(self, _: Request) -> Response:
        """``/openapi.json``: what may be sent and what comes back, as OpenAPI 3.1."""
        return json_response(orjson.dumps(openapi(self._bundle, self._bundle.version, most_rows=self._limits.rows)))

    async def about(self, _: Request) -> Response:
        """``/about``: what is served."""
        return json_response(orjson.dumps(_about(self._bundle, self._bundle.version, self._limits)))

    async def example(self, _: Request) -> Response:
        """``/example``: one real row, and the answer that was measured for it."""
        return json_response(orjson.dumps(self._bundle.sample))

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


def _job_of(other: Served, asked: Asked) -> Job:
    """What is to be run for the same rows on another version."""
    assert isinstance(other, ProductServed)
    return other.job_of(asked.rows, asked.settings)


def _about(bundle: Bundle, version: str, limits: Limits) -> dict[str, Any]:
    product, target = bundle.product, bundle.target
    headline, painter = bundle.task.judged_by[0].name, _PAINTER.format(pattern=bundle.task.pattern)
    return {
        "name": product.name,
        "goal": product.goal,
        "medical": product.evaluate.medical,
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
        "limits": {"bytes": limits.bytes, "rows": limits.rows},
    }


def _text(kind: Any) -> dict[str, str]:
    return {"en": kind.title.en, "zh": kind.title.zh}
