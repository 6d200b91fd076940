"""Every arm: kinematics that agree with physics, limits that hold, commands that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from envs.robots.arm import UnreachableError
from envs.robots.arms import ARMS
from envs.robots.kinematics import Chain
from envs.robots.robot import NonFiniteTargetError
from envs.sensors import cameras
from envs.world import World


@pytest.fixture(scope="module", params=list(ARMS))
def robot(request):
    world = World()
    yield ARMS[request.param](world)
    world.close()


@pytest.fixture(autouse=True)
def at_home(robot):
    robot._world.reset()
    robot.reset()


def test_own_kinematics_agree_with_physics(robot):
    pose = robot.chain.pose(robot.joint_pos[:-2])
    assert np.allclose(pose[:3, 3], robot.tool_pose[:3], atol=1e-6)  # Bullet reports link poses in single precision
    assert np.allclose(pose[:3, 2], (0, 0, -1), atol=1e-4), "the tool points down at home"


def test_inverse_kinematics_meets_its_goal_inside_the_limits(robot):
    rng = np.random.default_rng(0)
    for _ in range(60):
        radius, angle = rng.uniform(0.385, 0.74), rng.uniform(-0.4, 0.4)
        x, y, yaw = max(0.38, radius * np.cos(angle)), radius * np.sin(angle), rng.uniform(-4, 4)
        goal = (x, y, rng.uniform(0.01, 0.25))
        angles = robot.solve_down(goal, yaw)
        pose = robot.chain.pose(angles)
        assert np.linalg.norm(pose[:3, 3] - goal) < 1e-4 and pose[2, 2] < -1 + 1e-6
        along = pose[:2, 1] @ (np.cos(yaw), np.sin(yaw))
        assert abs(along) > 1 - 1e-6, "jaws along the yaw, or against it"
        assert (angles > robot.limits()[0][:-2]).all() and (angles < robot.limits()[1][:-2]).all()


@pytest.mark.parametrize("goal", [(0.95, 0.0, 0.1), (-0.95, 0.0, 0.05), (0.5, 0.0, 1.4), (np.nan, 0.0, 0.1)])
def test_what_cannot_be_reached_is_said_to_be(robot, goal):
    with pytest.raises(UnreachableError):
        robot.solve_down(goal, 0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_target_that_is_not_finite_leaves_everything_as_it_was(robot, value):
    before, target = robot.joint_pos, robot.home.copy()
    target[3] = value
    with pytest.raises(NonFiniteTargetError):
        robot.follow(target)
    assert np.array_equal(robot.joint_pos, before)
    robot.follow(robot.home)
    assert np.abs(robot.joint_pos - robot.home).max() < 1e-3


def test_the_arm_follows(robot):
    goal = robot.target(robot.solve_down((0.5, 0.2, 0.2), 0.3), 0.02)
    for _ in range(40):
        robot.follow(goal)
    assert np.abs(robot.tool_pose[:3] - (0.5, 0.2, 0.2)).max() < 1e-3
    assert abs(robot.gripper_width_m - 0.04) < 1e-3


def test_neighbouring_points_have_neighbouring_angles(robot):
    way = [robot.solve_down((0.42 + 0.01 * i, -0.2 + 0.01 * i, 0.15), 0.3) for i in range(30)]
    assert np.abs(np.diff(way, axis=0)).max() < 0.15, "an arm with a joint to spare could swing its elbow over"


@pytest.mark.parametrize("name", list(cameras.VIEWS))
def test_the_arm_at_home_hides_nothing_of_the_workspace(robot, name):
    size_px = 96
    picture = cameras.capture(robot._world, cameras.VIEWS, size_px)[name]
    camera = cameras.calibrations(cameras.VIEWS, size_px)[name]
    x, y, z = np.meshgrid(np.linspace(0.35, 0.75, 9), np.linspace(-0.35, 0.35, 9), [0.0, 0.1], indexing="ij")
    pixels = camera.project(np.stack([x, y, z], axis=-1).reshape(-1, 3)).astype(int)
    assert (pixels >= 0).all() and (pixels < size_px).all(), "the whole workspace is in view"
    assert not (picture.bodies[pixels[:, 1], pixels[:, 0]] == robot._body.body).any()


def test_a_joint_about_another_axis_is_refused():
    urdf = """<robot name="r"><link name="a"/><link name="b"/><joint name="j" type="revolute"><parent link="a"/>
              <child link="b"/><axis xyz="0 1 0"/></joint></robot>"""
    with pytest.raises(ValueError, match="expected axis 0 0 1"):
        Chain.from_urdf(urdf, ["j"], "b")
    with pytest.raises(ValueError, match="0 of them"):
        Chain.from_urdf(urdf, ["other"], "b")
