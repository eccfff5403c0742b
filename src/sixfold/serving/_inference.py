"""The Open Inference Protocol, version 2, over REST: what clients of KServe, Triton and MLServer speak.

https://github.com/open-inference/open-inference-protocol, with Triton's extensions binary_tensor_data, statistics,
model_repository and model_configuration. An error is ``{"error": "…"}``, in English unless the caller asks otherwise:
programs read it.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sixfold.errors import RequestError
from sixfold.serving._batcher import Batcher, Made
from sixfold.serving._bodies import packed, read_body
from sixfold.serving._completions import json_of
from sixfold.serving._limits import Limits
from sixfold.serving._models import Entry, Models
from sixfold.serving._served import Answered, GraphServed, Job, Served
from sixfold.serving._tensors import Inference, read_inference, written

__all__ = ["InferenceProtocol"]

_LENGTH = "inference-header-content-length"
_EXTENSIONS = ("binary_tensor_data", "statistics", "model_repository", "model_configuration")
_JSON = "application/json"
_READ_AT_ONCE = 256 << 10
"""A body of so many bytes at most is read where it came in: a thread would take longer to begin."""


class InferenceProtocol:
    """The endpoints under ``/v2``.

    Args:
        models: What answers.
    """

    def __init__(self, models: Models) -> None:
        self._models, self._limits = models, models.limits

    def routes(self) -> list[Route]:
        """What an application serves."""
        model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
        routes = [
            Route("/v2", self.server),
            Route("/v2/", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route("/v2/models/stats", self.statistics),
            Route("/v2/repository/index", self.index, methods=["POST"]),
            Route("/v2/repository/models/{model}/load", self.load, methods=["POST"]),
            Route("/v2/repository/models/{model}/unload", self.unload, methods=["POST"]),
        ]
        for path in (model, version):
            routes += [
                Route(path, self.model),
                Route(f"{path}/ready", self.model_ready),
                Route(f"{path}/stats", self.statistics),
                Route(f"{path}/config", self.config),
                Route(f"{path}/infer", self.infer, methods=["POST"]),
            ]
        return routes

    async def server(self, _: Request) -> Response:
        """``GET /v2``: what server this is."""
        return _json({"name": "sixfold", "version": version("sixfold"), "extensions": list(_EXTENSIONS)})

    async def live(self, _: Request) -> Response:
        """``GET /v2/health/live``: the process is there."""
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        """``GET /v2/health/ready``: every model answers; else 503."""
        is_ready = self._models.are_ready
        return _json({"ready": is_ready}, 200 if is_ready else 503)

    async def model_ready(self, request: Request) -> Response:
        """``GET /v2/models/M[/versions/V]/ready``: this one answers; else 503."""
        entry = self._named(request)
        is_ready = entry.is_ready
        return _json({"name": entry.name, "ready": is_ready}, 200 if is_ready else 503)

    async def model(self, request: Request) -> Response:
        """``GET /v2/models/M[/versions/V]``: what a model takes and gives."""
        return _json(self._about(request))

    async def config(self, request: Request) -> Response:
        """``GET /v2/models/M[/versions/V]/config``: the same, as Triton's clients ask for it."""
        return _json(_config(self._named(request).served, self._limits))

    async def statistics(self, request: Request) -> Response:
        """``GET /v2/models[/M[/versions/V]]/stats``: what models did."""
        entries = list(self._models)
        if "model" in request.path_params:
            versions = self._models.versions(request.path_params["model"])
            one = "version" in request.path_params
            entries = [self._named(request)] if one else list(versions.values())
        return _json(
            {
                "model_stats": [
                    {"name": entry.name, "version": entry.version, **entry.statistics.told()} for entry in entries
                ]
            }
        )

    async def index(self, request: Request) -> Response:
        """``POST /v2/repository/index``: the models there are."""
        body = await read_body(request, self._limits)
        said = json_of(body) if body.strip() else {}
        if not isinstance(said, dict) or not isinstance(said.get("ready", False), bool):
            raise RequestError("bad_setting", setting="ready", reason="true / false", known="ready")
        return _json(
            [
                {
                    "name": entry.name,
                    "version": entry.version,
                    "state": "READY" if entry.is_ready else "UNAVAILABLE",
                    "reason": entry.reason,
                }
                for entry in self._models
                if entry.is_ready or not said.get("ready")
            ]
        )

    async def load(self, request: Request) -> Response:
        """``POST /v2/repository/models/M/load``: load it anew; if that fails, what it was goes on."""
        await read_body(request, self._limits)
        await self._models.work.beside(lambda: self._models.load(request.path_params["model"], may=_manages(request)))
        return _json({})

    async def unload(self, request: Request) -> Response:
        """``POST /v2/repository/models/M/unload``: it answers no more."""
        await read_body(request, self._limits)
        await self._models.work.beside(lambda: self._models.unload(request.path_params["model"], may=_manages(request)))
        return _json({})

    async def infer(self, request: Request) -> Response:
        """``POST /v2/models/M[/versions/V]/infer``: tensors for tensors."""
        begun = time.perf_counter_ns()
        entry = self._models.find(
            request.path_params["model"], request.path_params.get("version"), request.state.request_id
        )
        served, batcher = entry.loaded
        work = self._models.work
        try:
            with work.place():
                body = await read_body(request, self._limits)
                request.state.bytes = len(body)
                header = request.headers.get(_LENGTH)
                if work.under_way == 1 and batcher.is_idle:
                    # Nothing else is under way: one thread does it all, without waiting for anybody.
                    asked, job, made = await work.beside(lambda: _made_alone(served, batcher, body, header))
                else:
                    small = len(body) <= _READ_AT_ONCE and isinstance(served, GraphServed)
                    asked, job = (
                        _read(served, body, header) if small else await work.beside(lambda: _read(served, body, header))
                    )
                    made = await batcher.made(job)
                answered = served.answered(job, made.result, served.chosen(wanted.name for wanted in asked.outputs))
                content, length = _written(served, asked, answered)
        except RequestError:
            entry.statistics.refused(time.perf_counter_ns() - begun)
            raise
        entry.statistics.answered(answered.count, time.perf_counter_ns() - begun, made.waited, made.running)
        request.state.rows = answered.count
        request.state.exchanged = (served.version, answered.rows, answered.answers)
        request.state.role = self._models.role(entry)
        if (shadow := self._models.shadow(entry)) is not None:
            request.state.shadow = shadow.shadowed(lambda other: _read(other, body, header)[1])
        headers = {} if length is None else {_LENGTH: str(length)}
        content, packing = packed(content, request.headers.get("accept-encoding", ""))
        if packing is not None:
            headers |= {"content-encoding": packing, "vary": "Accept-Encoding"}
        return Response(content, media_type=_JSON if length is None else "application/octet-stream", headers=headers)

    def _about(self, request: Request) -> dict[str, Any]:
        about = self._named(request).served.about
        return {**about, "versions": list(self._models.versions(about["name"]))}

    def _named(self, request: Request) -> Entry:
        return self._models.find(request.path_params["model"], request.path_params.get("version") or "champion")


def _manages(request: Request) -> bool:
    return "manage" in getattr(request.state, "scopes", ())


def _made_alone(served: Served, batcher: Batcher, body: bytes, header: str | None) -> tuple[Inference, Job, Made]:
    asked, job = _read(served, body, header)
    return asked, job, batcher.run_alone(job)


def _read(served: Served, body: bytes, header: str | None) -> tuple[Inference, Job]:
    """What a body asks of a model."""
    asked = read_inference(body, header)
    return asked, served.job(asked.inputs, asked.parameters, served.chosen(wanted.name for wanted in asked.outputs))


def _written(served: Served, asked: Inference, answered: Answered) -> tuple[bytes, int | None]:
    head: dict[str, Any] = {"model_name": served.name, "model_version": served.version}
    if asked.id is not None:
        head["id"] = asked.id
    binary = [wanted.is_binary for wanted in asked.outputs] or [asked.binary] * len(answered.tensors)
    return written(head, answered.tensors, binary)


def _config(served: Served, limits: Limits) -> dict[str, Any]:
    """Triton's ``ModelConfig`` (model_config.proto), as far as it says anything of this model."""
    is_batched = all(tensor.shape[:1] == (-1,) for tensor in (*served.inputs, *served.outputs))

    def entries(tensors: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": tensor.name,
                "data_type": f"TYPE_{'STRING' if tensor.datatype == 'BYTES' else tensor.datatype}",
                "dims": list(tensor.shape[is_batched:]),
            }
            for tensor in tensors
        ]

    return {
        "name": served.name,
        "platform": served.platform,
        "backend": "onnxruntime",
        "max_batch_size": limits.rows if is_batched else 0,
        "input": entries(served.inputs),
        "output": entries(served.outputs),
    }


def _json(said: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(said), status_code=status, media_type=_JSON)
