"""openpi's policy protocol: metadata on connect, then a binary observation in, a chunk of joint targets out.

Point openpi's own client at it with WebsocketClientPolicy(host="ws://127.0.0.1:PORT/openpi", port=None, api_key=TOKEN).

Each connection is one robot. Where its episodes begin is in `episodes`: as the client's `reset` and `episode` say, or
by stated bounds, for openpi's own client has no word for it.

Departures: errors are one sentence of text, never a traceback, and the connection outlives a bad observation. The
reply says more than `actions`: plan, skill, end, new_episode. Which actions were carried out is read from
observation/time_s, so a client may ask again before a chunk is used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, FastAPI, Query, WebSocket, WebSocketDisconnect

from embodied.agents.language_agent import LanguageAgent
from embodied.agents.mind_agent import MindAgent
from embodied.serving.bridges.episodes import BOUNDS
from embodied.serving.bridges.follower import Follower
from embodied.serving.bridges.sensed import OPTIONAL, UnfitError, read, spec
from embodied.serving.bridges.studio import Studio, StudioError, weights_sha256
from embodied.serving.errors import ApiError
from embodied.serving.inference_server import BusyError, InferenceClient, InferenceServer
from embodied.serving.minds import make_mind
from embodied.serving.packing import MAX_BYTES, PackingError, pack, unpack
from embodied.serving.views import fitted

log = logging.getLogger(__name__)

HORIZON = 10
"""Actions of a reply, unless ?horizon= asks for others."""
MAX_HORIZON = 100
MAX_CLIENTS = 8
IDLE_S = 300.0
"""A client that says nothing for so long is let go."""
_MAX_FAULTS = 50  # unreadable messages in a row

_GOING_AWAY, _POLICY, _INTERNAL, _TRY_LATER = 1001, 1008, 1011, 1013


@dataclass
class Room:
    """What the clients of a server share."""

    studio: Studio = field(default_factory=Studio)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_CLIENTS, "openpi"))
    clients: int = 0
    weights: dict[int, str | None] = field(default_factory=dict)  # id of a backend -> hash of what it holds

    async def do(self, work: Any, *args: Any) -> Any:
        """The answer of work that takes its time."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *args)

    def close(self) -> None:
        self.studio.close()
        self.threads.shutdown(wait=True, cancel_futures=True)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    room = app.state.openpi = Room()
    try:
        yield
    finally:
        await asyncio.to_thread(room.close)


router = APIRouter(lifespan=_lifespan)


@router.websocket("/openpi")
async def policy(socket: WebSocket, horizon: Annotated[int, Query(ge=1, le=MAX_HORIZON)] = HORIZON) -> None:
    """The policy, for one robot."""
    await socket.accept()
    room: Room = socket.app.state.openpi
    if socket.scope.get("role") == "viewer":
        await _leave(socket, "expected an operator's token, this one only watches", _POLICY)
    elif room.clients >= MAX_CLIENTS:
        await _leave(socket, f"expected fewer than {MAX_CLIENTS} openpi clients, come back later", _TRY_LATER)
    else:
        room.clients += 1
        try:
            await _host(socket, room, horizon)
        finally:
            room.clients -= 1


async def _host(socket: WebSocket, room: Room, horizon: int) -> None:
    """Serves one client until it leaves, or something of ours breaks."""
    presence = _Presence()
    try:
        manager = socket.app.state.manager
        inference = manager.inference
        facts = await room.do(room.studio.facts)
        weights = await room.do(_known_weights, room, inference.backend)
        planner = _planner(inference, presence)
        follower = Follower(planner, planner.language, room.studio.rehearse, facts["control_hz"], horizon)
        await socket.send_bytes(pack(metadata(facts, horizon, manager.weights_name, weights)))
        await _converse(socket, room, _Desk(follower, np.array(facts["joint_low"]), np.array(facts["joint_high"])))
    except WebSocketDisconnect:
        pass
    except Exception:
        log.exception("openpi: a connection broke")
        await _leave(socket, "something broke here; it was logged", _INTERNAL)
    finally:
        presence.is_left = True


class _Presence:
    """Whether somebody still waits for a plan."""

    is_left = False

    def on_piece(self, text: str, probability: float) -> bool:
        return not self.is_left


def _planner(inference: InferenceServer, presence: _Presence) -> LanguageAgent | MindAgent:
    """Who plans for one client."""
    if inference.understands:
        return make_mind(inference, lambda: "its client left" if presence.is_left else None)
    return LanguageAgent(InferenceClient(inference, presence.on_piece))


@dataclass
class _Desk:
    """Answers one client's messages."""

    follower: Follower
    low: np.ndarray
    high: np.ndarray
    total_ms: float | None = None  # of the last answer, sending included

    def answer(self, message: bytes) -> bytes:
        """Raises PackingError, UnfitError, BusyError, StudioError: of what the client can do something about."""
        start = time.perf_counter()
        prompt, seen, marks = read(unpack(message), self.low, self.high)
        chunk = self.follower.act(prompt, fitted(seen), marks)
        timing = {"infer_ms": 1e3 * (time.perf_counter() - start)}
        if self.total_ms is not None:
            timing["prev_total_ms"] = self.total_ms
        return pack({"actions": chunk.actions, "server_timing": timing, "plan": chunk.plan, "skill": chunk.skill,
                     "actions_left": chunk.left, "end": chunk.end, "hint": chunk.hint, "new_episode": chunk.begun})


async def _converse(socket: WebSocket, room: Room, desk: _Desk) -> None:
    """Message for message, until the client leaves, falls silent or sends nothing but rubbish."""
    faults = 0
    while faults < _MAX_FAULTS:
        try:
            message = await asyncio.wait_for(socket.receive(), IDLE_S)
        except TimeoutError:
            await _leave(socket, f"expected an observation within {IDLE_S:.0f} s", _GOING_AWAY)
            return
        if message["type"] == "websocket.disconnect":
            return
        start = time.perf_counter()
        reply = await _reply(room, desk, message.get("bytes"))
        faults = faults + 1 if isinstance(reply, str) else 0
        await (socket.send_text(reply) if isinstance(reply, str) else socket.send_bytes(reply))
        desk.total_ms = 1e3 * (time.perf_counter() - start)
    await _leave(socket, f"expected an observation, got {faults} unfit messages in a row", _POLICY)


async def _reply(room: Room, desk: _Desk, message: bytes | None) -> bytes | str:
    """A packed chunk, or what is wrong, in a sentence."""
    if message is None:
        return "expected a binary msgpack message, got text"
    try:
        return await room.do(desk.answer, message)
    except (PackingError, UnfitError, BusyError, StudioError, ApiError) as error:
        return str(error)


async def _leave(socket: WebSocket, why: str, code: int) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it may be gone already
        await socket.send_text(why)
        await socket.close(code, why[:120])


def _known_weights(room: Room, backend: Any) -> str | None:
    if id(backend) not in room.weights:
        room.weights[id(backend)] = weights_sha256(backend)
    return room.weights[id(backend)]


EPISODES = ("where a client says neither reset nor episode, a new one begins when the clock goes back, or on by more "
            "than longest_gap_s, when a joint of the arm moves faster than fastest_rad_s, or when a larger share of "
            "the table than most_changed changes, most_changed_at_once while the clock stands")


def metadata(facts: dict[str, Any], horizon: int, model: str, weights: str | None) -> dict[str, Any]:
    """What a client needs to know: what to send, what comes back and in which units. facts: of `Studio`."""
    names = facts["joint_names"]
    actions = {"dtype": "float32", "shape": [horizon, len(names)], "names": names,
               "units": ["m" if name.startswith("finger") else "rad" for name in names],
               "low": facts["joint_low"], "high": facts["joint_high"], "control_hz": facts["control_hz"],
               "meaning": "absolute joint targets, one a control period; after the last one of a skill it repeats"}
    reply = {"actions": "what to do next", "server_timing": "infer_ms, prev_total_ms",
             "plan": "the plan being followed, in words", "skill": "the skill under way, empty when none is",
             "actions_left": "targets of that skill that are left", "hint": "what may help after a refusal",
             "new_episode": "why this observation begins an episode, empty while one goes on",
             "end": "empty, or done, refused: <why>, answered: <words>, failed: <why>; actions hold still then, until "
                    "the prompt or the episode changes"}
    return {"protocol": "openpi", "model": model, "weights_sha256": weights, "action_horizon": horizon,
            "actions": actions, "observation": spec(names), "optional": OPTIONAL, "reply": reply,
            "episodes": {"meaning": EPISODES, **BOUNDS},
            "limits": {"message_bytes": MAX_BYTES, "idle_s": IDLE_S, "clients": MAX_CLIENTS}}
