"""A page that asks people which of two films of one moment they prefer: for this machine alone, behind a token.

It shows a folder of pairs (`embodied.data.preferences`) but what followed them. Every choice is a line of a file at
once, so that a rater goes on where they stopped.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from embodied.data.preferences import (
    CHOICES,
    FILMS,
    Choice,
    Preference,
    append_preference,
    last_said,
    now,
    read_pairs,
    read_preferences,
)
from embodied.serving.errors import ApiError
from embodied.serving.listening import config
from embodied.serving.middleware import Bounds, LimitsMiddleware
from embodied.serving.server import CONSOLE, answer_errors

HOST = "127.0.0.1"


def make_page(folder: Path, record: Path, *, rater: str, token: str) -> FastAPI:
    """The application. folder: of pairs. record: the file of preferences that grows. Raises PreferenceError and OSError
    for what cannot be read, and ValueError for a folder without films."""
    pairs = {pair.id: pair for pair in read_pairs(folder)
             if all(_film(folder, pair.id, number).is_file() for number in (1, 2))}
    if not pairs:
        raise ValueError(f"{folder}: expected pairs with films in {FILMS}, got none; collect them with --films")
    said = {one.pair.id: one.choice for one in last_said(read_preferences(record) if record.exists() else [])
            if one.rater == rater}
    app = FastAPI(title="embodied preferences", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/console", StaticFiles(directory=CONSOLE), name="console")
    writing = asyncio.Lock()

    @app.get("/")
    async def index() -> FileResponse:
        return FileResponse(CONSOLE / "preferences.html")

    @app.get("/v1/pairs")
    async def listed() -> dict[str, Any]:
        return {"rater": rater, "pairs": [{"id": pair.id, "instruction": pair.instruction, "choice": said.get(pair.id)}
                                          for pair in pairs.values()]}

    @app.get("/v1/films/{pair_id}/{number}")
    async def film(pair_id: str, number: int) -> FileResponse:
        if pair_id not in pairs or number not in (1, 2):
            raise ApiError(404, "not_found", "expected a pair of this folder, and film 1 or 2")
        return FileResponse(_film(folder, pair_id, number), media_type="video/mp4")

    @app.post("/v1/choices")
    async def choose(pair_id: Annotated[str, Body(max_length=200)], choice: Annotated[Choice, Body()]
                     ) -> dict[str, int]:
        if pair_id not in pairs:
            raise ApiError(404, "not_found", "expected a pair of this folder")
        async with writing:
            await asyncio.to_thread(append_preference, record, Preference(pairs[pair_id], choice, rater, now()))
        said[pair_id] = choice
        return {"judged": sum(key in said for key in pairs), "pairs": len(pairs)}

    answer_errors(app)
    app.add_middleware(LimitsMiddleware, tokens={token: "operator"}, bounds=Bounds())
    return app


def _film(folder: Path, pair_id: str, number: int) -> Path:
    return folder / FILMS / f"{pair_id}-{number}.mp4"


def serve(folder: Path, record: Path, *, rater: str, port: int) -> None:
    """Until it is interrupted; the address is printed. port: 0 for a free one. Raises as `make_page`, OSError for a
    port that is taken."""
    import socket

    import uvicorn

    token = secrets.token_urlsafe(24)
    app = make_page(folder, record, rater=rater, token=token)
    with socket.create_server((HOST, port)) as door:
        where = door.getsockname()[1]
        print(f"films of {folder}: http://{HOST}:{where}/#token={token}", flush=True)
        print(f"choices go to {record}; keys: {', '.join(f'{n} {name}' for n, name in enumerate(CHOICES, 1))}; "
              "Ctrl-C ends", flush=True)
        uvicorn.Server(config(app, HOST, where)).run([door])
