"""A small real server with the console's contract and a robot that pretends (see fake_robot)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from embodied.serving.listening import config
from tests.embodied.serving.console.fake_robot import FakeRobot, picture

CONSOLE = Path(__file__).parents[4] / "embodied" / "serving" / "console"
POLICY = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'"
TOKEN = "fake-token"
ORACLE = {"name": "oracle", "privileged": True, "meaning": "the scripted expert"}
WORLD = {"task": "put_in_bowl", "domain": "tabletop", "env_id": "embodied/PutInBowl-v0",
         "planners": [{"name": "model", "privileged": False, "meaning": "the loaded weights"}, ORACLE],
         "default_planner": "model",
         "examples": ["put the red block in the blue bowl", "stack the green block on the red block"],
         "skills": [{"name": "pick", "meaning": "take an object", "parameters": []},
                    {"name": "place_in", "meaning": "put it into another one", "parameters": []}],
         "cameras": ["spectator", "front", "top"], "robots": ["panda"]}


KITCHEN = {**WORLD, "task": "kitchen_noun", "domain": "kitchen", "env_id": "embodied/KitchenNoun-v0",
           "planners": [ORACLE], "default_planner": None, "examples": [], "robots": []}


def problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


class Fake:
    """The server's routes about one robot."""

    def __init__(self, pace: float = 1.2) -> None:
        self.robot, self.is_open, self.beats = FakeRobot(pace), False, 0
        self.estops, self.notice = 0, None
        self.app = FastAPI()
        self.app.mount("/console", StaticFiles(directory=CONSOLE))
        self.app.middleware("http")(self._guard)
        self._pages()
        self._session()
        self._commands()

    async def _guard(self, request: Request, proceed: Any) -> Response:
        path = request.url.path
        is_public = path == "/" or path.startswith("/console") or path == "/healthz"
        if not is_public and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthorized", "expected a token, got none that is known")
        answer = await proceed(request)
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    def _pages(self) -> None:
        app = self.app
        app.get("/")(lambda: FileResponse(CONSOLE / "index.html"))
        app.get("/healthz")(lambda: {"status": "ok", "version": "0", "sessions": int(self.is_open), "uptime_s": 1.0,
                                     "notice": self.notice})
        app.get("/v1/worlds")(lambda: {"worlds": [WORLD, KITCHEN]})
        app.get("/v1/sessions")(lambda: {"sessions": [self.robot.as_dict()] if self.is_open else []})
        app.get("/v1/recordings")(lambda: {"recordings": []})
        app.post("/v1/estop")(self._estop)

    def _session(self) -> None:
        app, one = self.app, "/v1/sessions/s_fake"
        app.post("/v1/sessions", status_code=201)(self._open)
        app.get(one)(lambda: self.robot.as_dict() if self.is_open else problem(404, "not_found", "no such session"))
        app.get(f"{one}/observation")(lambda: {"objects": self.robot.objects})
        app.put(f"{one}/lease")(self._beat)
        app.post(f"{one}/lease")(self._take)
        app.delete(f"{one}/lease", status_code=204)(self._release)
        app.websocket(f"{one}/stream")(self._stream)

    def _commands(self) -> None:
        app, one = self.app, "/v1/sessions/s_fake"
        app.post(f"{one}/instructions", status_code=202)(self._instruct)
        app.post(f"{one}/corrections", status_code=202)(self._correct)
        app.post(f"{one}/pause")(partial(self._turned, "paused"))
        app.post(f"{one}/resume")(partial(self._turned, "running"))
        app.post(f"{one}/stop")(self._stop)
        app.post(f"{one}/estop")(self._estop)
        app.post(f"{one}/estop/reset")(partial(self._turned, "stopped"))
        app.post(f"{one}/reset")(partial(self._turned, "idle"))

    async def _open(self, request: Request) -> Any:
        instruction = await request.json()
        if wrong := [name for name in instruction.get("require", ()) if "blok" in name]:
            return problem(422, "invalid", f"expected an entity such as 'red block', got {wrong[0]!r}")
        self.robot.holder, self.robot.planner = instruction.get("client", "somebody"), instruction["planner"]
        self.robot.lease, self.is_open = "lease-1", True
        return {"session": self.robot.as_dict(), "lease": self.robot.lease}

    async def _beat(self, request: Request) -> Any:
        if request.headers.get("x-lease") != self.robot.lease:
            return problem(409, "leased", "expected the lease that commands this robot, got another one")
        self.beats += 1
        return {"expires_in_s": 10.0}

    async def _take(self, request: Request) -> Any:
        if self.robot.lease is not None:
            return problem(409, "leased", "expected a free robot, somebody commands it")
        self.robot.lease, self.robot.holder = "lease-2", (await request.json())["client"]
        return {"lease": self.robot.lease, "expires_in_s": 10.0}

    async def _release(self) -> None:
        self.robot.lease = None

    async def _instruct(self, request: Request) -> dict[str, str]:
        return {"run_id": self.robot.begin((await request.json())["instruction"])}

    async def _correct(self, request: Request) -> dict[str, Any]:
        self.robot.tell("correction", run_id=self.robot.runs[-1]["run_id"], text=(await request.json())["text"])
        self.robot.corrected.set()
        return {}

    async def _stop(self) -> dict[str, Any]:
        self.robot.halt("stopped", "it was stopped by the operator")
        return self.robot.as_dict()

    async def _estop(self) -> dict[str, Any]:
        self.estops += 1
        self.robot.halt("estopped", "the emergency stop is latched")
        return self.robot.as_dict()

    async def _turned(self, mode: str) -> dict[str, Any]:
        self.robot.turn(mode)
        return self.robot.as_dict()

    async def _stream(self, socket: WebSocket, after: int = -1) -> None:
        if f"bearer.{TOKEN}" not in socket.scope["subprotocols"]:
            await socket.close(4401)
            return
        await socket.accept("embodied.v1")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            watch = json.loads(await socket.receive_text())
            await self._send(socket, after + 1, watch["watch"])

    async def _send(self, socket: WebSocket, index: int, cameras: list[str]) -> None:
        while True:
            while index < len(self.robot.events):
                await socket.send_json(self.robot.events[index])
                index += 1
            await socket.send_json(self.robot.telemetry())
            for camera in cameras:
                await socket.send_bytes(bytes([len(camera)]) + camera.encode() + picture(camera, time.monotonic()))
            await asyncio.sleep(0.12)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(app: Any, port: int) -> Iterator[str]:
    """Address of an app that is served in a thread, as the real server listens, until the end of the block."""
    settings = config(app, "127.0.0.1", port)
    settings.timeout_graceful_shutdown = 1
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError(f"served: expected a server on port {port}, it did not start")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
