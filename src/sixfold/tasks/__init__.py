"""The tasks, one file each; and what turns a network's output into an answer."""

from sixfold.tasks._decision import Decision, Effect, Sets
from sixfold.tasks._graphs import GRAPH, Graphs, graph_members, session
from sixfold.tasks._grid import PITCH, Grid, Guide
from sixfold.tasks._pick import task_of
from sixfold.tasks._task import Figure, Output, Streamed, Task

__all__ = [
    "GRAPH",
    "PITCH",
    "Decision",
    "Effect",
    "Figure",
    "Graphs",
    "Grid",
    "Guide",
    "Output",
    "Sets",
    "Streamed",
    "Task",
    "graph_members",
    "session",
    "task_of",
]
