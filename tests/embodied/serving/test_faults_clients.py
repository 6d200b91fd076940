"""Rows 36 and 42 of the faults to survive, and 22 as clients see it: who commanded has gone, or the physics has."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embodied.serving.served import TOKEN, Robot, Served
from tests.embodied.serving.test_faults_commands import HOME, code
from tests.processes import is_alive, until

FAR = {"tool_position_m": [0.45, -0.35, 0.5]}
NEAR = {"tool_position_m": [0.45, 0.35, 0.3]}


@pytest.fixture
def living(lean: Served) -> Iterator[Robot]:
    """A robot of its own at the speed of life: a motion takes seconds."""
    robot = lean.open(speed=1.0, seed=3)
    yield robot
    robot.post("/stop")
    robot.delete()


def ask(robot: Robot, path: str, body: dict) -> socket.socket:
    """A request that was sent and whose answer nobody has read."""
    content = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", robot.served.port))
    head = [f"POST {robot.path}{path} HTTP/1.1", "Host: a", f"Authorization: Bearer {TOKEN}",
            f"X-Lease: {robot.lease}", "Content-Type: application/json", f"Content-Length: {len(content)}", "", ""]
    connection.sendall("\r\n".join(head).encode() + content)
    return connection


def test_row_36_a_client_that_vanishes_leaves_a_robot_that_holds_still(brief: Served):
    """The last command that moves comes at most 0.2 s after the lease ran out; nothing goes on without a new one."""
    living = brief.open(speed=1.0, seed=3)
    assert living.post("/instructions", {"instruction": living.opened["instruction"]}).status_code == 202
    living.wait_for_motion()
    until_ns = living.board().lease_until_ns
    state = living.wait(lambda state: state["mode"] != "running")
    told = living.telemetry()
    assert told.last_motion_ns - until_ns < 0.2e9
    assert state["lease"]["is_held"] is False
    run = living.get("/history").json()["runs"][-1]
    assert run["end"] == "stopped" and "heartbeat" in run["hint"]
    assert code(living.post("/skills", HOME)) == (409, "lease_lost")
    assert living.state()["counters"]["heartbeats_lost"] == 1
    time.sleep(0.3)
    assert living.telemetry().motions == told.motions
    living.lease = living.wait_for_lease()
    time.sleep(0.3)
    assert living.telemetry().motions == told.motions, "a new lease alone sets nothing going"
    assert living.post("/skills", HOME).json()["status"] == "done"
    living.delete()


@pytest.mark.parametrize("path, body", [("/instructions?wait=true", None), ("/skills", HOME), ("/targets", FAR)])
def test_row_42_a_client_that_leaves_has_stopped_what_it_waited_for(living: Robot, path: str, body: dict | None):
    """No further motion within half a second, long before the lease runs out or the motion would be over."""
    assert living.post("/targets", NEAR).json()["status"] == "done"
    connection = ask(living, path, body or {"instruction": living.opened["instruction"]})
    living.wait_for_motion()
    connection.close()
    gone_ns = time.monotonic_ns()
    living.wait(lambda state: state["mode"] != "running")
    assert living.telemetry().last_motion_ns - gone_ns < 1.0e9
    assert living.state()["counters"]["stops"] == 1
    living.beat()
    assert living.post("/skills", HOME).json()["status"] == "done", "the lease lives on, and so does the robot"


@pytest.fixture
def ponderous(brief: Served, held_by: Path) -> Served:
    """A server whose planner is held while it looks."""
    held_by.touch()
    return brief


def test_row_42_a_client_that_leaves_while_the_planner_thinks_is_served_no_further(ponderous: Served, held_by: Path):
    """The run is stopped while the planner thinks, ends without a motion, and the robot is free again."""
    robot = ponderous.open(planner="model")
    motions = robot.telemetry().motions
    connection = ask(robot, "/instructions?wait=true", {"instruction": "put the red block in the blue bowl"})
    robot.wait(lambda state: state["mode"] == "running")
    connection.close()
    assert robot.event(lambda event: event.get("kind") == "stop")["reason"] == "the client that waited has gone"
    held_by.unlink()
    robot.wait(lambda state: state["run_id"] is None)
    assert robot.get("/history").json()["runs"][-1]["end"] == "stopped"
    assert robot.telemetry().motions == motions


def test_row_36_a_new_commander_does_not_inherit_what_the_lost_one_began(ponderous: Served, held_by: Path):
    """A lease that ran out while the planner was thinking: whoever takes command finds the robot stopped."""
    robot = ponderous.open(planner="model")
    assert robot.post("/instructions", {"instruction": "put the red block in the blue bowl"}).status_code == 202
    robot.lease = robot.wait_for_lease()
    held_by.unlink()
    state = robot.wait(lambda state: state["run_id"] is None)
    assert robot.get("/history").json()["runs"][-1]["end"] == "stopped"
    assert state["counters"]["stops"] == 1


def test_commands_are_not_turned_away_by_who_only_looks(robot: Robot):
    """Watchers that ask for observations and pictures without a pause cost a command time, never its place."""
    is_over, seen = threading.Event(), []

    def watch(path: str) -> None:
        with robot.served.new_client() as client:
            while not is_over.is_set():
                seen.append(client.get(robot.path + path).status_code)
                time.sleep(0.01)  # inside the rate that one address may ask at

    watchers = [threading.Thread(target=watch, args=(path,)) for path in ("/observation", "/cameras/front")]
    for watcher in watchers:
        watcher.start()
    try:
        answers = [robot.post("/skills", HOME).status_code for _ in range(30)]
    finally:
        is_over.set()
        for watcher in watchers:
            watcher.join()
    assert set(answers) == {200}
    assert seen and set(seen) == {200}


def test_row_22_a_world_that_dies_is_said_to_be_crashed_and_can_be_made_anew(lean: Served):
    """Whatever is asked of a robot whose physics is gone is answered in order; a reset brings it back."""
    robot = lean.open(seed=5)
    os.kill(robot.world_pid(), signal.SIGKILL)
    time.sleep(0.2)
    assert robot.get("/observation").status_code < 500
    answer = robot.post("/skills", HOME)
    assert answer.status_code < 500
    assert code(robot.post("/instructions", {"instruction": "go"})) == (409, "crashed")
    stopped = robot.post("/stop").json()
    assert stopped["mode"] == "crashed" and stopped["stop"]["confirmed_s"] is None, "nobody is there to confirm it"
    assert robot.post("/reset", {}).status_code == 200
    assert robot.ready().post("/skills", HOME).json()["status"] == "done"
    robot.delete()


def test_row_49_a_server_that_is_told_to_end_stops_its_robots_first():
    """SIGTERM in the middle of a motion that somebody watches: the last command comes at once, the process ends within
    10 s, and neither the world's process nor its shared memory is left behind."""
    with Served(look_s=0.0) as server:
        robot = server.open(speed=1.0)
        world, board = robot.world_pid(), robot.board()
        assert robot.post("/instructions", {"instruction": robot.opened["instruction"]}).status_code == 202
        robot.wait_for_motion()
        with server.new_client() as client, client.stream("GET", f"{robot.path}/events"):
            told_ns = time.monotonic_ns()
            os.kill(server.pid, signal.SIGTERM)
            server.wait(10.0)
        assert board.telemetry().last_motion_ns - told_ns < 1.0e9
        assert until(lambda: not is_alive(world)) and not server.folder.exists()
