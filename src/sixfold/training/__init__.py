"""Training: trials in child processes, the loop, export."""

from sixfold.training._trial import Result, Trial, run_trial

__all__ = ["Result", "Trial", "run_trial"]
