"""What a stranger cannot do to the server: large bodies, slow bodies, floods, guesses, requests without a token.

Plain ASGI, before any routing or parsing. Health and stops are let through first, whatever else waits.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from embodied.serving.answers import error_response
from embodied.serving.errors import ApiError, overloaded
from embodied.serving.loglines import Collapsed
from embodied.serving.rate_limits import VIEWER, Places, PlacesEach, TokenBuckets, Turnstile
from embodied.serving.request_bodies import LARGE, MAX_LARGE_BYTES, PACKED, Shape, too_large

log = logging.getLogger(__name__)
log.addFilter(Collapsed())

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

VITAL = re.compile(r"^/(healthz|v1/estop|v1/sessions/[^/]{1,40}/(stop|estop|pause))$")
"""What is answered first: health and stops."""
OPEN = re.compile(r"^/($|healthz$|favicon\.ico$|console/)")
"""What needs no token: health, and the page itself, which holds no secret. No body comes with it: one would be held for
whoever likes to send it slowly."""
MAX_HEAD_BYTES = 32 << 10

_POLICY = (b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' ws: wss:; "
           b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
_HEADERS = [(b"content-security-policy", _POLICY), (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer")]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers of the walls. The rates are of one address, each with a burst of twice as many."""

    body_bytes: int = 256 << 10
    image_body_bytes: int = MAX_LARGE_BYTES
    receive_s: float = 10.0  # for a whole body
    requests_per_s: float = 200.0
    sockets_per_s: float = 20.0  # websockets that are opened
    guesses_per_s: float = 10.0  # wrong tokens
    in_flight: int = 256  # requests at once, of which half may be of those who are no operators
    open_in_flight: int = 32  # requests without a token at once, of one address
    held_bytes: int = 128 << 20  # of bodies, of all requests together


class LimitsMiddleware:
    """The ASGI application inside its walls."""

    def __init__(self, app: App, *, tokens: dict[str, str], bounds: Bounds,
                 why_full: Callable[[], ApiError | None] = lambda: None) -> None:
        """tokens: token -> role, "operator" or "viewer". why_full: why nothing with images can be taken now; it is then
        refused unread, for reading it is most of the work."""
        self._app, self._bounds, self._why_full = app, bounds, why_full
        self._tokens = [(token.encode(), role) for token, role in tokens.items()]
        self._requests, self._sockets, self._guesses = (
            TokenBuckets(rate, 2 * rate)
            for rate in (bounds.requests_per_s, bounds.sockets_per_s, bounds.guesses_per_s))
        self._in_flight = Places(bounds.in_flight, bounds.in_flight // 2, "requests at once")
        self._open = PlacesEach(bounds.open_in_flight, "requests without a token at once")
        self._entrance, self._held_bytes = Turnstile(), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._admit(scope)
            if VITAL.match(scope["path"]):
                await self._serve(scope, receive, send)
            elif OPEN.match(scope["path"]):
                await self._serve_in_turn(self._open, _address(scope), scope, receive, send)
            else:
                await self._serve_in_turn(self._in_flight, scope["role"], scope, receive, send)
        except ApiError as refused:
            await _closing(refused)(scope, receive, send)

    async def _serve_in_turn(self, places: Places | PlacesEach, who: str, scope: Scope, receive: Receive,
                             send: Send) -> None:
        """As one of so many at once, of whom one begins in a turn of the event loop."""
        places.take(who)
        try:
            async with self._entrance.turn():
                pass
            await self._serve(scope, receive, send)
        finally:
            places.leave(who)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces: list[bytes] = []
        try:
            if not OPEN.match(scope["path"]):
                await self._read(scope, receive, pieces)
            pieces[:] = [b"".join(pieces)]
            again = _replay(pieces[0], receive)
            await (_answer_head(self._app, scope, again, send) if scope["method"] == "HEAD"
                   else self._app(scope, again, send))
        finally:
            self._held_bytes -= sum(map(len, pieces))

    def _admit(self, scope: Scope) -> None:
        """Note the role in the scope. Raises ApiError for a request that goes no further."""
        _check_head(scope)
        if OPEN.match(scope["path"]):
            _check_no_body(scope)
        else:
            self._identify(scope)
        if VITAL.match(scope["path"]):
            return
        key = f"{_address(scope)} {scope.get('role', '')}"  # a stranger's flood is not the operator's
        if wait_s := self._requests.take(key):
            raise _too_often(f"{self._bounds.requests_per_s:.0f} requests a second", wait_s)
        if LARGE.match(scope["path"]) and (full := self._why_full()) is not None:
            raise full

    def _identify(self, scope: Scope) -> None:
        role = self._role(_header(scope, b"authorization").removeprefix(b"Bearer ").strip())
        if role is None:
            self._count_guess(scope)
            log.warning("401 %s %r from %s", scope["method"], scope["path"][:80], _address(scope))
            raise ApiError(401, "unauthorized", "expected Authorization: Bearer TOKEN of this server")
        scope["role"] = role
        if role == VIEWER and scope["method"] not in ("GET", "HEAD") and not scope["path"].endswith("/estop"):
            raise ApiError(403, "viewer", "expected an operator's token; this one watches, and may stop robots")

    def _count_guess(self, scope: Scope) -> None:
        """Raises ApiError 429 for an address with too many wrong tokens. A right one is let in all the same: whoever
        shares its address with somebody who guesses must be able to stop a robot."""
        if wait_s := self._guesses.take(_address(scope)):
            raise _too_often(f"{self._bounds.guesses_per_s:.0f} wrong tokens a second", wait_s)

    def _role(self, token: bytes) -> str | None:
        """The role of a token, in a time that tells nothing of how near a wrong one was."""
        found = None
        for known, role in self._tokens:
            if hmac.compare_digest(known, token):
                found = role
        return found

    async def _read(self, scope: Scope, receive: Receive, pieces: list[bytes]) -> None:
        """Adds the pieces of the body, which may be neither large nor slow: they are counted as they come, whatever
        Content-Length says."""
        bounds, is_large = self._bounds, bool(LARGE.match(scope["path"]))
        most = bounds.image_body_bytes if is_large else bounds.body_bytes
        claimed = _header(scope, b"content-length")
        if claimed.isdigit() and (len(claimed) > 12 or int(claimed) > most):
            raise too_large(f"{most} bytes", claimed[:12].decode())
        shape = Shape() if is_large and scope["path"] != PACKED else None
        try:
            async with asyncio.timeout(bounds.receive_s):
                await self._collect(receive, most, pieces, shape)
        except TimeoutError:
            raise ApiError(408, "slow", f"expected the whole body within {bounds.receive_s:.0f} s") from None

    async def _collect(self, receive: Receive, most: int, pieces: list[bytes], shape: Shape | None) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError(400, "gone", "expected a whole body, the client left")
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            self._held_bytes += len(pieces[-1])
            if size > most:
                raise too_large(f"{most} bytes")
            if self._held_bytes > self._bounds.held_bytes:
                raise overloaded("expected smaller bodies or fewer at once", 1.0)
            if shape is not None:
                shape.add(pieces[-1])
            more = message.get("more_body", False)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._admit_socket(scope)
        except ApiError as refused:
            log.warning("websocket refused with %d %r from %s", refused.status, scope["path"][:80], _address(scope))
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        async with self._entrance.turn():
            pass
        await self._app(scope, receive, send)

    def _admit_socket(self, scope: Scope) -> None:
        _check_head(scope)
        offered = [p.strip() for p in _header(scope, b"sec-websocket-protocol").decode("latin-1").split(",")]
        bearer = next((p.removeprefix("bearer.") for p in offered if p.startswith("bearer.")), "")
        header = _header(scope, b"authorization")
        given = header.removeprefix(b"Bearer ").removeprefix(b"Api-Key ").strip() or bearer.encode()
        role, origin = self._role(given), _header(scope, b"origin")
        if role is None:
            self._count_guess(scope)
        if role is None or (origin and not _is_own(origin, scope)):
            raise ApiError(403, "unauthorized", "expected a token of this server, from a page of this server")
        if wait_s := self._sockets.take(f"{_address(scope)} {role}"):
            raise _too_often(f"{self._bounds.sockets_per_s:.0f} websockets a second", wait_s)
        scope["role"] = role


def _too_often(what: str, wait_s: float) -> ApiError:
    return ApiError(429, "rate", f"expected at most {what}", max(1.0, wait_s))


def _check_head(scope: Scope) -> None:
    """Raises ApiError for a head that is too large, or says of its body's length two things: whoever stands in between
    may believe the other one, and take the rest of this body for somebody else's request."""
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEAD_BYTES:
        raise ApiError(431, "too_large", f"expected a head of at most {MAX_HEAD_BYTES} bytes, got more")
    if _header(scope, b"transfer-encoding") and _header(scope, b"content-length"):
        raise ApiError(400, "malformed", "expected Content-Length or Transfer-Encoding, got both")


def _check_no_body(scope: Scope) -> None:
    """Raises ApiError for a body that is announced."""
    if _header(scope, b"transfer-encoding") or _header(scope, b"content-length").strip(b"0"):
        raise ApiError(400, "malformed", f"expected a request without a body at {scope['path'][:40]!r}, got one")


def _with_headers(outer: Send) -> Send:
    """A send that adds what every answer says."""
    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await outer(message)

    return send


async def _answer_head(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The head of what GET would answer. What would go on for ever is ended once its head is there."""
    is_said = asyncio.Event()

    async def send_head(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b""})
            is_said.set()

    getting = asyncio.ensure_future(app({**scope, "method": "GET"}, receive, send_head))
    saying = asyncio.ensure_future(is_said.wait())
    try:
        await asyncio.wait([getting, saying], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (getting, saying):
            task.cancel()
    await asyncio.gather(getting, saying, return_exceptions=True)


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
