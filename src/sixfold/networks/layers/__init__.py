"""Layers of our own. Importing this folder imports Keras: only code that builds a network does."""

from sixfold.networks.layers.one_hot import OneHot

__all__ = ["OneHot"]
