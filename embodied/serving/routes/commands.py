"""Commands: instructions, single skills, joint and tool targets; pause, stop, emergency stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from embodied.serving.errors import ApiError
from embodied.serving.routes.access import FAILURES, CommandedSession, LeaseHeader, ManagerHere, SessionHere
from embodied.serving.session import Session
from embodied.serving.shared_state import Halt
from embodied.serving.skillcalls import read_call
from embodied.serving.wire import (
    Confirm,
    Correct,
    Instruct,
    Joint,
    Moved,
    OutcomeAnswer,
    RunAnswer,
    SessionState,
    SkillCallBody,
    Started,
    StoppedAll,
)

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["commands"], responses=FAILURES)
vital = APIRouter(prefix="/v1", tags=["stops"], responses=FAILURES)

log = logging.getLogger(__name__)

_POLL_S = 0.25  # between looks whether a waiting client is still there


@router.post("/instructions", status_code=202, response_model=Started,
             responses={200: {"model": RunAnswer, "description": "with wait=true: how it went"}})
async def instruct(session: CommandedSession, body: Instruct, request: Request, response: Response,
                   wait: Annotated[bool, Query(description="answer when it is over; leaving stops it")] = False,
                   x_lease: LeaseHeader = None) -> object:
    """Lets the robot do what a sentence says."""
    session.leases.count(body.sequence)
    run, ended = session.start(body.instruction, session.leases.holder, body.deadline_s)
    if not wait:
        ended.add_done_callback(_seen)
        return {"run_id": run.run_id}
    await attended(session, ended, request, x_lease)
    response.status_code = 200
    return Response(RunAnswer(**run.as_dict()).model_dump_json(), media_type="application/json")


def _seen(ended: asyncio.Future) -> None:
    """Nobody waits for the future: how a run ended is told in its events, and what broke here is logged."""
    if not ended.cancelled() and (error := ended.exception()) is not None and not isinstance(error, ApiError):
        log.error("a run broke", exc_info=error)


async def attended(session: Session, ended: asyncio.Future, request: Request, lease: str | None) -> Any:
    """What a command gives, the lease kept alive while its client waits; one that leaves has stopped the robot."""
    while not ended.done():
        await asyncio.wait([ended], timeout=_POLL_S)
        if ended.done():
            break
        if await request.is_disconnected():
            session.halt(Halt.STOP, "the client that waited has gone")
            ended.add_done_callback(_seen)
            raise ApiError(400, "gone", "expected a client that waits, it left")
        with contextlib.suppress(ApiError):  # a lost lease stops the robot by itself
            session.leases.check(lease)
            session.touch()
    return await ended


@router.post("/corrections", status_code=202, response_model=SessionState)
async def correct(session: CommandedSession, word: Correct) -> dict:
    """A person's word in the middle of a run, or the answer to a question: what is left of the plan is dropped."""
    session.correct(word.text)
    return session.as_dict()


@router.post("/skills", response_model=OutcomeAnswer)
async def skill(session: CommandedSession, call: SkillCallBody, request: Request, x_lease: LeaseHeader = None) -> dict:
    """One skill, without a planner."""
    session.leases.count(call.sequence)
    made = read_call(session, call)
    doing = session.do(call.skill, lambda: session.jobs.skill(made), deadline_s=call.deadline_s)
    return await attended(session, asyncio.ensure_future(doing), request, x_lease)


@router.post("/targets", response_model=Moved)
async def targets(session: CommandedSession, body: Joint, request: Request, x_lease: LeaseHeader = None) -> dict:
    """Joint or tool targets. One configuration is gone to smoothly; a chunk is followed, one a control period. Both go
    through the safety filter, which bends what is too fast and stops what is out of bounds."""
    given = [name for name in ("joint_pos", "joint_chunk", "tool_position_m") if getattr(body, name) is not None]
    if len(given) != 1:
        raise ApiError(422, "invalid", f"expected one of joint_pos, joint_chunk, tool_position_m, got {given}")
    session.leases.count(body.sequence)
    doing = session.do("moving", _motion(session, body, given[0]), deadline_s=body.deadline_s)
    return await attended(session, asyncio.ensure_future(doing), request, x_lease)


def _motion(session: Session, body: Joint, kind: str) -> Callable[[], dict[str, Any]]:
    if kind == "tool_position_m":
        return lambda: session.jobs.tool(np.array(body.tool_position_m, float), body.jaw_yaw_rad)
    rows = [body.joint_pos] if kind == "joint_pos" else body.joint_chunk
    count = len(session.world.facts["joint_low"])
    if any(len(row) != count for row in rows):
        raise ApiError(422, "invalid", f"expected {count} joint targets, got {sorted({len(row) for row in rows})}")
    aim = np.array(rows, float)
    return lambda: session.jobs.joints(aim if kind == "joint_chunk" else aim[0])


@vital.post("/sessions/{session_id}/pause", response_model=SessionState)
async def pause(session: CommandedSession) -> dict:
    """Holds the robot and its world where they are, and keeps new commands out, until it is resumed."""
    session.pause(True)
    return session.as_dict()


@vital.post("/sessions/{session_id}/resume", response_model=SessionState)
async def resume(session: CommandedSession) -> dict:
    """Ends a pause: what is under way goes on."""
    session.pause(False)
    return session.as_dict()


@vital.post("/sessions/{session_id}/stop", response_model=SessionState)
async def stop(session: SessionHere) -> dict:
    """Holds the robot at once and drops what it was doing; the next command re-arms it. Anybody with a token of an
    operator may stop, whoever holds the lease. `stop` in the answer says when it was latched, and when the world's
    process confirmed that nothing more passes; null where that takes longer, and an event follows. A world that has
    crashed or is never made confirms nothing, and nothing moves in it."""
    return await session.halted(session.halt(Halt.STOP, "stop was asked for"))


@vital.post("/sessions/{session_id}/estop", response_model=SessionState)
async def estop(session: SessionHere) -> dict:
    """The emergency stop: as stop, and latched until a person resets it. Any token will do."""
    return await session.halted(session.halt(Halt.ESTOP, "the emergency stop was pressed"))


@vital.post("/estop", response_model=StoppedAll)
async def estop_all(manager: ManagerHere) -> dict[str, Any]:
    """The emergency stop of every robot of this server, those among them that are just being opened."""
    stops = manager.estop_all("the emergency stop of all robots was pressed")
    answers = await asyncio.gather(*(session.halted(stop) for session, stop in stops))
    return {"mode": "estopped", "robots": len(answers),
            "confirmed": sum(answer["stop"]["confirmed_s"] is not None for answer in answers)}


@vital.post("/sessions/{session_id}/estop/reset", response_model=SessionState)
async def reset_estop(session: SessionHere, word: Confirm) -> dict:
    """Opens the latch, on a person's word that the robot is clear. What was under way stays stopped."""
    session.clear_estop()
    return session.as_dict()
