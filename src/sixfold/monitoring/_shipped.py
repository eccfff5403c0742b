"""What a customer's own monitoring needs: rules for Prometheus and a board for Grafana, made for one product."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sixfold.language import Text
from sixfold.product import Watch

__all__ = ["grafana_board", "prometheus_rules"]

_TOO_SLOW_SECONDS = 1.0
_FAILURES = 0.05
_ALARMS: Mapping[str, tuple[str, str, Text]] = {
    "SixfoldDrift": (
        "sixfold_drift_alarms{{product={product}}} > 0",
        "0m",
        Text("Columns of {name} drifted from what was learned from", "{name} 有列偏离了学习时的数据"),
    ),
    "SixfoldExpectationBroken": (
        "sixfold_alarms{{product={product}}} > 0",
        "0m",
        Text("Something that is expected of {name} does not hold", "{name} 有预期不成立"),
    ),
    "SixfoldFailures": (
        "sum(rate(model_infer_request_failure_total{{model_name={product}}}[5m])) / "
        "(sum(rate(model_infer_request_failure_total{{model_name={product}}}[5m])) + "
        "sum(rate(model_infer_request_success_total{{model_name={product}}}[5m]))) > {failures}",
        "5m",
        Text("More than one request in twenty to {name} fails", "{name} 的请求有二十分之一以上失败"),
    ),
    "SixfoldSlow": (
        "histogram_quantile(0.99, sum by (le) "
        "(rate(model_infer_request_duration_bucket{{model_name={product}}}[5m]))) > {seconds}",
        "10m",
        Text("One answer in a hundred of {name} takes longer than it should", "{name} 有百分之一的应答过慢"),
    ),
    "SixfoldGuard": (
        "increase(sixfold_guard_acts_total{{product={product}}}[10m]) > 0",
        "0m",
        Text("A caller of {name} behaves as no user does", "{name} 有调用方行为异常"),
    ),
    "SixfoldNotSummarised": (
        "increase(sixfold_watch_dropped_total{{product={product}}}[10m]) > 0",
        "10m",
        Text("Requests to {name} are answered but not watched", "{name} 有请求已应答但未计入监控"),
    ),
}

_PANELS: tuple[tuple[Text, str, str, str], ...] = (
    (
        Text("Requests a second", "每秒请求数"),
        "sum by (model_version) (rate(model_infer_request_success_total{{model_name={product}}}[5m]))",
        "reqps",
        "{{model_version}}",
    ),
    (
        Text("Time of 99 % of answers", "99% 应答用时"),
        "histogram_quantile(0.99, sum by (le) (rate(model_infer_request_duration_bucket{{model_name={product}}}[5m])))",
        "s",
        "p99",
    ),
    (
        Text("Failed requests a second", "每秒失败请求数"),
        "sum(rate(model_infer_request_failure_total{{model_name={product}}}[5m]))",
        "reqps",
        "failed",
    ),
    (
        Text("Share of columns that drifted", "漂移列占比"),
        "sixfold_drift_share{{product={product}}}",
        "percentunit",
        "share",
    ),
    (
        Text("Columns that drifted", "已漂移的列"),
        "sixfold_column_drift{{product={product}}}",
        "short",
        "{{column}}",
    ),
    (
        Text("Estimated accuracy", "估计准确率"),
        "sixfold_estimated_accuracy{{product={product}}}",
        "percentunit",
        "estimated",
    ),
    (
        Text("Quality by feedback", "反馈质量"),
        "sixfold_realised_quality{{product={product}}}",
        "short",
        "realised",
    ),
    (
        Text("Share of rows with feedback", "有反馈的行占比"),
        "sixfold_feedback_coverage{{product={product}}}",
        "percentunit",
        "coverage",
    ),
    (
        Text("What the guard noticed", "异常行为"),
        "increase(sixfold_guard_acts_total{{product={product}}}[1h])",
        "short",
        "{{act}}",
    ),
)
_WIDE, _HIGH = 8, 8
_IN_A_ROW = 3


def prometheus_rules(product: str, settings: Watch) -> bytes:
    """Alerting rules for Prometheus (a rules file, YAML): each with a summary in both languages.

    Args:
        product: Its name.
        settings: What product.yaml says: a bound on `p99` or `failures` takes the place of the usual one.
    """
    import yaml

    bounds = settings.bounds
    seconds = bounds["p99"].value / 1000 if "p99" in bounds else _TOO_SLOW_SECONDS
    failures = bounds["failures"].value if "failures" in bounds else _FAILURES
    values = {"product": _quoted(product), "failures": failures, "seconds": seconds}
    rules = [
        {
            "alert": name,
            "expr": expression.format(**values),
            "for": lasting,
            "labels": {"severity": "warning", "product": product},
            "annotations": {"summary": text("en", name=product), "summary_zh": text("zh", name=product)},
        }
        for name, (expression, lasting, text) in _ALARMS.items()
    ]
    return yaml.safe_dump(
        {"groups": [{"name": f"sixfold-{product}", "rules": rules}]}, sort_keys=False, allow_unicode=True
    ).encode()


def grafana_board(product: str) -> bytes:
    """A board for Grafana (JSON, schema 39): import it, and choose the Prometheus that reads `/metrics`."""
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": f"{title.en} · {title.zh}",
            "datasource": {"type": "prometheus", "uid": "${source}"},
            "gridPos": {
                "x": number % _IN_A_ROW * _WIDE,
                "y": number // _IN_A_ROW * _HIGH,
                "w": _WIDE,
                "h": _HIGH,
            },
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [{"refId": "A", "expr": query.format(product=_quoted(product)), "legendFormat": legend}],
        }
        for number, (title, query, unit, legend) in enumerate(_PANELS)
    ]
    board: dict[str, Any] = {
        "title": f"Sixfold · {product}",
        "uid": None,
        "schemaVersion": 39,
        "tags": ["sixfold"],
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }
    return json.dumps(board, ensure_ascii=False, indent=1).encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
