"""What is shared out among those who use a server: requests a second, places that are held for long, turns of the event
loop. Viewers and strangers together never get all of it, so that an operator always finds some left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable

from embodied.serving.errors import overloaded

OPERATOR, VIEWER = "operator", "viewer"
_MOST_KEYS = 4096


class TokenBuckets:
    """Token buckets, one a key; the keys that were used longest ago are forgotten, and start full again."""

    def __init__(self, rate_hz: float, burst: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._rate_hz, self._burst, self._clock_s = rate_hz, float(burst), clock_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """0 when the key has one left, which is taken, else seconds until it has."""
        now_s = self._clock_s()
        left, at_s = self._left.pop(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at_s) * self._rate_hz)
        self._left[key] = (left - 1 if left >= 1 else left, now_s)
        if len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self._rate_hz


class Places:
    """So many of something at once, of which all who are no operators together get a share."""

    def __init__(self, most: int, share: int, what: str) -> None:
        """share: how many may be held by others than operators. what: what is held, for people."""
        self._most, self._share, self._what = most, share, what
        self._held: Counter[bool] = Counter()

    @property
    def held(self) -> int:
        return self._held.total()

    def take(self, role: str | None) -> None:
        """Holds a place; `leave` gives it back. Raises ApiError 503 where there is none for that role."""
        is_operator = role == OPERATOR
        if self.held >= self._most:
            raise overloaded(f"expected fewer than {self._most} {self._what}", 2.0)
        if not is_operator and self._held[is_operator] >= self._share:
            raise overloaded(f"expected fewer than {self._share} {self._what} of viewers", 2.0)
        self._held[is_operator] += 1

    def leave(self, role: str | None) -> None:
        self._held[role == OPERATOR] -= 1


class PlacesEach:
    """So many of something at once for each of those who ask: one who takes all of his takes none of another's."""

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self._held: Counter[str] = Counter()

    def take(self, key: str) -> None:
        """Holds a place; `leave` gives it back. Raises ApiError 503 where the key has none left."""
        if self._held[key] >= self._most:
            raise overloaded(f"expected fewer than {self._most} {self._what}", 2.0)
        self._held[key] += 1

    def leave(self, key: str) -> None:
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]


class Turnstile:
    """Lets work begin one at a time, each after a pause as long as the work before it took.

    The event loop does what waits in the order in which it came: hundreds of requests that come together, or four large
    bodies, would be one long wait for a stop that comes after them. Those who pass here take turns with all else that
    there is to do. Stops do not pass here.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """With it, nobody else's turn has come. What is inside does not wait."""
        if self._is_taken:
            await self._wait()
        self._is_taken = True
        begin_s = time.monotonic()
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(time.monotonic() - begin_s, self._next)

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given a turn that it will not take
                self._next()
            raise

    def _next(self) -> None:
        self._is_taken = False
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._is_taken = True
                turn.set_result(None)
                return
