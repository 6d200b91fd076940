"""The closed loop over a toy environment: when it looks again, why it ends, and what it never lets through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embodied.agents.oracle import OraclePlanner
from embodied.planning.closed_loop import plan_seed, play, run, summarize
from embodied.planning.language import Plan, parse
from embodied.prompt import Prompt, Sample
from envs.interface import Box, Referent, SkillCall
from envs.skills.signatures import TABLETOP, TABLETOP_GOALS
from tests.embodied.planning.scenes import ToyEnv, raw_observation

PLACE = "pick(obj_1); place_in(obj_2); "


class Scripted:
    """Plans one text after the other, the last one for ever."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.asked = list(texts), []

    def plan(self, instruction, observation, history) -> Plan:
        self.asked.append((instruction, len(history)))
        return parse(self.texts.pop(0) if len(self.texts) > 1 else self.texts[0], TABLETOP, objects=12)


def test_an_episode_ends_in_success_and_tells_how_it_went():
    env = ToyEnv(goal=1)
    steps = list(run(env, OraclePlanner(env), seed=0, options={"instruction": "x"}))
    assert [s.transition.call.skill for s in steps] == ["pick", "place_in"]
    assert [s.is_new_plan for s in steps] == [True, False]
    assert [s.end for s in steps] == [None, "success"] and env.options == {"instruction": "x"}
    summary = summarize(steps)
    assert (summary.is_success, summary.progress, summary.acting_s) == (True, 1.0, 4.0)
    assert (summary.calls, summary.failures, summary.replans) == (2, 0, 0)


class Drawn(Scripted):
    """A planner that is given a seed for each plan."""

    def plan(self, instruction, observation, history, *, seed=None) -> Plan:
        plan = super().plan(instruction, observation, history)
        return replace(plan, sample=Sample(plan.text, Prompt(()), seed=seed), turned_down=())


def seeds(planner, **settings) -> list[int | None]:
    return [s.seed for step in run(ToyEnv(goal=9), planner, **settings) for s in step.samples]


def test_plans_get_seeds_of_their_own_where_that_was_asked_for():
    texts = [PLACE * 2 + "done()", PLACE + "done()", "done()"]
    assert seeds(Drawn(*texts), seed=4) == [None] * 3
    drawn, again, other, elsewhere = (seeds(Drawn(*texts), seed=seed, sampling_seed=number)
                                      for seed, number in ((4, 1), (4, 1), (4, 2), (5, 1)))
    assert drawn == again == [plan_seed(1, 4, i) for i in range(3)]
    assert len({*drawn, *other, *elsewhere}) == 9 and all(0 <= seed < 2**31 for seed in drawn)


def test_a_planner_that_takes_no_seed_is_not_given_one():
    with pytest.raises(ValueError, match=r"whose plan takes seed.*Scripted"):
        run(ToyEnv(), Scripted("done()"), seed=0, sampling_seed=1)


@pytest.mark.parametrize(("replan", "looks_after", "texts"), [
    ("placing", [0, 2, 4], [PLACE * 2 + "done()", PLACE + "done()", "done()"]),
    ("failure", [0, 4], [PLACE * 2 + "done()", "done()"]),
    ("step", [0, 1, 2], [PLACE + "done()", "place_in(obj_2); done()", "done()"]),
])
def test_when_it_looks_again(replan: str, looks_after: list[int], texts: list[str]):
    planner = Scripted(*texts)
    steps = list(run(ToyEnv(goal=9), planner, seed=0, replan=replan))
    assert [length for _, length in planner.asked] == looks_after
    assert steps[-1].end == "done" and steps[-1].transition is None and steps[-1].is_new_plan
    assert [s.index for s in steps] == list(range(len(steps)))


class Goals(ToyEnv):
    """A table where things can be put down at parts of it."""

    language = TABLETOP_GOALS

    def encode(self, call: SkillCall) -> dict[str, Any]:
        return {"call": call}


class Planned:
    """Plans one list of calls."""

    def __init__(self, *calls: SkillCall) -> None:
        self.calls, self.asked = calls, []

    def plan(self, instruction, observation, history) -> Plan:
        self.asked.append(len(history))
        return Plan(self.calls[len(history):])


@pytest.mark.parametrize(("first", "looks_after"), [("blue", [0, 2, 4]), ("green", [0, 4])])
def test_it_looks_again_where_the_plan_goes_on_with_what_was_put_down_elsewhere(first: str, looks_after: list[int]):
    thing = {color: Referent(color, Box((x, 0.0, 0.02), (0.04, 0.04, 0.04)))
             for color, x in (("red", 0.4), ("green", 0.5), ("blue", 0.6))}
    planner = Planned(SkillCall("pick", (thing[first],)), SkillCall("put_down_at", ("left",)),
                      SkillCall("pick", (thing["red"],)), SkillCall("place_on", (thing["blue"],)))
    list(run(Goals(goal=9), planner, seed=0))
    assert planner.asked == looks_after


class Doubting(Planned):
    """Takes some calls for failures, by their number."""

    def __init__(self, *calls: SkillCall, doubted: tuple[int, ...]) -> None:
        super().__init__(*calls)
        self.doubted, self.judged = doubted, []

    def doubts(self, history) -> bool:
        self.judged.append(len(history))
        return len(history) in self.doubted


@pytest.mark.parametrize(("doubted", "looks_after"), [((), [0, 4]), ((1,), [0, 1, 4]), ((4,), [0, 4])])
def test_it_looks_again_where_the_planner_doubts_that_a_call_did_what_it_was_for(doubted, looks_after):
    red = Referent("red", Box((0.4, 0.0, 0.02), (0.04, 0.04, 0.04)))
    planner = Doubting(SkillCall("pick", (red,)), SkillCall("put_down_at", ("left",)), SkillCall("home", ()),
                       SkillCall("home", ()), doubted=doubted)
    list(run(Goals(goal=9), planner, seed=0))
    assert planner.asked == looks_after
    assert planner.judged == [1, 2, 3]  # after the last one it looks again in any case


class Unjudged(ToyEnv):
    """Does what it is told, and knows no goal of such words."""

    def reset(self, **kwargs):
        raw, info = super().reset(**kwargs)
        return raw, {**info, "is_judged": False}

    def step(self, action):
        raw, reward, _, truncated, info = super().step(action)
        return raw, reward, False, truncated, {**info, "is_success": False, "is_judged": False}


def test_what_nobody_judges_is_done_and_not_a_success():
    steps = list(run(Unjudged(), Scripted(PLACE + "done()", "done()"), seed=0))
    assert (steps[-1].end, steps[-1].is_success, steps[-1].ending) == ("done", None, "done, but not judged")
    assert summarize(steps).is_success is None and all(step.ending == "" for step in steps[:-1])


def test_done_is_what_the_planner_says_and_success_what_the_judge_says():
    last = list(run(ToyEnv(goal=9), Scripted("done()"), seed=0))[-1]
    assert (last.end, last.is_success, last.ending) == ("done", False, "done, but the goal is not reached")
    assert replace(last, info={}).is_success is None  # an environment that knows no goals
    assert replace(last, info={"is_success": True}).ending == "success"


def test_a_failure_drops_the_rest_of_the_plan():
    env = ToyEnv(script=("failed",))
    steps = list(run(env, Scripted(PLACE + "done()"), seed=0))
    assert [call.skill for call in env.calls] == ["pick", "pick", "place_in"]
    assert steps[-1].end == "success" and steps[-1].replans == 1


def test_it_gives_up_after_too_many_failures():
    summary = play(ToyEnv(script=("failed",) * 50), Scripted(PLACE + "done()"), seed=0, max_failures=3)
    assert summary.calls == 3
    assert summary.end == "failed: 3 calls failed, the last one because the gripper closed on nothing"


def test_it_gives_up_when_out_of_calls():
    summary = play(ToyEnv(goal=99), Scripted(PLACE + "done()"), seed=0, max_calls=5)
    assert (summary.calls, summary.end) == (5, "failed: out of calls")


def test_a_refusal_ends_it_before_any_motion():
    env = ToyEnv()
    steps = list(run(env, Scripted("refuse(I see no purple block)"), seed=0))
    assert [s.end for s in steps] == ["refused: I see no purple block"] and env.calls == []


SPOILT = {
    "nan depth": ({"depth": {n: np.full((8, 8), np.nan, np.float32) for n in ("front", "top")}}, "depth.front"),
    "float image": ({"rgb": {n: np.zeros((8, 8, 3)) for n in ("front", "top")}}, r"rgb.front is float64\[8, 8, 3\]"),
    "nan joints": ({"joint_pos": np.full(9, np.nan)}, "joint_pos"),
    "wrong shape": ({"tool_pose": np.zeros(6)}, r"tool_pose is float64\[6\], expected float64\[7\]"),
    "infinite time": ({"time_s": np.array([np.inf])}, "time_s"),
    "no depth": ({"depth": {}}, "KeyError at 'front'"),
    "not an array": ({"gripper_width_m": 0.08}, "gripper_width_m is float"),
    "no instruction": ({"instruction": None}, "instruction is NoneType"),
}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("name", SPOILT)
def test_no_planner_sees_a_bad_observation(name: str, at: int):
    spoilt, complaint = SPOILT[name]
    planner = Scripted(PLACE + "done()")
    steps = list(run(ToyEnv(spoil={at: spoilt}), planner, seed=0))
    assert len(steps) == 1 and len(planner.asked) == at and steps[-1].transition is None
    assert steps[-1].end.startswith("failed: nonfinite")
    with pytest.raises(AssertionError, match=complaint):
        raise AssertionError(steps[-1].end)


def test_good_observations_pass():
    from embodied.planning.observation_check import fault

    assert fault(raw_observation()) is None


def test_half_an_episode_has_no_summary():
    steps = run(ToyEnv(), Scripted(PLACE + "done()"), seed=0)
    with pytest.raises(ValueError, match="whole episode"):
        summarize([next(steps)])


class HeldEnv(ToyEnv):
    """Notes for how long it was held."""

    held_s = 0.0

    def hold(self, seconds: float) -> None:
        self.held_s += seconds


class Slow(Scripted):
    """Thinks for 1.5 s, it says."""

    def plan(self, *asked) -> Plan:
        return replace(super().plan(*asked), thinking_s=1.5)


@pytest.mark.parametrize(("latency", "held_s"), [("free", 0.0), ("charged", 3.0)])
def test_thinking_is_charged_to_the_world_where_asked(latency: str, held_s: float):
    env = HeldEnv(goal=9)
    summary = play(env, Slow(PLACE + "done()", "done()"), seed=0, latency=latency)
    assert (summary.replans, summary.thinking_s, env.held_s) == (1, 3.0, held_s)


@pytest.mark.parametrize("settings", [{"latency": "charged"}, {"latency": "never"}, {"replan": "never"}])
def test_unknown_settings_are_refused_at_once(settings: dict):
    with pytest.raises(ValueError, match="expected"):
        run(ToyEnv(), Scripted("done()"), seed=0, **settings)
