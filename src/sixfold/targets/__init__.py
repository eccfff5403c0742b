"""Places that a service runs on, one file each."""

from sixfold.targets._target import Service, Target

__all__ = ["Service", "Target"]
