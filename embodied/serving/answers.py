"""How routes answer: errors, streams of events, and what is sent for so long that it holds a place meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from embodied.serving.errors import ApiError
from embodied.serving.rate_limits import Places

_UNBUFFERED = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""So that a proxy in between passes on every event at once, and keeps none."""


def error_response(error: ApiError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as every route answers it."""
    wait = {} if error.retry_after_s is None else {"retry-after": str(max(1, round(error.retry_after_s)))}
    return JSONResponse(error.body(), error.status, {**wait, **(headers or {})})


def event_stream(pieces: AsyncIterator[str]) -> StreamingResponse:
    """Server-sent events, through any proxy."""
    return StreamingResponse(pieces, media_type="text/event-stream", headers=_UNBUFFERED)


class Placed(Response):
    """An answer that holds a place for as long as it is being sent, or says that there is none."""

    def __init__(self, answer: Response, places: Places) -> None:
        super().__init__()
        self._answer, self._places = answer, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        role = scope.get("role")
        try:
            self._places.take(role)
        except ApiError as full:
            await error_response(full)(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        finally:
            self._places.leave(role)
