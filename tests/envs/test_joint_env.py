"""The joint-level environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401  registers the ids
from envs.interface import TASK_IDS

SMALL = {"image_size": 32, "render_size": (48, 64)}


# Joint targets are radians, not shares of a range; gymnasium only recommends the latter.
@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space.*")
@pytest.mark.parametrize("env_id", [i.replace("-v0", "Joint-v0") for i in (*TASK_IDS.values(), "embodied/Tabletop-v0")])
def test_gymnasium_finds_nothing_to_complain_about(env_id):
    env = gymnasium.make(env_id, render_mode="rgb_array", **SMALL)
    check_env(env.unwrapped, skip_render_check=False)


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space.*")
def test_another_arm_in_a_less_perfect_world_is_as_proper():
    env = gymnasium.make("embodied/StackJoint-v0", robot="xarm6", realism={"depth_noise_m": 0.01}, **SMALL)
    assert env.action_space.shape == (8,)
    check_env(env.unwrapped, skip_render_check=True)


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("embodied/StackJoint-v0", **SMALL)
    yield env
    env.close()


def test_same_actions_same_bits(env):
    def story() -> list[np.ndarray]:
        observation, _ = env.reset(seed=4)
        env.action_space.seed(0)
        seen = [observation]
        for _ in range(30):
            seen.append(env.step(env.action_space.sample())[0])
        return [np.concatenate([o["joint_pos"], o["tool_pose"], o["rgb"]["front"].ravel()]) for o in seen]

    first = story()
    env.reset(seed=11)
    env.step(env.action_space.sample())
    assert all(np.array_equal(a, b) for a, b in zip(first, story(), strict=True))


def test_targets_are_followed(env):
    observation, _ = env.reset(seed=4)
    target = observation["joint_pos"].astype(np.float32)
    target[0] += 0.3
    for _ in range(10):
        observation, reward, terminated, _, _ = env.step(target)
    assert abs(observation["joint_pos"][0] - target[0]) < 0.01 and reward == 0 and not terminated
    assert observation["time_s"][0] > 0.49


@pytest.mark.parametrize("action", [np.full(9, np.nan, np.float32), np.full(9, np.inf, np.float32), np.zeros(3)])
def test_a_senseless_target_is_refused_and_forgotten(env, action):
    before, _ = env.reset(seed=4)
    observation, *_, info = env.unwrapped.step(action)
    assert info["outcome"]["status"] == "refused"
    assert np.abs(observation["joint_pos"] - before["joint_pos"]).max() < 1e-3
    *_, info = env.step(before["joint_pos"].astype(np.float32))
    assert info["outcome"]["status"] == "done"


def test_images_can_be_left_out():
    env = gymnasium.make("embodied/StackJoint-v0", has_images=False)
    observation, _ = env.reset(seed=0)
    assert "rgb" not in observation and env.observation_space.contains(observation)
    env.close()
