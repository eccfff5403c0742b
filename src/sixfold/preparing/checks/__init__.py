"""The checks of the data, by subject. A new check is one decorated function in the file of its subject."""

from sixfold.preparing.checks import classes, copies, groups, labels, leaks, people, spread, values

__all__ = ["classes", "copies", "groups", "labels", "leaks", "people", "spread", "values"]
