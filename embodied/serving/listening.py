"""Uvicorn with a deadline for request heads and a cap on connections: it has neither, and slow clients are cheap."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 8.0
"""For the whole head of a request, from the moment the connection is there or the last answer is out."""
MAX_CONNECTIONS = 512


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose clients must say within HEAD_S what they want; bodies have a deadline of their own (`limits`)."""

    _open = 0

    def connection_made(self, transport: Any) -> None:
        PatientProtocol._open += 1
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        if PatientProtocol._open > MAX_CONNECTIONS:
            transport.close()
            return
        self._expect()

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
        self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _forget(self) -> None:
        if getattr(self, "_deadline", None) is not None:
            self._deadline.cancel()
            self._deadline = None


def config(app: Any, host: str, port: int) -> uvicorn.Config:
    """How the server listens. One process, for robots cannot be shared out; no bodies or tokens in the log."""
    return uvicorn.Config(app, host=host, port=port, http=PatientProtocol, ws="websockets-sansio", log_level="warning",
                          access_log=False, timeout_keep_alive=int(HEAD_S), timeout_graceful_shutdown=3,
                          ws_max_size=24 << 20, ws_max_queue=8, ws_ping_interval=20.0, ws_ping_timeout=20.0,
                          server_header=False, h11_max_incomplete_event_size=32 << 10)
