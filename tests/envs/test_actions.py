"""Skill calls as actions: every argument arrives, and nothing that is no call is acted on."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.actions import ActionError, CallActions
from envs.domains import find_domain
from envs.interface import DOMAINS, Box, Referent, SkillCall
from envs.skills.signatures import Parameter, Signature

LEFT, RIGHT, WORDS = Parameter("left", "object"), Parameter("right", "object"), Parameter("words", "text")
WAY, TURN = Parameter("way_m", "number", -0.2, 0.3), Parameter("turn_rad", "number", 0.0, 3.0)
ACTIONS = CallActions((
    Signature("home", (), "go home"), Signature("put_between", (LEFT, RIGHT), "put it between them", "release"),
    Signature("nudge", (LEFT, WAY), "push it on"), Signature("tell", (WORDS, TURN, RIGHT, WAY), "say and turn"),
), ("front", "top"), 64)
HERE = Referent("", box=Box((0.5, 0.25, 0.0), (0.0625, 0.0625, 0.125), 0.5))
THERE = Referent("", camera="top", pixel=(63, 0))

numbers = {p.name: st.floats(p.low, p.high) for p in (WAY, TURN)}
things = st.sampled_from([HERE, THERE])
texts = st.sampled_from(["", "push it", "红 \N{GRINNING FACE}"])
KINDS = {"object": lambda p: things, "text": lambda p: texts, "number": lambda p: numbers[p.name]}
calls = st.sampled_from([*ACTIONS.skills.values()]).flatmap(lambda s: st.builds(
    SkillCall, st.just(s.name), st.tuples(*(KINDS[p.kind](p) for p in s.parameters))))


@settings(deadline=None)
@given(calls)
def test_a_call_comes_back_with_all_its_arguments(call: SkillCall):
    action = ACTIONS.encode(call)
    assert ACTIONS.space.contains(action)
    assert ACTIONS.decode(action) == call


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_every_action_of_the_space_is_a_call_or_says_what_is_out_of_bounds(seed: int):
    ACTIONS.space.seed(seed)
    try:
        call = ACTIONS.decode(ACTIONS.space.sample())
    except ActionError as error:
        assert "is not a number from" in str(error), "the space holds the bounds of all skills together"
    else:
        assert ACTIONS.skills[call.skill].misfit(call.arguments) is None


@pytest.mark.parametrize(("call", "message"), [
    (SkillCall("fly"), "expected a skill of"),
    (SkillCall("put_between", (HERE,)), "has 1 arguments, it takes 2"),
    (SkillCall("put_between", (HERE, "the bowl")), "its right is nothing that was seen"),
    (SkillCall("nudge", (HERE, "far")), "its way_m is not a number from -0.2 to 0.3"),
    (SkillCall("nudge", (HERE, 0.4)), "its way_m is not a number from -0.2 to 0.3"),
    (SkillCall("nudge", (HERE, True)), "its way_m is not a number"),
    (SkillCall("tell", (HERE, 0.1, HERE, 0.1)), "its words is not words"),
    (SkillCall("put_between", (HERE, Referent("obj_2"))), "got 'obj_2', measured nowhere"),
    (SkillCall("put_between", (HERE, Referent("it", camera="side", pixel=(3, 4)))), "camera")])
def test_what_is_no_call_of_the_skill_has_no_action(call: SkillCall, message: str):
    with pytest.raises(ValueError, match=message):
        ACTIONS.encode(call)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"number": np.array([np.nan, 0.0])}, "nudge, its way_m is not a number from -0.2 to 0.3"),
    ({"number": np.array([np.inf, 0.0])}, "nudge, its way_m is not a number"),
    ({"number": np.array([0.31, 0.0])}, "nudge, its way_m is not a number"),
    ({"number": 0.1}, r"expected number of shape \[2\], got \[\]"), ({"number": "far"}, "number holds no numbers"),
    ({"box": np.zeros(7, np.float32)}, r"expected box of shape \[2, 7\], got \[7\]"),
    ({"place": np.zeros(7)}, "expected the parts box, camera, number, pixel, skill, text, got .* pixel, place"),
    ({"camera": np.array([9, 0]), "box": np.zeros((2, 7))}, "camera is no whole number from 0 to 1"),
    ({"skill": 9}, "skill is no whole number from 0 to 3")])
def test_a_malformed_action_is_no_call(changes: dict, reason: str):
    action = {**ACTIONS.encode(SkillCall("nudge", (HERE, 0.1))), **changes}
    with pytest.raises(ActionError, match=reason):
        ACTIONS.decode(action)


def test_text_of_the_old_form_is_told_the_new_one():
    action = ACTIONS.encode(SkillCall("tell", ("hello", 0.0, HERE, 0.0)))
    with pytest.raises(ActionError, match="expected text of 1 text in a tuple"):
        ACTIONS.decode({**action, "text": "hello"})


def test_a_robot_has_the_parts_that_its_skills_need():
    speaking = CallActions((Signature("say", (WORDS,), "say it"),), ("front",), 64)
    assert set(speaking.space) == {"skill", "text"} and set(CallActions((Signature("go", (), ""),)).space) == {"skill"}
    blind = CallActions((Signature("pick", (LEFT,), "grasp it"),))
    assert set(blind.space) == {"skill", "box"}
    with pytest.raises(ActionError, match="pixels have no depth here"):
        blind.decode(blind.encode(SkillCall("pick", (THERE,))))


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_cameras_of_a_language_are_those_of_its_world(domain: str):
    env = gymnasium.make(f"envs:embodied/{domain.capitalize()}-v0", image_size=16).unwrapped
    assert tuple(find_domain(domain).views(env.robot)) == env.domain.language.cameras
    env.close()


class Speaker(gymnasium.Env):
    """An environment that gives back the calls that it was sent."""

    observation_space, action_space = gymnasium.spaces.Discrete(1), ACTIONS.space

    def reset(self, **kwargs):
        return 0, {}

    def step(self, action):
        return 0, 0.0, False, False, {"call": ACTIONS.decode(action)}


def test_worlds_side_by_side_get_their_own_calls():
    side_by_side = SyncVectorEnv([Speaker, Speaker])
    both = [SkillCall("tell", (words, 0.5, HERE, 0.25)) for words in ("left", "right")]
    actions = tuple(map(ACTIONS.encode, both))
    batch = {key: np.stack([a[key] for a in actions]) for key in actions[0] if key != "text"}
    batch["text"] = tuple(zip(*(a["text"] for a in actions), strict=True))
    side_by_side.reset()
    *_, infos = side_by_side.step(batch)
    assert list(infos["call"]) == both


def test_bounds_are_told_by_the_space():
    assert ACTIONS.space["number"].low.tolist() == [-0.2, -0.2] and ACTIONS.space["number"].high.tolist() == [3.0, 3.0]
    assert replace(WAY, high=0.1).misfit(0.2) == "its way_m is not a number from -0.2 to 0.1"
