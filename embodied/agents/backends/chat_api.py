"""Any OpenAI-compatible endpoint as a completer of conversations: `POST {base_url}/chat/completions`, nothing else."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from embodied.agents.backends.retry import Retry, seconds_asked_for

Message = dict[str, Any]
"""One turn of a conversation, as the API spells it: {"role": .., "content": ..}."""

ANSWER_LIMIT_BYTES = 1 << 20
"""Most bytes that are read of one answer: a plan is a hundredth of that."""

CHARACTERS_PER_TOKEN = 3
"""By which tokens are counted where the endpoint does not count them; low, so that a budget is spent too early."""

BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same question may be asked again."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ChatError(RuntimeError):
    """No answer can be had; the message is a clause for people and never holds the key."""


class EndpointUnreachable(ChatError):  # noqa: N818  said of the endpoint
    """Nobody answers at the address, or the connection broke."""


class EndpointTimeout(ChatError):  # noqa: N818
    """The answer did not come in the time that was left."""


class EndpointBusy(ChatError):  # noqa: N818
    """It answered 429 or 5xx until the tries or the time were used up."""


class EndpointRefused(ChatError):  # noqa: N818
    """It answered 4xx: wrong key, unknown model, or a request that it does not take. status: the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class EndpointNonsense(ChatError):  # noqa: N818
    """It answered something that is no chat completion."""


class EndpointStopped(ChatError):  # noqa: N818
    """Whoever listened wanted to hear no more."""


Heard = Callable[[str], bool | None]
"""Called with each piece of an answer's text as it comes; False ends the answer there."""


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


@dataclass
class ChatEndpoint:
    """A client of one model at one address; safe to share between threads.

    base_url: up to and with the version, "http://127.0.0.1:8000/v1". key_variable: the environment variable that holds
    the key, None for none; it is read at each request, kept nowhere, and never logged. extra: further fields of every
    request, for what one server knows alone.
    """

    base_url: str
    model: str
    key_variable: str | None = None
    timeout_s: float = 60.0
    retry: Retry = field(default_factory=Retry)
    extra: Mapping[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    http: httpx.Client | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise ValueError(f"base_url: expected http(s)://HOST[:PORT]/v1 without a name or password in it, got "
                             f"{parts.scheme}://{parts.hostname}; write the key into an environment variable")
        self._key()
        # Proxies and .netrc are for the world outside: on this machine they would only lead the question astray.
        self.http = self.http or httpx.Client(trust_env=parts.hostname not in LOOPBACK, follow_redirects=False)

    def close(self) -> None:
        """Nothing. Gives the connections back."""
        self.http.close()

    def complete(self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float | None = None,
                 heard: Heard | None = None, **fields: Any) -> ChatReply:
        """The answer to a conversation. Raises ChatError.

        deadline_s: wall seconds in which it must be there, retries and all. heard: asks the endpoint to stream. fields:
        of the request: temperature, seed, tools, response_format ...
        """
        body = {"model": self.model, "messages": list(messages), "max_tokens": max_tokens, **self.extra, **fields}
        if heard is not None:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        until = time.monotonic() + (self.timeout_s * self.retry.tries if deadline_s is None else deadline_s)
        waits = self.retry.waits(random.Random())
        while True:
            try:
                return self._ask(body, min(self.timeout_s, until - time.monotonic()), heard)
            except _AgainError as again:
                wait_s = next(waits, None)
                wait_s = wait_s if wait_s is None or again.after_s is None else max(wait_s, again.after_s)
                if wait_s is None or time.monotonic() + wait_s > until:
                    raise again.reason from None
                self.sleep(wait_s)

    def _ask(self, body: Message, timeout_s: float, heard: Heard | None) -> ChatReply:
        """One try. Raises ChatError, or _AgainError around the one that another try may mend."""
        if timeout_s <= 0:
            raise EndpointTimeout("no time is left to ask the endpoint")
        until = time.monotonic() + timeout_s
        try:
            with self.http.stream("POST", f"{self.base_url.rstrip('/')}/chat/completions", json=body,
                                  headers=self._headers(), timeout=timeout_s) as answer:
                if answer.status_code != 200:
                    self._refuse(answer, until)
                if heard is not None and "text/event-stream" in answer.headers.get("content-type", ""):
                    return _read_events(_lines(_bounded(answer, until)), body, heard)
                return _read(b"".join(_bounded(answer, until)), body)
        except httpx.TimeoutException:
            raise EndpointTimeout(f"the endpoint did not answer within {timeout_s:.0f} s") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            broken = EndpointUnreachable(f"the endpoint cannot be reached ({type(error).__name__})")
            raise _AgainError(broken, None) from None

    def _refuse(self, answer: httpx.Response, until: float) -> None:
        said, key = _complaint(b"".join(_bounded(answer, until))), self._key()
        said = said if key is None else said.replace(key, "[key]")  # some echo it
        if answer.status_code in BUSY:
            busy = EndpointBusy(f"the endpoint is busy, status {answer.status_code}{said}")
            raise _AgainError(busy, seconds_asked_for(answer.headers.get("retry-after")))
        raise EndpointRefused(f"the endpoint refused, status {answer.status_code}{said}", answer.status_code)

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {} if key is None else {"Authorization": f"Bearer {key}"}

    def _key(self) -> str | None:
        """The key. Raises ValueError when the variable that should hold it is not there."""
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise ValueError(f"key_variable: expected a key in the environment variable {self.key_variable}, got none "
                             "that a header can carry; set it, or pass key_variable=None")
        return key


class _AgainError(Exception):
    """The question may be asked once more. after_s: when the endpoint wants it, None = it does not say."""

    def __init__(self, reason: ChatError, after_s: float | None) -> None:
        super().__init__(str(reason))
        self.reason, self.after_s = reason, after_s


def _bounded(answer: httpx.Response, until: float) -> Iterator[bytes]:
    """The pieces of an answer, while they are few enough and in time: httpx's time-out is for each piece alone."""
    size = 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > ANSWER_LIMIT_BYTES:
            raise EndpointNonsense(f"the endpoint answered more than {ANSWER_LIMIT_BYTES} bytes")
        if time.monotonic() > until:
            raise EndpointTimeout("the endpoint did not finish its answer in time")
        yield piece


def _read(content: bytes, body: Message) -> ChatReply:
    """The reply in the JSON of a whole answer."""
    try:
        answer = json.loads(content)
        choice = answer["choices"][0]
        message = choice["message"]
        calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or ()]
        return _reply(message.get("content"), calls, choice.get("finish_reason"), answer.get("usage"), body)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise EndpointNonsense(f"the endpoint's answer is no chat completion ({type(error).__name__})") from None


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


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a stream."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    yield rest


def _read_events(lines: Iterator[bytes], body: Message, heard: Heard) -> ChatReply:
    """The reply that server-sent events add up to, each piece of its text told to `heard`."""
    pieces: list[str] = []
    calls: dict[int, list[str]] = {}
    finish, usage = "", None
    for line in lines:
        data = line.strip().removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or data == b"[DONE]":
            continue
        try:
            event = json.loads(data)
            usage = event.get("usage") or usage
            for choice in event.get("choices") or ():
                finish = choice.get("finish_reason") or finish
                _gather(choice.get("delta") or {}, pieces, calls, heard)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EndpointNonsense(f"the endpoint's stream is no chat completion ({type(error).__name__})") from None
    return _reply("".join(pieces), [tuple(c) for _, c in sorted(calls.items())], finish, usage, body)


def _gather(delta: Message, pieces: list[str], calls: dict[int, list[str]], heard: Heard) -> None:
    """Nothing. Adds what one event brings."""
    text = _said(delta.get("content"))
    if text:
        pieces.append(text)
        if heard(text) is False:
            raise EndpointStopped("the answer was stopped by who listened to it")
    for part in delta.get("tool_calls") or ():
        call, function = calls.setdefault(int(part.get("index", 0)), ["", ""]), part.get("function") or {}
        call[0] += function.get("name") or ""
        call[1] += function.get("arguments") or ""


def _complaint(content: bytes) -> str:
    """What an endpoint says went wrong, one short printable line, "" when it says nothing."""
    try:
        error = json.loads(content)
        error = error.get("error", error) if isinstance(error, dict) else error
        said = error.get("message", "") if isinstance(error, dict) else error
    except (ValueError, RecursionError):
        said = content.decode("utf-8", "replace")
    line = "".join(c if c.isprintable() else " " for c in str(said))
    return f": {' '.join(line.split())[:200]}" if line.strip() else ""
