"""The floods of `floods`: what a client of ill will, or a broken one, sends.

Each is a function for a process of its own that goes on until it is told to end, and then says how it was answered.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import select
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BIG_BYTES = 23 << 20
_ALLOWED_BYTES = (8 << 20) - 256  # nearly as large as a body may be
_INFLATED_BYTES = 24 << 20
_TEXT, _BINARY, _PING = 1, 2, 9
_FINAL, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80
_READERS = 300
_WATCHERS = 230


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    token: str
    viewer: str
    session: str
    recording: str

    def connect(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname, parts.port), timeout=10)


def head(method: str, path: str, token: str, *lines: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {token}", *lines, "",
                        ""]).encode()


def frame(content: bytes, opcode: int, bits: int = 0) -> bytes:
    """A masked websocket frame; the mask is zero, so that sending costs nothing."""
    size = len(content)
    length = bytes([_MASKED | size]) if size < 126 else (
        bytes([_MASKED | 126]) + struct.pack("!H", size) if size < 1 << 16 else
        bytes([_MASKED | 127]) + struct.pack("!Q", size))
    return bytes([_FINAL | bits | opcode]) + length + bytes(4) + content


def watcher(target: Target) -> socket.socket:
    """A websocket of a viewer that offers compression. Raises OSError where it is refused."""
    connection = target.connect()
    connection.sendall(head("GET", f"/v1/sessions/{target.session}/stream", target.viewer, "Connection: Upgrade",
                            "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
                            "Sec-WebSocket-Extensions: permessage-deflate"))
    status = connection.recv(4096).split(b" ", 2)[1]
    if status != b"101":
        connection.close()
        raise OSError(status.decode())
    return connection


Client = Callable[[Target, Any], str]
"""One client's turn: what it was told."""


def _many(count: int, client: Client, target: Target, is_over: Any, told: Any) -> None:
    """So many clients side by side, each at it again and again."""
    words: Counter[str] = Counter()

    def go_on() -> None:
        while not is_over.is_set():
            try:
                words[client(target, is_over)] += 1
            except OSError as error:
                words[_word(error)] += 1
                time.sleep(0.02)

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put(dict(words))


def _word(error: OSError) -> str:
    return str(error) if str(error).isdecimal() else type(error).__name__


def _status(connection: socket.socket) -> str:
    return (connection.recv(4096).split(b" ", 2)[1:2] or [b"closed"])[0].decode()


def _frames(target: Target, is_over: Any, frames: list[bytes]) -> str:
    """Sends frames while somebody takes them, reading what comes."""
    with contextlib.closing(watcher(target)) as connection:
        for each in frames:
            connection.sendall(each)
        until_s = time.monotonic() + 1.0
        while not is_over.is_set() and time.monotonic() < until_s:
            if select.select([connection], [], [], 0.05)[0] and not connection.recv(1 << 16):
                return "closed"
    return "open"


def _bomb() -> bytes:
    """A compressed text of 23 KB that is 24 MB."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -12)
    content = squeezer.compress(b"a" * _INFLATED_BYTES) + squeezer.flush(zlib.Z_SYNC_FLUSH)
    return frame(content.removesuffix(b"\x00\x00\xff\xff"), _TEXT, _COMPRESSED)


def bombs_of_one(target: Target, is_over: Any, told: Any) -> None:
    """Ten compressed frames on one connection, again and again."""
    frames = [_bomb()] * 10
    _many(1, lambda t, over: _frames(t, over, frames), target, is_over, told)


def bombs_of_eight(target: Target, is_over: Any, told: Any) -> None:
    """The same on eight."""
    frames = [_bomb()] * 10
    _many(8, lambda t, over: _frames(t, over, frames), target, is_over, told)


def large_frames(target: Target, is_over: Any, told: Any) -> None:
    """As large, not compressed, on eight connections."""
    frames = [frame(b"a" * (_INFLATED_BYTES - 1024), _BINARY)]
    _many(8, lambda t, over: _frames(t, over, frames), target, is_over, told)


def small_frames(target: Target, is_over: Any, told: Any) -> None:
    """Pings and empty texts by the hundred thousand, on eight connections."""
    frames = [frame(b"", _PING) * 50_000, frame(b"", _TEXT) * 50_000]
    _many(8, lambda t, over: _frames(t, over, frames), target, is_over, told)


def slow_readers(target: Target, is_over: Any, told: Any) -> None:
    """Three hundred who ask for a dataset and read no byte of it."""
    words: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        readers = []
        for _ in range(_READERS):
            with contextlib.suppress(OSError):
                reader = stack.enter_context(contextlib.closing(target.connect()))
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.sendall(head("GET", f"/v1/recordings/{target.recording}/dataset.zip", target.viewer))
                readers.append(reader)
        is_over.wait()
        for reader in readers:
            try:
                reader.settimeout(1.0)
                words[_status(reader)] += 1
            except OSError as error:
                words[_word(error)] += 1
    told.put(dict(words))


def _texts(size: int) -> list[bytes]:
    """JSON of a size: one long text, one of escapes, one of another script, one with a smile, white space, digits,
    brackets, and a list of values before a long one."""
    wrap = b'{"model": "tabletop-tiny", "messages": [{"role": "user", "content": "%s"}]}'
    return [wrap % (b"a" * size), wrap % (b"\\u0041" * (size // 6)), wrap % ("\u00e9".encode() * (size // 2)),
            wrap % (b"a" * size + "\U0001f600".encode()), b" " * size + wrap % b"a",
            b'{"model": 1.%s}' % (b"1" * size), b'{"model": ' + b"[" * size,
            b'{"model": [' + b"[]," * 9000 + b'"' + b"a" * (size - 27_000) + b'"]}']


def large_json(target: Target, is_over: Any, told: Any) -> None:
    """Bodies of 23 MB, and as large as they may be, of an operator's, four clients at a time."""
    bodies, turn = [*_texts(BIG_BYTES), *_texts(_ALLOWED_BYTES)], itertools.count()

    def send(target: Target, is_over: Any) -> str:
        return _posted(target, "/v1/chat/completions", bodies[next(turn) % len(bodies)])

    _many(4, send, target, is_over, told)


def large_messages(target: Target, is_over: Any, told: Any) -> None:
    """Bodies of msgpack near the largest that is read, four clients at a time."""
    lists = b"\xdc\x01\xff" + b"\xc0" * 511
    many = b"\x82\xa1a\xdc\x00\x25" + lists * 37 + b"\xa1b\xc6" + struct.pack("!I", 8_000_000) + bytes(8_000_000)
    _many(4, lambda t, over: _posted(t, "/v1/plan", many), target, is_over, told)


def _posted(target: Target, path: str, body: bytes) -> str:
    with contextlib.closing(target.connect()) as connection:
        connection.sendall(head("POST", path, target.token, "Content-Type: application/json",
                                f"Content-Length: {len(body)}"))
        with contextlib.suppress(ConnectionError, TimeoutError):  # refused before all of it was sent
            connection.sendall(body)
        return _status(connection)


def bursts(target: Target, is_over: Any, told: Any) -> None:
    """Four hundred requests at one moment, again and again."""
    words: Counter[str] = Counter()
    ask = head("GET", "/v1/worlds", target.viewer, "Connection: close")
    while not is_over.is_set():
        with contextlib.ExitStack() as stack:
            try:
                clients = [stack.enter_context(contextlib.closing(target.connect())) for _ in range(400)]
                for client in clients:
                    client.sendall(ask)
                words.update(_status(client) for client in clients)
            except OSError as error:
                words[_word(error)] += 1
        is_over.wait(1.0)
    told.put(dict(words))


def wrong_tokens(target: Target, is_over: Any, told: Any) -> None:
    """Guesses, eight clients at a time."""
    def guess(target: Target, is_over: Any) -> str:
        with contextlib.closing(target.connect()) as connection:
            connection.sendall(head("GET", "/v1/worlds", f"guess-{os.urandom(8).hex()}"))
            return _status(connection)

    _many(8, guess, target, is_over, told)


def idle_streams(target: Target, is_over: Any, told: Any) -> None:
    """Viewers who open event streams and leave them alone, while the robot's stops make events."""
    words: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for _ in range(_WATCHERS):
            with contextlib.suppress(OSError):
                stream = stack.enter_context(contextlib.closing(target.connect()))
                stream.sendall(head("GET", f"/v1/sessions/{target.session}/events", target.viewer))
                words[_status(stream)] += 1
        is_over.wait()
    told.put(dict(words))


FLOODS: dict[str, Callable[[Target, Any, Any], None]] = {
    flood.__name__: flood for flood in (bombs_of_one, bombs_of_eight, large_frames, small_frames, slow_readers,
                                        large_json, large_messages, bursts, wrong_tokens, idle_streams)}
"""Name -> a flood: (target, an event that ends it, a queue for what it was told)."""
