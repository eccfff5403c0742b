"""Training: trials in child processes, the search over them, and the exported graph."""

from sixfold.training._search import Folds, Search
from sixfold.training._trial import Result, Trial, run_trial

__all__ = ["Folds", "Result", "Search", "Trial", "run_trial"]
