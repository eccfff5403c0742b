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
]
