"""What a session shows: observations, pictures, and events by server-sent events or websocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Query, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import Field, ValidationError

from embodied.serving.answers import Placed, event_stream
from embodied.serving.errors import ApiError, unknown
from embodied.serving.routes.access import FAILURES, ManagerHere, SessionHere
from embodied.serving.session import Session
from embodied.serving.shared_state import Telemetry
from embodied.serving.wire import ObservationAnswer, Strict
from envs.interface import BODY_READINGS

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["streams"], responses=FAILURES)

_FIRST_PICTURE_S = 3.0
_MAX_MESSAGE = 4096

RENAMED = {"onlooker": "spectator"}
"""Cameras as they were called -> as they are."""


class UnknownCameraError(ApiError):
    """A camera by a name that it has no more."""


@router.get("/observation", response_model=ObservationAnswer)
async def observation(session: SessionHere, manager: ManagerHere) -> dict:
    """Where the robot is, and what is in sight: objects are looked for when the robot is at rest, else those that the
    last plan named."""
    objects: list[dict[str, Any]] = []
    if not session.doing and manager.perceives(session.setup.domain) and not session.world.is_crashed:
        objects = await session.inspect("objects", lambda: session.jobs.inspect(
            manager.inference_in(session.setup.domain).perceive))
    told = session.board.telemetry()
    if told is None:
        raise ApiError(503, "overloaded", "expected a robot that has reported, it has not yet", 1.0)
    return {"time_s": told.time_s, **_readings(told), "objects": objects}


@router.get("/cameras/{camera}", response_class=Response,
            responses={200: {"content": {"image/jpeg": {}}, "description": "what a camera sees"}})
async def picture(session: SessionHere, camera: str) -> Response:
    """What a camera sees now, as JPEG."""
    cameras = session.world.facts["cameras"]
    check_cameras([camera])
    if camera not in cameras:
        raise unknown("camera", camera, ", ".join(cameras))
    watcher, place = object(), cameras.index(camera)
    session.watch(watcher, {camera})
    try:
        before = session.board.picture(place)
        found = await _newer(session, place, before[0] if before else 0)
    finally:
        session.watch(watcher, None)
    if found is None:
        raise ApiError(503, "overloaded", "expected a picture, none came yet", 1.0)
    return Response(found, media_type="image/jpeg", headers={"cache-control": "no-store"})


def check_cameras(names: Iterable[str]) -> None:
    """Raise UnknownCameraError, with the new name, for a camera by the name that it once had."""
    for old in RENAMED.keys() & set(names):
        raise UnknownCameraError(404, "not_found", f"camera {old}: is called {RENAMED[old]} now")


async def _newer(session: Session, place: int, version: int) -> bytes | None:
    """The first picture after a version; the last one where none comes in time."""
    for _ in range(int(_FIRST_PICTURE_S / 0.02)):
        await session.refresh()
        if (found := session.board.picture(place, version)) is not None:
            return found[1]
        await asyncio.sleep(0.02)
    last = session.board.picture(place)
    return last[1] if last else None


@router.get("/events", response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {}}, "description": "events, for ever"}})
async def events(session: SessionHere, manager: ManagerHere,
                 after: Annotated[int, Query(ge=-1, le=2**53)] = -1,
                 until_end: Annotated[bool, Query(description="end the stream with the present run")] = False,
                 last_event_id: Annotated[str | None, Header(max_length=20)] = None) -> Response:
    """Server-sent events of the session, from the one after `after`, or after Last-Event-ID, on. An event `gap` says
    which are kept no more."""
    if last_event_id is not None and not last_event_id.isdecimal():
        raise ApiError(422, "invalid", "Last-Event-ID: expected the id of an event of this session, got no number")
    start = after if last_event_id is None else int(last_event_id)
    _check_known(session, start)
    return Placed(event_stream(_sse(session, start + 1, until_end)), manager.watchers)


def _check_known(session: Session, index: int) -> None:
    """Raises ApiError for an event that has not happened: who saw it, saw it of another log."""
    if index >= session.log.count:
        raise ApiError(422, "invalid", f"Last-Event-ID: expected at most {session.log.count - 1}, the last event of "
                                       f"this session, got {index}; leave it out to hear all that are kept")


async def _sse(session: Session, index: int, until_end: bool) -> AsyncIterator[str]:
    yield ": embodied\n\n"
    if until_end and session.run is None:
        return
    if (gap := session.log.gap(index)) is not None:
        yield f"event: gap\ndata: {json.dumps(gap)}\n\n"
    async for event in session.log.watch(index):
        if event is None:
            yield ": still here\n\n"
            continue
        yield f"id: {event['index']}\nevent: {event['type']}\ndata: {session.log.text(event)}\n\n"
        if until_end and event["type"] == "end" and session.run is None:
            return


class Attention(Strict):
    """What a websocket client asks for."""

    watch: list[Annotated[str, Field(max_length=24)]] | None = Field(None, max_length=6)
    fps: float = Field(8.0, gt=0, le=30)  # pictures per second
    telemetry_hz: float = Field(10.0, ge=0, le=50)
    heartbeat: Annotated[str, Field(max_length=64)] | None = None
    ping: float | None = None  # any number, which comes back


@router.websocket("/stream")
async def stream(socket: WebSocket, session_id: str, after: int = -1) -> None:
    """Events as text, pictures as binary frames; see docs/serving.md."""
    manager, role = socket.app.state.manager, socket.scope.get("role")
    session = manager.sessions.get(session_id)
    offered = socket.headers.get("sec-websocket-protocol", "")
    try:
        manager.watchers.take(role)
    except ApiError:
        await socket.close(1008)
        return
    try:
        if session is None or after >= session.log.count:
            await socket.close(1008)
            return
        await socket.accept("embodied.v1" if "embodied.v1" in offered else None)
        await _watch(socket, session, after + 1)
    finally:
        manager.watchers.leave(role)


async def _watch(socket: WebSocket, session: Session, index: int) -> None:
    viewer = _Viewer(socket, session)
    try:
        await viewer.run(index)
    finally:
        session.watch(viewer, None)


class _Viewer:
    """One websocket that watches a session."""

    def __init__(self, socket: WebSocket, session: Session) -> None:
        self._socket, self._session = socket, session
        self._attention = Attention()
        self._cameras: list[str] = []
        self._sending = asyncio.Lock()

    async def run(self, index: int) -> None:
        """Until either side leaves."""
        jobs = [asyncio.create_task(job) for job in (self._events(index), self._telemetry(), self._pictures(),
                                                     self._listen())]
        done, left = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        for job in left:
            job.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for job in done:
            error = job.exception()
            if error is not None and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error

    async def _events(self, index: int) -> None:
        log = self._session.log
        if (gap := log.gap(index)) is not None:
            await self._send(gap)
        async for event in log.watch(index):
            if event is not None:
                await self._say(log.text(event))
        await self._socket.close(1000)

    async def _telemetry(self) -> None:
        last_s, is_first = -1.0, True
        while True:
            hz = self._attention.telemetry_hz
            await asyncio.sleep(1.0 / hz if hz else 0.5)
            told = self._session.board.telemetry() if hz else None
            if told is None or (told.time_s == last_s and not is_first):
                continue
            last_s, is_first = told.time_s, False
            await self._send({"type": "telemetry", "session_id": self._session.session_id,
                              "time_s": round(told.time_s, 4), **_readings(told, digits=5)})

    async def _pictures(self) -> None:
        seen: dict[str, int] = {}
        while True:
            await asyncio.sleep(1.0 / self._attention.fps if self._cameras else 0.1)
            for name in self._cameras:
                place = self._session.world.facts["cameras"].index(name)
                found = self._session.board.picture(place, seen.get(name, 0))
                if found is not None:
                    seen[name] = found[0]
                    label = name.encode()
                    async with self._sending:
                        await self._socket.send_bytes(bytes([len(label)]) + label + found[1])

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                text = message.get("text")
                if text is None or len(text) > _MAX_MESSAGE:
                    raise ValueError("no text, or too long")
                await self._heed(Attention.model_validate_json(text))
            except UnknownCameraError as error:
                await self._send({"type": "error", "code": "invalid", "message": error.message})
            except (ValidationError, ValueError, ApiError):
                await self._send({"type": "error", "code": "invalid", "message": "expected watch, fps, telemetry_hz, "
                                                                                 "heartbeat or ping"})

    async def _heed(self, body: Attention) -> None:
        session = self._session
        if body.heartbeat is not None:
            session.leases.check(body.heartbeat)
            session.touch()
        if body.watch is not None:
            check_cameras(body.watch)
            self._attention = body
            self._cameras = [name for name in session.world.facts["cameras"] if name in body.watch]
            session.watch(self, set(self._cameras), body.fps)
            await session.refresh()
        if body.ping is not None or body.heartbeat is not None:
            await self._send({"type": "pong", "ping": body.ping,
                              "expires_in_s": round(session.leases.expires_in_s, 2)})

    async def _send(self, event: dict[str, Any]) -> None:
        await self._say(json.dumps(event))

    async def _say(self, text: str) -> None:
        async with self._sending:
            await self._socket.send_text(text)


def _readings(told: Telemetry, digits: int | None = None) -> dict[str, Any]:
    """What was read of the robot as plain numbers, rounded to so many digits."""
    values = {name: np.asarray(getattr(told, name), dtype=np.float64) for name in BODY_READINGS}
    return {name: (value if digits is None else np.round(value, digits)).tolist() for name, value in values.items()}
