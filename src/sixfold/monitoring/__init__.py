"""A product in use: what comes in and goes out, summarised; drift, quality, alarms, and who behaves oddly."""

from sixfold.monitoring._drift import ALARM_LEVEL, DRIFTED_SHARE, Drift, drift, level_of
from sixfold.monitoring._guard import Admission, Guard
from sixfold.monitoring._metrics import MEDIA_TYPE, Metrics
from sixfold.monitoring._page import TESTS, amount, page, percent, verdict
from sixfold.monitoring._reference import MOST_HEAVY_ROWS, MOST_ROWS, Reference
from sixfold.monitoring._shipped import grafana_board, prometheus_rules
from sixfold.monitoring._state import Watched, look, state
from sixfold.monitoring._storage import Storage, open_storage
from sixfold.monitoring._watcher import Watcher

__all__ = [
    "ALARM_LEVEL",
    "DRIFTED_SHARE",
    "MEDIA_TYPE",
    "MOST_HEAVY_ROWS",
    "MOST_ROWS",
    "TESTS",
    "Admission",
    "Drift",
    "Guard",
    "Metrics",
    "Reference",
    "Storage",
    "Watched",
    "Watcher",
    "amount",
    "drift",
    "grafana_board",
    "level_of",
    "look",
    "open_storage",
    "page",
    "percent",
    "prometheus_rules",
    "state",
    "verdict",
]
