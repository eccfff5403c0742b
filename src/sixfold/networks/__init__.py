"""Families of models, one file each."""

from sixfold.networks._network import (
    Adversarial,
    Draw,
    Facts,
    Fitted,
    Layered,
    Network,
    Objective,
    Part,
    Proposal,
    Recipe,
    Rows,
)
from sixfold.networks._quantiles import pinball

__all__ = [
    "Adversarial",
    "Draw",
    "Facts",
    "Fitted",
    "Layered",
    "Network",
    "Objective",
    "Part",
    "Proposal",
    "Recipe",
    "Rows",
    "pinball",
]
