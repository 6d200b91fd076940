"""A robot led by chunks: what was carried out is read from its clock and joints, what went wrong is planned around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.planning.language import Plan
from embodied.serving.bridges.follower import Follower
from envs.interface import Observation, Outcome, Referent, Rehearsal, SkillCall

PICK, PLACE = SkillCall("pick", (Referent("obj_1"),)), SkillCall("place_in", (Referent("obj_2"),))
REST = 8  # periods after a call
DONE = Outcome("done", "", 1.0)


def seen(time_s: float, joint: float = 0.0, width_m: float = 0.08) -> Observation:
    return Observation({}, {}, {}, np.full(3, joint), np.zeros(7), width_m, time_s)


class Scripted:
    """A planner that says what it was told to, and remembers what it was asked."""

    def __init__(self, *plans: Plan) -> None:
        self.plans, self.asked = list(plans), []

    def plan(self, instruction, observation, history):
        self.asked.append((instruction, [(t.call.skill, t.outcome.status, t.outcome.reason) for t in history]))
        return self.plans.pop(0)


class Rehearsals:
    """25 targets a call, each a hundredth further; what is held goes along."""

    def __init__(self) -> None:
        self.held: list = []
        self.refused = False

    def __call__(self, call, observation, held):
        self.held.append(held)
        if self.refused:
            return Rehearsal(np.zeros((0, 3)), Outcome("refused", "too far", 0.0), held)
        ramp = observation.joint_pos + 0.01 * np.arange(1, 26)[:, None]
        return Rehearsal(ramp, DONE, ("block",) if call.skill == "pick" else None)


def follow(*plans: Plan) -> tuple[Follower, Scripted, Rehearsals]:
    planner, rehearsals = Scripted(*plans), Rehearsals()
    return Follower(planner, rehearsals, control_hz=20, horizon=10, fingers=1), planner, rehearsals


def test_chunks_follow_each_other_to_the_rest_after_a_call():
    robot, _, _ = follow(Plan((PICK,)))
    chunks = [robot.act("go", seen(0.5 * i, 0.1 * i if i < 3 else 0.25)) for i in range(4)]
    told = np.concatenate([c.actions[:, 0] for c in chunks])
    assert told.dtype == np.float32 and [c.actions.shape for c in chunks] == [(10, 3)] * 4
    assert np.allclose(told, np.minimum(0.01 * np.arange(1, 41), 0.25), atol=1e-6)
    assert [c.left for c in chunks] == [25 + REST, 15 + REST, 5 + REST, REST - 5]


@pytest.mark.parametrize("used", [1, 3, 10])
def test_what_was_not_carried_out_is_told_again(used):
    robot, _, _ = follow(Plan((PICK,)))
    robot.act("go", seen(0.0))
    chunk = robot.act("go", seen(used / 20, 0.01 * used))
    assert np.allclose(chunk.actions[:, 0], 0.01 * np.arange(used + 1, used + 11), atol=1e-6)


def test_time_that_passes_without_commands_counts_no_further_than_the_chunk():
    robot, _, _ = follow(Plan((PICK,)))
    robot.act("go", seen(0.0))
    assert robot.act("go", seen(60.0, 0.1)).left == 15 + REST


def test_a_plan_is_followed_and_asked_for_again_after_a_placing():
    robot, planner, rehearsals = follow(Plan((PICK, PLACE), text="pick; place"), Plan(()))
    skills, time_s = [], 0.0
    while (chunk := robot.act("go", seen(time_s, 0.25, 0.04))).end == "":
        skills.append(chunk.skill)
        time_s += 0.5
    assert skills == ["pick"] * 4 + ["place_in"] * 4 and chunk.end == "done" and len(planner.asked) == 2
    assert rehearsals.held == [None, ("block",)]
    assert planner.asked[1] == ("go", [("pick", "done", ""), ("place_in", "done", "")])
    assert np.allclose(chunk.actions, 0.5)  # it holds still where the last skill left it
    assert robot.act("go", seen(time_s + 9)).end == "done" and len(planner.asked) == 2


def test_fingers_that_met_end_a_pick_in_failure():
    robot, planner, rehearsals = follow(Plan((PICK, PLACE)), Plan((PICK,)))
    for i in range(4):
        robot.act("go", seen(0.5 * i, 0.2))
    robot.act("go", seen(2.0, 0.25, width_m=0.001))
    assert planner.asked[1] == ("go", [("pick", "failed", "the gripper closed on nothing")])
    assert rehearsals.held == [None, None]


def test_an_arm_that_is_elsewhere_ends_a_call_in_failure():
    robot, planner, _ = follow(Plan((PICK,)), Plan((PICK,)))
    robot.act("go", seen(0.0))
    chunk = robot.act("go", seen(0.5, -1.0))
    assert planner.asked[1] == ("go", [("pick", "failed", "the arm is not where it was told to be")])
    assert np.allclose(chunk.actions[0], -0.99)  # the next way begins where the arm is


def test_refused_calls_are_planned_around_until_patience_ends():
    robot, planner, rehearsals = follow(*[Plan((PICK,))] * 8)
    rehearsals.refused = True
    chunk = robot.act("go", seen(0.0, 0.7))
    assert chunk.end == "failed: 8 of 8 calls failed" and len(planner.asked) == 8
    assert planner.asked[1][1] == [("pick", "refused", "too far")]
    assert np.allclose(chunk.actions, 0.7)
    assert np.allclose(robot.act("go", seen(0.5, 0.6)).actions, 0.7)  # what gravity draws down is not followed


def test_fingers_go_on_pulling_when_the_arm_is_stopped_for_good():
    robot, _, _ = follow(Plan((PICK,)), Plan((), refusal="enough"))
    robot.act("go", seen(0.0))
    chunk = robot.act("go", seen(0.5, -1.0))
    assert chunk.end == "refused: enough" and np.allclose(chunk.actions, [[-1.0, -1.0, 0.1]])


def test_a_refusal_is_passed_on_with_its_hint():
    robot, _, _ = follow(Plan((), refusal="I see no objects", hint="look down"))
    chunk = robot.act("go", seen(0.0))
    assert (chunk.end, chunk.hint, chunk.skill) == ("refused: I see no objects", "look down", "")


def test_a_new_prompt_counts_when_the_skill_is_over():
    robot, planner, _ = follow(Plan((PICK, PLACE)), Plan((PLACE,)))
    robot.act("go", seen(0.0))
    assert robot.act("stay", seen(0.5, 0.1)).skill == "pick" and len(planner.asked) == 1
    for i in range(2, 4):
        robot.act("stay", seen(0.5 * i, 0.25))
    assert robot.act("stay", seen(2.0, 0.25, 0.04)).skill == "place_in"
    assert planner.asked[1] == ("stay", [("pick", "done", "")])


def test_an_earlier_time_is_a_new_episode():
    robot, planner, rehearsals = follow(Plan((PICK,)), Plan((PICK,)))
    for i in range(3):
        robot.act("go", seen(0.5 * i, 0.1 * i))
    assert robot.act("go", seen(0.0)).left == 25 + REST
    assert planner.asked[1] == ("go", []) and rehearsals.held == [None, None]


def test_a_call_whose_rehearsal_broke_down_is_not_lost():
    robot, planner, rehearsals = follow(Plan((PICK,)))
    robot.rehearse = lambda *_: (_ for _ in ()).throw(RuntimeError("gone"))
    with pytest.raises(RuntimeError):
        robot.act("go", seen(0.0))
    robot.rehearse = rehearsals
    assert robot.act("go", replace(seen(0.0), time_s=0.0)).skill == "pick" and len(planner.asked) == 1
