"""Uvicorn with deadlines for who sends and who reads, a cap on connections, websockets that cannot hold up the event
loop, and an end that begins with the robots."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from embodied.serving.loglines import Collapsed
from embodied.serving.middleware import MAX_HEAD_BYTES
from embodied.serving.packing import MAX_BYTES
from embodied.serving.rate_limits import TokenBuckets

logging.getLogger("uvicorn.error").addFilter(Collapsed())

HEAD_S = 8.0
"""For the whole head of a request, from the moment the connection is there or the last answer is out."""
MAX_CONNECTIONS = 512
"""At this many, the one that has been silent longest makes room for the next, where none is silent the one whose body
has been coming longest: whoever presses stop gets through."""
ACCEPTED, WAITING = 16, 2048
"""Connections that one turn of the event loop accepts, and that may wait for it."""
UNREAD_S = 10.0
"""So long may a client leave what it was sent unread: then its connection is cut, and what was for it is let go."""
MESSAGE_BYTES = 128 << 10
"""Of a websocket's message."""
LARGE_SOCKETS = {"/openpi": MAX_BYTES}
"""Those whose messages carry images."""
MESSAGES_PER_S, MESSAGE_BURST = 200.0, 100
"""Frames of one websocket, pings included."""
_SLICE_BYTES, _LARGE_SLICE_BYTES, _SLICES_S = 256, 1024, 0.001
"""A websocket's bytes are read in such slices, for about so long in a turn of the event loop: 256 KiB may be forty
thousand frames, which take a second."""
_KEEPALIVE = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}
"""Seconds, seconds, times: a client whose machine is gone counts as one that left, though it never said so."""


class _Attentive(asyncio.Protocol):
    """A connection whose client must read what it is sent."""

    transport: Any
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = asyncio.get_running_loop().call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._heard()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def _heard(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class PatientSocket(_Attentive, WebSocketsSansIOProtocol):
    """A websocket without compression, whose client can neither send much at once nor often."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bytes = bytearray()
        self._is_reading, self._slice_bytes = False, _SLICE_BYTES
        self._messages = TokenBuckets(MESSAGES_PER_S, MESSAGE_BURST)

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self._is_reading:
            self._read_on()

    def _read_on(self) -> None:
        """Reads for a while, as long as the application keeps up; the rest in the loop's next turn."""
        self._is_reading, until_s = False, time.monotonic() + _SLICES_S
        while self._bytes and not self.read_paused and time.monotonic() < until_s:
            piece = bytes(self._bytes[:self._slice_bytes])
            del self._bytes[:self._slice_bytes]
            super().data_received(piece)
        if self.transport.is_closing():
            self._bytes.clear()
        elif self._bytes:
            self.transport.pause_reading()
            self._is_reading = not self.read_paused
            if self._is_reading:
                self.loop.call_soon(self._read_on)
        elif not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if not self._is_reading and not self.transport.is_closing():
                self._read_on()
        return message

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if (most := LARGE_SOCKETS.get(event.path.partition("?")[0])) is not None:
            self.conn.max_message_size, self._slice_bytes = most, _LARGE_SLICE_BYTES

    def handle_text(self, event: Any) -> None:
        if self._may_speak():
            super().handle_text(event)

    def handle_bytes(self, event: Any) -> None:
        if self._may_speak():
            super().handle_bytes(event)

    def handle_cont(self, event: Any) -> None:
        if self._may_speak():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._may_speak():
            super().handle_ping()

    def handle_pong(self, event: Any) -> None:
        if self._may_speak():
            super().handle_pong(event)

    def _may_speak(self) -> bool:
        """Whether a frame is heeded; a client that sends too many is cut off."""
        if self._messages.take(""):
            self.transport.abort()
        return not self.transport.is_closing()


class PatientProtocol(_Attentive, H11Protocol):
    """HTTP/1.1 whose clients must say within HEAD_S what they want; bodies have a deadline of their own (`limits`)."""

    _open = 0
    _silent: dict[PatientProtocol, asyncio.TimerHandle] = {}  # noqa: RUF012 - of all connections, the longest first
    _sending: dict[PatientProtocol, None] = {}  # noqa: RUF012 - those whose bodies are still coming, the longest first

    def connection_made(self, transport: Any) -> None:
        PatientProtocol._open += 1
        super().connection_made(transport)
        _tune(transport.get_extra_info("socket"))
        self._expect()
        if PatientProtocol._open > MAX_CONNECTIONS:
            self._make_room()

    def _make_room(self) -> None:
        """For this one, which is silent yet; it goes itself where all others are being answered."""
        oldest = next(iter(self._silent))
        if oldest is self:
            oldest = next(iter(self._sending), self)
        oldest.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        PatientProtocol._open -= 1
        self._forget()
        self._sending.pop(self, None)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and self.cycle is not None:
            self._forget()
        self._note_body()

    def _note_body(self) -> None:
        """Whether the body of a request that is not answered yet is still coming."""
        if self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete:
            self._sending.setdefault(self)
        else:
            self._sending.pop(self, None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_body()
        if not self.transport.is_closing():
            self._expect()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """A websocket has said what it wants, and leaves this protocol without a word: it is counted no more."""
        self._forget()
        self._heard()
        PatientProtocol._open -= 1
        super().handle_websocket_upgrade(event)

    def _expect(self) -> None:
        self._forget()
        self._silent[self] = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _forget(self) -> None:
        if (deadline := self._silent.pop(self, None)) is not None:
            deadline.cancel()


def _tune(connection: Any) -> None:
    """Sends at once, and lets the system find out whether the other end is still there. asyncio does the first itself,
    but not for sockets accepted by one that others made: answers on a kept connection then came 40 ms late, when the
    other end had acknowledged their heads."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Server(uvicorn.Server):
    """Uvicorn whose application hears of the end at once, not after all connections are closed."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Who comes waits in the system's queue, as many as before: `backlog` also says how many connections
        one turn of the loop accepts, and a burst of hundreds kept stops waiting for 150 ms."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(WAITING)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.manager.leave()
        await super().shutdown(sockets)


def config(app: Any, host: str, port: int) -> uvicorn.Config:
    """How the server listens. One process, for robots cannot be shared out; no bodies or tokens in the log."""
    return uvicorn.Config(app, host=host, port=port, http=PatientProtocol, ws=PatientSocket, log_level="warning",
                          access_log=False, timeout_keep_alive=int(HEAD_S), timeout_graceful_shutdown=2,
                          ws_max_size=MESSAGE_BYTES, ws_per_message_deflate=False, ws_ping_interval=20.0,
                          ws_ping_timeout=20.0, server_header=False, backlog=ACCEPTED,
                          h11_max_incomplete_event_size=MAX_HEAD_BYTES)
