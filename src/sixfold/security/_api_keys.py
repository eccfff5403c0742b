"""API keys: who may call a service, how fast and how much. Kept as digests: what a key is, only its holder knows.

A key is ``sk6_<name of the entry>_<secret>``; the secret is 256 random bits, so its plain SHA-256 cannot be searched.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sixfold.errors import KeyringError
from sixfold.files import locked, write_whole
from sixfold.security._home import Home

__all__ = ["ApiKey", "ApiKeys", "Scope"]

Scope = Literal["predict", "watch", "manage"]
_PREFIX = "sk6"
_NOBODY = hashlib.sha256(b"").hexdigest()


class ApiKey(BaseModel):
    """What is known of a key.

    Args:
        id: Its entry, which stands in the key itself.
        name: Whose it is.
        digest: SHA-256 of its secret.
        scopes: ``predict``: ask for answers; ``watch``: see how the product is in use; ``manage``: load, unload models.
        products: What it is for; none named: every product of this home.
        rate: At most so many requests a minute; ``None``: no bound.
        quota: At most so many rows a calendar month (UTC); ``None``: no bound.
        created: When, in UTC.
        revoked: When it was revoked; ``None``: it is good.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str = Field(min_length=1, max_length=80)
    digest: str
    scopes: tuple[Scope, ...] = ("predict",)
    products: tuple[str, ...] = ()
    rate: int | None = Field(None, ge=1)
    quota: int | None = Field(None, ge=1)
    created: str
    revoked: str | None = None


class ApiKeys:
    """The keys of one home, in the file ``api-keys.json``.

    Args:
        home: Where they are kept.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: tuple[int, dict[str, ApiKey]] = (0, {})

    def issue(
        self,
        name: str,
        *,
        scopes: Iterable[Scope] = ("predict",),
        products: Iterable[str] = (),
        rate: int | None = None,
        quota: int | None = None,
    ) -> tuple[ApiKey, str]:
        """A new entry, and the key itself, which is told this once only."""
        secret = secrets.token_urlsafe(32)
        key = ApiKey(
            id=secrets.token_hex(4),
            name=name,
            digest=_digest(secret),
            scopes=tuple(dict.fromkeys(scopes)),
            products=tuple(dict.fromkeys(products)),
            rate=rate,
            quota=quota,
            created=_now(),
        )
        self._change([*self.all(), key])
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def revoke(self, named: str) -> list[ApiKey]:
        """Have the key of that id, or all keys of that name, open nothing any more.

        Raises:
            KeyringError: There is none that is good.
        """
        found = [key for key in self.all() if named in (key.id, key.name) and key.revoked is None]
        if not found:
            raise KeyringError("no_api_key", name=named)
        gone = {key.id: key.model_copy(update={"revoked": _now()}) for key in found}
        self._change([gone.get(key.id, key) for key in self.all()])
        return list(gone.values())

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first; those revoked too."""
        return list(self._entries().values())

    def find(self, presented: str, product: str) -> ApiKey | None:
        """Whose a presented key is; ``None``: nobody's, revoked, or not for this product. Takes as long either way."""
        prefix, _, rest = presented.partition("_")
        name, _, secret = rest.partition("_")
        key = self._entries().get(name)
        digest = _NOBODY if key is None else key.digest
        is_right = hmac.compare_digest(_digest(secret), digest)
        if key is None or not is_right or prefix != _PREFIX or key.revoked is not None:
            return None
        return key if not key.products or product in key.products else None

    @property
    def _path(self) -> Path:
        return self._home.path / "api-keys.json"

    def _entries(self) -> dict[str, ApiKey]:
        """As the file says now; read again when it was changed, so that a revoked key opens nothing from then on."""
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if stamp != self._read[0]:
            listed = json.loads(self._path.read_bytes())
            self._read = (stamp, {entry["id"]: ApiKey(**entry) for entry in listed})
        return self._read[1]

    def _change(self, keys: Iterable[ApiKey]) -> None:
        with locked(self._home.folder("locks") / "api-keys"):
            listed = [key.model_dump(mode="json", exclude_none=True) for key in keys]
            write_whole(self._path, json.dumps(listed, ensure_ascii=False, indent=1).encode())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
