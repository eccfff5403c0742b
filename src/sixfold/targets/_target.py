"""The family of places that a service runs on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from sixfold.errors import ServiceError
from sixfold.families import Kind, Options
from sixfold.security import Home
from sixfold.serving import Bundle, Standing

__all__ = ["Service", "Target"]


class Service(BaseModel):
    """A service that runs: what `list` and `status` show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product: str
    target: str
    url: str
    model: str
    started: str
    details: dict[str, Any] = {}


class Target(Kind, ABC):
    """One place that a service runs on. Deploying is an effect: doing it twice leaves what doing it once left."""

    folder: ClassVar[str] = "sixfold.targets"

    def __init__(self, home: Home, options: Options | None = None) -> None:
        self.home = home
        self.options = options if options is not None else self.Options()

    @abstractmethod
    def deploy(self, bundle: Bundle) -> Service:
        """Have ``bundle`` served; returns once the service is healthy and has answered the bundle's sample row rightly.

        Raises:
            ServiceError: It did not; the former service, if any, still runs.
        """

    def standing(self, product: str) -> Standing | None:  # noqa: ARG002
        """Which versions of a product run here, and which of them answers whom; ``None``: it does not run here, or this
        target has but one version at a time."""
        return None

    def stand(self, product: str, standing: Standing) -> Service:  # noqa: ARG002
        """Have versions that were deployed answer as ``standing`` says; returns once they do.

        Raises:
            ServiceError: They cannot; what answered before goes on.
        """
        raise ServiceError("one_version", product=product, target=self.kind())

    @abstractmethod
    def services(self) -> list[Service]:
        """The services that run here."""

    @abstractmethod
    def stop(self, product: str) -> bool:
        """Stop a product's service; ``False`` if none ran."""
