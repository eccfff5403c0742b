"""The checks of the data, by subject. A new check is one decorated function in the file of its subject."""

from sixfold.preparing.checks import classes, copies, leaks, spread, values

__all__ = ["classes", "copies", "leaks", "spread", "values"]
