"""A file behind an https address."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from sixfold.errors import SourceError
from sixfold.files import room_for
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.sources._files import Ticker
from sixfold.sources._remote import LARGEST, Remote, RemoteOptions, checked_address, safe_name

__all__ = ["Url", "without_query"]

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


class Url(Remote):
    """Downloaded over https into a private folder, then read by the kind that claims the file.

    Every address that the name stands for is held against the private ranges, at each redirect, and the connection is
    made to the address that was checked (so that a name cannot change its meaning in between).
    """

    title: ClassVar[Text] = Text("a file on the web", "网上的文件")
    rank: ClassVar[int] = 1

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", place) is not None

    @property
    def shown(self) -> str:
        return without_query(self.place)

    def fingerprint(self) -> str:
        return self._fingerprint

    def fetched(self, folder: Path) -> Path:
        return self.downloaded(self.place, folder)

    def headers(self, host: str) -> dict[str, str]:  # noqa: ARG002
        """What is said to ``host`` beside what is asked, such as who asks."""
        return {}

    @cached_property
    def _fingerprint(self) -> str:
        return (
            self.sha256.lower() if self.sha256 is not None else digest_of_value([self.place, *self.stamp(self.place)])
        )

    def stamp(self, url: str) -> list[str | None]:
        """What changes when the file at ``url`` does, as far as its server tells.

        Raises:
            SourceError: It cannot be reached.
        """
        connection, answer, _ = self.asked("HEAD", url)
        connection.close()
        return [answer.getheader(name) for name in ("ETag", "Last-Modified", "Content-Length")]

    def downloaded(self, url: str, folder: Path, name: str | None = None) -> Path:
        """The file at ``url``, in ``folder``, as ``name`` or what its server calls it.

        Raises:
            SourceError: It cannot be downloaded, or is too large.
        """
        connection, answer, url = self.asked("GET", url)
        try:
            size = int(answer.getheader("Content-Length") or 0)
            if size > LARGEST:
                raise SourceError("download_too_large", url=without_query(url), limit="20 GiB")
            room_for(size, folder)
            path = folder / (name or _file_name(url, answer))
            path.parent.mkdir(parents=True, exist_ok=True)
            ticker, received = Ticker(self.listener, size, "bytes"), 0
            with path.open("wb") as stream:
                while chunk := answer.read(_CHUNK):
                    received += len(chunk)
                    if received > LARGEST:
                        raise SourceError("download_too_large", url=without_query(url), limit="20 GiB")
                    if not size:
                        room_for(len(chunk), folder)
                    stream.write(chunk)
                    ticker.add(len(chunk))
            if size and received != size:
                raise SourceError("download_failed", url=without_query(url), reason=f"{received} < {size} bytes")
            return path
        except (OSError, http.client.HTTPException) as error:
            raise SourceError("download_failed", url=without_query(url), reason=_reason(error)) from error
        finally:
            connection.close()

    def asked(self, method: str, url: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse, str]:
        """The answer to a request, after redirects; with the connection to close and where it came from.

        Raises:
            SourceError: Nothing answers, or not as it should; the address is not https, or a private one.
        """
        assert isinstance(self.options, RemoteOptions)
        for _ in range(_MOST_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme.lower() != "https" or not parts.hostname:
                raise SourceError("not_https", url=without_query(url))
            if parts.username or parts.password:
                raise SourceError("url_with_password", host=parts.hostname)
            try:
                address = checked_address(parts.hostname, parts.port or 443, self.options.allow_private)
                connection = _Pinned(parts.hostname, parts.port or 443, address)
                target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
                    f"?{parts.query}" if parts.query else ""
                )
                headers = {"User-Agent": "sixfold", "Accept-Encoding": "identity", **self.headers(parts.netloc)}
                connection.request(method, target, headers=headers)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
                raise SourceError("download_failed", url=without_query(url), reason=_reason(error)) from error
            if answer.status in _REDIRECTS and (where := answer.getheader("Location")):
                connection.close()
                url = urljoin(url, where)
                continue
            if answer.status != 200:  # noqa: PLR2004
                connection.close()
                reason = f"{answer.status} {answer.reason}"
                raise SourceError("download_failed", url=without_query(url), reason=reason)
            return connection, answer, url
        raise SourceError("download_failed", url=without_query(url), reason=f"> {_MOST_REDIRECTS} redirects")


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address that was checked, whatever the name means by now; the certificate is the name's."""

    def __init__(self, host: str, port: int, address: str) -> None:
        context = ssl.create_default_context()
        super().__init__(host, port, timeout=_SECONDS, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), _SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _file_name(url: str, answer: http.client.HTTPResponse) -> str:
    told = answer.msg.get_filename() or unquote(urlsplit(url).path)
    name = safe_name(told)
    if not PurePosixPath(name).suffix:
        name += _SUFFIXES.get(answer.msg.get_content_type(), "")
    return name


def without_query(url: str) -> str:
    """The address as it may be shown and recorded: a query often carries a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "certificate"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
