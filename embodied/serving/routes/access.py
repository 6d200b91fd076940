"""What every route needs: the session manager, a session by its name, and the lease that a command must come with."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path
from starlette.requests import HTTPConnection

from embodied.serving.session import Session
from embodied.serving.session_manager import SessionManager
from embodied.serving.wire import Failure

FAILURES = {status: {"model": Failure} for status in (400, 401, 403, 404, 408, 409, 413, 422, 429, 503)}
"""What any route may answer instead."""


def manager_of(connection: HTTPConnection) -> SessionManager:
    return connection.app.state.manager


ManagerHere = Annotated[SessionManager, Depends(manager_of)]
SessionName = Annotated[str, Path(pattern=r"^s_[0-9a-f]{12}$", max_length=32)]
LeaseHeader = Annotated[str | None, Header(alias="X-Lease", max_length=64)]


def session_of(manager: ManagerHere, session_id: SessionName) -> Session:
    """The session of the path. Raises ApiError 404."""
    return manager.get(session_id)


SessionHere = Annotated[Session, Depends(session_of)]


def commanded(session: SessionHere, x_lease: LeaseHeader = None) -> Session:
    """The session of the path, for whoever holds its lease. Raises ApiError 403 or 409."""
    session.leases.check(x_lease)
    session.touch()
    return session


CommandedSession = Annotated[Session, Depends(commanded)]
