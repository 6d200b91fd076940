"""The deadline for heads of requests is none for websockets, which say what they want and then stay."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import uvicorn
import websockets

from embodied.serving import listening
from tests.embodied.serving.console.fake_server import free_port

HEAD_S = 0.2


async def _echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        return
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listening, "HEAD_S", HEAD_S)
    port = free_port()
    config = listening.config(_echo, "127.0.0.1", port)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


async def _said_after(address: str, wait_s: float) -> str | bytes:
    async with websockets.connect(f"ws://{address}/") as socket:
        await asyncio.sleep(wait_s)
        await socket.send("still here")
        return await socket.recv()


def test_a_websocket_outlives_the_deadline_of_its_head(address: str):
    assert asyncio.run(_said_after(address, 3 * HEAD_S)) == "still here"


def test_websockets_that_were_closed_do_not_count_as_open(address: str):
    before = listening.PatientProtocol._open
    for _ in range(5):
        asyncio.run(_said_after(address, 0.0))
    assert listening.PatientProtocol._open <= before


def test_a_client_that_says_nothing_is_cut(address: str):
    async def silent() -> bytes:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        try:
            return await asyncio.wait_for(reader.read(), 20 * HEAD_S)
        finally:
            writer.close()

    assert asyncio.run(silent()) == b""
