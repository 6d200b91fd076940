"""Motions inside acceleration limits: the timing of joint paths, and the skills of a smooth world."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import envs  # noqa: F401  registers the ids
from envs.robots.panda import PANDA
from envs.skills.timing import timed

PERIOD_S = 0.05
SPEED, ACCELERATION = np.array(PANDA.velocity_rad_s), np.array(PANDA.acceleration_rad_s2)


def drawn_path(seed: int) -> np.ndarray:
    """A path of 2 to 12 waypoints, from specks to swings of the whole arm."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 12)
    sizes = 10.0 ** rng.uniform(-5, 0.3, (count, 1)) * 10.0 ** rng.uniform(-1, 0)
    return np.cumsum(np.concatenate([rng.normal(size=(1, 7)), rng.normal(size=(count, 7)) * sizes]), axis=0)


@settings(max_examples=400, deadline=None, database=None)
@given(st.integers(0, 2**32 - 1))
def test_no_joint_is_too_fast_or_accelerates_too_hard(seed: int):
    path = drawn_path(seed)
    told = timed(path, SPEED, ACCELERATION, PERIOD_S)
    assert np.array_equal(told[-1], path[-1])
    whole = np.concatenate([path[:1], path[:1], told, told[-1:], told[-1:]])
    steps = np.diff(whole, axis=0) / PERIOD_S
    assert (np.abs(steps) <= SPEED * (1 + 1e-9)).all()
    assert (np.abs(np.diff(steps, axis=0)) <= ACCELERATION * PERIOD_S * (1 + 1e-9)).all(), "rest at both ends included"


@settings(max_examples=100, deadline=None, database=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_told_lies_on_the_path(seed: int):
    path = drawn_path(seed)
    pieces = np.stack([path[:-1], path[1:]], axis=1)
    for place in timed(path, SPEED, ACCELERATION, PERIOD_S):
        along = pieces[:, 1] - pieces[:, 0]
        share = np.clip(((place - pieces[:, 0]) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
        away = np.abs(pieces[:, 0] + share[:, None] * along - place).max(axis=1)
        assert away.min() < 3e-3, "within what waypoints that are one may be apart"


def test_a_straight_way_takes_little_more_than_the_best_time():
    path = np.zeros((2, 7))
    path[1, 0] = 1.2
    told = timed(path, SPEED, ACCELERATION, PERIOD_S)
    best_s = 1.2 / SPEED[0] + SPEED[0] / ACCELERATION[0]
    assert best_s <= len(told) * PERIOD_S < best_s + 2 * PERIOD_S


def test_waypoints_where_the_arm_is_take_one_period():
    assert len(timed(np.ones((3, 7)), SPEED, ACCELERATION, PERIOD_S)) == 1


@pytest.mark.parametrize(("env_id", "robot"), [("embodied/Stack-v0", "panda"), ("embodied/Stack-v0", "iiwa"),
                                               ("embodied/PutInBowl-v0", "xarm6"), ("embodied/KitchenVerb-v0", None),
                                               ("embodied/BoardSeparate-v0", None)])
def test_skills_of_a_smooth_world_stay_inside_and_do_what_they_did(env_id: str, robot: str | None):
    env = gymnasium.make(env_id, robot=robot, smooth=True, image_size=96)
    _, info = env.reset(seed=2_000_000)
    body, told = env.unwrapped.robot, []

    class Watch:
        def admit(self, robot, target):
            told.append(np.array(target))
            return target

    env.unwrapped.govern(Watch())
    told += [body.setpoint.copy()] * 2
    while not info["is_success"] and len(told) < 4000:
        *_, info = env.step(env.unwrapped.encode(env.unwrapped.expert_plan()[0]))
    assert info["is_success"]
    steps = np.diff(np.array(told), axis=0) * body.config.control_hz
    assert (np.abs(steps) <= body.speed_limits() * (1 + 1e-9) + 1e-12).all()
    change = np.abs(np.diff(steps, axis=0)) * body.config.control_hz
    assert (change <= body.acceleration_limits() * (1 + 1e-9) + 1e-9).all()
    env.close()
