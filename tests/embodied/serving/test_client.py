"""The client says what the contract says, survives what connections do, and always lets go of the robot."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

import numpy as np
import pytest

import embodied
from embodied.serving.client import CLEAR, ApiError, Client, Moved, Outcome, Stop, at_pixel, in_box
from embodied.serving.connections import TRIES, events_of
from tests.embodied.serving.fake_server import EVENTS, LEASE, ROOT, TOKEN, FakeServer


@pytest.fixture
def server():
    with FakeServer() as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.url, TOKEN, timeout_s=5.0) as client:
        yield client


@pytest.fixture
def session(client):
    with client.open("stack", seed=7) as session:
        yield session


def test_an_instruction_is_followed_to_its_end(server, client):
    seen = []
    with client.open("stack", seed=7, require=["red block"]) as session:
        run = session.instruct("go", on_event=seen.append)
    assert (run.end, run.is_success, run.steps[0]["skill"]) == ("success", True, "pick")
    assert seen == EVENTS[3:]
    opened = server.asked("POST", "/v1/sessions")[0]
    assert opened.body == {"task": "stack", "seed": 7, "planner": None, "robot": None, "speed": 1.0,
                           "require": ["red block"], "client": "python client"}
    assert opened.headers["Authorization"] == f"Bearer {TOKEN}" and "X-Lease" not in opened.headers
    told = server.asked("POST", ROOT + "/instructions")[0]
    assert told.headers["X-Lease"] == LEASE and told.body["instruction"] == "go"
    assert len(server.asked("DELETE", ROOT)) == 1


def test_events_are_picked_up_where_they_were_cut(server, session):
    server.cuts.extend([2, 0, 3])
    seen = []
    for event in session.events():
        seen.append(event)
        if event["index"] == 5:
            break
    assert seen == EVENTS
    assert [r.headers.get("Last-Event-ID") for r in server.asked("GET", ROOT + "/events")] == [None, "1", "1", "4"]


def test_events_end_with_the_session(server, session):
    server.is_closed = True
    assert list(session.events()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_client_that_gives_up_waiting_stops_the_robot(server, session, error):
    def listen(event):
        raise error

    with pytest.raises(error):
        session.instruct("go", on_event=listen)
    assert len(server.asked("POST", ROOT + "/stop")) == 1


def test_an_instruction_can_be_left_alone(server, session):
    run = session.instruct("go", wait=False)
    assert (run.run_id, run.end) == ("r_1", None) and not server.asked("GET", ROOT + "/events")
    assert session.wait("r_1").end == "success"


def test_commands_are_numbered_in_turn_and_carry_their_deadline(server, session):
    session.instruct("go", wait=False)
    assert session.skill("pick", object="obj_1", deadline_s=2.0) == Outcome("done", "", 2.0)
    session.skill("push", object=at_pixel("front", 3, 4), direction="left")
    session.skill("place_in", object=in_box((0.4, 0, 0), (0.1, 0.1, 0.1)))
    session.move_joints(np.array([0.5, 0.6]))
    bodies = [r.body for r in server.requests if isinstance(r.body, dict) and "sequence" in r.body]
    assert [b["sequence"] for b in bodies] == [1, 2, 3, 4, 5]
    assert [b.get("deadline_s") for b in bodies] == [None, 2.0, None, None, None]
    assert [b["arguments"] for b in bodies[1:4]] == [
        {"object": {"name": "obj_1"}}, {"object": {"camera": "front", "pixel": [3, 4]}, "direction": "left"},
        {"object": {"box": {"center": [0.4, 0.0, 0.0], "size": [0.1, 0.1, 0.1], "yaw": 0.0}}}]


def test_targets_are_arrays(server, session):
    moved = session.move_joints([0.5, 0.6])
    assert isinstance(moved, Moved) and moved.limited == 3 and moved.joint_pos.tolist() == [0.5, 0.6]
    session.move_joints(np.zeros((3, 2)))
    session.move_tool(np.array([0.4, 0.0, 0.2]), jaw_yaw_rad=0.5)
    sent = [r.body for r in server.asked("POST", ROOT + "/targets")]
    assert (sent[0]["joint_pos"], sent[1]["joint_chunk"]) == ([0.5, 0.6], [[0.0, 0.0]] * 3)
    assert (sent[2]["tool_position_m"], sent[2]["jaw_yaw_rad"]) == ([0.4, 0.0, 0.2], 0.5)


@pytest.mark.parametrize("bad", [[0.1], [np.nan, 0.0], [np.inf, 0.0], np.zeros((1, 2, 2)), 0.0])
def test_targets_that_are_no_targets_are_not_sent(server, session, bad):
    with pytest.raises(ValueError, match="expected finite float"):
        session.move_joints(bad)
    with pytest.raises(ValueError, match="three finite numbers"):
        session.move_tool([0.1, np.nan, 0.0])
    assert not server.asked("POST", ROOT + "/targets")


def test_what_the_robot_reports_comes_as_arrays(session):
    seen = session.observation()
    assert seen.tool_pose.shape == (7,) and seen.joint_pos.tolist() == [0.1, 0.2] and seen.time_s == 1.5
    assert seen.objects == [{"name": "obj_1"}] and session.image("front").startswith(b"\xff\xd8")
    assert session.joint_low.tolist() == [-1.0, -2.0] and session.cameras == ("front",)


def test_every_other_command_reaches_its_route(server, session, client):
    session.pause(), session.resume(), session.estop(), session.reset_estop(CLEAR)
    assert session.stop() == Stop(1, "stop", 10.0, None)
    session.reset(seed=3), session.correct("the other one"), session.restore(session.snapshot())
    assert client.estop() == 2 and session.state()["mode"] == "idle" and session.history()[0].run_id == "r_1"
    assert client.worlds() == [{"task": "stack"}] and client.health() == {"status": "ok"}
    assert client.sessions()[0]["task"] == "stack" and client.recordings() == []
    assert server.asked("POST", ROOT + "/estop/reset")[0].body == {"confirm": "the robot is clear"}
    assert all(r.headers["X-Lease"] == LEASE for r in server.requests if r.path.endswith(("pause", "reset", "restore")))


def test_the_lease_is_kept_until_the_session_is_closed(server, client):
    with client.open("stack"):
        time.sleep(0.5)
    beats = server.asked("PUT", ROOT + "/lease")
    assert 3 <= len(beats) <= 6 and all(b.headers["X-Lease"] == LEASE for b in beats)
    time.sleep(0.3)
    assert len(server.asked("PUT", ROOT + "/lease")) == len(beats)


def test_a_heartbeat_survives_lost_connections_and_notes_a_lost_lease(server, client):
    server.fail("PUT", ROOT + "/lease", "drop", "drop", (409, {}, {"error": {"code": "lease_lost", "message": "gone"}}))
    with client.open("stack") as session:
        time.sleep(0.25)
        assert session.lease_lost is None
        time.sleep(0.4)
        assert session.lease_lost.code == "lease_lost" and len(server.asked("PUT", ROOT + "/lease")) == 3


@pytest.mark.parametrize("trouble", ["drop", (503, {"Retry-After": "0"}, {}), (429, {"Retry-After": "1"}, {})])
def test_only_reading_is_tried_again(server, session, trouble):
    server.fail("GET", ROOT, trouble, trouble)
    assert session.state()["mode"] == "idle" and len(server.asked("GET", ROOT)) == 3
    server.fail("POST", ROOT + "/skills", trouble)
    with pytest.raises(ApiError):
        session.skill("pick", object="obj_1")
    assert len(server.asked("POST", ROOT + "/skills")) == 1


def test_reading_gives_up_in_the_end(server, client):
    server.fail("GET", "/v1/worlds", *["drop"] * 9)
    with pytest.raises(ApiError) as told:
        client.worlds()
    assert (told.value.code, told.value.status) == ("unreachable", 0)
    assert len(server.asked("GET", "/v1/worlds")) == TRIES


@pytest.mark.parametrize(("trouble", "expected"), [
    ((409, {}, {"error": {"code": "leased", "message": "expected a free robot"}}), (409, "leased", None)),
    ((503, {"Retry-After": "7"}, {"error": {"code": "overloaded", "message": "full"}}), (503, "overloaded", 7.0)),
    ((502, {}, b"<html>bad gateway"), (502, "http_502", None)),
    ((500, {"Retry-After": "soon"}, ["no error"]), (500, "http_500", None)),
])
def test_refusals_are_typed(server, session, trouble, expected):
    server.fail("POST", ROOT + "/stop", trouble)
    with pytest.raises(ApiError) as told:
        session.stop()
    assert (told.value.status, told.value.code, told.value.retry_after_s) == expected and told.value.message


def test_nobody_there():
    with pytest.raises(ApiError, match="is it running there"):
        Client("http://127.0.0.1:9", TOKEN, timeout_s=1.0).estop()  # nothing listens on the port of `discard`
    with pytest.raises(ValueError, match="expected a url"):
        Client("127.0.0.1:8420")


def test_connections_are_kept(server, client):
    for _ in range(5):
        client.worlds()
    assert len({r.port for r in server.requests}) == 1


def test_a_refused_command_leaves_the_connection_fit_for_the_next(server, client):
    server.fail("POST", "/v1/estop", (409, {}, {"error": {"code": "x", "message": "y"}}))
    with pytest.raises(ApiError):
        client.estop()
    assert client.estop() == 2 and len({r.port for r in server.requests}) == 1


def test_an_error_inside_still_lets_go(server, client):
    server.fail("DELETE", ROOT, "drop", "drop")
    with pytest.raises(ZeroDivisionError), client.open("stack") as session:
        raise ZeroDivisionError
    assert len(server.asked("DELETE", ROOT)) == 3
    session.close()
    assert len(server.asked("DELETE", ROOT)) == 3


def test_a_joined_session_is_only_let_go_of(server, client):
    with client.join("s_0123456789ab") as session:
        assert session.session_id == "s_0123456789ab"
    assert not server.asked("DELETE", ROOT) and len(server.asked("DELETE", ROOT + "/lease")) == 1


def test_closing_needs_no_server():
    with FakeServer() as server:
        client = Client(server.url, TOKEN, timeout_s=1.0)
        session = client.open("stack")
    session.close()
    client.close()
    assert not [t for t in threading.enumerate() if t.name == "lease heartbeat"]


def test_a_robot_is_stopped_while_another_thread_waits(server, session):
    waiting = threading.Thread(target=lambda: session.instruct("go"))
    waiting.start()
    session.stop()
    waiting.join()
    assert server.asked("POST", ROOT + "/stop")


def test_a_film_is_downloaded_in_pieces(client, tmp_path):
    path = client.download("rec_0123456789ab", "video.mp4", tmp_path / "a.mp4")
    assert path.read_bytes() == b"film" * 1_000_000
    with pytest.raises(ApiError, match="expected another path"):
        client.download("rec_0123456789ab", "../../etc", tmp_path / "b")


def test_server_sent_events_are_read_as_the_standard_says():
    lines = [b": hello\n", b"\n", b"id: 4\r\n", b"event: x\r\n", b'data: {"a":\r\n', b"data: 1}\r\n", b"\r\n", b"\n",
             b'data:{"b": 2}\n', b"\n", b'data: {"torn": 1}\n']
    assert list(events_of(lines)) == [{"a": 1, "index": 4}, {"b": 2, "index": 4}]


BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        root = name.split('.')[0]
        if root not in sys.stdlib_module_names | {'numpy', 'embodied'}:
            raise ImportError('blocked: ' + name)
sys.meta_path.insert(0, Blocker())
import embodied.serving.client
print(sorted(m.split('.')[0] for m in sys.modules if m.split('.')[0] in
             ('torch', 'pydantic', 'fastapi', 'httpx', 'gymnasium', 'PIL', 'av', 'envs')))
"""


def test_the_client_loads_nothing_but_numpy():
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


INSTALLED = """
import sys
from embodied.serving.client import Client
with Client(sys.argv[1], sys.argv[2]) as client, client.open("stack") as session:
    print(session.instruct("go").end, session.observation().tool_pose.shape)
"""


def test_the_client_works_where_only_numpy_is_installed(server, tmp_path):
    """As after `pip install --no-deps embodied numpy`: an environment of its own with these two packages in it."""
    venv.create(tmp_path / "robot", symlinks=True)
    packages = next((tmp_path / "robot/lib").glob("python3*/site-packages"))
    shutil.copytree(Path(embodied.__file__).parent, packages / "embodied",
                    ignore=shutil.ignore_patterns("weights", "__pycache__"))
    for part in Path(np.__file__).parents[1].glob("numpy*"):
        (packages / part.name).symlink_to(part)
    done = subprocess.run([tmp_path / "robot/bin/python", "-I", "-W", "error", "-c", INSTALLED, server.url, TOKEN],
                          capture_output=True, text=True)
    assert done.stdout.split(maxsplit=1) == ["success", "(7,)\n"], done.stderr
