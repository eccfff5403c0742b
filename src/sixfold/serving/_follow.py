"""Which versions of a product a service serves, as a file of its home says it, while it runs.

Whoever may write the file decides: no caller of the service can. What cannot be loaded changes nothing; what was there
goes on answering.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sixfold.errors import SixfoldError
from sixfold.files import write_whole
from sixfold.serving._engine import Engine
from sixfold.serving._models import Models, Standing
from sixfold.serving._served import ProductServed

__all__ = ["Plan", "failure_of", "follow", "plan_at"]

_SECONDS = 0.2
"""How often the file is looked at."""

_FAILED = ".failed"
_log = logging.getLogger("sixfold.serving")


class Plan(BaseModel):
    """Which versions there are, and who answers.

    Args:
        standing: Who answers.
        artefacts: For each version the key of its artefact in the store.
        number: Counts changes, so that who made one can tell whether it was heard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    standing: Standing
    artefacts: dict[str, str]
    number: int = 0


def plan_at(path: Path) -> Plan | None:
    """What a file plans; ``None`` where there is none."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def failure_of(path: Path, number: int) -> str | None:
    """Why the plan of that number could not be followed; ``None`` where it was, or is still."""
    try:
        said = json.loads(path.with_suffix(_FAILED).read_bytes())
    except (OSError, ValueError):
        return None
    return str(said["reason"]) if said.get("number") == number else None


def follow(path: Path, models: Models, name: str, load: Callable[[str], Engine]) -> None:
    """Have ``models`` stand as the file ``path`` says, from now on, in a thread of its own.

    Args:
        path: The file; see :class:`Plan`.
        models: The versions of the product.
        name: The product's name.
        load: Loads the version that has the artefact of a key, and proves it on its sample row.
    """
    threading.Thread(target=_follow, args=(path, models, name, load), name="versions", daemon=True).start()


def _follow(path: Path, models: Models, name: str, load: Callable[[str], Engine]) -> None:
    heard, pause = -1, threading.Event()
    while True:
        plan = plan_at(path)
        if plan is not None and plan.number != heard:
            heard = plan.number
            try:
                _stand(plan, models, name, load)
                _log.info("version %s answers", plan.standing.champion)
            except Exception as error:
                # Whatever is wrong with the new version: the service must outlive it.
                reason = error.says() if isinstance(error, SixfoldError) else type(error).__name__
                _log.error("the versions stay as they were: %s", reason)
                failed = json.dumps({"number": plan.number, "reason": reason}).encode()
                write_whole(path.with_suffix(_FAILED), failed)
        pause.wait(_SECONDS)


def _stand(plan: Plan, models: Models, name: str, load: Callable[[str], Engine]) -> None:
    standing = plan.standing
    for version in filter(None, (standing.champion, standing.challenger)):
        if version not in models.versions(name):
            engine = load(plan.artefacts[version])
            served = ProductServed(engine, models.limits.rows)
            models.add(served, lambda served=served: served)  # type: ignore[misc]
    models.stand(name, standing)
