"""OpenAI's chat completions. Two kinds of models answer: the planner (what is in these pictures, what to do next), and
`robot:<session>`, which does what it is told and reports as it goes.

Which fields are heeded, and how, is in `chat_fields`. Departures: plans are the likeliest ones, never sampled. Pictures
come as data URLs only, with depth and calibration (`embodied.serving.pictures`). Of one picture without them the
planner says in words what it would do, things by their looks: it does not know where they are. Tokens of a
robot's answer are those of all its plans; where a mind or a prompted planner plans, nobody counts.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from embodied.planning.language import Plan
from embodied.serving.answers import event_stream
from embodied.serving.bridges.chat_answer import Answer, End, Piece, chunks, in_words, of_plan, whole
from embodied.serving.bridges.chat_request import ROBOT, Chat
from embodied.serving.errors import ApiError, unknown
from embodied.serving.inference_server import CancelledError
from embodied.serving.pictures import decode, from_url, observation_of
from embodied.serving.request_bodies import LargeRoute, read_aside
from embodied.serving.routes.access import FAILURES, LeaseHeader, ManagerHere
from embodied.serving.routes.commands import attended
from embodied.serving.session import Session
from embodied.serving.session_manager import SessionManager
from envs.interface import PlainView
from envs.skills.signatures import TABLETOP

router = APIRouter(prefix="/v1", tags=["chat"], responses=FAILURES, route_class=LargeRoute)

_POLL_S = 0.1  # between looks at whether a client still waits


@router.get("/models")
async def models(manager: ManagerHere) -> dict[str, Any]:
    """The planner, and every robot that can be talked to."""
    robots = {f"{ROBOT}{name}": session.setup.planning for name, session in manager.sessions.items()}
    named = {manager.weights_name: {}, **robots}
    return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "embodied", **planning}
                                       for name, planning in named.items()]}


@router.post("/chat/completions")
async def complete(chat: Chat, manager: ManagerHere, request: Request, x_lease: LeaseHeader = None) -> Response:
    """An OpenAI chat completion, streamed where asked."""
    answer = _answer(chat, manager, request, x_lease)
    if not chat.stream:
        said = whole(chat.model, [item async for item in answer], with_log_probs=chat.logprobs)
        return Response(json.dumps(said), media_type="application/json")
    first = await anext(answer)  # what is wrong with a request is an error still, not half a stream
    events = chunks(chat.model, first, answer, with_log_probs=chat.logprobs, with_usage=chat.with_usage)
    return event_stream(events)


def _answer(chat: Chat, manager: SessionManager, request: Request, lease: str | None) -> Answer:
    """Who is asked, asked. Raises ApiError."""
    if chat.model != manager.weights_name and not chat.is_robot:
        raise unknown("model", chat.model, f"{manager.weights_name}, {ROBOT}<session>")
    chat.check()
    text, urls = chat.instruction()
    session = manager.get(chat.model.removeprefix(ROBOT)) if chat.is_robot else None
    planner = "model" if session is None else session.setup.planner
    if chat.with_usage and not _is_counted(manager, planner):
        raise ApiError(422, "invalid", "stream_options.include_usage: expected false or null, for nobody counts the "
                                       f"tokens of the planner {planner}")
    if session is None:
        return _planned(chat, manager, request, text, urls)
    return _acted(session, text, request, lease, is_counted=_is_counted(manager, planner))


async def _planned(chat: Chat, manager: SessionManager, request: Request, text: str, urls: list[str]) -> Answer:
    """The plan's tokens, once it is whole and checked: what is streamed cannot be taken back."""
    seen = await read_aside(request, lambda: observation_of([decode(from_url(url)) for url in urls]))
    if isinstance(seen, PlainView):
        _refuse_blind(manager)
    is_left = False

    def on_piece(piece: str, probability: float) -> bool:
        return not is_left

    planning = asyncio.ensure_future(manager.plan(text, seen, on_piece, most_tokens=chat.most_tokens))
    planning.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to ask for it
    try:
        while not (await asyncio.wait([planning], timeout=_POLL_S))[0]:
            is_left = is_left or await request.is_disconnected()
        plan: Plan = await planning
    except CancelledError:
        raise ApiError(400, "gone", "expected a client that waits, it left") from None
    finally:
        is_left = True
    said = in_words(plan, chat.stops) if isinstance(seen, PlainView) else of_plan(plan, chat.stops)
    for item in said:
        yield item if isinstance(item, Piece) or _is_counted(manager, "model") else End(item.finish_reason)


def _refuse_blind(manager: SessionManager) -> None:
    """Raise ApiError 422 where whoever plans can make nothing of one picture without depth: who knows no tabletop, or
    finds no objects in pictures."""
    inference = manager.inference
    is_of_table = manager.is_mind or (inference.language.skills.keys() <= TABLETOP.skills.keys()
                                      and inference.scene.finds_objects and not inference.scene.remembers)
    if not is_of_table:
        raise ApiError(422, "no_depth", "image: expected pictures with depth and calibration for "
                                        f"{manager.weights_name}: one picture alone is answered by planners and minds "
                                        "of the tabletop")


async def _acted(session: Session, text: str, request: Request, lease: str | None, *, is_counted: bool) -> Answer:
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
                yield Piece(line)
            if event is not None and event["type"] == "end" and event["run_id"] == run.run_id:
                break
            if event is None and waiting.done():  # it never began
                break
        await waiting
        yield End("stop", run.prompt_tokens, run.completion_tokens if is_counted else None)
    finally:
        if is_own:
            session.leases.release()
            session.touch()


def _line(event: dict[str, Any]) -> str:
    if event["type"] == "plan":
        return _understood(event) + _decided(event)
    if event["type"] == "question":
        return f"question: {event['text']}\n"
    if event["type"] == "outcome":
        reason = f" ({event['reason']})" if event["reason"] else ""
        return f"{event['skill']} {' '.join(map(str, event['arguments']))}: {event['status']}{reason}\n"
    if event["type"] != "end":
        return ""
    report = event["self_report"]
    return (f"seen: {report['words']}\n" if report else "") + f"end: {event['end']}\n"


def _understood(event: dict[str, Any]) -> str:
    return f"understood: {event['understood']['words']}\n" if event["understood"] else ""


def _decided(event: dict[str, Any]) -> str:
    """What a plan is, but for a question, which comes as an event of its own, and an answer, which ends the run."""
    if event["question"] is not None or event["answer"] is not None:
        return ""
    return f"plan: {event['text'] if event['refusal'] is None else 'refuse(' + event['refusal'] + ')'}\n"


def _is_counted(manager: SessionManager, planner: str) -> bool:
    """Whether the tokens of who plans are known here."""
    return planner != "chat" and not (planner == "model" and manager.is_mind)
