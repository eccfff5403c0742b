"""Layers of our own. Importing this folder imports Keras: only code that builds a network does."""

from sixfold.networks.layers._cells import corners, ious, middles
from sixfold.networks.layers.block import Block
from sixfold.networks.layers.decoder import Decoder
from sixfold.networks.layers.ensemble_dense import EnsembleDense
from sixfold.networks.layers.ensemble_mean import EnsembleMean
from sixfold.networks.layers.free_number import FreeNumber
from sixfold.networks.layers.number_embedding import NumberEmbedding
from sixfold.networks.layers.one_hot import OneHot
from sixfold.networks.layers.pooled_there import PooledThere
from sixfold.networks.layers.positions import Positions
from sixfold.networks.layers.preset_step import PresetStep
from sixfold.networks.layers.room_left import RoomLeft
from sixfold.networks.layers.spread import Spread
from sixfold.networks.layers.surest_boxes import SurestBoxes
from sixfold.networks.layers.token_shares import TokenShares

__all__ = [
    "Block",
    "Decoder",
    "EnsembleDense",
    "EnsembleMean",
    "FreeNumber",
    "NumberEmbedding",
    "OneHot",
    "PooledThere",
    "Positions",
    "PresetStep",
    "RoomLeft",
    "Spread",
    "SurestBoxes",
    "TokenShares",
    "corners",
    "ious",
    "middles",
]
