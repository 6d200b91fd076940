"""The Franka Panda, standing at the world's origin."""

from __future__ import annotations

import numpy as np

from envs.robots.arm import Arm, ArmConfig
from envs.world.assets import panda_urdf
from envs.world.world import World

_ELBOW_OFFSET_M = 0.0825
_UPPER_M, _FORE_M = float(np.hypot(_ELBOW_OFFSET_M, 0.316)), float(np.hypot(_ELBOW_OFFSET_M, 0.384))
_HAND_OFFSET_M, _WRIST_ABOVE_TOOL_M, _SHOULDER_HEIGHT_M = 0.088, 0.107 + 0.105, 0.333


def _planar_guess(position_m: tuple[float, float, float], jaw_yaw_rad: float) -> np.ndarray:
    """float64[7]: exact angles for a downward tool while the arm stays in one vertical plane (joints 3 and 5 at zero).

    A two-link problem: shoulder to elbow, elbow to wrist. Out of reach, the nearest stretched arm.
    """
    x, y, z = position_m
    reach, rise = np.hypot(x, y) - _HAND_OFFSET_M, z + _WRIST_ABOVE_TOOL_M - _SHOULDER_HEIGHT_M
    distance = np.clip(np.hypot(reach, rise), abs(_UPPER_M - _FORE_M) + 1e-3, _UPPER_M + _FORE_M - 1e-3)
    at_shoulder = np.arccos((_UPPER_M**2 + distance**2 - _FORE_M**2) / (2 * _UPPER_M * distance))
    at_elbow = np.arccos((_UPPER_M**2 + _FORE_M**2 - distance**2) / (2 * _UPPER_M * _FORE_M))
    lean_upper, lean_fore = np.arctan2(_ELBOW_OFFSET_M, 0.316), np.arctan2(_ELBOW_OFFSET_M, 0.384)
    shoulder = np.arctan2(reach, rise) - at_shoulder - lean_upper
    elbow = at_elbow - np.pi - lean_upper - lean_fore
    heading = np.arctan2(y, x)
    return np.array([heading, shoulder, 0.0, elbow, 0.0, shoulder - elbow, heading - jaw_yaw_rad - np.pi / 4])


PANDA = ArmConfig(
    name="panda", urdf=panda_urdf, joints=tuple(f"panda_joint{i}" for i in range(1, 8)), guess=_planar_guess,
    lower_rad=(-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973),
    upper_rad=(2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973),
    velocity_rad_s=(2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61),
    acceleration_rad_s2=(15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0),
    effort_nm=(87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0))


class Panda(Arm):
    """The arm of these values: what worlds that know no other arm are made with."""

    def __init__(self, world: World, config: ArmConfig = PANDA) -> None:
        super().__init__(world, config)
