"""Environments in numbers: what words name comes first, choices are calls, and copies begin anew."""

from __future__ import annotations

import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.numeric import POSE_NUMBERS, named_in

BODY = 10  # of the peg: two joints, seven of its pose, one opening


def make(env_id: str, **kwargs):
    return gymnasium.make(f"envs:embodied/{env_id}-v0", instruction=False, **kwargs)


@pytest.fixture
def reaching():
    env = make("BoardPointToBlockJoint", privileged=True)
    yield env
    env.close()


def test_the_named_block_comes_first(reaching):
    for seed in range(5):
        observation, _ = reaching.reset(seed=seed)
        world = reaching.unwrapped
        [name] = [name for name in world.world.names() if name in world.instruction]
        assert np.allclose(observation[BODY:BODY + 3], world.world.pose(name)[0], atol=1e-6)
        assert observation in reaching.observation_space
        there = (len(observation) - BODY) // POSE_NUMBERS
        filled = observation[BODY:].reshape(there, POSE_NUMBERS)[:, :3].any(axis=1)
        assert filled.sum() == len(world.world.names())


def test_joint_actions_are_as_they_were_and_pay_for_progress(reaching):
    observation, _ = reaching.reset(seed=1)
    total, is_over = 0.0, False
    while not is_over:
        observation, reward, terminated, truncated, info = reaching.step(observation[BODY:BODY + 2])
        total, is_over = total + reward, terminated or truncated
    assert info["is_success"] and total > 0.9


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped", "ignore:.*symmetric and normalized")
@pytest.mark.parametrize(("env_id", "kwargs"), [
    ("BoardPointToBlockJoint", {"privileged": True}), ("TampGrasp", {"privileged": True}), ("Kitchen", {})])
def test_spaces_are_kept_to(env_id, kwargs):
    env = make(env_id, **kwargs)
    check_env(env, skip_render_check=True)
    spaces = env.observation_space.spaces.values() if isinstance(env.observation_space, gymnasium.spaces.Dict) else [
        env.observation_space]
    assert all(isinstance(space, gymnasium.spaces.Box) for space in spaces), "nothing nested, no text"
    env.close()


def test_a_choice_is_a_call_of_what_was_observed():
    env = make("TampGrasp", privileged=True)
    env.reset(seed=3)
    numeric = env.get_wrapper_attr("choices")
    first = numeric.index(("pick", (0,)))
    things = env.get_wrapper_attr("things")()
    call = env.get_wrapper_attr("call_of")(first)
    assert call.skill == "pick" and call.arguments[0].words == things[0]
    _, _, _, _, info = env.step(first)
    assert info["outcome"]["status"] == "done"
    env.close()


def test_a_place_where_nothing_stands_is_refused():
    env = make("TampGrasp", privileged=True, max_objects=4)
    env.reset(seed=3)
    last = max(place for _, arguments in env.get_wrapper_attr("choices") for place in arguments if arguments)
    while len(env.get_wrapper_attr("things")()) > last:
        env.reset()
    outcome = env.step(env.get_wrapper_attr("choices").index(("pick", (last,))))[4]["outcome"]
    assert outcome["status"] in ("refused", "failed")
    env.close()


@pytest.mark.parametrize(("text", "named"), [
    ("How to stack the white object on top of the red object?", ["white block", "red block"]),
    ("put the green dish on the Red cube", ["green bowl", "red block"]), ("grasp the blue one", ["blue block"]),
    ("push the red star to the other block", ["red star"]), ("clear the table", [])])
def test_things_are_named_in_the_order_of_the_words(text, named):
    assert named_in(text, ("red block", "white block", "blue block", "green bowl", "red star", "green star")) == named


def test_which_things_are_named_is_told_where_nothing_is_privileged():
    env = make("Kitchen")
    observation, _ = env.reset(seed=2, options={"instruction": "bring the sponge to the table, then the apple",
                                                "require": ("apple", "sponge")})
    names = env.unwrapped.domain.entity_names
    told = {name: float(value) for name, value in zip(names, observation["named"], strict=True) if value}
    assert told == {"sponge": 1.0, "apple": 0.5} and set(observation) == {"body", "named", "head", "wrist"}
    env.close()


@pytest.mark.parametrize(("env_id", "kwargs", "message"), [
    ("BoardPointToBlock", {"privileged": True}, "free text has no list"),
    ("TampGrasp", {}, "privileged=True"), ("TampGrasp", {"isolated": True}, "isolated=False")])
def test_what_cannot_be_chosen_by_number_is_refused(env_id, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(env_id, **kwargs)


@pytest.mark.parametrize(("env_id", "kwargs"), [
    ("BoardPointToBlockJoint", {"instruction": False, "privileged": True}), ("TampGrasp", {"image_size": 32}),
    ("TampGrasp", {"image_size": 32, "isolated": True})])
def test_an_environment_is_pickled_as_one_of_the_same_arguments(env_id, kwargs):
    env = gymnasium.make(f"envs:embodied/{env_id}-v0", **kwargs)
    env.reset(seed=5)
    copy = pickle.loads(pickle.dumps(env))
    assert copy.observation_space == env.observation_space and copy.action_space == env.action_space
    one, other = env.reset(seed=6)[0], copy.reset(seed=6)[0]
    if isinstance(one, dict):
        one, other = one["rgb"]["front"], other["rgb"]["front"]
    assert np.array_equal(one, other)
    env.close(), copy.close()


def test_one_that_was_made_directly_says_how_to_make_it():
    from envs.joint_env import JointEnv

    env = JointEnv("board", "point_to_block", cameras=[])
    with pytest.raises(TypeError, match="by its id"):
        pickle.dumps(env)
    env.close()
