"""The tasks, one file each; and what turns a network's output into an answer."""

from sixfold.tasks._decision import Decision
from sixfold.tasks._pick import task_of
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["Decision", "Figure", "Output", "Task", "task_of"]
