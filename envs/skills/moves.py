"""Motions that a person or a policy asks for directly: joint targets, a place for the tool. No skill, no look."""

from __future__ import annotations

import numpy as np

from envs.robots.robot import Robot
from envs.skills.situation import Motion, ended

_SHARE = 0.9  # of the limits of speed and acceleration
_ARRIVED = 2e-2  # rad or m; gravity and contact keep a joint a little off its target


def chunk(robot: Robot, targets: np.ndarray) -> Motion:
    """Joint targets float64[T, J], one a control period."""
    yield from targets
    return ended("done", "")


def to_joints(robot: Robot, target: np.ndarray) -> Motion:
    """A smooth way in joint space to target float64[J], at rest at both ends."""
    start = robot.setpoint.copy()
    away = np.abs(target - start)
    speed, rise = _SHARE * robot.speed_limits(), _SHARE * robot.acceleration_limits()
    duration_s = float(max((np.pi / 2 * away / speed).max(), (np.pi * np.sqrt(away / (2 * rise))).max()))
    count = max(1, int(np.ceil(duration_s * robot.config.control_hz)))
    for share in (1 - np.cos(np.pi * np.arange(1, count + 1) / count)) / 2:
        yield start + share * (target - start)
    yield target
    return _arrived(robot, target)


def to_tool(robot: Robot, position_m: np.ndarray, jaw_yaw_rad: float) -> Motion:
    """The tool pointing straight down at position_m float64[3], world frame, the jaws along jaw_yaw_rad. Raises
    UnreachableError while it is performed, before anything moves."""
    if not hasattr(robot, "solve_down"):
        return ended("refused", "this robot takes joint targets only")
    arm = robot.solve_down(tuple(float(v) for v in position_m), float(jaw_yaw_rad))
    return (yield from to_joints(robot, np.array([*arm, *robot.setpoint[len(arm):]])))


def _arrived(robot: Robot, target: np.ndarray) -> object:
    """Fingers may be stopped by what they hold; no other joint may be short of its target."""
    short = np.abs(robot.setpoint - target)
    if (short > _ARRIVED).any():
        return ended("failed", "a limit stopped the motion short of its target")
    return ended("done", "")
