"""Rows 38 and 43 of the faults to survive: bodies that are no message. Always a 4xx without an echo."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.embodied.serving.served import Robot, Served

JOINTS = b'{"joint_pos": [%s, 0, 0, -1.5, 0, 1.5, 0, 0.04, 0.04]}'
SECRET = "what-was-sent-stays-unsaid"
ROUTES = ("/v1/sessions", "/targets", "/skills", "/instructions", "/corrections", "/lease", "/reset", "/estop/reset",
          "/v1/chat/completions", "/v1/lerobot/generate_text", "/v1/plan")

BODIES = {
    "empty": b"",
    "blank": b"   \n",
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "number": b"7",
    "truncated": b'{"instruction": "put the',
    "trailing": b'{"instruction": "go"} and more',
    "single quotes": b"{'instruction': 'go'}",
    "bad UTF-8": b'{"instruction": "\xff\xfe\xc3("}',
    "lone surrogate": b'{"instruction": "\\ud800", "text": "\\udfff", "client": "\\ud800"}',
    "NUL bytes": b"\x00" * 64,
    "deep lists": b"[" * 100_000,
    "deep maps": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "5,000 digits": b'{"sequence": %s, "seed": %s}' % (b"9" * 5000, b"9" * 5000),
    "a million elements": b"[" + b"0," * 100_000 + b"0]",
    "a million elements where joints go": b'{"joint_pos": [' + b"0," * 100_000 + b"0]}",
    "many keys": json.dumps({f"k{i}": i for i in range(15_000)}).encode(),
    "msgpack": b"\x82\xa1a\xc0\xa1b\xc1",
    "a form": b"instruction=go&joint_pos=0",
}

NUMBERS = {"NaN": b"NaN", "Infinity": b"Infinity", "-Infinity": b"-Infinity", "1e999": b"1e999", "text": b'"1"',
           "bool": b"true", "null": b"null", "list": b"[1]", "text nan": b'"nan"'}


def refused(answer: httpx.Response) -> dict[str, str]:
    """The error of an answer that says what was expected, in a few words, and nothing of what was sent."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert len(answer.content) < 1200
    error = answer.json()["error"]
    assert set(error) == {"code", "message"} and all(isinstance(v, str) for v in error.values())
    assert SECRET not in answer.text and "Traceback" not in answer.text and ".py" not in answer.text
    return error


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_row_43_bodies_that_are_no_message(robot: Robot, route: str, body: bytes):
    path = route if route.startswith("/v1") else robot.path + route
    headers = {**robot.headers, "content-type": "application/json"}
    refused(robot.served.client.post(path, content=body, headers=headers))


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_row_38_numbers_that_are_none(robot: Robot, number: bytes):
    """In every place of every message where a number goes."""
    before = robot.telemetry()
    for path, body in (
            ("/targets", JOINTS % number),
            ("/targets", b'{"joint_chunk": [[0,0,0,0,0,0,0,0,%s]]}' % number),
            ("/targets", b'{"tool_position_m": [0.5, %s, 0.3]}' % number),
            ("/targets", b'{"tool_position_m": [0.5, 0.0, 0.3], "jaw_yaw_rad": %s}' % (number if number != b"null"
                                                                                      else b'"0"')),
            ("/skills", b'{"skill": "pick", "arguments": {"object": {"box": {"center": [0.5, %s, 0.0], "size": '
                        b'[0.04, 0.04, 0.04], "yaw": 0}}}}' % number),
            ("/skills", b'{"skill": "pick", "arguments": {"object": {"camera": "front", "pixel": [3, %s]}}}' % number)):
        refused(robot.post(path, content=body, headers={**robot.headers, "content-type": "application/json"}))
    opening = b'{"task": "stack", "planner": "oracle", "seed": %s, "speed": %s}' % (number, number)
    refused(robot.served.client.post("/v1/sessions", content=opening, headers={"content-type": "application/json"}))
    assert robot.telemetry().motions == before.motions


@pytest.mark.parametrize("path, body", [
    *(("/instructions", {"instruction": word}) for word in (7, ["go"], "", "x" * 1001, None, True)),
    *(("/instructions", {"instruction": "go", "sequence": number}) for number in ("1", True, 1.5, -1, 2**60)),
    *(("/instructions", {"instruction": "go", "deadline_s": number}) for number in (0, -1, 601, "1")),
    *(("/targets", body) for body in (
        {}, {"joint_pos": []}, {"joint_pos": [0.0] * 5}, {"joint_pos": [0.0] * 17}, {"joint_chunk": []},
        {"joint_chunk": [[0.0] * 9] * 401}, {"joint_chunk": [[0.0] * 9, [0.0] * 8]},
        {"joint_pos": [0.0] * 9, "tool_position_m": [0.0] * 3})),
    *(("/skills", {"skill": skill}) for skill in ("pick", "fly", "", "home; home", ["home"], None)),
    *(("/skills", {"skill": "pick", "arguments": {"object": thing}}) for thing in (
        "obj_1", {"name": "obj_1; home()"}, {"name": "obj_99"}, {"name": "obj_1", "box": {}},
        {"camera": "../front", "pixel": [1, 1]}, {"camera": "front", "pixel": [1, 2, 3]},
        {"camera": "front", "pixel": [4096, 0]})),
    ("/skills", {"skill": "navigate_to", "arguments": {"landmark": {"name": "obj_1"}}}),
    *(("/reset", body) for body in ({"seed": -1}, {"require": ["red block"] * 9}, {"require": ["unobtainium block"]})),
    ("/lease", {"client": "a\nb"}), ("/corrections", {"text": ""}), ("/estop/reset", {"confirm": "The robot is clear"}),
], ids=lambda value: value if isinstance(value, str) else json.dumps(value)[:40])
def test_row_43_values_of_the_wrong_kind_or_size(robot: Robot, path: str, body: dict):
    before = robot.telemetry().motions
    refused(robot.post(path, body))
    assert robot.telemetry().motions == before


def test_row_38_what_was_sent_is_not_said_again(lean: Served):
    for body in ({"task": SECRET}, {"task": "stack", SECRET: 1}, {"task": "stack", "client": SECRET * 10},
                 {"task": "stack", "require": [SECRET * 5]}):
        answer = lean.client.post("/v1/sessions", json=body)
        assert answer.status_code == 422
        assert SECRET not in answer.text or body.get(SECRET), "only the name of a field may be told, cut short"
        assert len(answer.text) < 1000


def test_row_43_a_scene_that_cannot_be_leaves_the_robot_in_one_that_is(robot: Robot):
    """A refused reset has cleared the table: what stands on it afterwards is a whole scene again."""
    refused(robot.post("/reset", {"seed": 3, "require": ["unobtainium block"]}))
    run = robot.ready().post("/instructions?wait=true", {"instruction": robot.state()["instruction"]})
    assert (run.status_code, run.json()["is_success"]) == (200, True)
