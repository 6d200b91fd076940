"""Uvicorn with a deadline for request heads, a cap on connections and an end that begins with the robots."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 8.0
"""For the whole head of a request, from the moment the connection is there or the last answer is out."""
MAX_CONNECTIONS = 512
"""At this many, the one that has been silent longest makes room for the next: whoever presses stop gets through."""
_KEEPALIVE = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}
"""Seconds, seconds, times: a client whose machine is gone counts as one that left, though it never said so."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose clients must say within HEAD_S what they want; bodies have a deadline of their own (`limits`)."""

    _open = 0
    _silent: dict[PatientProtocol, asyncio.TimerHandle] = {}  # noqa: RUF012 - of all connections, the longest first

    def connection_made(self, transport: Any) -> None:
        PatientProtocol._open += 1
        super().connection_made(transport)
        _keep_alive(transport.get_extra_info("socket"))
        self._expect()
        if PatientProtocol._open > MAX_CONNECTIONS:
            next(iter(self._silent)).transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        PatientProtocol._open -= 1
        self._forget()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and self.cycle is not None:
            self._forget()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._expect()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """A websocket has said what it wants, and leaves this protocol without a word: it is counted no more."""
        self._forget()
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


def _keep_alive(connection: Any) -> None:
    """Lets the system find out whether the other end is still there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Server(uvicorn.Server):
    """Uvicorn whose application hears of the end at once, not after all connections are closed."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.hub.leave()
        await super().shutdown(sockets)


def config(app: Any, host: str, port: int) -> uvicorn.Config:
    """How the server listens. One process, for robots cannot be shared out; no bodies or tokens in the log."""
    return uvicorn.Config(app, host=host, port=port, http=PatientProtocol, ws="websockets-sansio", log_level="warning",
                          access_log=False, timeout_keep_alive=int(HEAD_S), timeout_graceful_shutdown=2,
                          ws_max_size=24 << 20, ws_max_queue=8, ws_ping_interval=20.0, ws_ping_timeout=20.0,
                          server_header=False, h11_max_incomplete_event_size=32 << 10)
