"""Any OpenAI-compatible endpoint as a completer of conversations: `POST {base_url}/chat/completions`, nothing else."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from embodied.agents.backends.chat_reply import (
    BUSY,
    AgainError,
    ChatError,
    ChatReply,
    EndpointBusy,
    EndpointNonsense,
    EndpointRefused,
    EndpointTimeout,
    EndpointUnreachable,
    Message,
    OnText,
    complaint,
    read,
    read_events,
)
from embodied.agents.backends.retry import Retry, seconds_asked_for

log = logging.getLogger(__name__)

ANSWER_LIMIT_BYTES = 1 << 20
"""Most bytes that are read of one answer: a plan is a hundredth of that."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

SPELLINGS: Mapping[str, str | None] = {"max_tokens": "max_completion_tokens", "temperature": None, "seed": None,
                                       "stream_options": None}
"""Fields that some endpoints do not take -> what says the same there, None = it can only be left out."""

_UNTAKEN = re.compile(r"not supported|unsupported|does not support|n't support|only the default|unknown|"
                      r"unrecogni[sz]ed|unexpected|extra|not permitted|not allowed|instead", re.IGNORECASE)


@dataclass
class ChatEndpoint:
    """A client of one model at one address; safe to share between threads.

    base_url: up to and with the version, "http://127.0.0.1:8000/v1"; parameters after it ("?api-version=..") are sent
    with every request. key_variable: the environment variable that holds the key, None for none; it is read at each
    request, kept nowhere, and never logged. extra: further fields of every request, for what one server knows alone.
    """

    base_url: str
    model: str
    key_variable: str | None = None
    timeout_s: float = 60.0
    retry: Retry = field(default_factory=Retry)
    extra: Mapping[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    http: httpx.Client | None = None
    spelled: dict[str, str | None] = field(default_factory=dict, init=False)
    """Of SPELLINGS, what this endpoint was found not to take; it is not sent again."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise ValueError(f"base_url: expected http(s)://HOST[:PORT]/v1 without a name or password in it, got "
                             f"{parts.scheme}://{parts.hostname}; write the key into an environment variable")
        self._key()
        # Proxies and .netrc are for the world outside: on this machine they would only lead the question astray.
        self.http = self.http or httpx.Client(trust_env=parts.hostname not in LOOPBACK, follow_redirects=False)

    def close(self) -> None:
        """Give the connections back."""
        self.http.close()

    def complete(self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float | None = None,
                 on_text: OnText | None = None, **fields: Any) -> ChatReply:
        """The answer to a conversation. Raises ChatError.

        deadline_s: wall seconds in which it must be there, retries and all. on_text: asks the endpoint to stream.
        fields:
        of the request: temperature, seed, tools, response_format ...
        """
        body = {"model": self.model, "messages": list(messages), "max_tokens": max_tokens, **self.extra, **fields}
        if on_text is not None:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        until = time.monotonic() + (self.timeout_s * self.retry.tries if deadline_s is None else deadline_s)
        waits = self.retry.waits(random.Random())
        while True:
            try:
                return self._ask_as_taken(body, until, on_text)
            except AgainError as again:
                wait_s = next(waits, None)
                wait_s = wait_s if wait_s is None or again.after_s is None else max(wait_s, again.after_s)
                if wait_s is None or time.monotonic() + wait_s > until:
                    raise again.reason from None
                self.sleep(wait_s)

    def _ask_as_taken(self, body: Message, until: float, on_text: OnText | None) -> ChatReply:
        """One try, of as many requests as it takes to leave out what the endpoint does not take. Raises ChatError,
        AgainError."""
        before = dict(self.spelled)
        try:
            while True:
                sent = _spelled(body, self.spelled)
                try:
                    return self._ask(sent, min(self.timeout_s, until - time.monotonic()), on_text)
                except EndpointRefused as refused:
                    blamed = _untaken(refused, sent)
                    if blamed is None:
                        raise
                    self.spelled[blamed] = SPELLINGS[blamed]
                    log.warning("the endpoint does not take %r: %s", blamed, "left out from now on" if SPELLINGS[
                        blamed] is None else f"sent as {SPELLINGS[blamed]!r} from now on")
        except EndpointRefused:
            self.spelled = before  # there is more to it
            raise

    def _ask(self, body: Message, timeout_s: float, on_text: OnText | None) -> ChatReply:
        """One try. Raises ChatError, or AgainError around the one that another try may mend."""
        if timeout_s <= 0:
            raise EndpointTimeout("no time is left to ask the endpoint")
        until = time.monotonic() + timeout_s
        try:
            with _hiding(self._key()), self.http.stream("POST", _completions(self.base_url), json=body,
                                                           headers=self._headers(), timeout=timeout_s) as answer:
                if answer.status_code != 200:
                    self._refuse(answer, until)
                if on_text is not None and "text/event-stream" in answer.headers.get("content-type", ""):
                    return read_events(_lines(_bounded(answer, until)), body, on_text)
                return read(b"".join(_bounded(answer, until)), body)
        except httpx.TimeoutException:
            raise EndpointTimeout(f"the endpoint did not answer within {timeout_s:.0f} s") from None
        except (httpx.RequestError, httpx.InvalidURL) as error:
            broken = EndpointUnreachable(f"the endpoint cannot be reached ({type(error).__name__})")
            raise AgainError(broken) from None

    def _refuse(self, answer: httpx.Response, until: float) -> None:
        said, blamed = complaint(b"".join(_bounded(answer, until)))
        if answer.status_code in BUSY:
            busy = EndpointBusy(f"the endpoint is busy, status {answer.status_code}{said}")
            raise AgainError(busy, seconds_asked_for(answer.headers.get("retry-after")))
        raise EndpointRefused(f"the endpoint refused, status {answer.status_code}{said}", answer.status_code, blamed)

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


@contextlib.contextmanager
def _hiding(key: str | None) -> Iterator[None]:
    """Takes the key out of what errors say: some endpoints echo it."""
    try:
        yield
    except (ChatError, AgainError) as error:
        told = error.reason if isinstance(error, AgainError) else error
        told.args = (str(told).replace(key, "[key]"),) if key else told.args
        raise


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


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a stream."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    yield rest


def _completions(base_url: str) -> str:
    """Where conversations are completed: a path below that of the address, before its parameters."""
    parts = urlsplit(base_url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/chat/completions").geturl()


def _spelled(body: Message, spelled: Mapping[str, str | None]) -> Message:
    """The body with the fields that an endpoint does not take said otherwise, or left out."""
    names = {name: spelled.get(name, name) for name in body}
    return {names[name]: value for name, value in body.items() if names[name] is not None}


def _untaken(refused: EndpointRefused, sent: Message) -> str | None:
    """The field of SPELLINGS that an endpoint says that it does not take at all; None where it says something else."""
    if refused.status not in (400, 422):
        return None
    said = str(refused)
    named = [name for name in SPELLINGS if name in sent and (refused.field == name or re.search(rf"\b{name}\b", said))]
    return named[0] if named and _UNTAKEN.search(said) else None
