"""A robot led by chunks: what was carried out is read from its clock and joints, what went wrong is planned around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.planning.language import Plan
from embodied.serving.bridges.episodes import (
    FASTEST_RAD_S,
    JOINT_SLACK_RAD,
    LONGEST_GAP_S,
    MOST_CHANGED,
    MOST_CHANGED_AT_ONCE,
    Marks,
    changed_share,
    views_of,
)
from embodied.serving.bridges.follower import Follower, end_of
from envs.interface import Camera, Observation, Outcome, Referent, Rehearsal, SkillCall
from envs.skills.signatures import TABLETOP
from tests.embodied.serving.served import ROOT

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
    return Follower(planner, TABLETOP, rehearsals, control_hz=20, horizon=10, fingers=1), planner, rehearsals


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
    assert robot.act("go", seen(LONGEST_GAP_S, 0.1)).left == 15 + REST


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
    chunk = robot.act("go", seen(time_s + LONGEST_GAP_S, 0.25))
    assert (chunk.end, chunk.begun, len(planner.asked)) == ("done", "", 2)


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


def scene(time_s: float, blocks: int = 0, joint: float = 0.0) -> Observation:
    """A table under a camera that looks straight down from 1 m, and so many blocks of 10 x 10 px and 5 cm on it."""
    depth, rgb = np.ones((96, 96), np.float32), np.full((96, 96, 3), 128, np.uint8)
    for block in range(blocks):
        depth[20 * (block // 4) + 5:20 * (block // 4) + 15, 20 * (block % 4) + 5:20 * (block % 4) + 15] = 0.95
    camera = Camera(np.array([[96.0, 0, 48], [0, 96, 48], [0, 0, 1]]),
                    np.array([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 1], [0, 0, 0, 1]]))
    return replace(seen(time_s, joint), rgb={"top": rgb}, depth={"top": depth}, cameras={"top": camera},
                   tool_pose=np.array([5.0, 5, 0.5, 0, 0, 0, 1]))


REFUSED_A = Plan((), refusal="I see no red block")
JUMPS = {"the clock goes back": (scene(1.0, 2), scene(0.5, 2), "the clock went back"),
         "a long time": (scene(1.0, 2), scene(1.1 + LONGEST_GAP_S, 2), "the clock went on by 5.1 s"),
         "joints elsewhere": (scene(1.0, 2), scene(1.1, 2, 0.1 + FASTEST_RAD_S * 0.1 + JOINT_SLACK_RAD),
                              "a joint moved"),
         "another scene": (scene(1.0, 2), scene(1.5, 6), "of the table changed"),
         "another scene at the same time": (scene(0.05, 1), scene(0.05, 2), "of the table changed")}


@pytest.mark.parametrize("name", JUMPS)
def test_what_no_motion_explains_is_a_new_episode(name):
    """Both the refusal of the scene before and its remaining targets are forgotten."""
    before, after, why = JUMPS[name]
    robot, planner, _ = follow(REFUSED_A, Plan((PICK,)), Plan((PICK,)))
    assert robot.act("go", before).end.startswith("refused")
    chunk = robot.act("go", after)
    assert (chunk.end, chunk.skill, chunk.left) == ("", "pick", 25 + REST) and why in chunk.begun
    robot, planner, _ = follow(Plan((PICK, PLACE)), REFUSED_A)
    assert robot.act("go", before).begun == "the first observation"
    chunk = robot.act("go", after)
    assert chunk.end == "refused: I see no red block" and chunk.left == 0 and planner.asked[1] == ("go", [])
    assert np.allclose(chunk.actions, after.joint_pos)  # it holds still where it is, not where the old way led


def test_what_a_motion_explains_goes_on():
    robot, planner, _ = follow(Plan((PICK,)))
    first = robot.act("go", scene(1.0, 2))
    again = robot.act("go", scene(1.0, 2))
    on = robot.act("go", scene(1.5, 2, 0.1))
    assert (first.begun, again.begun, on.begun, on.left) == ("the first observation", "", "", 15 + REST)
    assert len(planner.asked) == 1


def test_a_client_that_says_where_its_episodes_begin_is_believed():
    robot, planner, _ = follow(*[Plan((PICK,))] * 5)
    said = [robot.act("go", scene(1.0, 2), Marks(episode="a")), robot.act("go", scene(99.0, 8), Marks(episode="a")),
            robot.act("go", scene(99.5, 8), Marks(episode="b")), robot.act("go", scene(1.0, 8), Marks(episode="b")),
            robot.act("go", scene(1.5, 8), Marks("b", reset=True)), robot.act("go", scene(99.0, 1), Marks("b", False))]
    assert [chunk.begun for chunk in said] == ["the first observation", "", "another episode", "the clock went back",
                                               "reset", ""]
    assert len(planner.asked) == 4 and [history for _, history in planner.asked] == [[]] * 4


def test_time_that_an_answer_took_is_no_gap():
    robot, _, _ = follow(Plan((PICK,)), Plan((PICK,)))
    robot.act("go", scene(1.0, 2))
    robot._answer_s = 20.0
    assert robot.act("go", scene(1.0 + LONGEST_GAP_S + 19, 2)).begun == ""
    assert "went on" in robot.act("go", scene(1.0 + 2 * (LONGEST_GAP_S + 19), 2)).begun


def share(before: Observation, now: Observation) -> float:
    return changed_share(views_of(before), views_of(now))


def test_one_block_that_moves_is_the_same_scene_and_noise_is_none():
    rng, still, moved = np.random.default_rng(0), scene(0.0, 5), scene(0.0, 5)
    depth = moved.depth["top"]
    depth[5:15, 5:15], depth[45:49, 45:49] = 1.0, 0.95  # taken away; something small elsewhere
    noisy = replace(still, depth={"top": still.depth["top"] + rng.normal(0, 0.006, depth.shape).astype(np.float32)})
    assert share(still, noisy) < MOST_CHANGED_AT_ONCE < share(still, moved) < MOST_CHANGED
    assert share(scene(0.0, 2), scene(0.0, 6)) > MOST_CHANGED
    red = still.rgb["top"].copy()
    red[5:15, 5:75] = 200, 60, 60
    assert share(still, replace(still, rgb={"top": red})) > MOST_CHANGED  # the same places, other things
    assert share(still, replace(still, rgb={"top": still.rgb["top"] // 2})) == 0.0  # a shadow
    near = replace(moved, tool_pose=np.array([(10 - 48) / 96, -(10 - 48) / 96, 0.1, 0, 0, 0, 1]))
    assert share(still, near) < share(still, moved)


def test_the_docs_state_the_bounds():
    text = (ROOT / "docs" / "serving.md").read_text()
    told = [f"{LONGEST_GAP_S} s", f"{FASTEST_RAD_S} rad/s", f"{JOINT_SLACK_RAD} rad",
            f"{100 * MOST_CHANGED:.1f} % of it", f"{100 * MOST_CHANGED_AT_ONCE:.1f} % while the clock stands"]
    assert [bound for bound in told if bound not in text] == []


def test_a_call_whose_rehearsal_broke_down_is_not_lost():
    robot, planner, rehearsals = follow(Plan((PICK,)))
    robot.rehearse = lambda *_: (_ for _ in ()).throw(RuntimeError("gone"))
    with pytest.raises(RuntimeError):
        robot.act("go", seen(0.0))
    robot.rehearse = rehearsals
    assert robot.act("go", replace(seen(0.0), time_s=0.0)).skill == "pick" and len(planner.asked) == 1


@pytest.mark.parametrize(("plan", "end"), [
    (Plan((), question="Which one?"), "refused: Which one?"), (Plan((), answer="Two."), "answered: Two."),
    (Plan((), refusal="I see no bowl"), "refused: I see no bowl"), (Plan(()), "done")])
def test_what_is_no_call_ends_the_prompt_as_what_it_is(plan, end):
    assert end_of(plan) == end
