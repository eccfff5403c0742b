"""Training: trials in child processes, the search over them, and the exported graph."""

from sixfold.training._adversarial import PASSED
from sixfold.training._augment import HIDEABLE, changes_of
from sixfold.training._candidates import candidates
from sixfold.training._ensemble import mean_of
from sixfold.training._search import LONGER, MOST_TRIALS, UNASKED_SECONDS, Search, first_slice
from sixfold.training._trial import Result, Trial, run_trial
from sixfold.training._tried import Contender, Folds

__all__ = [
    "HIDEABLE",
    "LONGER",
    "MOST_TRIALS",
    "PASSED",
    "UNASKED_SECONDS",
    "Contender",
    "Folds",
    "Result",
    "Search",
    "Trial",
    "candidates",
    "changes_of",
    "first_slice",
    "mean_of",
    "run_trial",
]
