"""The six stages, thin, one file each, in their order."""

from sixfold.stages._comparing import Compared, comparison
from sixfold.stages._obeyed import hold_settings
from sixfold.stages._stage import Stage
from sixfold.stages.collect import FED, Collect
from sixfold.stages.deliver import Deliver
from sixfold.stages.deploy import Deploy, bundle_from
from sixfold.stages.evaluate import Evaluate, tested
from sixfold.stages.prepare import Prepare
from sixfold.stages.train import Train, folds_of, own_network, seconds_left, trial_of

__all__ = [
    "FED",
    "STAGES",
    "Collect",
    "Compared",
    "Deliver",
    "Deploy",
    "Evaluate",
    "Prepare",
    "Stage",
    "Train",
    "bundle_from",
    "comparison",
    "folds_of",
    "hold_settings",
    "own_network",
    "seconds_left",
    "tested",
    "trial_of",
]

STAGES: tuple[Stage, ...] = (Collect(), Prepare(), Train(), Evaluate(), Deploy(), Deliver())
