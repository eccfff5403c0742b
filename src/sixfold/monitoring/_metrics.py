"""``/metrics``: what Prometheus reads, under the names that Triton and MLServer have taught people to look for.

Requests carry Triton's ``nv_inference_*`` and MLServer's ``model_infer_*`` and ``rest_server_*`` names, so that boards
made for either show them; what only Sixfold measures begins with ``sixfold_``.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Any

__all__ = ["MEDIA_TYPE", "NAMES", "Metrics"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; the usual edges of Prometheus' clients, and two below for answers of a millisecond."""

_FAILED = 400

NAMES: Mapping[str, tuple[str, str]] = {
    "nv_inference_request_success": ("counter", "Successful inference requests (Triton's name)"),
    "nv_inference_request_failure": ("counter", "Failed inference requests (Triton's name)"),
    "nv_inference_count": ("counter", "Inferences: rows answered (Triton's name)"),
    "nv_inference_request_duration_us": ("counter", "Cumulative request duration in microseconds (Triton's name)"),
    "model_infer_request_success_total": ("counter", "Model infer request success count (MLServer's name)"),
    "model_infer_request_failure_total": ("counter", "Model infer request failure count (MLServer's name)"),
    "model_infer_request_duration": ("histogram", "Model infer request duration in seconds (MLServer's name)"),
    "rest_server_requests_total": ("counter", "REST requests by path and status (MLServer's name)"),
    "sixfold_drift_share": ("gauge", "Share of input columns that have drifted"),
    "sixfold_drift_alarms": ("gauge", "Columns that alarm: drifted, and beyond chance over all looks"),
    "sixfold_column_drift": ("gauge", "1 where a column has drifted, by column"),
    "sixfold_window_rows": ("gauge", "Rows that are held against the reference"),
    "sixfold_estimated_accuracy": ("gauge", "Accuracy estimated without labels (CBPE)"),
    "sixfold_realised_quality": ("gauge", "Accuracy, or mean absolute error, by feedback"),
    "sixfold_feedback_coverage": ("gauge", "Share of rows that feedback covers"),
    "sixfold_alarms": ("gauge", "Expectations that do not hold"),
    "sixfold_watch_dropped_total": ("counter", "Requests that were answered but not summarised"),
    "sixfold_guard_acts_total": ("counter", "What the guard noticed, by kind"),
}
"""Every name, with its type and what it means."""


class Metrics:
    """Counts of one service process, as Prometheus' text form; safe to use from several threads."""

    def __init__(self, product: str) -> None:
        self._product, self._lock = product, threading.Lock()
        self._paths: Counter[tuple[str, str, int]] = Counter()
        self._success: Counter[str] = Counter()
        self._failure: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._guard: Counter[str] = Counter()

    def request(self, method: str, path: str, status: int) -> None:
        """Count one request of any kind; ``path`` is one of the known ones, never what was sent."""
        with self._lock:
            self._paths[method, path, status] += 1

    def answered(self, model: str, status: int, rows: int, seconds: float) -> None:
        """Count one request for answers."""
        with self._lock:
            if status >= _FAILED:
                self._failure[model] += 1
                return
            self._success[model] += 1
            self._rows[model] += rows
            self._buckets.setdefault(model, [0] * (len(_EDGES) + 1))[bisect_left(_EDGES, seconds)] += 1
            self._seconds[model] += seconds  # type: ignore[assignment]  # a counter of floats

    def noticed(self, what: str) -> None:
        """Count what the guard noticed."""
        with self._lock:
            self._guard[what] += 1

    def text(self, found: Mapping[str, Any] | None, dropped: int) -> str:
        """All of it, and of a state what only Sixfold measures."""
        lines: dict[str, list[str]] = {name: [] for name in NAMES}
        with self._lock:
            for model in sorted({*self._success, *self._failure}):
                triton = _labels(model=self._product, version=model)
                mlserver = _labels(model_name=self._product, model_version=model)
                lines["nv_inference_request_success"].append(f"{triton} {self._success[model]}")
                lines["nv_inference_request_failure"].append(f"{triton} {self._failure[model]}")
                lines["nv_inference_count"].append(f"{triton} {self._rows[model]}")
                took = self._seconds[model]
                lines["nv_inference_request_duration_us"].append(f"{triton} {took * 1e6:.0f}")
                lines["model_infer_request_success_total"].append(f"{mlserver} {self._success[model]}")
                lines["model_infer_request_failure_total"].append(f"{mlserver} {self._failure[model]}")
                self._histogram(lines["model_infer_request_duration"], model)
            for (method, path, status), count in sorted(self._paths.items()):
                labels = _labels(method=method, path=path, status_code=str(status))
                lines["rest_server_requests_total"].append(f"{labels} {count}")
            for what, count in sorted(self._guard.items()):
                lines["sixfold_guard_acts_total"].append(f"{_labels(product=self._product, act=what)} {count}")
        of = _labels(product=self._product)
        lines["sixfold_watch_dropped_total"].append(f"{of} {dropped}")
        if found is not None:
            self._state(lines, found, of)
        return "".join(
            f"# HELP {name} {NAMES[name][1]}\n# TYPE {name} {NAMES[name][0]}\n"
            + "".join(f"{name}{line}\n" for line in told)
            for name, told in lines.items()
            if told
        )

    def _histogram(self, lines: list[str], model: str) -> None:
        labels, total = {"model_name": self._product, "model_version": model}, 0
        for edge, count in zip((*map(str, _EDGES), "+Inf"), self._buckets.get(model, []), strict=False):
            total += count
            lines.append(f"_bucket{_labels(**labels, le=edge)} {total}")
        lines += [f"_count{_labels(**labels)} {total}", f"_sum{_labels(**labels)} {self._seconds[model]:.6f}"]

    @staticmethod
    def _state(lines: dict[str, list[str]], found: Mapping[str, Any], of: str) -> None:
        drift, quality = found["drift"], found["quality"]
        values = {
            "sixfold_drift_share": drift["share"],
            "sixfold_drift_alarms": len(drift["alarming"]),
            "sixfold_window_rows": found["window"]["rows"],
            "sixfold_estimated_accuracy": None if quality["estimated"] is None else quality["estimated"]["value"],
            "sixfold_realised_quality": quality["realised"]["value"],
            "sixfold_feedback_coverage": quality["realised"]["coverage"],
            "sixfold_alarms": len(found["alarms"]),
        }
        for name, value in values.items():
            if value is not None:
                lines[name].append(f"{of} {value:.6g}")
        for one in drift["columns"]:
            if one["drifted"] is not None:
                labels = _labels(product=found["product"], column=one["name"])
                lines["sixfold_column_drift"].append(f"{labels} {int(one['drifted'])}")


def _labels(**values: str) -> str:
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in values.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
