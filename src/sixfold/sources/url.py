"""A file behind an https address."""

from __future__ import annotations

import http.client
import ipaddress
import re
import shutil
import socket
import ssl
import tempfile
import weakref
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from pydantic import Field as Setting

from sixfold.errors import SourceError
from sixfold.files import room_for
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.sources._files import Ticker, checked_digest
from sixfold.sources._source import Provenance, Source
from sixfold.sources._tables import TableOptions

if TYPE_CHECKING:
    import polars as pl

    from sixfold.sources._attached import Attachments

__all__ = ["Url"]

_LARGEST = 20 << 30
_MOST_REDIRECTS = 5
_SECONDS = 30.0
"""How long one answer or one piece of it may take."""

_CHUNK = 1 << 18
_REDIRECTS = (301, 302, 303, 307, 308)
_SUFFIXES = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/zip": ".zip",
    "application/gzip": ".tar.gz",
    "application/x-tar": ".tar",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


class Url(Source):
    """Downloaded over https into a private folder, then read by the kind that claims the file.

    Every address that the name stands for is held against the private ranges, at each redirect, and the connection is
    made to the address that was checked (so that a name cannot change its meaning in between).
    """

    title: ClassVar[Text] = Text("a file on the web", "网上的文件")
    rank: ClassVar[int] = 1

    class Options(TableOptions):
        """``allow_private``: whether the file may lie on this machine or in its own network."""

        allow_private: bool = Setting(False, description="Whether the address may be one of your own network.")

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", place) is not None

    @property
    def roles(self) -> tuple[str, ...] | None:
        return self._inner.roles

    def fingerprint(self) -> str:
        return self._fingerprint

    def frames(self) -> Iterator[pl.DataFrame]:
        inner = self._inner
        yield from inner.frames()

    def provenance(self) -> Provenance:
        inner = self._inner.provenance()
        detected = {"kind": inner.kind, **inner.detected}
        digest, size = self._file_digest, self._file.stat().st_size
        return Provenance(_without_query(self.place), self.kind(), digest, size, detected=detected)

    def attachments(self, split: str | None = None) -> Attachments | None:
        return self._inner.attachments(split)

    def space(self) -> int:
        return self._inner.space()

    def count(self) -> int:
        return self._inner.count()

    @cached_property
    def _fingerprint(self) -> str:
        if self.sha256 is not None:
            return self.sha256.lower()
        connection, answer, _ = self._asked("HEAD")
        connection.close()
        told = [answer.getheader(name) for name in ("ETag", "Last-Modified", "Content-Length")]
        return digest_of_value([self.place, *told])

    @cached_property
    def _inner(self) -> Source:
        from sixfold.sources._pick import source_of

        assert isinstance(self.options, TableOptions)
        said = self.options.model_dump(exclude_unset=True, exclude={"allow_private"})
        inside = urlsplit(self.place).fragment
        place = f"{self._file}#{unquote(inside)}" if inside else str(self._file)
        return source_of(place, said, self._file.parent, self.listener)

    @cached_property
    def _file(self) -> Path:
        memory = Path("/dev/shm")  # noqa: S108 — a private (0700) folder is made inside
        folder = Path(tempfile.mkdtemp(prefix="sixfold-", dir=memory if memory.is_dir() else None))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = self._downloaded(folder)
        self._file_digest = checked_digest(path, self.sha256, self.listener)
        return path

    def _downloaded(self, folder: Path) -> Path:
        connection, answer, url = self._asked("GET")
        try:
            size = int(answer.getheader("Content-Length") or 0)
            if size > _LARGEST:
                raise SourceError("download_too_large", url=_without_query(url), limit="20 GiB")
            room_for(size, folder)
            path = folder / _file_name(url, answer)
            ticker, received = Ticker(self.listener, size, "bytes"), 0
            with path.open("wb") as stream:
                while chunk := answer.read(_CHUNK):
                    received += len(chunk)
                    if received > _LARGEST:
                        raise SourceError("download_too_large", url=_without_query(url), limit="20 GiB")
                    if not size:
                        room_for(len(chunk), folder)
                    stream.write(chunk)
                    ticker.add(len(chunk))
            if size and received != size:
                raise SourceError("download_failed", url=_without_query(url), reason=f"{received} < {size} bytes")
            return path
        except (OSError, http.client.HTTPException) as error:
            raise SourceError("download_failed", url=_without_query(url), reason=_reason(error)) from error
        finally:
            connection.close()

    def _asked(self, method: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse, str]:
        assert isinstance(self.options, Url.Options)
        url = self.place
        for _ in range(_MOST_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme.lower() != "https" or not parts.hostname:
                raise SourceError("not_https", url=_without_query(url))
            if parts.username or parts.password:
                raise SourceError("url_with_password", host=parts.hostname)
            try:
                address = checked_address(parts.hostname, parts.port or 443, self.options.allow_private)
                connection = _Pinned(parts.hostname, parts.port or 443, address)
                target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
                    f"?{parts.query}" if parts.query else ""
                )
                connection.request(method, target, headers={"User-Agent": "sixfold", "Accept-Encoding": "identity"})
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
                raise SourceError("download_failed", url=_without_query(url), reason=_reason(error)) from error
            if answer.status in _REDIRECTS and (where := answer.getheader("Location")):
                connection.close()
                url = urljoin(url, where)
                continue
            if answer.status != 200:  # noqa: PLR2004
                connection.close()
                reason = f"{answer.status} {answer.reason}"
                raise SourceError("download_failed", url=_without_query(url), reason=reason)
            return connection, answer, url
        raise SourceError("download_failed", url=_without_query(url), reason=f"> {_MOST_REDIRECTS} redirects")


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address that was checked, whatever the name means by now; the certificate is the name's."""

    def __init__(self, host: str, port: int, address: str) -> None:
        context = ssl.create_default_context()
        super().__init__(host, port, timeout=_SECONDS, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), _SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def checked_address(host: str, port: int, allow_private: bool) -> str:
    """An address of ``host`` to connect to, once all of them were seen to be public.

    Raises:
        SourceError: One of them is of this machine or a private network, and that was not allowed.
        OSError: The name cannot be resolved.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        plain: Any = ipaddress.ip_address(address.partition("%")[0])
        plain = getattr(plain, "ipv4_mapped", None) or plain
        if not allow_private and (not plain.is_global or plain.is_multicast):
            raise SourceError("private_address", host=host, address=address)
    return found[0]


def _file_name(url: str, answer: http.client.HTTPResponse) -> str:
    told = answer.msg.get_filename() or unquote(urlsplit(url).path)
    name = re.sub(r"[^\w.\- ()]", "_", PurePosixPath(told).name).lstrip(".")[-100:] or "data"
    if not PurePosixPath(name).suffix:
        name += _SUFFIXES.get(answer.msg.get_content_type(), "")
    return name


def _without_query(url: str) -> str:
    """The address as it may be shown and recorded: a query often carries a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "certificate"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
