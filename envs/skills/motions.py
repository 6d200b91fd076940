"""The pieces that every controller is made of: ways through joint waypoints, fingers, waiting."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from envs.robots.arm import Arm
from envs.skills.timing import timed

_SPEED_SHARE = 0.9  # of the joint velocity limits: the tracker's own clamp is then never hit
_RAMP_S = 0.2  # from rest to full speed
_STRAIGHT_STEP_M = 0.04  # between inverse-kinematics points of a straight way; joint interpolation bows 0.2 mm over it

Targets = Generator[np.ndarray, None, None]


def straight(robot: Arm, start: Sequence[float], end: Sequence[float], yaw_rad: float) -> list[np.ndarray]:
    """Arm angles float64[N] along a straight line from start (left out) to end. Raises UnreachableError."""
    start, end = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
    count = max(1, int(np.ceil(np.linalg.norm(end - start) / _STRAIGHT_STEP_M)))
    return [robot.solve_down(tuple(start + (end - start) * i / count), yaw_rad) for i in range(1, count + 1)]


def through(robot: Arm, waypoints: Sequence[np.ndarray], finger_m: float, speed: float = 1.0) -> Targets:
    """Targets from the present setpoint through the waypoints float64[N], at rest at both ends; fingers as told."""
    path = np.stack([robot.arm_setpoint, *waypoints])
    limit = np.array(robot.config.velocity_rad_s) * _SPEED_SHARE * speed
    if robot.is_smooth:
        yield from _smoothly_through(robot, path, limit, finger_m)
        return
    ends_s = np.concatenate([[0.0], np.cumsum((np.abs(np.diff(path, axis=0)) / limit).max(axis=1))])
    for moment_s in _eased(ends_s[-1], 1.0 / robot.config.control_hz):
        yield robot.target([np.interp(moment_s, ends_s, angles) for angles in path.T], finger_m)


def _smoothly_through(robot: Arm, path: np.ndarray, limit: np.ndarray, finger_m: float) -> Targets:
    """The same inside the acceleration limits; the fingers take the time that they need."""
    acceleration = np.array(robot.config.acceleration_rad_s2)
    arm = timed(path, limit, acceleration, 1.0 / robot.config.control_hz)
    start_m, step_m = robot.finger_setpoint_m, robot.config.finger_speed_m_s / robot.config.control_hz
    count = int(np.ceil(abs(finger_m - start_m) / step_m - 1e-9))
    for i in range(1, max(len(arm), count) + 1):
        opening_m = finger_m if i >= count else start_m + np.sign(finger_m - start_m) * step_m * i
        yield robot.target(arm[min(i, len(arm)) - 1], opening_m)


def _eased(duration_s: float, period_s: float) -> np.ndarray:
    """Moments on a full-speed path, one a control period, with ramps at both ends; the last is duration_s."""
    if duration_s < period_s / 2:  # the waypoints are where the arm is
        return np.array([duration_s])
    ramp = min(_RAMP_S, float(np.sqrt(duration_s * _RAMP_S)))
    peak = min(1.0, duration_s / _RAMP_S) ** 0.5  # a short way never reaches full speed
    total = 2 * ramp if duration_s < _RAMP_S else duration_s + ramp
    t = np.minimum(np.arange(1, int(np.ceil(total / period_s - 1e-9)) + 1) * period_s, total)
    rising = peak * t**2 / (2 * ramp)
    level = t - ramp / 2
    falling = duration_s - peak * (total - t) ** 2 / (2 * ramp)
    return np.where(t < ramp, rising, np.where(t <= total - ramp, level, falling))


def fingers(robot: Arm, opening_m: float, speed_m_s: float) -> Targets:
    """Targets that move both fingers to opening_m each while the arm stays."""
    arm, start_m = robot.arm_setpoint.copy(), robot.finger_setpoint_m
    count = max(1, int(np.ceil(abs(opening_m - start_m) / speed_m_s * robot.config.control_hz)))
    for i in range(1, count + 1):
        yield robot.target(arm, start_m + (opening_m - start_m) * i / count)


def wait(robot: Arm, periods: int) -> Targets:
    """The present setpoint, repeated."""
    for _ in range(periods):
        yield robot.setpoint.copy()


def retreat(robot: Arm, tool_m: Sequence[float], yaw_rad: float, top_z_m: float) -> list[np.ndarray]:
    """Waypoints straight up from tool_m to top_z_m, then home. Raises UnreachableError."""
    x, y, z = tool_m
    return [*straight(robot, tool_m, (x, y, max(z, top_z_m)), yaw_rad), robot.arm_home]
