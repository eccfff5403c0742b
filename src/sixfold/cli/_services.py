"""The services that run here, whichever target runs them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from sixfold.errors import ServiceError
from sixfold.families import find, names
from sixfold.security import Home
from sixfold.serving import Standing
from sixfold.targets import Service, Target

__all__ = ["is_healthy", "running", "standing_of", "targets"]

_PATIENCE = 3.0
"""Seconds that a service may take to say how it is."""


def targets(home: Home) -> list[Target]:
    """Every target of this home."""
    family: type[Target] = Target  # type: ignore[type-abstract]  # a family is looked up, never built
    return [find(family, name)(home) for name in names(family)]


def running(home: Home) -> dict[str, Service]:
    """The services that run, by product."""
    return {service.product: service for target in targets(home) for service in target.services()}


def standing_of(product: str) -> tuple[Target, Standing]:
    """The target that a product runs on, and which of its versions answers whom.

    Raises:
        ServiceError: It does not run, or where it runs it has one version at a time.
    """
    home = Home.default()
    for target in targets(home):
        if (standing := target.standing(product)) is not None:
            return target, standing
    raise ServiceError("not_running", product=product)


def is_healthy(service: Service) -> bool:
    """Whether a service says of itself that it is ready, and is the model that it should be."""
    request = urllib.request.Request(f"{service.url}/health/ready")  # noqa: S310 — the address is our own record's
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as response:  # noqa: S310
            said: Any = json.loads(response.read())
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return isinstance(said, dict) and said.get("model") == service.model
