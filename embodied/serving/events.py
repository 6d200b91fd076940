"""What happened in a session, in order: written by its thread, read by any number of watchers, each at its own pace.

Watchers read the one log by index, so a slow one costs nothing and can come back where it left off.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

Event = dict[str, Any]

MAX_EVENTS = 20_000
"""Kept for watchers; older ones are in the recording."""

_TEXTS = 64  # of events that were told last
_A_TURN = 16  # watchers that are woken at once
_BREATH = 4  # events told in a row before others get their turn: a long log is no reason to keep a stop waiting


class EventLog:
    """Appending is safe from any thread; watching belongs to the event loop."""

    def __init__(self, session_id: str, loop: asyncio.AbstractEventLoop, on_event: Callable[[Event], None]) -> None:
        """on_event: called with each event as it is appended, in order."""
        self._session_id, self._loop, self._on_event = session_id, loop, on_event
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._lock, self._count = threading.Lock(), 0
        self._texts: dict[int, str] = {}
        self._wakers: set[asyncio.Event] = set()
        self.is_closed = False

    @property
    def count(self) -> int:
        """Index of the next event."""
        return self._count

    def append(self, type: str, time_s: float, **content: Any) -> Event:
        """The event, which has happened now. time_s: simulated."""
        with self._lock:
            event = {**content, "index": self._count, "type": type, "session_id": self._session_id,
                     "time_s": round(time_s, 4), "unix_s": round(time.time(), 4)}
            self._count += 1
            self._events.append(event)
            self._on_event(event)
        self._wake()
        return event

    def close(self) -> None:
        """No more events: watchers read to the end and leave."""
        self.is_closed = True
        self._wake()

    @property
    def first(self) -> int:
        """Index of the oldest event that is kept."""
        return self._count - len(self._events)

    def after(self, index: int) -> list[Event]:
        """Events from `index` on, as far as they are kept."""
        with self._lock:
            skipped = max(0, index - self.first)
            return [] if index >= self._count else list(self._events)[skipped:]

    def gap(self, index: int) -> Event | None:
        """What is said to somebody who asks from `index` on, where that is kept no more."""
        if index >= self.first:
            return None
        return {"type": "gap", "session_id": self._session_id, "from": index, "to": self.first,
                "reason": f"events before {self.first} are kept no more; the recording has them all"}

    def text(self, event: Event) -> str:
        """An event as JSON, made once for all who watch."""
        index = event["index"]
        if index not in self._texts:
            self._texts[index] = json.dumps(event)
            while len(self._texts) > _TEXTS:
                del self._texts[next(iter(self._texts))]
        return self._texts[index]

    async def watch(self, index: int, patience_s: float = 15.0) -> AsyncIterator[Event | None]:
        """Events from `index` on, for ever; None when nothing happened for so long, so that a caller can say that it is
        still there."""
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            while True:
                for event in self.after(index):
                    index = event["index"] + 1
                    yield event
                    if not index % _BREATH:
                        await asyncio.sleep(0)
                if self.is_closed and index >= self._count:
                    return
                waker.clear()
                if index < self._count:
                    continue
                try:
                    await asyncio.wait_for(waker.wait(), patience_s)
                except TimeoutError:
                    yield None
        finally:
            self._wakers.discard(waker)

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._wake_some(list(self._wakers)))

    def _wake_some(self, wakers: list[asyncio.Event]) -> None:
        """Wakes the first of them; others in later turns of the loop, for a stop may have come meanwhile."""
        for waker in wakers[:_A_TURN]:
            waker.set()
        if len(wakers) > _A_TURN:
            self._loop.call_soon(self._wake_some, wakers[_A_TURN:])
