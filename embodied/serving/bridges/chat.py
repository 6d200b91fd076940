"""OpenAI's chat completions. Two kinds of models answer: the planner (what is in these pictures, what to do next), and
`robot:<session>`, which does what it is told and reports as it goes.

Departures: what counts as completion tokens are pieces, of a plan its tokens, of a robot's report its lines; prompts
are not counted. Sampling settings are accepted and ignored: plans are the likeliest ones. Pictures come as data URLs
only; the planner needs depth and calibration with them (`embodied.serving.pictures`).
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from embodied.planning.language import write
from embodied.serving.errors import ApiError, unknown
from embodied.serving.hub import Hub
from embodied.serving.pictures import decode, from_url, observation_of
from embodied.serving.routes.access import FAILURES, HubHere, LeaseHeader
from embodied.serving.routes.commands import attended
from embodied.serving.session import Session

router = APIRouter(prefix="/v1", tags=["chat"], responses=FAILURES)

PLANNER = "tabletop-tiny"
ROBOT = "robot:"
_MAX_PICTURES = 8


class Loose(BaseModel):
    """Messages of others' clients carry fields that mean nothing here; those that do are strict."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class Url(Loose):
    url: Annotated[str, Field(max_length=20_000_000)]


class Part(Loose):
    type: Literal["text", "image_url"]
    text: Annotated[str, Field(max_length=20_000)] | None = None
    image_url: Url | None = None


class Message(Loose):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, Field(max_length=20_000)] | Annotated[list[Part], Field(max_length=32)] | None = None


class Chat(Loose):
    """What of a request is heeded."""

    model: Annotated[str, Field(max_length=80)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=64)]
    stream: bool = False


@router.get("/models")
async def models(hub: HubHere) -> dict[str, Any]:
    """The planner, and every robot that can be talked to."""
    names = [PLANNER, *(f"{ROBOT}{name}" for name in hub.sessions)]
    return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "embodied"}
                                       for name in names]}


@router.post("/chat/completions")
async def complete(chat: Chat, hub: HubHere, request: Request, x_lease: LeaseHeader = None) -> Response:
    """An OpenAI chat completion, streamed where asked."""
    text, pictures = _last_wish(chat)
    if chat.model.startswith(ROBOT):
        session = hub.get(chat.model.removeprefix(ROBOT))
        answer = _acted(session, text, request, x_lease)
    elif chat.model == PLANNER:
        answer = _planned(hub, text, pictures)
    else:
        raise unknown("model", chat.model, f"{PLANNER}, {ROBOT}<session>")
    if not chat.stream:
        whole = _whole(chat.model, [piece async for piece in answer])
        return Response(json.dumps(whole), media_type="application/json")
    first = await anext(answer)  # what is wrong with a request is an error still, not half a stream
    return StreamingResponse(_chunks(chat.model, first, answer), media_type="text/event-stream")


def _last_wish(chat: Chat) -> tuple[str, list[str]]:
    """Text and picture URLs of the last message of the user's."""
    last = next((m for m in reversed(chat.messages) if m.role == "user" and m.content), None)
    if last is None:
        raise ApiError(422, "invalid", "messages: expected one of the user's with text")
    parts = [Part(type="text", text=last.content)] if isinstance(last.content, str) else last.content
    text = " ".join(p.text for p in parts if p.type == "text" and p.text)
    urls = [p.image_url.url for p in parts if p.type == "image_url" and p.image_url]
    if len(urls) > _MAX_PICTURES:
        raise ApiError(422, "invalid", f"messages: expected at most {_MAX_PICTURES} pictures, got {len(urls)}")
    return text, urls


async def _planned(hub: Hub, text: str, urls: list[str]) -> AsyncIterator[str]:
    """The plan's text, as it is decoded."""
    pictures = await asyncio.to_thread(lambda: [decode(from_url(url)) for url in urls])
    seen = observation_of(pictures)
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def heard(piece: str, probability: float) -> bool:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)
        return True

    planning = asyncio.ensure_future(hub.plan(text, seen, heard))
    planning.add_done_callback(lambda _: pieces.put_nowait(None))
    is_decoded = False
    while (piece := await pieces.get()) is not None:
        is_decoded = is_decoded or bool(piece)
        if piece:
            yield piece
    plan = await planning
    if not is_decoded:  # refused before the model was asked
        yield f"{write(plan)}\n{plan.hint}".strip()


async def _acted(session: Session, text: str, request: Request, lease: str | None) -> AsyncIterator[str]:
    """What the robot plans and does, a line each."""
    is_own = lease is None
    lease = session.take("chat") if is_own else lease
    session.leases.check(lease)
    session.touch()
    try:
        start = session.log.count
        run, ended = session.start(text, session.leases.holder)
        waiting = asyncio.ensure_future(attended(session, ended, request, lease))
        async for event in session.log.watch(start):
            if event is not None and (line := _line(event)) and event.get("run_id") == run.run_id:
                yield line
            if event is not None and event["type"] == "end" and event["run_id"] == run.run_id:
                break
            if event is None and waiting.done():  # it never began
                break
        await waiting
    finally:
        if is_own:
            session.leases.release()
            session.touch()


def _line(event: dict[str, Any]) -> str:
    if event["type"] == "plan":
        return f"plan: {event['text'] or event['refusal']}\n"
    if event["type"] == "outcome":
        reason = f" ({event['reason']})" if event["reason"] else ""
        return f"{event['skill']} {' '.join(event['arguments'])}: {event['status']}{reason}\n"
    return f"end: {event['end']}\n" if event["type"] == "end" else ""


def _whole(model: str, pieces: list[str]) -> dict[str, Any]:
    text = "".join(pieces).strip()
    return {**_head(model, "chat.completion"),
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                         "message": {"role": "assistant", "content": text, "refusal": None}}],
            "usage": {"prompt_tokens": 0, "completion_tokens": len(pieces), "total_tokens": len(pieces)}}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "object": kind, "created": int(time.time()), "model": model}


async def _chunks(model: str, first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    head = _head(model, "chat.completion.chunk")

    def chunk(delta: dict[str, str], finish: str | None = None) -> str:
        return f"data: {json.dumps({**head, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"

    yield chunk({"role": "assistant", "content": first})
    try:
        async for piece in rest:
            yield chunk({"content": piece})
    except ApiError as error:
        yield f"data: {json.dumps(error.body())}\n\n"
        return
    yield chunk({}, "stop")
    yield "data: [DONE]\n\n"


