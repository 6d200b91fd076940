"""What a stranger cannot do to the server: large bodies, slow bodies, floods, requests without a token.

Plain ASGI, before any routing or parsing. Health and stops are let through first, whatever else waits.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from embodied.serving.errors import ApiError, overloaded

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

VITAL = re.compile(r"^/(healthz|v1/estop|v1/sessions/[^/]{1,40}/(stop|estop|pause))$")
"""What is answered first: health and stops."""
OPEN = re.compile(r"^/($|healthz$|favicon\.ico$|console/)")
"""What needs no token: health, and the page itself, which holds no secret."""
LARGE = re.compile(r"^/v1/(plan|chat/completions|lerobot/)")
"""Where bodies carry images."""
PACKED = "/v1/plan"
"""The one that is not JSON."""
MAX_VALUES = 20_000
"""Of a large JSON body: an image is one value; millions of them take seconds to read, while everybody waits."""

_POLICY = (b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' ws: wss:; "
           b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
_HEADERS = [(b"content-security-policy", _POLICY), (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer")]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers of the walls."""

    body_bytes: int = 256 << 10
    image_body_bytes: int = 24 << 20
    receive_s: float = 10.0  # for a whole body
    requests_per_s: float = 200.0  # of one address
    burst: int = 400
    in_flight: int = 256
    held_bytes: int = 128 << 20  # of bodies, of all requests together


class Walls:
    """The ASGI application inside its walls."""

    def __init__(self, app: App, *, tokens: dict[str, str], bounds: Bounds,
                 why_full: Callable[[], ApiError | None] = lambda: None) -> None:
        """tokens: token -> role, "operator" or "viewer". why_full: why nothing with images can be taken now; it is then
        refused unread, for reading it is most of the work."""
        self._app, self._bounds, self._why_full = app, bounds, why_full
        self._tokens = [(token.encode(), role) for token, role in tokens.items()]
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._in_flight = self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, outer: Send) -> None:
        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await outer(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await _closing(refusal)(scope, receive, send)
            return
        is_vital = bool(VITAL.match(scope["path"]))
        self._in_flight += not is_vital
        pieces: list[bytes] = []
        try:
            await self._read(scope, receive, pieces)
            pieces[:] = [b"".join(pieces)]
            await self._app(scope, _replay(pieces[0], receive), send)
        except ApiError as refused:
            await _closing(refused)(scope, receive, send)
        finally:
            self._in_flight -= not is_vital
            self._held_bytes -= sum(map(len, pieces))

    def _refusal(self, scope: Scope) -> ApiError | None:
        """Why a request goes no further."""
        if not OPEN.match(scope["path"]):
            role = self._role(_header(scope, b"authorization").removeprefix(b"Bearer ").strip())
            if role is None:
                log.warning("401 %s %r from %s", scope["method"], scope["path"][:80], _address(scope))
                return ApiError(401, "unauthorized", "expected Authorization: Bearer TOKEN of this server")
            scope["role"] = role
            if role == "viewer" and scope["method"] not in ("GET", "HEAD") and not scope["path"].endswith("/estop"):
                return ApiError(403, "viewer", "expected an operator's token; this one watches, and may stop robots")
        if VITAL.match(scope["path"]):
            return None
        if self._in_flight >= self._bounds.in_flight:
            return overloaded(f"expected fewer than {self._bounds.in_flight} requests at once", 1.0)
        wait_s = self._take(f"{_address(scope)} {scope.get('role', '')}")  # a stranger's flood is not the operator's
        if wait_s:
            most = self._bounds.requests_per_s
            return ApiError(429, "rate", f"expected at most {most:.0f} requests a second", max(1.0, wait_s))
        return self._why_full() if LARGE.match(scope["path"]) else None

    def _role(self, token: bytes) -> str | None:
        """The role of a token, in a time that tells nothing of how near a wrong one was."""
        found = None
        for known, role in self._tokens:
            if hmac.compare_digest(known, token):
                found = role
        return found

    def _take(self, address: str) -> float:
        """0 when the address, in its role, has a request left (a token bucket), else seconds until it has."""
        now, rate = time.monotonic(), self._bounds.requests_per_s
        left, at = self._buckets.pop(address, (float(self._bounds.burst), now))
        left = min(self._bounds.burst, left + (now - at) * rate)
        self._buckets[address] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > 4096:
            self._buckets.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / rate

    async def _read(self, scope: Scope, receive: Receive, pieces: list[bytes]) -> None:
        """Adds the pieces of the body, which may be neither large nor slow: they are counted as they come, whatever
        Content-Length says."""
        bounds = self._bounds
        most = bounds.image_body_bytes if LARGE.match(scope["path"]) else bounds.body_bytes
        claimed = _header(scope, b"content-length")
        if claimed.isdigit() and (len(claimed) > 12 or int(claimed) > most):
            size = claimed[:12].decode()
            raise ApiError(413, "too_large", f"expected a body of at most {most} bytes, got {size}")
        try:
            async with asyncio.timeout(bounds.receive_s):
                await self._collect(receive, most, pieces)
        except TimeoutError:
            raise ApiError(408, "slow", f"expected the whole body within {bounds.receive_s:.0f} s") from None
        if most > bounds.body_bytes and scope["path"] != PACKED and sum(p.count(b",") for p in pieces) > MAX_VALUES:
            raise ApiError(413, "too_large", f"expected a body of at most {MAX_VALUES} values, got more")

    async def _collect(self, receive: Receive, most: int, pieces: list[bytes]) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError(400, "gone", "expected a whole body, the client left")
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            self._held_bytes += len(pieces[-1])
            if size > most:
                raise ApiError(413, "too_large", f"expected a body of at most {most} bytes, got more")
            if self._held_bytes > self._bounds.held_bytes:
                raise overloaded("expected smaller bodies or fewer at once", 1.0)
            more = message.get("more_body", False)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        offered = [p.strip() for p in _header(scope, b"sec-websocket-protocol").decode("latin-1").split(",")]
        bearer = next((p.removeprefix("bearer.") for p in offered if p.startswith("bearer.")), "")
        header = _header(scope, b"authorization")
        given = header.removeprefix(b"Bearer ").removeprefix(b"Api-Key ").strip() or bearer.encode()
        role = self._role(given)
        origin = _header(scope, b"origin")
        if role is None or (origin and not _is_own(origin, scope)):
            log.warning("websocket refused %r from %s", scope["path"][:80], _address(scope))
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        scope["role"] = role
        await self._app(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the collected body first, and then what comes (that the client left)."""
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def error_response(error: ApiError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as every route answers it."""
    wait = {} if error.retry_after_s is None else {"retry-after": str(max(1, round(error.retry_after_s)))}
    return JSONResponse(error.body(), error.status, {**wait, **(headers or {})})


def _closing(error: ApiError) -> JSONResponse:
    """The answer to a request that goes no further; what is left of it is not read."""
    asks = {"www-authenticate": "Bearer"} if error.status == 401 else {}
    return error_response(error, {"connection": "close", **asks})


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "?"


def _is_own(origin: bytes, scope: Scope) -> bool:
    """Whether a page of this server opened the connection: no other page may, even with a token it has got hold of."""
    return origin.split(b"://", 1)[-1] == _header(scope, b"host")
