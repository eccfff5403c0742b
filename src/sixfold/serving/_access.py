"""Who may call: API keys, what each may do, how fast and how much.

A key comes as ``Authorization: Bearer KEY``, as ``X-API-Key: KEY``, or as the password of a browser's own question
(Basic), so that the demo page works unchanged. Health needs none.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections import OrderedDict

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sixfold.errors import RequestError
from sixfold.security import ApiKey, ApiKeys, Home
from sixfold.serving._frame import told_error
from sixfold.serving._usage import Usage

__all__ = ["Access", "Guarded"]

_WATCH = ("/watch", "/watch.json", "/metrics")
_MOST_KEYS = 10_000
_MINUTE = 60.0
_BAD = 400
_ASKS = 'Bearer realm="sixfold", Basic realm="sixfold", charset="UTF-8"'


class Access:
    """The keys of a home, for one product that is served.

    Args:
        home: Where keys and usage are kept.
        product: What is served.
        owner: What whoever runs the service presents; it may do all, and is not counted. Empty: nobody does.
    """

    def __init__(self, home: Home, product: str, owner: str = "") -> None:
        self.product, self.usage = product, Usage(home.folder("usage"))
        self._owner = owner.encode()
        self._keys = ApiKeys(home)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, request: Request) -> ApiKey | None:
        """Whose key a request presents; ``None``: the owner's.

        Raises:
            RequestError: Nobody's, or it may not do this, not so fast, or not so much.
        """
        presented = _presented(request)
        if self._owner and hmac.compare_digest(presented.encode(), self._owner):
            request.state.scopes = ("predict", "watch", "manage")
            return None
        key = self._keys.find(presented, self.product)
        if key is None:
            raise RequestError("no_key")
        request.state.api_key, request.state.key, request.state.scopes = key, key.name, key.scopes
        needed = _scope_of(request.url.path)
        if needed not in key.scopes:
            raise RequestError("wrong_scope", scope=needed)
        if needed == "predict" and request.method == "POST":
            if key.quota is not None and self.usage.rows(key.id) >= key.quota:
                raise RequestError("quota_used", quota=key.quota)
            if key.rate is not None:
                self._take_turn(key.id, key.rate)
        return key

    def _take_turn(self, name: str, rate: int) -> None:
        """A bucket of ``rate`` turns that fills within a minute."""
        now = time.monotonic()
        left, since = self._left.pop(name, (float(rate), now))
        left = min(float(rate), left + (now - since) * rate / _MINUTE)
        self._left[name] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)
        if left < 1:
            raise RequestError("too_fast", rate=rate)


class Guarded:
    """Lets those in whose key opens, and counts what they use."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/health/" in scope["path"]:
            await self._app(scope, receive, send)
            return
        request, status = Request(scope), 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._access.admit(request)
        except RequestError as error:
            headers = {"www-authenticate": _ASKS} if error.slug == "no_key" else None
            await told_error(request, error, headers=headers)(scope, receive, seen)
        else:
            await self._app(scope, receive, seen)
        told = getattr(request.state, "api_key", None)
        if told is not None and request.method == "POST" and _scope_of(scope["path"]) == "predict":
            rows = getattr(request.state, "rows", 0)
            is_refused = status >= _BAD
            self._access.usage.count(self._access.product, told.id, told.name, rows, is_refused=is_refused)


def _scope_of(path: str) -> str:
    if path in _WATCH:
        return "watch"
    return "manage" if path.startswith("/v2/repository/models/") else "predict"


def _presented(request: Request) -> str:
    if (key := request.headers.get("x-api-key")) is not None:
        return key.strip()
    way, _, rest = request.headers.get("authorization", "").partition(" ")
    if way.lower() == "bearer":
        return rest.strip()
    # What a browser sends by itself it must not send for another site's page.
    if way.lower() == "basic" and request.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
