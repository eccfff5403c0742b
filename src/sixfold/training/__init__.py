"""Training: trials in child processes, the search over them, and the exported graph."""

from sixfold.training._search import Search
from sixfold.training._trial import Result, Trial, run_trial
from sixfold.training._tried import Folds

__all__ = ["Folds", "Result", "Search", "Trial", "run_trial"]
