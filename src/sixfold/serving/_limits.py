"""What a service takes at most."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Limits"]


class Limits(BaseModel):
    """What a service takes at most; beyond it a request is refused, and told why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(32 << 20, ge=1024, description="Of a body, as sent.")
    unpacked: int = Field(128 << 20, ge=1024, description="Of a body that was packed (gzip, deflate), once unpacked.")
    rows: int = Field(1000, ge=1, description="Rows of a request.")
    waiting: int = Field(
        64, ge=1, description="Requests that are read or worked on at the same time; more are told to come again."
    )
    batch: int = Field(64, ge=1, description="Rows of several requests that go through the model together.")
    delay: float = Field(
        0.5,
        ge=0,
        le=1000,
        description="Milliseconds that a request may wait for others to go along; alone it never waits.",
    )
    body_seconds: float = Field(60, gt=0, description="Until a body has arrived.")
    seconds: float = Field(60, gt=0, description="Until an answer is there; then the request is told to come again.")
