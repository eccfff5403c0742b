"""A client of services, in Python alone: no other package is needed where it runs.

>>> import sixfold
>>> client = sixfold.Client("http://127.0.0.1:8800", key="sk6_…")       # doctest: +SKIP
>>> client.predict({"age": 41, "plan": "basic"})["churn"]               # doctest: +SKIP
'No'
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Self, overload
from urllib.parse import urlencode, urlsplit

from sixfold.errors import ServiceError

__all__ = ["Answered", "Client"]

_AT_ONCE = 1000
_AGAIN = (429, 503)
_OK = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """What a service said to one request.

    Args:
        answers: An answer for each row, in their order.
        request: The request's id, by which feedback tells what was right.
        model: The version that answered.
        milliseconds: What the service took.
    """

    answers: list[dict[str, Any]]
    request: str
    model: str
    milliseconds: float


class Client:
    """Calls one service; safe to use from several threads, which then wait for each other.

    Args:
        url: Where the service is.
        key: The API key, where it needs one.
        patience: So many seconds it is asked again while it is busy or not there yet; each time as it says.
        seconds: The longest that an answer may take.
        certificate: The certificate to trust, as a PEM file, where the service has one of its own.
        language: Of what errors say: ``en`` or ``zh``.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = 10.0,
        seconds: float = 60.0,
        certificate: str | Path | None = None,
        language: str = "en",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceError("no_such_url", url=url)
        self._base, self._patience, self._lock = parts.path.rstrip("/"), patience, threading.Lock()
        self._headers = {"accept": "application/json", "accept-language": language}
        if key is not None:
            self._headers["authorization"] = f"Bearer {key}"
        self._connection: HTTPConnection = (
            HTTPSConnection(
                parts.hostname,
                parts.port,
                timeout=seconds,
                context=ssl.create_default_context(cafile=None if certificate is None else str(certificate)),
            )
            if parts.scheme == "https"
            else HTTPConnection(parts.hostname, parts.port, timeout=seconds)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; another call opens it again."""
        with self._lock:
            self._connection.close()

    @overload
    def predict(self, rows: Mapping[str, Any], **settings: Any) -> dict[str, Any]: ...
    @overload
    def predict(self, rows: Sequence[Mapping[str, Any]], **settings: Any) -> list[dict[str, Any]]: ...

    def predict(
        self, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]], **settings: Any
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """The answer for one row, or those for many, in their order.

        Args:
            rows: Columns by name: numbers, texts, dates, lists; pictures as bytes, or as the :class:`~pathlib.Path` of
                their file; ``None`` and NaN where nothing is known. Of more than 1,000 rows, several requests are made.
            settings: What the page of the service calls settings.

        Raises:
            ServiceError: The service refuses the rows, or does not answer.
        """
        if isinstance(rows, Mapping):
            return self.ask([rows], **settings).answers[0]
        parts = (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
        return [answer for part in parts for answer in self.ask(part, **settings).answers]

    def ask(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        version: str | None = None,
        request: str | None = None,
        **settings: Any,
    ) -> Answered:
        """The whole of what the service says to up to 1,000 rows.

        Args:
            rows: As :meth:`predict` takes them.
            version: Which version is to answer: what it is called, ``champion`` or ``challenger``.
            request: An id for the request; left out, the service gives it one.
            settings: What the page of the service calls settings.

        Raises:
            ServiceError: The service refuses the rows, or does not answer.
        """
        body: dict[str, Any] = {"rows": [{name: _plain(value) for name, value in row.items()} for row in rows]}
        if settings:
            body["settings"] = settings
        path = "/predict" if version is None else f"/predict?{urlencode({'version': version})}"
        said = self._said("POST", path, body, {} if request is None else {"x-request-id": request})
        return Answered(said["answers"], said["request"], said["model"], said["milliseconds"])

    def feedback(self, request: str, truth: Any, *, row: int = 0) -> None:
        """Tell the service what was right.

        Args:
            request: The id of the request (:attr:`Answered.request`).
            truth: The target's true value.
            row: Of several rows in it, which one, from 0.
        """
        self._said("POST", "/feedback", {"request": request, "truth": _plain(truth), "row": row})

    def about(self) -> dict[str, Any]:
        """What is served: its columns, its target, how good it is."""
        return self._said("GET", "/about")

    def example(self) -> dict[str, Any]:
        """One real row, and the answer that was measured for it."""
        return self._said("GET", "/example")

    def _said(self, method: str, path: str, body: Any = None, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        headers = {**self._headers, **(more or {}), **({} if content is None else {"content-type": "application/json"})}
        ends = time.monotonic() + self._patience
        while True:
            status, wait, answer = self._once(method, path, content, headers, ends)
            if status == _OK:
                return answer
            if status in _AGAIN and time.monotonic() + wait < ends:
                time.sleep(wait)
                continue
            error = answer.get("error") or {}
            if not isinstance(error, dict):
                error = {"says": str(error)}
            raise ServiceError(
                "refused",
                code=str(error.get("code", status)),
                says=str(error.get("says", status)),
                advice=str(error.get("mend", "–")),
                status=status,
            )

    def _once(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], ends: float
    ) -> tuple[int, float, dict[str, Any]]:
        while True:
            try:
                with self._lock:
                    self._connection.request(method, self._base + path, content, dict(headers))
                    response = self._connection.getresponse()
                    raw, status = response.read(), response.status
                    wait = _seconds(response.headers.get("retry-after"))
                said = json.loads(raw) if raw else {}
                return status, wait, said if isinstance(said, dict) else {}
            except (OSError, HTTPException, ValueError) as error:
                with self._lock:
                    self._connection.close()
                # A connection that was kept open may have been closed meanwhile: a new one is tried at once.
                if time.monotonic() + 0.1 > ends:
                    raise ServiceError("does_not_answer", product=self._base or "/", reason=error) from error
                time.sleep(0.1)


def _plain(value: Any) -> Any:
    """A value as JSON says it."""
    match value:
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case Path():
            return base64.b64encode(value.read_bytes()).decode()
        case float():
            return None if math.isnan(value) else value
        case dt.date() | dt.time():
            return value.isoformat()
        case Mapping():
            return {str(name): _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return _plain(value.tolist())
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _seconds(text: str | None) -> float:
    try:
        return max(0.05, float(text or 1))
    except ValueError:
        return 1.0
