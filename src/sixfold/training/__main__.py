"""The child process of one training trial; see :mod:`sixfold.training._trial`."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from sixfold.training._trial import Trial


def main() -> None:
    """Read what to do, do it, answer in JSON lines."""
    line = _first_line()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from sixfold.errors import SixfoldError
    from sixfold.training._child import train_in_child

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    try:
        result = train_in_child(Trial.model_validate_json(line), answer)
        answer({"message": "result", **result.model_dump()})
    except SixfoldError as error:
        answer({"message": "error", **error.to_json()})
        answers.flush()
        os._exit(error.exit_code)


def _first_line() -> bytes:
    """Read without Python's buffer, whose lock the thread that waits for the end would hold at our exit."""
    line = b""
    while not line.endswith(b"\n") and (piece := os.read(0, 1 << 16)):
        line += piece
    return line


def _end_with_parent() -> None:
    """The parent holds our input open for as long as it lives."""
    while os.read(0, 1 << 16):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
