"""The Franka Panda with its two-finger hand, standing at the world's origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.robots.kinematics import Chain
from envs.world.assets import panda_urdf
from envs.world.world import World

ARM_JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("panda_finger_joint1", "panda_finger_joint2")
_FINGERS = ("panda_leftfinger", "panda_rightfinger")
_SPEED_MARGIN = 1.2  # of the joint speed limits, for what physics may do beyond what is commanded
_SQUEEZE_M = 0.001  # commanded width below the measured one
_TOOL_JOINTS = ("panda_joint8", "panda_hand_joint", "panda_grasptarget_hand")

_ELBOW_OFFSET_M = 0.0825
_UPPER_M, _FORE_M = float(np.hypot(_ELBOW_OFFSET_M, 0.316)), float(np.hypot(_ELBOW_OFFSET_M, 0.384))
_HAND_OFFSET_M, _WRIST_ABOVE_TOOL_M, _SHOULDER_HEIGHT_M = 0.088, 0.107 + 0.105, 0.333


@dataclass(frozen=True, slots=True)
class PandaConfig:
    """Every number of the arm, in one place. Limits are the maker's; margin keeps commands off the hard stops."""

    lower_rad: tuple[float, ...] = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
    upper_rad: tuple[float, ...] = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)
    velocity_rad_s: tuple[float, ...] = (2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61)
    effort_nm: tuple[float, ...] = (87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0)
    margin_rad: float = 0.02
    home_tool_m: tuple[float, float, float] = (0.30, 0.0, 0.48)
    finger_max_m: float = 0.04
    finger_speed_m_s: float = 0.2
    finger_force_n: float = 20.0
    finger_friction: float = 1.2
    tip_below_tool_m: float = 0.0073  # how far the finger tips reach beyond the tool point
    finger_thickness_m: float = 0.0143  # of a finger's tip, outward from its pad
    position_gain: float = 0.4
    control_hz: int = 20


PANDA = PandaConfig()


class UnreachableError(ValueError):
    """No joint angles inside the limits put the tool there."""


class NonFiniteTargetError(ValueError):
    """A commanded joint target holds NaN or infinity."""


class Panda:
    """The arm in a world: reads its own joints and finger contacts, follows joint targets float64[9]."""

    def __init__(self, world: World, config: PandaConfig = PANDA) -> None:
        if world.physics_hz % config.control_hz:
            raise ValueError(f"expected physics_hz to be a multiple of control_hz {config.control_hz}, got "
                             f"{world.physics_hz}; choose rates that divide")
        self.config = config
        self.chain = Chain.from_urdf(panda_urdf(), ARM_JOINTS, _TOOL_JOINTS)
        self._world = world
        self.home = np.concatenate([self.solve_down(config.home_tool_m, np.pi / 2), [config.finger_max_m] * 2])
        self._arm = world.add_robot(panda_urdf(), (*ARM_JOINTS, *FINGER_JOINTS), self.home)
        for finger in _FINGERS:
            self._arm.set_friction(finger, config.finger_friction)
        self._arm.cap_speed(_SPEED_MARGIN * max(config.velocity_rad_s))
        self._arm.couple(*_FINGERS, max_force_n=50.0)
        self._forces = [*config.effort_nm, config.finger_force_n, config.finger_force_n]
        self.reset()
        world.keep_as_empty()

    def reset(self) -> None:
        """Sets the motors to hold home; the world puts the joints there."""
        self.setpoint = self.home.copy()
        self._arm.rewind()
        self._arm.drive(self.setpoint, self._forces, self.config.position_gain)

    @property
    def joint_pos(self) -> np.ndarray:
        """float64[9]: seven angles rad, two finger openings m."""
        return self._arm.positions()

    @property
    def gripper_width_m(self) -> float:
        return float(self.joint_pos[7:].sum())

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: position m and quaternion of the point between the finger tips."""
        return self._arm.link_pose("panda_grasptarget")

    @property
    def jaw_yaw_rad(self) -> float:
        """Heading of the jaws' axis, as the joints stand."""
        return float(np.arctan2(*self.chain.pose(self.joint_pos[:7])[[1, 0], 1]))

    def is_grasping(self, min_width_m: float = 0.008) -> bool:
        """Whether both fingers feel something and are apart."""
        return self.gripper_width_m > min_width_m and all(self._arm.is_touched(finger) for finger in _FINGERS)

    def held_name(self) -> str | None:
        """Name of what both fingers touch. PRIVILEGED: the robot itself feels only that there is something."""
        if not self.is_grasping():
            return None
        left, right = (self._arm.touched_bodies(finger) for finger in _FINGERS)
        return self._world.name_of(left & right)

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest joint positions float64[9], rad and m."""
        c = self.config
        return np.array([*c.lower_rad, 0.0, 0.0]), np.array([*c.upper_rad, c.finger_max_m, c.finger_max_m])

    def limit(self, target: np.ndarray) -> np.ndarray:
        """float64[9]: target kept inside position limits and within one control period's reach of the setpoint.

        Raises NonFiniteTargetError before anything moves: clamping lets NaN pass, and one NaN ruins the arm for ever.
        """
        target = np.asarray(target, dtype=np.float64)
        if target.shape != (9,) or not np.isfinite(target).all():
            raise NonFiniteTargetError(f"expected 9 finite joint targets, got {target}; the command was refused")
        c = self.config
        target = np.clip(target, *self.limits())
        reach = np.array([*c.velocity_rad_s, c.finger_speed_m_s, c.finger_speed_m_s]) / c.control_hz
        return np.clip(target, self.setpoint - reach, self.setpoint + reach)

    def follow(self, target: np.ndarray) -> None:
        """One control period towards target float64[9], limited; the motors' setpoints move evenly within it."""
        goal, start = self.limit(target), self.setpoint
        substeps = self._world.physics_hz // self.config.control_hz
        for i in range(1, substeps + 1):
            self._arm.drive(start + (goal - start) * (i / substeps), self._forces, self.config.position_gain)
            self._world.step()
        self.setpoint = goal
        self._stick()
        self._world.tend()

    def _stick(self) -> None:
        """Static friction of the pads: holds what both squeeze, until the fingers are told to open."""
        both = self._arm.touched_bodies(_FINGERS[0]) & self._arm.touched_bodies(_FINGERS[1])
        is_squeezing = self.setpoint[7:].sum() < self.gripper_width_m - _SQUEEZE_M
        if is_squeezing and both:
            self._arm.grip("panda_hand", min(both))
        else:
            self._arm.ungrip()

    def solve_down(self, position_m: tuple[float, float, float], jaw_yaw_rad: float) -> np.ndarray:
        """float64[7]: arm angles that point the tool straight down at position_m, the jaws closing along jaw_yaw_rad.

        Jaws are symmetric, so the yaw counts modulo pi. Raises UnreachableError: no solution inside the limits.
        """
        if not np.isfinite([*position_m, jaw_yaw_rad]).all():
            raise UnreachableError(f"expected finite coordinates, got {position_m}, yaw {jaw_yaw_rad}")
        for yaw in _wrist_first(position_m, jaw_yaw_rad):
            angles = self.chain.solve(_pointing_down(position_m, yaw), _planar_guess(position_m, yaw))
            if angles is not None and self._is_inside(angles):
                return angles
        raise UnreachableError(f"out of reach: {tuple(round(float(v), 3) for v in position_m)}")

    def _is_inside(self, angles: np.ndarray) -> bool:
        lower, upper = np.array(self.config.lower_rad), np.array(self.config.upper_rad)
        return bool((np.minimum(angles - lower, upper - angles) >= self.config.margin_rad).all())


def _wrist_first(position_m: tuple[float, float, float], jaw_yaw_rad: float) -> list[float]:
    """Both equivalent jaw yaws, the one that turns the wrist least first."""
    natural = np.arctan2(position_m[1], position_m[0]) - np.pi / 2
    away = (jaw_yaw_rad - natural + np.pi / 2) % np.pi - np.pi / 2
    return [float(natural + away), float(natural + away + (np.pi if away < 0 else -np.pi))]


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


def _pointing_down(position_m: tuple[float, float, float], jaw_yaw_rad: float) -> np.ndarray:
    """float64[4, 4]: tool frame with z down and y (the jaws' axis) along jaw_yaw_rad."""
    c, s = np.cos(jaw_yaw_rad), np.sin(jaw_yaw_rad)
    frame = np.eye(4)
    frame[:3, 1] = [c, s, 0.0]
    frame[:3, 2] = [0.0, 0.0, -1.0]
    frame[:3, 0] = np.cross(frame[:3, 1], frame[:3, 2])
    frame[:3, 3] = position_m
    return frame
