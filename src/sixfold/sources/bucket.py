"""Files in an object store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field as Setting

from sixfold.errors import SourceError
from sixfold.files import room_for
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.sources._files import Ticker
from sixfold.sources._remote import (
    LARGEST,
    Remote,
    RemoteOptions,
    checked_address,
    folder_of,
    inner_path,
    is_meant,
    safe_name,
)

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

__all__ = ["Bucket"]

_PLACE = re.compile(r"(?P<scheme>s3|gs|az)://(?P<bucket>[^/#@]+)/(?P<path>[^#]*)(?:#.*)?")
_KEYS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_STORAGE_TOKEN",
    ),
}
"""Variables that say who asks; where none is set nobody does, as public buckets want it. The metadata service of a
cloud, where keys are looked for otherwise, is never asked."""

_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"), "az": ("AZURE_STORAGE_ENDPOINT",)}
_CHUNK = 1 << 22
_MOST_FILES = 100_000
_MOST_RETRIES = 3
_PREFIXES = ("AWS_", "GOOGLE_", "AZURE_")
_LIKE_A_SECRET = 8


class Bucket(Remote):
    """``s3://bucket/path``, ``gs://bucket/path`` or ``az://container/path``; a pattern or a folder names several files.

    Fetched into a private folder in memory, then read by the kind that claims it. Who asks is said by the environment,
    in the stores' own variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; GOOGLE_APPLICATION_CREDENTIALS;
    AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY …); without them a bucket must be public.
    """

    title: ClassVar[Text] = Text("an object store (S3, Google, Azure)", "对象存储（S3、Google、Azure）")
    rank: ClassVar[int] = 0

    class Options(RemoteOptions):
        """Where the store is, if not with the company that the place names."""

        endpoint: str | None = Setting(
            None, description="The https address of a store that speaks S3 or Azure's language; else AWS_ENDPOINT_URL."
        )

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return place.startswith(("s3://", "gs://", "az://"))

    def fingerprint(self) -> str:
        return self._fingerprint

    def fetched(self, folder: Path) -> Path:
        total = sum(meta["size"] for meta in self._files)
        if total > LARGEST:
            raise SourceError("download_too_large", url=self.shown, limit="20 GiB")
        room_for(total, folder)
        ticker = Ticker(self.listener, total, "bytes")
        for meta in self._files:
            path = folder / safe_name(meta["path"]) if self._is_one else inner_path(folder / "data", meta["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fetch(meta["path"], path, ticker)
        return path if self._is_one else folder / "data"

    @cached_property
    def _fingerprint(self) -> str:
        if self.sha256 is not None:
            return self.sha256.lower()
        stamps = [[meta["path"], meta["size"], meta["e_tag"], str(meta["last_modified"])] for meta in self._files]
        return digest_of_value([self.place, stamps])

    @cached_property
    def _said(self) -> dict[str, str]:
        found = _PLACE.fullmatch(self.place)
        if found is None:
            raise SourceError("bad_bucket_place", path=self.shown)
        return found.groupdict()

    @property
    def _is_one(self) -> bool:
        path = self._said["path"]
        return bool(path) and "*" not in path and not path.endswith("/")

    @cached_property
    def _files(self) -> list[Any]:
        """What the store tells of each file that is meant: path, size, e_tag, last_modified."""
        import obstore

        path = self._said["path"]
        with self._told():
            if self._is_one:
                return [obstore.head(self._store, path)]
            found = []
            for page in obstore.list(self._store, folder_of(path) or None):
                found += [meta for meta in page if is_meant(path, meta["path"]) and not meta["path"].endswith("/")]
                if len(found) > _MOST_FILES:
                    raise SourceError("too_many_members", path=self.shown, limit=_MOST_FILES)
        if not found:
            raise SourceError("download_failed", url=self.shown, reason="404")
        return sorted(found, key=lambda meta: meta["path"])

    def _fetch(self, name: str, path: Path, ticker: Ticker) -> None:
        import obstore

        with self._told(), path.open("wb") as stream:
            for chunk in obstore.get(self._store, name).stream(min_chunk_size=_CHUNK):
                stream.write(chunk)
                ticker.add(len(chunk))

    @cached_property
    def _store(self) -> S3Store | GCSStore | AzureStore:
        from obstore.store import AzureStore, GCSStore, S3Store

        assert isinstance(self.options, Bucket.Options)
        scheme, bucket = self._said["scheme"], self._said["bucket"]
        named = (os.environ.get(name) for name in _ENDPOINTS.get(scheme, ()))
        endpoint = self.options.endpoint or next((address for address in named if address), None)
        settings: dict[str, Any] = {
            "client_options": {"allow_http": self.options.allow_private, "connect_timeout": "30 seconds"},
            "retry_config": {"max_retries": _MOST_RETRIES},
        }
        if not any(os.environ.get(key) for key in _KEYS[scheme]):
            settings["skip_signature"] = True
        if endpoint is not None:
            self._hold_public(endpoint)
            settings["endpoint"] = endpoint
        with self._told():
            if scheme == "s3":
                return S3Store(bucket, **settings)
            return GCSStore(bucket, **settings) if scheme == "gs" else AzureStore(bucket, **settings)

    def _hold_public(self, endpoint: str) -> None:
        assert isinstance(self.options, Bucket.Options)
        parts = urlsplit(endpoint)
        if not parts.hostname or parts.scheme not in ("https", "http"):
            raise SourceError("not_https", url=endpoint)
        if parts.username or parts.password:
            raise SourceError("url_with_password", host=parts.hostname)
        if parts.scheme == "http" and not self.options.allow_private:
            raise SourceError("not_https", url=endpoint)
        try:
            checked_address(parts.hostname, parts.port or 443, self.options.allow_private)
        except OSError as error:
            raise SourceError("download_failed", url=endpoint, reason=error.strerror or error) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong in the library, as an error of ours without the secrets of the environment."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            for name, value in os.environ.items():
                if name.startswith(_PREFIXES) and len(value) >= _LIKE_A_SECRET:
                    reason = reason.replace(value, "…")
            raise SourceError("download_failed", url=self.shown, reason=reason[:300]) from None
