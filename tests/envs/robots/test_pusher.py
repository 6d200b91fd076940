"""The peg on its rails, and the toys that it meets."""

from __future__ import annotations

import numpy as np
import pytest

from envs.robots.pusher import Pusher
from envs.robots.robot import NonFiniteTargetError
from envs.skills.push_table import OURS
from envs.world import World
from envs.world.board import board
from envs.world.toys import TOY_HEIGHT_M, TOY_SHAPES, create_toy, toy_size_m


@pytest.fixture
def stage():
    world = World(scenery=board)
    yield world, Pusher(world)
    world.close()


def spawn(world, name: str, xy: tuple[float, float]) -> None:
    world.spawn(name, lambda client, *pose: create_toy(client, name, *pose), size=toy_size_m(name.split(" ")[1]),
                position=np.array([*xy, TOY_HEIGHT_M / 2 + 0.001]), quaternion=np.array([0.0, 0.0, 0.0, 1.0]))


def test_the_peg_follows_within_its_speed(stage):
    _, robot = stage
    start = robot.joint_pos
    robot.follow(np.array([10.0, 0.0]))
    assert np.linalg.norm(robot.setpoint - start) <= robot.config.speed_m_s / robot.config.control_hz + 1e-9
    for _ in range(30):
        robot.follow(np.array([0.4, 0.2]))
    assert np.allclose([robot.joint_pos, robot.tool_pose[:2]], [0.4, 0.2], atol=1e-3)
    for _ in range(40):
        robot.follow(np.array([9.0, 9.0]))
    assert np.allclose(robot.setpoint, robot.limits()[1])


@pytest.mark.parametrize("target", [np.array([np.nan, 0.0]), np.array([np.inf, 0.0]), np.zeros(3)])
def test_a_senseless_target_is_refused(stage, target):
    with pytest.raises(NonFiniteTargetError):
        stage[1].follow(target)


@pytest.mark.parametrize("shape", list(TOY_SHAPES))
def test_a_pushed_toy_slides_and_stays_upright(stage, shape):
    world, robot = stage
    spawn(world, f"red {shape}", (0.25, 0.0))
    world.settle()
    for step in range(20):
        robot.follow(np.array([0.12 + 0.02 * step, 0.0]))
    place, turn = world.pose(f"red {shape}")
    assert place[0] > 0.40 and abs(place[2] - TOY_HEIGHT_M / 2) < 0.003 and np.hypot(*turn[:2]) < 0.02


def test_the_peg_enters_the_hollow_of_a_moon(stage):
    world, robot = stage
    spawn(world, "red moon", (0.40, 0.0))
    world.settle()
    for _ in range(10):
        robot.follow(np.array([0.40, 0.15]))
    hollow = np.array([0.40 + 0.022, 0.0])
    assert not OURS.covers("moon", np.array([0.022, 0.0])) and OURS.covers("moon", np.array([-0.012, 0.0]))
    for step in range(1, 25):  # round to the open side, then in
        robot.follow(np.array([0.52, 0.15]) if step < 6 else np.array([0.52, 0.0]) if step < 12 else hollow)
    assert np.linalg.norm(world.pose("red moon")[0][:2] - [0.40, 0.0]) < 0.004, "it was not pushed away"
    assert world.robot_gap_m("red moon", 1.0) < 0.02
