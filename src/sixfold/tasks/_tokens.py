"""What tasks that write a text have in common: tokens of the target's own, one after the other."""

from __future__ import annotations

from typing import ClassVar

from sixfold.fields import Array
from sixfold.tasks._task import Output, Task

__all__ = ["OfTokens"]


class OfTokens(Task):
    """A task whose network tells at each place which token comes next."""

    ignored: ClassVar[int | None] = 0

    @property
    def output(self) -> Output:
        return Output(self.target.state["vocabulary"], "softmax", (self.target.state["length"],), "tokens")

    @property
    def loss(self) -> str:
        return "sparse_categorical_crossentropy"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy",)

    def targets(self, encoded: Array) -> Array:
        """The target's tokens (n, length), int32, 0 behind their end."""
        return encoded

    def encoded(self, targets: Array) -> Array:
        return targets
