"""How connections are accepted and answered, on a socket that others opened, as `embodied serve` opens it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from embodied.serving.listening import ACCEPTED, Server, config


@pytest.fixture
def listening() -> Iterator[tuple[int, asyncio.AbstractEventLoop]]:
    """Port and event loop of a server in a thread that answers GET /."""
    app = FastAPI()
    app.state.manager = SimpleNamespace(leave=lambda: None)
    app.get("/")(lambda: {"said": "hello"})
    with socket.create_server(("127.0.0.1", 0)) as door:
        server, loop = Server(config(app, "127.0.0.1", 0)), asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_until_complete, args=(server.serve([door]),))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield door.getsockname()[1], loop
        server.should_exit = True
        thread.join(10)
        loop.close()


def test_answers_on_a_kept_connection_are_sent_at_once(listening):
    """They waited 40 ms for the other end to acknowledge their heads; the quickest shows it on busy machines too."""
    port, _ = listening
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        took_s = []
        for _ in range(20):
            begun_s = time.perf_counter()
            client.request("GET", "/")
            assert client.getresponse().read() == b'{"said":"hello"}'
            took_s.append(time.perf_counter() - begun_s)
    assert min(took_s[2:]) < 0.03


def test_more_may_wait_for_a_busy_loop_than_one_turn_of_it_accepts(listening):
    port, loop = listening
    is_over = threading.Event()
    loop.call_soon_threadsafe(is_over.wait, 30.0)
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(8 * ACCEPTED):  # one that finds the queue full hears nothing, and tries again after a second
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.9))
    finally:
        is_over.set()
