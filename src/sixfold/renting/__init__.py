"""Rent or train: the same held-out rows for our model and for one behind somebody's URL, compared in money."""

from sixfold.renting._client import Endpoint, Reply
from sixfold.renting._rent import Rented, Terms, rent, rented

__all__ = ["Endpoint", "Rented", "Reply", "Terms", "rent", "rented"]
