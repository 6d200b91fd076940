"""Row 47 of the faults to survive: who may not come in, and what names lead nowhere. And sockets that talk nonsense."""

from __future__ import annotations

import http.client
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.embodied.serving.served import TOKEN, VIEWER, Robot, Served

TOKENS = {"none": None, "empty": "", "wrong": "x" * 28, "cut short": TOKEN[:-1], "longer": TOKEN + "x",
          "upper case": TOKEN.upper(), "latin": "tök" * 9}
GUARDED = [("GET", "/v1/worlds"), ("GET", "/v1/sessions"), ("POST", "/v1/sessions"), ("GET", "/v1/openapi.json"),
           ("GET", "/v1/recordings"), ("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/v1/plan"),
           ("POST", "/v1/lerobot/generate_text"), ("POST", "/v1/estop"), ("POST", "/v1/sessions/s_0123456789ab/stop"),
           ("POST", "/v1/sessions/s_0123456789ab/estop"), ("POST", "/v1/sessions/s_0123456789ab/estop/reset"),
           ("GET", "/v1/sessions/s_0123456789ab/events"), ("DELETE", "/v1/sessions/s_0123456789ab"),
           ("GET", "/no/such/place"), ("OPTIONS", "/v1/sessions"), ("TRACE", "/v1/sessions")]


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_row_47_without_the_token_nothing_is_told_apart(lean: Served, token: str | None):
    """401 with the same words, whether there is such a place or robot or not."""
    with lean.new_client(None) as stranger:
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".strip().encode("latin-1"))]
        answers = [stranger.request(method, path, headers=headers) for method, path in GUARDED]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers if answer.text}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


def test_row_47_other_ways_to_bring_a_token_do_not_count(lean: Served):
    with lean.new_client(None) as stranger:
        for path, headers in ((f"/v1/sessions?token={TOKEN}", {}), ("/v1/sessions", {"Cookie": f"token={TOKEN}"}),
                              ("/v1/sessions", {"Authorization": f"Basic {TOKEN}"}),
                              ("/v1/sessions", {"X-Token": TOKEN}), ("/console/../v1/sessions", {})):
            assert stranger.get(path, headers=headers).status_code in (401, 404)


def test_row_47_a_viewer_watches_and_stops_and_no_more(robot: Robot):
    with robot.served.new_client(VIEWER) as viewer:
        assert viewer.get(robot.path).status_code == 200
        for path in ("/skills", "/instructions", "/targets", "/lease", "/reset", "/stop", "/pause", "/estop/reset"):
            answer = viewer.post(robot.path + path, json={}, headers=robot.headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "viewer"), path
        assert viewer.delete(robot.path, headers=robot.headers).status_code == 403
        assert viewer.post(robot.path + "/estop").json()["mode"] == "estopped"


NAMES = ["s_000000000000", "s_", "x", "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00",
         "s_0123456789ab%00", "s_0123456789ab%0a", "a" * 300, "%ff%fe", "s_0123456789AB", "' OR 1=1 --", "{session_id}"]


@pytest.mark.parametrize("name", NAMES)
def test_row_47_names_that_lead_nowhere(lean: Served, name: str):
    """404, or 422 for what could be no name, for sessions, recordings, snapshots and cameras alike."""
    robot = lean.client.get("/v1/sessions").json()["sessions"]
    for method, path in (("GET", f"/v1/sessions/{name}"), ("GET", f"/v1/sessions/{name}/observation"),
                         ("POST", f"/v1/sessions/{name}/stop"), ("GET", f"/v1/recordings/{name}/events"),
                         ("GET", f"/v1/recordings/{name}/video.mp4"), ("GET", f"/v1/recordings/{name}/dataset.zip"),
                         *(("GET", f"/v1/sessions/{each['session_id']}/cameras/{name}") for each in robot[:1])):
        status, body = raw(lean, method, path)
        assert status in (404, 422, 405), (path, status, body)
        assert b"root:" not in body and b"Traceback" not in body and b"/tmp" not in body


@pytest.mark.parametrize("path", ["/console/../server.py", "/console/..%2fserver.py", "/console/%2e%2e/server.py",
                                  "/console//etc/passwd", "/console/..\\server.py", "/console/%5c..%5cserver.py",
                                  "/console/../../../pyproject.toml", "/console/.", "/console/js/..%2f..%2fhub.py"])
def test_row_47_the_console_gives_its_own_files_only(lean: Served, path: str):
    status, body = raw(lean, "GET", path, token=None)
    assert status in (401, 404, 405), (status, body[:200])
    assert b"import" not in body


def raw(served: Served, method: str, path: str, token: str | None = TOKEN) -> tuple[int, bytes]:
    """Status and body of a request whose path is sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection._validate_path = lambda _: None
    connection.putrequest(method, path.replace(" ", "%20"))
    if token:
        connection.putheader("Authorization", f"Bearer {token}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def stream(robot: Robot, **settings: object):
    return connect(f"ws://127.0.0.1:{robot.served.port}{robot.path}/stream", open_timeout=10, **settings)


BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("settings", [
    {}, {"additional_headers": {"Authorization": "Bearer wrong"}}, {"subprotocols": ["embodied.v1", "bearer.wrong"]},
    {"subprotocols": ["embodied.v1"]}, {"additional_headers": {"Authorization": f"Basic {TOKEN}"}},
    {"additional_headers": BEARER, "origin": "http://evil.example"}, {"additional_headers": BEARER, "origin": "null"},
    {"subprotocols": ["embodied.v1", f"bearer.{TOKEN}"], "origin": "https://127.0.0.1.evil.example"}],
    ids=lambda settings: json.dumps(settings).replace(TOKEN, "TOKEN")[:60])
def test_row_47_websockets_without_a_token_or_from_another_page(robot: Robot, settings: dict):
    """A foreign page gets nothing, even with a token that it has got hold of."""
    for path in (robot.path + "/stream", "/openpi"):
        with pytest.raises(InvalidStatus) as refusal:
            connect(f"ws://127.0.0.1:{robot.served.port}{path}", **settings)
        assert refusal.value.response.status_code == 403


def test_row_47_a_websocket_to_an_unknown_robot_is_closed(robot: Robot):
    for name in ("s_000000000000", "..%2f..", "%00"):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            connect(f"ws://127.0.0.1:{robot.served.port}/v1/sessions/{name}/stream", additional_headers=BEARER).recv(5)


NONSENSE = ["", "null", "[]", "{", '{"watch": "front"}', '{"fps": 1e999}', '{"fps": NaN}', '{"fps": 0}',
            '{"telemetry_hz": -1}', '{"watch": ["../front"], "unknown": 1}', '{"heartbeat": "wrong"}',
            '{"ping": Infinity}', "[" * 4000, '{"ping": ' + "9" * 4000 + "}", "x" * 100_000,
            '{"heartbeat": "\\ud800"}', b"\x00\xff", b"", b"x" * 100_000]


def test_row_43_a_socket_that_is_told_nonsense_says_so_and_goes_on(robot: Robot):
    """Text and binary alike; afterwards it still answers."""
    with stream(robot, additional_headers=BEARER) as socket:
        for word in NONSENSE:
            socket.send(word)
            assert wait_for(socket, "error")["code"] == "invalid", word[:40]
        socket.send('{"ping": 7}')
        assert wait_for(socket, "pong")["ping"] == 7


def wait_for(socket, kind: str) -> dict:
    """The next message of a kind."""
    while True:
        message = socket.recv(10)
        if isinstance(message, str) and json.loads(message)["type"] == kind:
            return json.loads(message)


def test_row_47_the_answers_of_the_console_forbid_foreign_pages(lean: Served):
    with lean.new_client(None) as stranger:
        headers = stranger.get("/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"], "default-src 'self' covers scripts, none are inline"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
