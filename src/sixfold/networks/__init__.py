"""Families of models, one file each."""

from sixfold.networks._network import Draw, Facts, Fitted, Layered, Network, Objective, Part, Proposal, Recipe, Rows

__all__ = ["Draw", "Facts", "Fitted", "Layered", "Network", "Objective", "Part", "Proposal", "Recipe", "Rows"]
