"""The training loop: epochs, checkpoints, the clock, and the best model so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.fields import Array
from sixfold.networks import Recipe
from sixfold.progress import Epoch
from sixfold.store import Workspace
from sixfold.training._feed import Chunk, Feed
from sixfold.training._schedule import learning_rate
from sixfold.training._steps import Steps

__all__ = ["Loop", "Standing"]

_CALL_SECONDS = 0.4
"""A call of several steps takes about so long: short enough for progress and the clock, long enough to cost nothing."""

_MOST_STEPS_A_CALL = 64
_TOLD_EVERY = 0.5
_PACE_WEIGHT = 0.2
_KEEPING_SHARE = 0.04
"""Of the time, what checkpoints may take."""


@dataclass
class Standing:
    """Where training stands, and in the end what came of it; plain JSON, kept with each checkpoint.

    Attributes:
        epoch: Epochs finished.
        step: Steps finished in the present epoch.
        epochs: Epochs to do: the recipe's, or what the clock allows.
        spent: Seconds of training, those before a kill included.
        best: The best validation loss so far.
        best_epoch: Its epoch, from 1.
        history: Each finished epoch's figures.
        precision: Of the arithmetic: chosen once, by measuring.
        was_cut: Whether the clock ended training, not the recipe.
        whole_seconds: What the whole recipe would take, as far as it came.
        pace: Seconds of a step, once compiled; ``None`` where there were too few to tell.
        judging: Seconds that went into judging validation rows.
        steps: Steps done.
        batch: Rows of a step.
    """

    epoch: int = 0
    step: int = 0
    epochs: int = 0
    spent: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    precision: str = "float32"
    was_cut: bool = False
    whole_seconds: float | None = None
    pace: float | None = None
    judging: float = 0.0
    steps: int = 0
    batch: int = 0


@dataclass
class Loop:
    """Trains a model in place; call :meth:`run` once.

    Args:
        model: The Keras model.
        stepper: Its training steps.
        feed: Its rows.
        recipe: How to train.
        work: Where checkpoints are kept and progress is told.
        budget: Wall-clock seconds, time before a kill counted in; ``None``: the recipe's epochs.
        checkpoint_seconds: At most so much work is lost to a kill; more where keeping it takes a good part of that.
        precision: Of the arithmetic, to be kept with the checkpoint.
    """

    model: Any
    stepper: Steps
    feed: Feed
    recipe: Recipe
    work: Workspace
    budget: float | None
    checkpoint_seconds: float
    precision: str = "float32"

    def run(self) -> Standing:
        """Train to the end; the model then has the weights of its best epoch, or the last ones, as the recipe says.

        Raises:
            TrainingError: The loss is no longer a number.
        """
        self._steps = self.feed.steps(self.recipe.batch)
        self._most = self.recipe.steps
        epochs = self.recipe.epochs if self._most is None else min(self.recipe.epochs, -(-self._most // self._steps))
        self._at = Standing(epochs=epochs, precision=self.precision)
        self._best: list[Array] = []
        self._pace: float | None = None
        self._keeping = 0.0
        self._resume()
        self._begun = self._kept = self._told = time.monotonic()
        self._spent_before = self._at.spent
        while self._at.epoch < self._at.epochs and not (self._is_late() or self._is_stale() or self._is_done()):
            self._train_epoch()
        if self._best and self.recipe.keep_best:
            self.model.set_weights(self._best)
        self.stepper.finish()
        self._at.was_cut = self._at.epoch < self._at.epochs and not (self._is_stale() or self._is_done())
        self._at.spent = self._spent()
        self._at.batch = self.recipe.batch
        if self._pace:
            self._at.pace = self._pace
            self._at.whole_seconds = round(self._pace * self._steps * self._at.epochs, 1)
        return self._at

    def _train_epoch(self) -> None:
        begun = time.monotonic()
        if self._at.step == 0:
            self.stepper.restart_figures()
        for chunk, batches in self._remaining_calls():
            called = time.monotonic()
            first = (self._at.epoch * self._steps) + self._at.step
            whole = min(self._at.epochs * self._steps, self._most or self._at.epochs * self._steps)
            rates = [self._rate((first + index) / whole) for index in range(len(batches))]
            self.stepper.steps(chunk, batches, rates)
            figures = self.stepper.figures()
            if not np.isfinite(figures["loss"]):
                raise TrainingError("diverged", epoch=self._at.epoch + 1, rate=f"{rates[-1]:.2g}")
            self._at.step += len(batches)
            self._at.steps += len(batches)
            self._learn_pace((time.monotonic() - called) / len(batches))
            if self._is_late() or self._is_done():
                break
            now = time.monotonic()
            if now - self._told > _TOLD_EVERY:
                self._tell(figures, now - begun, finished=False)
            if now - self._kept > self._keep_every():
                self._keep()
        self._finish_epoch(begun)

    def _remaining_calls(self) -> Iterator[tuple[Chunk, Array]]:
        """The batches of the present epoch that are still to do, several at a time: (chunk, rows (steps, batch))."""
        batch, before = self.recipe.batch, 0
        for chunk, order in self.feed.epoch(self._at.epoch, batch):
            whole = len(order) // batch
            full, rest = order[: whole * batch].reshape(whole, batch), order[None, whole * batch :]
            steps = whole + (rest.size > 0)
            while self._at.step - before < steps:
                done = self._at.step - before
                count = self._steps_a_call()
                if self._most is not None:
                    count = min(count, self._most - self._at.epoch * self._steps - self._at.step)
                yield chunk, full[done : done + count] if done < whole else rest
            before += steps

    def _finish_epoch(self, begun: float) -> None:
        validation = self.feed.validation
        figures = self.stepper.figures()
        if validation.rows:
            judged = time.monotonic()
            figures |= {f"val_{name}": value for name, value in self.stepper.judged(validation).items()}
            self._at.judging += time.monotonic() - judged
        self._at.epoch, self._at.step = self._at.epoch + 1, 0
        loss = figures.get("val_loss", figures["loss"])
        if self._at.best is None or loss < self._at.best:
            self._at.best, self._at.best_epoch = loss, self._at.epoch
            if self.recipe.keep_best:
                self._best = [np.array(value) for value in self.model.get_weights()]
        seconds = time.monotonic() - begun
        self._at.history.append({"epoch": self._at.epoch, "seconds": round(seconds, 3), **figures})
        self._tell(figures, seconds, finished=True)
        if time.monotonic() - self._kept > self._keep_every() / 2:
            self._keep()

    def _rate(self, share: float) -> float:
        """The rate when a share of all steps is done; on a clock, so that the schedule ends when the time does."""
        late = 0.0 if self.budget is None else min(1.0, self._spent() / self.budget)
        return learning_rate(self.recipe, max(share, late))

    def _steps_a_call(self) -> int:
        """As many steps as take about :data:`_CALL_SECONDS`; one until the pace is known."""
        return max(1, min(_MOST_STEPS_A_CALL, int(_CALL_SECONDS / self._pace))) if self._pace else 1

    def _learn_pace(self, seconds_a_step: float) -> None:
        """A moving average over calls; the first call of all compiles, and is left out."""
        if self._pace is None:
            self._pace = 0.0
        elif self._pace == 0.0:
            self._pace = seconds_a_step
        else:
            self._pace += _PACE_WEIGHT * (seconds_a_step - self._pace)

    def _is_late(self) -> bool:
        return self.budget is not None and self._spent() >= self.budget

    def _is_done(self) -> bool:
        return self._most is not None and self._at.epoch * self._steps + self._at.step >= self._most

    def _is_stale(self) -> bool:
        patience = self.recipe.patience
        return patience is not None and self._at.epoch - self._at.best_epoch >= patience > 0 and self._at.epoch > 0

    def _spent(self) -> float:
        return self._spent_before + time.monotonic() - self._begun

    def _tell(self, figures: dict[str, float], seconds: float, *, finished: bool) -> None:
        self._told = time.monotonic()
        left = None
        done = self._at.epoch * self._steps + self._at.step
        if self._pace:
            left = (self._at.epochs * self._steps - done) * self._pace
            left = left if self.budget is None else min(left, max(0.0, self.budget - self._spent()))
        epoch = self._at.epoch if finished else self._at.epoch + 1
        steps = self._steps if self._most is None else min(self._steps, self._most - (epoch - 1) * self._steps)
        step = steps if finished else self._at.step
        self.work.tell(Epoch(epoch, self._at.epochs, step, steps, figures, seconds, finished, left))

    def _keep(self) -> None:
        from safetensors.numpy import save

        self._at.spent = self._spent()
        tensors = {f"state/{name}": np.array(value) for name, value in self.stepper.state().items()}
        tensors |= {f"best/{index:05}": np.array(value) for index, value in enumerate(self._best)}
        begun = time.monotonic()
        self.work.save_checkpoint(asdict(self._at), save(tensors))
        self._kept = time.monotonic()
        self._keeping = self._kept - begun

    def _keep_every(self) -> float:
        """Seconds between checkpoints: more for a large network, whose checkpoint takes seconds itself."""
        return max(self.checkpoint_seconds, self._keeping / _KEEPING_SHARE) if self.checkpoint_seconds else 0.0

    def _resume(self) -> None:
        from safetensors.numpy import load

        kept = self.work.checkpoint()
        if kept is None:
            return
        about, data = kept
        tensors = load(data)
        self._at = Standing(**about)
        self.stepper.restore({name[6:]: value for name, value in tensors.items() if name.startswith("state/")})
        self._best = [tensors[name] for name in sorted(tensors) if name.startswith("best/")]
        self.work.note("train.resumed", epoch=self._at.epoch + 1, spent=round(self._at.spent))
