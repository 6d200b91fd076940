"""Connections of the client: kept alive, shared among threads, and every way to fail told as one error.

The standard library only.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from embodied.serving.errors import ApiError

UNREACHABLE = "unreachable"
TRIES = 4
"""How often what changes nothing, or nothing more, is sent; a command is sent once."""
LOST = (OSError, http.client.HTTPException)
"""What a connection may die of."""

REPEATABLE = ("GET", "DELETE")
PASSING = (0, 429, 503)
"""Statuses after which the same may succeed; 0 where no answer came."""
Exchange = tuple[http.client.HTTPConnection, http.client.HTTPResponse]

_IDLE_S = 3.0  # an older connection may just be closing at the server's side: a command must not be lost in it


class Connections:
    """To one server; any thread may use them."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        """timeout_s: of each answer, where nothing else is said. Raises ValueError for what is no address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"client: expected a url like http://127.0.0.1:8420, got {url!r}")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._root, self._token, self.timeout_s = parts.path.rstrip("/"), token, timeout_s
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []

    def call(self, method: str, path: str, body: Any = None, *, lease: str | None = None,
             timeout_s: float | None = None) -> Any:
        """What the server answers: JSON as Python values, bytes of anything else, None of nothing. Raises ApiError."""
        headers = {"X-Lease": lease} if lease else {}
        return self._tried(method, lambda: self._answer(*self._once(method, path, body, headers, timeout_s)))

    def begin(self, path: str, headers: Mapping[str, str], timeout_s: float | None = None) -> Exchange:
        """A connection and the head of an answer to GET; the caller reads the body and then calls `keep`."""
        return self._tried("GET", lambda: self._once("GET", path, None, headers, timeout_s))

    def _tried(self, method: str, act: Callable[[], Any]) -> Any:
        """What `act` gives, again after a failure that may pass where the method bears it."""
        for failures in itertools.count(1):
            try:
                return act()
            except ApiError as error:
                if error.status not in PASSING or method not in REPEATABLE or failures >= TRIES:
                    raise
                time.sleep(min(error.retry_after_s or backoff_s(failures), 5.0))

    def _answer(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Any:
        try:
            content = response.read()
            is_json = response.headers.get_content_type() == "application/json"
            answer = json.loads(content) if content and is_json else content or None
        except (*LOST, ValueError) as error:
            connection.close()
            raise unreachable(error) from error
        self.keep(connection, response)
        return answer

    def _once(self, method: str, path: str, body: Any, headers: Mapping[str, str],
              timeout_s: float | None) -> Exchange:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        sent = {"Authorization": f"Bearer {self._token}", "Accept": "*/*", **headers}
        connection = self._connection(timeout_s or self.timeout_s)
        try:
            connection.request(method, self._root + path, content,
                               sent if content is None else {**sent, "Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status < 400:
                return connection, response
            error = error_of(response)
        except LOST as lost:
            connection.close()
            raise unreachable(lost) from lost
        self.keep(connection, response)
        raise error

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        """One that nobody uses: a kept one where it is fresh."""
        while self._idle:
            with suppress(IndexError):  # another thread was faster
                since, connection = self._idle.pop()
                if time.monotonic() - since < _IDLE_S and connection.sock is not None:
                    connection.sock.settimeout(timeout_s)
                    return connection
                connection.close()
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout_s)

    def keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        """Take back a connection, for others where its answer was read to the end."""
        if response.isclosed() and not response.will_close:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.close()

    def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop()[1].close()


def backoff_s(failures: int) -> float:
    """How long to stay away after so many failures."""
    return min(0.1 * 3 ** failures, 3.0)


def events_of(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The whole events of a server-sent stream, each with the stream's own id of it as its `index`."""
    data, index = [], None
    for line in lines:
        field, _, value = line.decode("utf-8").rstrip("\r\n").partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        elif field == "id":
            index = int(value)
        elif not field and not value and data:
            yield {**json.loads("\n".join(data)), **({} if index is None else {"index": index})}
            data = []


def error_of(response: http.client.HTTPResponse) -> ApiError:
    """What a refusal says, its body read."""
    wait = response.headers.get("Retry-After", "")
    retry_after_s = float(wait) if re.fullmatch(r"[0-9]{1,6}", wait) else None
    content = response.read()
    try:
        error = json.loads(content)["error"]
        return ApiError(response.status, str(error["code"]), str(error["message"]), retry_after_s)
    except (ValueError, KeyError, TypeError):
        told = content[:200].decode("utf-8", "replace") or response.reason
        return ApiError(response.status, f"http_{response.status}", told, retry_after_s)


def unreachable(error: Exception) -> ApiError:
    reason = str(error) or type(error).__name__
    return ApiError(0, UNREACHABLE, f"expected an answer of the server, got none ({reason}); is it running there?")
