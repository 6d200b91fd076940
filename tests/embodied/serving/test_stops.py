"""What a stop promises: when it holds, when the world has confirmed it, and what it keeps from changing the world."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from embodied.serving.shared_state import Halt
from tests.embodied.serving.served import CLEAR, Robot, Served

HOME = {"skill": "home"}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def changes(robot: Robot, snapshot: str) -> dict[str, Any]:
    """Every command that changes the world -> its body."""
    return {"/reset": {"seed": 7}, f"/snapshots/{snapshot}/restore": None, "/skills": HOME,
            "/instructions": {"instruction": robot.opened["instruction"]},
            "/targets": {"tool_position_m": [0.5, 0.2, 0.4]}}


@pytest.fixture
def snapshot(robot: Robot) -> str:
    """A moment of another pose than the present one, half a radian away."""
    assert robot.post("/skills", HOME).status_code == 200
    name = robot.post("/snapshots").json()["snapshot_id"]
    aim = robot.telemetry().joint_pos
    aim[0] += 0.5
    assert robot.post("/targets", {"joint_pos": aim.tolist()}).json()["status"] == "done"
    return name


@pytest.mark.parametrize("held, freed", [("/estop", "/estop/reset"), ("/pause", "/resume")])
def test_nothing_changes_the_world_of_a_robot_that_is_held(robot: Robot, snapshot: str, held: str, freed: str):
    """New scenes and moments ask the latch as motions do, whoever asks: they put the robot somewhere else, too."""
    assert robot.post(held).status_code == 200
    before, scene = robot.telemetry(), robot.state()["instruction"]
    for path, body in changes(robot, snapshot).items():
        assert code(robot.post(path, body)) == (409, "estopped" if held == "/estop" else "paused"), path
    chat = {"model": f"robot:{robot.id}", "messages": [{"role": "user", "content": "go home"}]}
    assert robot.served.client.post("/v1/chat/completions", json=chat, headers=robot.headers).status_code == 409
    after = robot.telemetry()
    assert np.array_equal(after.joint_pos, before.joint_pos) and after.motions == before.motions
    assert robot.state()["instruction"] == scene
    assert robot.post(freed, CLEAR if "reset" in freed else None).status_code == 200
    assert robot.post(f"/snapshots/{snapshot}/restore").status_code == 200


def test_a_new_scene_re_arms_a_stopped_robot_as_any_command_does(robot: Robot):
    assert robot.post("/stop").json()["mode"] == "stopped"
    assert robot.post("/reset", {"seed": 7}).json()["mode"] == "idle"


def test_a_moment_is_gone_back_to_with_what_was_known_then(robot: Robot):
    """Not only the world: the state says what was asked for then."""
    assert robot.post("/reset", {"seed": 7}).status_code == 200
    scene = robot.state()["instruction"]
    name = robot.post("/snapshots").json()["snapshot_id"]
    assert robot.post("/instructions?wait=true", {"instruction": "go home now"}).status_code == 200
    assert robot.state()["instruction"] == "go home now"
    assert robot.post(f"/snapshots/{name}/restore").json()["instruction"] == scene


@pytest.mark.parametrize("path", ["/reset", "/restore"])
def test_the_world_itself_refuses_to_be_changed_while_a_stop_holds(robot: Robot, path: str):
    """As if the stop had come after the server let the command pass: its latch knows nothing of this one."""
    body, url = ({"seed": 7}, path) if path == "/reset" else (
        None, f"/snapshots/{robot.post('/snapshots').json()['snapshot_id']}/restore")
    aim = robot.telemetry().joint_pos
    aim[0] += 0.3
    assert robot.post("/targets", {"joint_pos": aim.tolist()}).json()["status"] == "done"
    before = robot.telemetry().joint_pos
    robot.board().write(halt=Halt.STOP)
    try:
        assert code(robot.post(url, body)) == (409, "stopped")
        assert np.array_equal(robot.telemetry().joint_pos, before)
    finally:
        robot.board().write(halt=Halt.NONE)
    assert robot.post(url, body).status_code == 200


@pytest.fixture(scope="module")
def mover(lean: Served) -> Iterator[Robot]:
    """A robot that moves at the speed of life."""
    robot = lean.open(speed=1.0)
    yield robot
    robot.delete()


def set_off(robot: Robot) -> None:
    """It moves now."""
    assert robot.ready().post("/instructions", {"instruction": robot.opened["instruction"]}).status_code == 202
    robot.wait_for_motion()


def test_a_pause_outlives_the_run_that_it_held(mover: Robot):
    """The run is over, and nothing moves until the pause is ended."""
    set_off(mover)
    assert mover.post("/pause").json()["mode"] == "paused"
    mover.post("/stop")
    mover.wait(lambda state: state["run_id"] is None)
    while (told := code(mover.post("/skills", HOME))) == (409, "busy"):  # with what follows the run in its thread
        time.sleep(0.01)
    assert told == (409, "paused")
    assert mover.state()["mode"] == "paused" and mover.board().is_paused
    assert mover.post("/resume").json()["mode"] == "stopped"
    assert mover.post("/skills", HOME).json()["status"] == "done"


@pytest.mark.parametrize("verb", ["stop", "estop", "stop"])
def test_no_motion_is_later_than_the_confirmation_of_its_stop(mover: Robot, verb: str):
    set_off(mover)
    told = mover.post(f"/{verb}").json()["stop"]
    assert told["kind"] == verb
    stop = mover.wait(lambda state: state["stop"]["confirmed_s"] is not None)["stop"]
    assert stop["number"] == told["number"] and told["confirmed_s"] in (None, stop["confirmed_s"])
    time.sleep(0.3)  # six control periods
    assert mover.state()["last_motion_s"] <= stop["confirmed_s"] and stop["latched_s"] <= stop["confirmed_s"]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that gets nowhere, as if a picture took for ever."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while any(state != "T" for state in states(pid)):  # a thread that runs stops a little later
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def states(pid: int) -> list[str]:
    """What each thread of a process is at, "T" for stopped."""
    return [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]


def test_a_world_that_is_held_up_confirms_later_and_an_event_says_so(mover: Robot):
    """The answer does not wait for it: latched, not yet confirmed."""
    set_off(mover)
    with frozen(mover.world_pid()):
        asked_s = time.monotonic()
        stop = mover.post("/stop").json()["stop"]
        assert stop["confirmed_s"] is None and asked_s <= stop["latched_s"] <= time.monotonic()
        time.sleep(0.2)
        assert mover.state()["stop"]["confirmed_s"] is None
        thawed_s = time.monotonic()
    event = mover.event(lambda event: event.get("kind") == "confirmed" and event["stop"]["number"] == stop["number"])
    assert event["stop"]["confirmed_s"] >= thawed_s
    time.sleep(0.2)
    assert mover.state()["last_motion_s"] <= event["stop"]["confirmed_s"]
    assert mover.state()["stop"] == event["stop"]


def test_a_robot_at_rest_confirms_a_stop_as_well(robot: Robot):
    """Nothing asks its gate, so its world looks by itself."""
    robot.post("/stop")
    assert robot.wait(lambda state: state["stop"]["confirmed_s"] is not None)["stop"]["kind"] == "stop"


def test_the_stop_of_all_robots_reaches_those_that_are_being_opened(lean: Served):
    """Its scene is not made, or the robot is there with the emergency stop latched."""
    with lean.new_client() as client:
        before = client.post("/v1/estop").json()["robots"]
        answers: list[httpx.Response] = []
        instruction = {"task": "stack", "planner": "oracle", "client": "tests"}
        opening = threading.Thread(target=lambda: answers.append(lean.client.post("/v1/sessions", json=instruction)))
        opening.start()
        while not answers and client.post("/v1/estop").json()["robots"] == before:
            time.sleep(0.02)
        opening.join()
    opened = answers[0].json()
    if answers[0].status_code == 201:
        assert opened["session"]["mode"] == "estopped"
        lean.client.delete(f"/v1/sessions/{opened['session']['session_id']}", headers={"X-Lease": opened["lease"]})
    else:
        assert code(answers[0]) == (409, "stopped")
