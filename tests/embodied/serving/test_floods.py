"""What floods may not do: hold up the loop that serves stops, take the operator's place, or fill the log.

How long stops take under each is measured by `python -m scripts.bench.stop --floods`; here is what makes it so.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from embodied.serving.listening import MESSAGE_BYTES
from embodied.serving.request_bodies import MAX_ESCAPES, MAX_LARGE_BYTES, MAX_VALUES
from tests.embodied.serving.served import TOKEN, VIEWER, Robot, Served

RECORDING = "rec_0123456789ab"
EVENT = {"type": "mode", "reason": "a" * (16 << 20)}
UNREAD_S, DOWNLOADS, OTHERS_DOWNLOADS, OTHERS_AT_ONCE = 1.0, 8, 6, 128


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A lean server with the usual bounds but for guesses, which it takes one of in two seconds, little patience with
    who does not read, and a recording of 16 MiB, its events as much again."""
    recordings = tmp_path_factory.mktemp("recordings")
    _record(recordings / RECORDING)
    with Served(look_s=0.0, unread_s=UNREAD_S, bounds={"guesses_per_s": 0.5},
                limits={"sessions": 2, "recordings": str(recordings)}) as server:
        yield server


def _record(folder: Path) -> None:
    (folder / "dataset").mkdir(parents=True)
    (folder / "dataset" / "film.mp4").write_bytes(bytes(16 << 20))
    (folder / "events.json").write_text(json.dumps([EVENT]))
    (folder / "telemetry.json").write_text('{"time_s": [0.0]}')
    facts = {"recording_id": RECORDING, "task": "stack", "created_unix_s": 0.0, "duration_s": 0.0, "instructions": [],
             "runs": [], "frames": 0, "fps": 5, "has_video": False}
    (folder / "recording.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def its_robot(flooded: Served) -> Robot:
    return flooded.open()


def asked(served: Served, path: str, token: str = VIEWER, *lines: str, method: str = "GET", body: bytes = b""
          ) -> socket.socket:
    """A request that was sent, of which nothing has been read."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = [f"{method} {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {token}", *lines, "", ""]
    with suppress(ConnectionError):
        connection.sendall("\r\n".join(head).encode() + body)
    return connection


def status(connection: socket.socket) -> int:
    return int(connection.recv(64).split()[1])


def watching(robot: Robot, **settings: object):
    return connect(f"ws://127.0.0.1:{robot.served.port}{robot.path}/stream",
                   additional_headers={"Authorization": f"Bearer {VIEWER}"}, **settings)


# Websockets ------------------------------------------------------------------------------------------------------


def test_compression_is_offered_in_vain_and_what_comes_compressed_is_not_inflated(its_robot: Robot):
    """24 MB in 23 KB: the connection ends before a byte of it is inflated."""
    with watching(its_robot, compression="deflate") as socket:
        assert not socket.protocol.extensions
        socket.socket.sendall(_compressed(24 << 20))
        assert _end_of(socket) in (1002, 1006)


def _compressed(size: int) -> bytes:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -12)
    content = squeezer.compress(b"a" * size) + squeezer.flush(zlib.Z_SYNC_FLUSH)
    return bytes([0xC1, 0x80 | 126]) + len(content).to_bytes(2, "big") + bytes(4) + content


def _end_of(socket) -> int:
    """How the server ended it."""
    with pytest.raises(ConnectionClosed) as end:
        while True:
            socket.recv(10)
    return end.value.rcvd.code if end.value.rcvd else 1006


def test_a_message_that_is_too_large_ends_its_websocket(its_robot: Robot):
    with watching(its_robot) as socket:
        with suppress(ConnectionClosed):
            socket.send(b"a" * (MESSAGE_BYTES + 1))
        assert _end_of(socket) in (1009, 1006)


@pytest.mark.parametrize("opcode", [1, 9, 10], ids=["texts", "pings", "pongs"])
def test_who_sends_too_often_is_cut_off(its_robot: Robot, opcode: int):
    with watching(its_robot) as socket:
        with suppress(ConnectionError):
            socket.socket.sendall((bytes([0x80 | opcode, 0x80]) + bytes(4)) * 5000)
        _end_of(socket)
    assert its_robot.post("/stop").status_code == 200


# Bodies ----------------------------------------------------------------------------------------------------------


LARGE = {"long": b'{"model": "' + b"a" * MAX_LARGE_BYTES + b'"}',
         "escapes": b'{"model": "' + b"\\u0041" * (MAX_ESCAPES + 1) + b'"}',
         "values": b'{"model": [' + b"1," * MAX_VALUES + b"1]}", "lists": b'{"model": [' + b"[]" * (MAX_VALUES + 1)}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_bodies_that_take_long_to_read_are_refused_unread(flooded: Served, body: bytes):
    answer = flooded.client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_large_body_that_is_well_made_is_read(flooded: Served):
    """Nearly as large as one may be, with letters of every length: the model's name is what is wrong with it."""
    picture = {"type": "image_url", "image_url": {"url": "a" * (MAX_LARGE_BYTES - 400)}}
    chat = {"model": "none \U0001f600", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "\u00e9\u4e2d\U0001f600"}, picture]}]}
    content = json.dumps(chat, ensure_ascii=False).encode()
    answer = flooded.client.post("/v1/chat/completions", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/sessions", "/healthz", "/v1/estop", "/v1/plan"])
def test_two_lengths_of_one_body_are_none(flooded: Served, path: str):
    with closing(asked(flooded, path, TOKEN, "Content-Length: 5", "Transfer-Encoding: chunked", method="POST",
                       body=b"0\r\n\r\nGET /v1/sessions HTTP/1.1\r\nHost: a\r\n\r\n")) as connection:
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 400 ") and said.count(b"HTTP/1.1") == 1, "the rest is no second request"


@pytest.mark.parametrize("pieces", [1, 8], ids=["at once", "in pieces"])
def test_heads_of_70_kb_are_refused(flooded: Served, pieces: int):
    head = f"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: {'a' * 70_000}\r\n\r\n".encode()
    with closing(socket.create_connection(("127.0.0.1", flooded.port), timeout=10)) as connection:
        size = len(head) // pieces + 1
        with suppress(ConnectionError):
            for at in range(0, len(head), size):
                connection.sendall(head[at:at + size])
                time.sleep(0.02)
        with suppress(ConnectionError):
            assert status(connection) in (400, 431)


# Places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["dataset.zip", "events"])
def test_downloads_that_nobody_reads_keep_no_place(flooded: Served, what: str):
    """Those who only watch have six places, the operator finds another; a download that is not read is cut."""
    path = f"/v1/recordings/{RECORDING}/{what}"
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(asked(flooded, path))) for _ in range(DOWNLOADS)]
        statuses = [status(reader) for reader in readers]
        assert sorted(statuses) == [200] * OTHERS_DOWNLOADS + [503] * (DOWNLOADS - OTHERS_DOWNLOADS)
        assert status(stack.enter_context(closing(asked(flooded, path, TOKEN)))) == 200
        until_s = time.monotonic() + 20
        while status(stack.enter_context(closing(asked(flooded, path)))) != 200:
            assert time.monotonic() < until_s, "places of those who do not read come free"
            time.sleep(0.2)
    whole = flooded.client.get(path)
    assert whole.status_code == 200 and len(whole.content) > 16 << 20


def test_idle_streams_of_viewers_never_take_the_operators_place(flooded: Served, its_robot: Robot):
    """230 of them: some are told to come back, the operator's stream, commands and stops are taken."""
    with ExitStack() as stack:
        idle = []
        for _ in range(230):
            idle.append(stack.enter_context(closing(asked(flooded, f"{its_robot.path}/events"))))
            time.sleep(0.006)  # inside the rate of one address
        statuses = [status(each) for each in idle]
        assert set(statuses) == {200, 503} and statuses.count(200) == OTHERS_AT_ONCE
        with flooded.new_client() as operator, operator.stream("GET", f"{its_robot.path}/events") as mine:
            assert mine.status_code == 200 and next(mine.iter_lines()).startswith(":")
            assert its_robot.ready().post("/skills", {"skill": "home"}).json()["status"] == "done"
            assert its_robot.post("/estop").json()["mode"] == "estopped"
    its_robot.ready()


def test_wrong_tokens_are_few_a_second_and_the_right_one_always_gets_in(flooded: Served):
    with flooded.new_client("a-guess-that-is-wrong") as stranger:
        begin_s = time.monotonic()
        statuses = [stranger.get("/v1/worlds").status_code for _ in range(30)]
    assert set(statuses) <= {401, 429} and statuses[0] == 401
    assert statuses.count(401) <= 1 + 0.5 * (time.monotonic() - begin_s) + 1
    assert flooded.client.get("/v1/worlds").status_code == 200


# What GET says, HEAD says; streams through proxies ------------------------------------------------------------------


def test_head_like_get(flooded: Served, its_robot: Robot):
    """The same status and kind everywhere, no body; what would go on for ever ends."""
    for path in ("/", "/healthz", "/v1/worlds", "/v1/sessions", its_robot.path, f"{its_robot.path}/events",
                 f"{its_robot.path}/cameras/front", f"/v1/recordings/{RECORDING}/events", "/v1/nothing",
                 f"/v1/recordings/{RECORDING}/dataset.zip", f"/v1/recordings/{RECORDING}/telemetry"):
        head = flooded.client.head(path)
        with flooded.client.stream("GET", path) as get:
            assert (head.status_code, head.headers.get("content-type")) == (
                get.status_code, get.headers.get("content-type")), path
        assert head.content == b""


def test_head_needs_the_token_and_changes_nothing(flooded: Served, its_robot: Robot):
    with flooded.new_client(None) as stranger:
        assert stranger.head("/v1/worlds").status_code in (401, 429)
    assert flooded.client.head(f"{its_robot.path}/stop").status_code == 405


def test_streams_pass_through_proxies(flooded: Served, its_robot: Robot):
    with flooded.client.stream("GET", f"{its_robot.path}/events") as stream:
        assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-cache", "no")
    chat = {"model": f"robot:{its_robot.id}", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    its_robot.post("/stop")
    with flooded.client.stream("POST", "/v1/chat/completions", json=chat, headers=its_robot.headers) as stream:
        assert stream.status_code == 200
        assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-cache", "no")


@pytest.mark.parametrize("last", ["999999", "-1", "x", "1e3", "9" * 20])
def test_a_last_event_that_has_not_happened_is_said_to_be_none(flooded: Served, its_robot: Robot, last: str):
    answer = flooded.client.get(f"{its_robot.path}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 422 and "last" in answer.json()["error"]["message"].lower()
    assert flooded.client.get(f"{its_robot.path}/events?after=999999").status_code == 422


def test_the_description_of_the_api_is_there(flooded: Served):
    schema = flooded.client.get("/v1/openapi.json").json()
    assert {"/healthz", "/v1/estop", "/v1/chat/completions"} <= set(schema["paths"])


def test_recordings_are_told_as_they_lie_on_disk(flooded: Served):
    assert flooded.client.get(f"/v1/recordings/{RECORDING}/events").json() == {"events": [EVENT]}
    assert flooded.client.get(f"/v1/recordings/{RECORDING}/telemetry").json() == {"time_s": [0.0]}


def test_a_kept_connection_serves_the_next_request_after_head(flooded: Served):
    connection = http.client.HTTPConnection("127.0.0.1", flooded.port, timeout=10)
    with closing(connection):
        for method in ("HEAD", "GET", "HEAD", "GET"):
            connection.request(method, "/healthz")
            answer = connection.getresponse()
            assert answer.status == 200 and bool(answer.read()) == (method == "GET")


@pytest.mark.slow
def test_a_server_that_is_used_by_many_threads_does_not_keep_what_each_of_them_held(tmp_path: Path):
    """Large bodies and downloads: what the first round took is enough for those that follow."""
    _record(tmp_path / RECORDING)
    with Served(look_s=0.0, bounds={"requests_per_s": 2000.0}, limits={"recordings": str(tmp_path)}) as server:
        def use(turn: int) -> int:
            with server.new_client() as client:
                if turn % 2:
                    return client.get(f"/v1/recordings/{RECORDING}/dataset.zip").status_code
                return client.post("/v1/chat/completions", json={"model": "a" * (MAX_LARGE_BYTES - 100)}).status_code

        after_mib = []
        for _ in range(3):
            with ThreadPoolExecutor(24) as pool:
                list(pool.map(use, range(96)))
            after_mib.append(server.rss_mib())
    assert after_mib[-1] - after_mib[0] < 20, after_mib
