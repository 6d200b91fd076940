"""What a chat endpoint answers, read whole or refused by a typed error; half an answer is never taken for a whole one.

An answer is whole when its JSON is, or, streamed, when a `finish_reason` or `[DONE]` came; `length` and
`content_filter` say of themselves that it is not. Endpoints also report errors under status 200, in the body or in the
middle of a stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]
"""One turn of a conversation, as the API spells it: {"role": .., "content": ..}."""

CHARACTERS_PER_TOKEN = 3
"""By which tokens are counted where the endpoint does not count them; low, so that a budget is spent too early."""

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same question may be asked again."""

HOPELESS = frozenset({"invalid_request_error", "authentication_error", "permission_error", "not_found_error",
                      "insufficient_quota", "context_length_exceeded", "invalid_api_key", "model_not_found"})
"""Types and codes of errors that the same question would only meet again."""


class ChatError(RuntimeError):
    """No answer can be had; the message is a clause for people and never holds the key."""


class EndpointUnreachable(ChatError):  # noqa: N818  said of the endpoint
    """Nobody answers at the address, or the connection broke."""


class EndpointTimeout(ChatError):  # noqa: N818
    """The answer did not come in the time that was left."""


class EndpointBusy(ChatError):  # noqa: N818
    """It answered 429, 5xx or an error of its own until the tries or the time were used up."""


class EndpointRefused(ChatError):  # noqa: N818
    """It answered 4xx: wrong key, unknown model, or a request that it does not take. status: the HTTP status. field:
    of the request, which the endpoint blames, "" where it names none apart from its message."""

    def __init__(self, message: str, status: int, field: str = "") -> None:
        super().__init__(message)
        self.status, self.field = status, field


class EndpointNonsense(ChatError):  # noqa: N818
    """It answered something that is no chat completion."""


class EndpointBroke(ChatError):  # noqa: N818
    """Its stream ended before the answer did."""


class EndpointStopped(ChatError):  # noqa: N818
    """Whoever listened wanted to hear no more."""


class EndpointTruncated(ChatError):  # noqa: N818
    """The answer did not fit into max_tokens. reply: what there is of it, and what it cost."""

    def __init__(self, reply: ChatReply) -> None:
        super().__init__("the answer was cut off at the most tokens that it may have")
        self.reply = reply


class EndpointFiltered(ChatError):  # noqa: N818
    """The endpoint holds back the answer, or the rest of it. reply: what there is, and what it cost."""

    def __init__(self, reply: ChatReply) -> None:
        super().__init__("the endpoint's content filter held the answer back")
        self.reply = reply


class AgainError(Exception):
    """The question may be asked once more. after_s: when the endpoint wants it, None = it does not say."""

    def __init__(self, reason: ChatError, after_s: float | None = None) -> None:
        super().__init__(str(reason))
        self.reason, self.after_s = reason, after_s


OnText = Callable[[str], bool | None]
"""Called with each piece of an answer's text as it comes; False ends the answer there. Where a try breaks off and is
made again, the next one's pieces follow."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called. arguments: JSON text, unread."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the model said. tokens: of the prompt and of the answer together, as the endpoint counts them."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tokens: int = 0
    finish_reason: str = ""


def read(content: bytes, body: Message) -> ChatReply:
    """The reply in the JSON of a whole answer. Raises ChatError, AgainError. body: of the request."""
    try:
        answer = json.loads(content)
        choice = (answer.get("choices") or [{}])[0]
        _check_error(answer, choice)
        message = choice["message"]
        calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or ()]
        return _whole(message.get("content"), calls, choice.get("finish_reason"), answer.get("usage"), body)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise EndpointNonsense(f"the endpoint's answer is no chat completion ({type(error).__name__})") from None


def read_events(lines: Iterator[bytes], body: Message, on_text: OnText) -> ChatReply:
    """The reply that server-sent events add up to, each piece of its text told to `on_text`. Raises ChatError,
    AgainError."""
    pieces: list[str] = []
    calls: dict[int, list[str]] = {}
    finish, usage, is_done = "", None, False
    for data in _payloads(lines):
        if is_done := data == b"[DONE]":
            break
        try:
            event = json.loads(data)
            choice = next((c for c in event.get("choices") or () if c.get("index", 0) == 0), {})
            _check_error(event, choice)
            usage, finish = event.get("usage") or usage, choice.get("finish_reason") or finish
            _gather(choice.get("delta") or {}, pieces, calls, on_text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EndpointNonsense(f"the endpoint's stream is no chat completion ({type(error).__name__})") from None
    if not finish and not is_done:
        raise AgainError(EndpointBroke(f"the endpoint's stream broke off after {len(''.join(pieces))} characters"))
    return _whole("".join(pieces), [tuple(c) for _, c in sorted(calls.items())], finish, usage, body)


def _payloads(lines: Iterator[bytes]) -> Iterator[bytes]:
    """What follows `data:`, a line each."""
    for line in lines:
        if line.startswith(b"data:"):
            yield line.removeprefix(b"data:").strip()


def _check_error(answer: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
    """Raises what an error in the body of an answer, or in its first choice, means; some endpoints send errors so."""
    told = answer.get("error") or choice.get("error")
    if not told and (answer.get("object") == "error" or choice.get("finish_reason") == "error"):
        told = answer
    if told:
        said = told if isinstance(told, dict) else {"message": told}
        status, kinds = _status(said), {said.get("code"), said.get("type")} - {None}
        line = clause_of(said)
        if (400 <= status < 500 and status not in BUSY) or kinds & HOPELESS:
            raise EndpointRefused(f"the endpoint refused{line}", status or 400, str(said.get("param") or ""))
        raise AgainError(EndpointBusy(f"the endpoint failed in the middle of its answer{line}"))


def _status(error: Mapping[str, Any]) -> int:
    """The HTTP status that an error names, 0 for none."""
    told = next((error[key] for key in ("code", "status", "status_code") if str(error.get(key, "")).isdigit()), 0)
    return int(str(told)[:4])


def _whole(text: Any, calls: Sequence[tuple[Any, Any]], finish: Any, usage: Any, body: Message) -> ChatReply:
    """The reply, when it is whole. Raises EndpointTruncated, EndpointFiltered."""
    reply = _reply(text, calls, finish, usage, body)
    if reply.finish_reason == "length":
        raise EndpointTruncated(reply)
    if reply.finish_reason == "content_filter":
        raise EndpointFiltered(reply)
    return reply


def _reply(text: Any, calls: Sequence[tuple[Any, Any]], finish: Any, usage: Any, body: Message) -> ChatReply:
    text = _said(text)
    if not all(isinstance(part, str) for call in calls for part in call):
        raise TypeError("a tool call without a name or arguments")
    counted = (usage or {}).get("total_tokens")
    if not isinstance(counted, int) or counted < 0:
        spelled = len(text) + sum(len(n) + len(a) for n, a in calls)
        counted = (len(json.dumps(body["messages"])) + spelled) // CHARACTERS_PER_TOKEN
    return ChatReply(text, tuple(ToolCall(*call) for call in calls), counted, str(finish or ""))


def _said(content: Any) -> str:
    """The text of a message's content: a string, nothing, or parts of which the texts count."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part["text"] for part in content if part.get("type") == "text")


def _gather(delta: Message, pieces: list[str], calls: dict[int, list[str]], on_text: OnText) -> None:
    """Add what one event brings."""
    text = _said(delta.get("content"))
    if text:
        pieces.append(text)
        if on_text(text) is False:
            raise EndpointStopped("the answer was stopped by who listened to it")
    for part in delta.get("tool_calls") or ():
        call, function = calls.setdefault(int(part.get("index", 0)), ["", ""]), part.get("function") or {}
        call[0] += function.get("name") or ""
        call[1] += function.get("arguments") or ""


def complaint(content: bytes) -> tuple[str, str]:
    """What the body of an error says went wrong, as `clause_of` words it, and the field that it blames, "" for none."""
    try:
        told = json.loads(content)
        error = (told.get("error") or told.get("detail") or told) if isinstance(told, dict) else told
    except (ValueError, RecursionError):
        error = content.decode("utf-8", "replace")
    field = error.get("param") if isinstance(error, dict) else None
    return clause_of(error), field if isinstance(field, str) else ""


def clause_of(error: Any) -> str:
    """": " and one short printable line, "" when an error says nothing. error: of the form of any server."""
    said = error.get("message", "") if isinstance(error, dict) else error
    line = "".join(c if c.isprintable() else " " for c in str(said))
    return f": {' '.join(line.split())[:200]}" if line.strip() else ""
