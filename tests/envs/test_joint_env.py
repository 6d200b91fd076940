"""The joint-level environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401  registers the ids

SMALL = {"image_size": 32, "render_size": (48, 64)}


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


def test_targets_are_followed(env):
    observation, _ = env.reset(seed=4)
    target = observation["joint_pos"].astype(np.float32)
    target[0] += 0.3
    for _ in range(10):
        observation, reward, terminated, _, _ = env.step(target)
    assert abs(observation["joint_pos"][0] - target[0]) < 0.01 and reward == 0 and not terminated
    assert observation["time_s"][0] > 0.49


def test_images_can_be_left_out():
    env = gymnasium.make("embodied/StackJoint-v0", has_images=False)
    observation, _ = env.reset(seed=0)
    assert "rgb" not in observation and env.observation_space.contains(observation)
    env.close()
