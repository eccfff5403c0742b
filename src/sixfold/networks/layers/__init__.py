"""Layers of our own. Importing this folder imports Keras: only code that builds a network does."""

from sixfold.networks.layers.one_hot import OneHot
from sixfold.networks.layers.pooled_there import PooledThere
from sixfold.networks.layers.positions import Positions
from sixfold.networks.layers.token_shares import TokenShares

__all__ = ["OneHot", "PooledThere", "Positions", "TokenShares"]
