"""The FastAPI application: routes inside their walls, errors that say what to do and nothing else, the console at /."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from embodied.serving.answers import error_response
from embodied.serving.bridges import chat, lerobot, openpi, plan
from embodied.serving.errors import ApiError, overloaded
from embodied.serving.inference_server import BusyError
from embodied.serving.memory import share_pools
from embodied.serving.middleware import Bounds, LimitsMiddleware
from embodied.serving.rate_limits import Turnstile
from embodied.serving.request_bodies import READERS
from embodied.serving.routes import commands, recordings, sessions, streams, worlds
from embodied.serving.session_manager import SessionManager

log = logging.getLogger(__name__)

CONSOLE = Path(__file__).parent / "console"
_SWITCH_S = 0.0005


def make_app(make_manager: Callable[[], SessionManager], *, tokens: Mapping[str, str],
             bounds: Bounds | None = None) -> FastAPI:
    """The application. make_manager: called once the event loop runs. tokens: token -> "operator" or "viewer"."""
    app = FastAPI(title="embodied robot control", version="1", lifespan=_lifespan(make_manager), docs_url=None,
                  redoc_url=None, openapi_url=None,
                  description="Talk to a robot, watch it, stop it. Every command needs the robot's lease.")
    app.state.reading, app.state.readers = Turnstile(), asyncio.Semaphore(READERS)
    for router in (worlds.health, worlds.router, commands.vital, sessions.router, commands.router, streams.router,
                   recordings.router, plan.router, chat.router, lerobot.router, openpi.router):
        app.include_router(router)
    _describe(app)
    answer_errors(app)
    _serve_console(app)
    app.add_middleware(LimitsMiddleware, tokens=dict(tokens), bounds=bounds or Bounds(),
                       why_full=lambda: app.state.manager.why_full())
    return app


def _lifespan(make_manager: Callable[[], SessionManager]) -> Callable[[FastAPI], Any]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        share_pools()
        manager = app.state.manager = make_manager()
        tasks = [asyncio.create_task(job) for job in (manager.tidy(), _favour_the_loop(manager))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await manager.close()

    return lifespan


async def _favour_the_loop(manager: SessionManager) -> None:
    """The thread that answers stops waits for the others no longer than it must: a thread that computes hands over
    within half a millisecond instead of five, and what was loaded is looked through for garbage no more, which takes a
    quarter of a second each time."""
    sys.setswitchinterval(_SWITCH_S)
    with contextlib.suppress(Exception):  # what could not be loaded is told to whoever waits for it
        await manager.inference.ready()
    gc.freeze()
    gc.collect()  # of next to nothing: the next whole search waits for a quarter as much as this one has found to stay


def _describe(app: FastAPI) -> None:
    """The OpenAPI document; making it takes a third of a second, so a thread does."""

    @app.get("/v1/openapi.json", include_in_schema=False)
    async def describe() -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(app.openapi))


def _serve_console(app: FastAPI) -> None:
    app.mount("/console", StaticFiles(directory=CONSOLE), name="console")

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(CONSOLE / "index.html")


def answer_errors(app: FastAPI) -> None:
    """Nothing that went wrong leaves the server but a code and a sentence; bodies are never echoed."""

    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        return error_response(overloaded("the planner's queue is full", error.retry_after_s))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(ApiError(422, "invalid", _described(error)))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed", 400: "malformed"}.get(error.status_code, "error")
        return error_response(ApiError(error.status_code, code, str(error.detail)[:200]), error.headers)

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> JSONResponse:
        log.error("500 %s %r", request.method, request.url.path, exc_info=error)
        return error_response(ApiError(500, "internal", "something broke here; it was logged"))


def _described(error: RequestValidationError) -> str:
    """Where a message does not fit and what was expected, without what came."""
    parts = [f"{'.'.join(str(p) for p in e['loc'][1:])[:80] or 'the body'}: {e['msg'][:120]}"
             for e in error.errors()[:5]]
    return _plain("; ".join(parts))


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
