"""One training trial in a child process: what it is told, what it tells, and how it ends.

The child is how a backend is chosen, memory is bounded, and an out-of-memory kill is survived. It is told what to do in
one JSON line on its standard input; it ends when that input closes, so that no orphan goes on when its parent is
killed. It answers in JSON lines. Keys are never passed: the child opens the same home.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from sixfold.errors import TrainingError, error_from_json
from sixfold.language import language
from sixfold.progress import Epoch, Listener, Note
from sixfold.store import Member

__all__ = ["Result", "Trial", "run_trial"]


_ENDS_WITHIN = 5.0


class Trial(BaseModel):
    """What a child is told.

    Args:
        home: The home whose store it opens.
        key: The train stage's key: checkpoints are kept under it.
        prepared: The key of the prepared artefact.
        product: The declaration, as plain values.
        folder: The folder of product.yaml.
        network: The network's kind.
        options: Its options.
        columns: The given columns that it looks at; empty: all of them.
        said: What the user said of the recipe, to be put over the network's own.
        minutes: Wall-clock budget of the steps of training, or ``None``.
        seconds: Wall-clock budget of the whole child, its start and the export included; goes before ``minutes``.
        reserve: Seconds of that which are kept back for the export.
        seed: For weights, order and augmentation.
        folds: In how many folds training and validation rows are taken together: each fold is the validation of a model
            of its own, and the graph is their mean; 1: the validation rows that were prepared, and one model. What
            each held out is kept in the order of training and then validation rows.
        checkpoint_seconds: At most so much training is lost to a kill; of a trial in folds, the trial.
        without_synthetic: Whether rows that a generator made are left out.
        rows: How many training rows the network adapts to, where they are not those that there are: a quote trains the
            network of all rows on a few.
        shares: Of a quote: how many of the training rows to learn from, one model after the other, the fewest first.
            The members of each stand under its place (``0/graph.onnx``), what each took in ``about["shares"]``. Time is
            dealt out by the square of the rows, so that who has more rows also sees them more often; by its root, of a
            network that is fitted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: str
    key: str
    prepared: str
    product: dict[str, Any]
    folder: str
    network: str
    options: dict[str, Any]
    columns: tuple[str, ...] = ()
    said: dict[str, Any]
    minutes: float | None
    seconds: float | None = None
    reserve: float = 6.0
    seed: int
    folds: int = 1
    checkpoint_seconds: float = 20.0
    without_synthetic: bool = False
    rows: int | None = None
    shares: tuple[int, ...] = ()


class Result(BaseModel):
    """What a child answers at its end: the members that it put into the store, and what the artefact says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: dict[str, tuple[str, int]]
    about: dict[str, Any]

    def stored(self) -> Mapping[str, Member]:
        """The members, as the store knows them."""
        return {name: Member(*member) for name, member in self.members.items()}


def run_trial(trial: Trial, listener: Listener, most: float | None = None) -> Result:
    """Run a trial in a child process; returns when it ended.

    Args:
        trial: What the child is told.
        listener: Told what the child tells.
        most: Seconds after which it is ended, whatever it does; ``None``: never.

    Raises:
        TrainingError: It failed, was killed (out of memory, as a rule), or was not done after ``most`` seconds.
    """
    environment = {
        **os.environ,
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        # Threads of LightGBM that spin while they wait for each other burn the time of whatever else runs here.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "SIXFOLD_LANG": language(),
        "PYTHONPATH": os.pathsep.join(filter(None, [_our_folder(), os.environ.get("PYTHONPATH", "")])),
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "sixfold.training"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    last_words = _Tail(child.stderr)
    result: Result | None = None
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    clock = None if most is None else threading.Timer(most, end)
    if clock is not None:
        clock.daemon = True
        clock.start()
    try:
        child.stdin.write(trial.model_dump_json().encode() + b"\n")
        child.stdin.flush()
        for line in child.stdout:
            result = _heard(json.loads(line), listener) or result
        code = child.wait()
    except BrokenPipeError:
        code = child.wait()
    finally:
        if clock is not None:
            clock.cancel()
        child.stdin.close() if not child.stdin.closed else None
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:  # it waits to be heard, and nobody listens any more
                child.kill()
                child.wait()
        last_words.join()
        child.stdout.close()
        child.stderr.close()
    if result is None:
        if late.is_set():
            raise TrainingError("too_late", seconds=round(most or 0))
        if code == -signal.SIGKILL:
            raise TrainingError("killed")
        raise TrainingError("child_failed", code=code, last=last_words.text())
    return result


def _heard(message: dict[str, Any], listener: Listener) -> Result | None:
    kind = message.pop("message")
    if kind == "epoch":
        listener(Epoch(**message))
    elif kind == "note":
        listener(Note(message["stage"], message["key"], message["values"]))
    elif kind == "error":
        raise error_from_json(message)
    elif kind == "result":
        return Result(**message)
    return None


class _Tail(threading.Thread):
    """Keeps the last of what a stream says, so that a full pipe never stops the child."""

    def __init__(self, stream: Any, most: int = 4_000) -> None:
        super().__init__(daemon=True)
        self._stream, self._most, self._kept = stream, most, b""
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self._kept = (self._kept + line)[-self._most :]

    def text(self) -> str:
        return self._kept.decode(errors="replace").strip()


def _our_folder() -> str:
    """Where this package was imported from, so that the child imports the same one."""
    from pathlib import Path

    return str(Path(__file__).resolve().parents[2])
