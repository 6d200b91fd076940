"""An answer in the form of OpenAI's chat completions: whole, or as the events of a stream."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embodied.planning.language import Plan, write
from embodied.planning.spoken import describe, say_call
from embodied.serving.errors import ApiError
from embodied.serving.inference_server import BusyError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer. log_prob: of the token that it is; None where it is none of a model's."""

    text: str
    log_prob: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended, and what it cost, None where nobody counted."""

    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int | None = None

    def usage(self) -> dict[str, int] | None:
        if self.completion_tokens is None:
            return None
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
                "total_tokens": self.prompt_tokens + self.completion_tokens}


Answer = AsyncIterator[Piece | End]
"""Pieces, and an end."""


def of_plan(plan: Plan, stops: Sequence[str]) -> list[Piece | End]:
    """A plan as its planner wrote it, or the refusal that stands for it. Tokens are counted without the end token, as
    OpenAI does, those of answers that were turned down too; a refusal that was made without the model cost none."""
    made = plan.sample
    is_cut = made is not None and made.is_cut
    is_own = made is not None and plan.text.strip() == made.text.strip()  # not what the judge put in its place
    if made is None or not (is_cut or (is_own and (plan.refusal is None or plan.text.strip() == write(plan)))):
        words = plan.question or plan.answer or write(plan)
        said = [Piece(f"{words}\n{plan.hint}" if plan.hint else words)]
    elif len(made.pieces) == len(made.masked_log_probs):
        said = [Piece(*token) for token in zip(made.pieces, made.masked_log_probs, strict=True)]
        said = said if is_cut else said[:-1]  # the end token
    else:
        said = [Piece(made.text)]
    asked, told = plan.prompt_tokens, plan.answer_tokens
    unsaid = sum(answer.answer_tokens for answer in plan.turned_down)
    kept, read = until(_trimmed(said), stops)
    if "".join(piece.text for piece in kept) != "".join(piece.text for piece in _trimmed(said)):
        return [*kept, End("stop", asked, min(told, unsaid + read))]
    return [*kept, End("length" if is_cut else "stop", asked, told)]


def in_words(plan: Plan, stops: Sequence[str]) -> list[Piece | End]:
    """A plan for things whose places nobody measured: steps in words, things by their looks, or why there are none."""
    steps = "\n".join(say_call(call, plan) for call in plan.calls)
    is_cut = plan.sample is not None and plan.sample.is_cut
    kept, _ = until([Piece(steps or describe(plan))], stops)
    return [*kept, End("length" if is_cut else "stop", plan.prompt_tokens, plan.answer_tokens)]


def _trimmed(said: Sequence[Piece]) -> list[Piece]:
    """The same without the space that stands before a plan."""
    return [replace(piece, text=piece.text.lstrip()) if place == 0 else piece for place, piece in enumerate(said)]


def until(said: Sequence[Piece], stops: Sequence[str]) -> tuple[list[Piece], int]:
    """What stands before the first of the texts `stops`, and how many pieces had to be read to see that."""
    text = "".join(piece.text for piece in said)
    found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
    if not found:
        return list(said), len(said)
    place, stop = min(found, key=lambda one: (one[0] + len(one[1]), one[0]))
    kept, start, read = [], 0, 0
    for piece in said:
        if start < place:
            kept.append(replace(piece, text=piece.text[:place - start]))
        read += start < place + len(stop)
        start += len(piece.text)
    return kept, read


def whole(model: str, items: Sequence[Piece | End], *, with_log_probs: bool) -> dict[str, Any]:
    """The chat completion of an answer that is over."""
    said, end = [item for item in items if isinstance(item, Piece)], items[-1]
    content = "".join(piece.text for piece in said).strip()
    return {**_head(model, "chat.completion"),
            "choices": [{"index": 0, "finish_reason": end.finish_reason,
                         "logprobs": _log_probs(said) if with_log_probs else None,
                         "message": {"role": "assistant", "content": content, "refusal": None}}],
            "usage": end.usage()}


def _log_probs(said: Sequence[Piece]) -> dict[str, Any] | None:
    """Of each token; null where something was said that is no token."""
    if any(piece.log_prob is None for piece in said):
        return None
    return {"refusal": None, "content": [
        {"token": piece.text, "bytes": list(piece.text.encode("utf-8", "replace")), "logprob": piece.log_prob,
         "top_logprobs": []} for piece in said]}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "object": kind, "created": int(time.time()), "model": model}


async def chunks(model: str, first: Piece | End, rest: Answer, *, with_log_probs: bool, with_usage: bool
                 ) -> AsyncIterator[str]:
    """The events of a stream. One that breaks ends with an error and without `[DONE]`."""
    head = {**_head(model, "chat.completion.chunk"), **({"usage": None} if with_usage else {})}

    def chunk(delta: Mapping[str, str], finish: str | None = None, said: Sequence[Piece] = ()) -> str:
        log_probs = _log_probs(said) if with_log_probs and said else None
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": log_probs}
        return _event({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    try:
        item = first
        async with contextlib.aclosing(rest):
            while isinstance(item, Piece):
                yield chunk({"content": item.text}, said=[item])
                item = await anext(rest)
    except (ApiError, BusyError) as error:
        yield _event(error.body() if isinstance(error, ApiError) else ApiError(503, "overloaded", str(error)).body())
        return
    except Exception:
        log.exception("a stream of chat broke")
        yield _event(ApiError(500, "internal", "something broke here; it was logged").body())
        return
    yield chunk({}, item.finish_reason)
    if with_usage:
        yield _event({**head, "choices": [], "usage": item.usage()})
    yield "data: [DONE]\n\n"


def _event(body: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"
