"""Families of models, one file each."""

from sixfold.networks._network import Network, Recipe

__all__ = ["Network", "Recipe"]
