"""A model behind an OpenAI-compatible URL (``POST /chat/completions``), asked one question at a time.

The key goes into the header and nowhere else: no redirect is followed, and over a network only HTTPS is spoken. Every
answer is bounded in time and size.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sixfold.errors import InputError, RunError

__all__ = ["Endpoint", "Reply"]

_PATH = "/chat/completions"
_MOST_BYTES = 1 << 20
_TRIES = 4
_LONGEST_PAUSE = 30.0
_LONGEST_REASON = 200
_BYTES_A_TOKEN = 2
"""Where a server does not count its tokens, a careful guess: one has about four bytes in English, three in Chinese."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered.

    Args:
        text: The answer.
        tokens_in: Tokens that were sent, as the server counts them, or a careful guess.
        tokens_out: Tokens that came back.
        seconds: How long it took.
        requests: How often it was asked for, the times that failed included.
    """

    text: str
    tokens_in: int
    tokens_out: int
    seconds: float
    requests: int


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked.

    Args:
        url: The address up to ``/v1``, or whole.
        model: What the server calls the model.
        key: What authorises it; empty where none is needed.
        timeout: Seconds in which an answer must begin and go on.
        pause: Seconds before the second try; doubled before each further one.

    Raises:
        InputError: The address is none, or would send the key in clear over a network.
    """

    url: str
    model: str
    key: str = ""
    timeout: float = 60.0
    pause: float = 1.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise InputError("rent_url", url=parts.hostname or self.url)
        if parts.scheme == "http" and not _is_here(parts.hostname):
            raise InputError("rent_in_clear", url=self.address)

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine."""
        return _is_here(str(urlsplit(self.url).hostname))

    @property
    def address(self) -> str:
        """The whole address."""
        url = self.url.rstrip("/")
        return url if url.endswith(_PATH) else url + _PATH

    def ask(
        self, messages: Sequence[Mapping[str, Any]], *, most_tokens: int, may_ask: Callable[[], bool] = lambda: True
    ) -> Reply:
        """The answer to a conversation.

        What passes (too many requests, a server that is down, a timeout) is tried again up to three times.

        Args:
            messages: As the form has them: ``role`` and ``content``.
            most_tokens: The longest answer.
            may_ask: Asked before each further try, whether there may be one.

        Raises:
            RunError: It cannot be reached, refuses, or speaks another form.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "max_tokens": most_tokens,
            "temperature": 0,
            "stream": False,
        }
        data = json.dumps(body, ensure_ascii=False).encode()
        begun = time.perf_counter()
        for number in range(1, _TRIES + 1):
            try:
                content = self._sent(data)
                break
            except _PassingError as error:
                if number == _TRIES or not may_ask():
                    raise RunError("rent_unreachable", url=self.address, reason=error) from error
                time.sleep(
                    min(_LONGEST_PAUSE, error.after if error.after is not None else self.pause * 2 ** (number - 1))
                )
        text, tokens_in, tokens_out = self._read(content)
        return Reply(
            text,
            tokens_in if tokens_in is not None else len(data) // _BYTES_A_TOKEN,
            tokens_out if tokens_out is not None else len(text.encode()) // _BYTES_A_TOKEN + 1,
            time.perf_counter() - begun,
            number,
        )

    def _sent(self, data: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "sixfold"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.address, data, headers)  # noqa: S310 — the scheme was checked
        opener = urllib.request.build_opener(_NoRedirect)
        ends = time.monotonic() + self.timeout
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                pieces, size = [], 0
                while piece := answer.read1(1 << 16):
                    pieces.append(piece)
                    size += len(piece)
                    if size > _MOST_BYTES:
                        raise RunError("rent_not_spoken", url=self.address, reason=f"> {_MOST_BYTES} B")
                    if time.monotonic() > ends:
                        raise _PassingError(f"> {self.timeout:g} s")
                return b"".join(pieces)
        except urllib.error.HTTPError as error:
            reason = self._without_key(f"{error.code} {_first_words(error)}")
            if error.code == http.HTTPStatus.TOO_MANY_REQUESTS or error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _PassingError(reason, _seconds(error.headers.get("Retry-After"))) from error
            raise RunError("rent_refused", url=self.address, reason=reason) from error
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(self._without_key(str(error) or type(error).__name__)) from error

    def _read(self, content: bytes) -> tuple[str, int | None, int | None]:
        try:
            record = json.loads(content)
            text = record["choices"][0]["message"]["content"]
            usage = record.get("usage") or {}
            counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
            tokens_in, tokens_out = (count if isinstance(count, int) and count >= 0 else None for count in counts)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise RunError("rent_not_spoken", url=self.address, reason=type(error).__name__) from error
        return str(text or ""), tokens_in, tokens_out

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "…") if self.key else text


class _PassingError(Exception):
    """Something that may pass; ``after``: so many seconds later."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another place: it is an error instead."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(said: str | None) -> float | None:
    return float(said) if said is not None and said.isdecimal() else None


def _first_words(error: urllib.error.HTTPError) -> str:
    """What a server says of why it refuses."""
    try:
        content = error.read(_MOST_BYTES)
        told = json.loads(content)["error"]
        said = told["message"] if isinstance(told, dict) else told
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        said = error.reason
    return " ".join(str(said).split())[:_LONGEST_REASON]
