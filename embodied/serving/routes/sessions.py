"""Sessions: open, list, leave; who commands; new scenes and moments to go back to (in simulation only)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from embodied.serving.errors import unknown, unmakeable
from embodied.serving.routes.access import FAILURES, CommandedSession, ManagerHere, SessionHere
from embodied.serving.wire import (
    Acquire,
    Expiry,
    History,
    LeaseAnswer,
    Open,
    Opened,
    Reset,
    Sessions,
    SessionState,
    SnapshotAnswer,
)

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], responses=FAILURES)


@router.post("", status_code=201, response_model=Opened)
async def open_session(body: Open, manager: ManagerHere) -> dict:
    """Opens a robot in a world; whoever opens it holds its lease."""
    session = await manager.open(body.task, body.seed, body.planner, speed=body.speed, robot=body.robot,
                                 require=tuple(body.require))
    return {"lease": session.take(body.client), "session": session.as_dict()}


@router.get("", response_model=Sessions)
async def list_sessions(manager: ManagerHere) -> dict:
    """All open sessions."""
    return {"sessions": [session.as_dict() for session in manager.sessions.values()]}


@router.get("/{session_id}", response_model=SessionState)
async def get_session(session: SessionHere) -> dict:
    """How a session is."""
    return session.as_dict()


@router.delete("/{session_id}", status_code=204)
async def close_session(session: CommandedSession, manager: ManagerHere) -> Response:
    """Stops the robot and ends the session; its recording stays."""
    await manager.close_session(session.session_id)
    return Response(status_code=204)


@router.post("/{session_id}/lease", response_model=LeaseAnswer)
async def acquire(session: SessionHere, body: Acquire) -> dict:
    """Takes command of a free robot."""
    return {"lease": session.take(body.client), "expires_in_s": session.leases.expires_in_s}


@router.put("/{session_id}/lease", response_model=Expiry)
async def heartbeat(session: CommandedSession) -> dict:
    """A sign of life: without any for the time of a lease, the robot holds still."""
    return {"expires_in_s": session.leases.expires_in_s}


@router.delete("/{session_id}/lease", status_code=204)
async def release(session: CommandedSession) -> Response:
    """Gives command back; what is under way holds still."""
    session.leases.release()
    session.touch()
    return Response(status_code=204)


@router.post("/{session_id}/reset", response_model=SessionState)
async def reset(session: CommandedSession, body: Reset) -> dict:
    """A new scene of the same task. It is a command like any other: it re-arms a stopped robot, and is refused while
    the emergency stop is latched or the robot is paused."""
    seed = session.setup.seed if body.seed is None else body.seed
    try:
        await session.do("reset", lambda: session.jobs.reset(seed, body.require), revives=True)
    except (ValueError, TypeError) as error:
        raise unmakeable(error) from None
    session.touch()
    return session.as_dict()


@router.post("/{session_id}/snapshots", response_model=SnapshotAnswer, status_code=201)
async def snapshot(session: CommandedSession) -> dict:
    """A name for this moment, valid until the next reset; the last eight are kept."""
    return {"snapshot_id": await session.do("snapshot", session.jobs.snapshot, changes=False)}


@router.post("/{session_id}/snapshots/{snapshot_id}/restore", response_model=SessionState)
async def restore(session: CommandedSession, snapshot_id: Annotated[str, Path(max_length=32)]) -> dict:
    """Goes back to a moment; a command like any other, see reset."""
    if not session.jobs.has_snapshot(snapshot_id):
        raise unknown("snapshot", snapshot_id)
    await session.do("restore", lambda: session.jobs.restore(snapshot_id))
    return session.as_dict()


@router.get("/{session_id}/history", response_model=History)
async def history(session: SessionHere) -> dict:
    """What was asked in this session, and what became of it."""
    return {"runs": [run.as_dict() for run in session.runs]}
