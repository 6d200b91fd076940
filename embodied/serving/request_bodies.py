"""Bodies of requests: counted as they come, judged by their bytes before anything reads them, and read one at a time.

What reads JSON holds the interpreter until it is done, in whatever thread it runs. So what it may take is bounded
before: a body that passes is read in about the time that copying it takes. The worst that remains, a text as long as
a body may be in letters of four bytes, takes some 20 ms, and as much time passes before the next (`Turnstile`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from embodied.serving.errors import ApiError
from embodied.serving.packing import MAX_BYTES

T = TypeVar("T")
READERS = 2

LARGE = re.compile(r"^/v1/(plan|chat/completions|lerobot/)")
"""Where bodies carry images."""
PACKED = "/v1/plan"
"""The one that is not JSON; `packing` bounds what is in it."""
MAX_LARGE_BYTES = MAX_BYTES
MAX_VALUES, MAX_ESCAPES = 20_000, 20_000
"""Of a large JSON body: an image is one value without escapes. Ten million of either take a second to read."""


def too_large(what: str, got: str = "more") -> ApiError:
    return ApiError(413, "too_large", f"expected a body of at most {what}, got {got}")


@dataclass(slots=True)
class Shape:
    """What a JSON body is made of, counted piece by piece."""

    values: int = 0
    escapes: int = 0

    def add(self, piece: bytes) -> None:
        """Raise ApiError 413 for what would take long to read."""
        self.values += piece.count(b",") + piece.count(b"[") + piece.count(b"{")
        self.escapes += piece.count(b"\\")
        if self.values > MAX_VALUES:
            raise too_large(f"{MAX_VALUES} values")
        if self.escapes > MAX_ESCAPES:
            raise too_large(f"{MAX_ESCAPES} escapes")


async def read_aside(request: Request, read: Callable[[], T]) -> T:
    """What `read` gives in a thread, of which two at most read images and arrays of strangers: each wants the
    interpreter, and the loop waits for all that do. The application's state counts them in `readers`."""
    async with request.app.state.readers:
        return await asyncio.to_thread(read)


class _OneAtATime(Request):
    """A request whose JSON is read when no other one's is, nor was right before."""

    async def json(self) -> Any:
        body = await self.body()
        async with self.app.state.reading.turn():
            try:  # this reader is ten times faster with long texts than the standard library's
                return from_json(body, allow_inf_nan=False, cache_strings=False)
            except ValueError as error:
                raise json.JSONDecodeError(str(error), "", 0) from None


class LargeRoute(APIRoute):
    """A route whose bodies carry images, as JSON. The application's state has the turnstile `reading`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_large(request: Request) -> Response:
            return await handle(_OneAtATime(request.scope, request.receive))

        return handle_large
