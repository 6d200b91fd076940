"""An arm with the Panda's two-finger hand: what any of them does, from the values that tell them apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from envs.robots.kinematics import Chain
from envs.robots.robot import SPEED_MARGIN, Governor, Motored, NonFiniteTargetError, check_rate
from envs.world.assets import FINGER_JOINTS, FINGERS, HAND, TOOL
from envs.world.world import World

TIP_BELOW_TOOL_M = 0.0073
"""From the tool point down to the finger tips of the Panda's hand."""

_SQUEEZE_M = 0.001  # commanded width below the measured one

Guess = Callable[[tuple[float, float, float], float], np.ndarray]
"""(tool position m, jaw yaw rad): arm angles float64[N] that point the tool about there, straight down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmConfig:
    """Every number of an arm, in one place. Limits are the maker's; margin keeps commands off the hard stops."""

    name: str
    urdf: Callable[..., str]
    """(looks: of `envs.world.graphics.LOOKS`): text of its description, the hand at its flange."""
    joints: tuple[str, ...]
    """Names of its N revolute joints, from the base on."""
    lower_rad: tuple[float, ...]
    upper_rad: tuple[float, ...]
    velocity_rad_s: tuple[float, ...]
    acceleration_rad_s2: tuple[float, ...]
    effort_nm: tuple[float, ...]
    home_tool_m: tuple[float, float, float] = (0.30, 0.0, 0.48)
    guess: Guess | None = None
    """Where inverse kinematics starts; without it, at the postures."""
    postures_rad: tuple[tuple[float, ...], ...] = ()
    """Elbow up, tool straight down before the base (y = 0), jaws closing along y."""
    margin_rad: float = 0.02
    finger_max_m: float = 0.04
    finger_speed_m_s: float = 0.2
    finger_force_n: float = 20.0
    finger_friction: float = 1.2
    tip_below_tool_m: float = TIP_BELOW_TOOL_M  # how far the finger tips reach beyond the tool point
    finger_thickness_m: float = 0.0143  # of a finger's tip, outward from its pad
    position_gain: float = 0.4
    control_hz: int = 20


class UnreachableError(ValueError):
    """No joint angles inside the limits put the tool there."""


class Arm(Motored):
    """An arm in a world: reads its own joints and finger contacts, follows joint targets float64[J].

    J joints: the N of the arm (rad), then the openings of both fingers (m).
    """

    governor: Governor | None = None
    is_smooth = False
    has_one_speed = False

    def __init__(self, world: World, config: ArmConfig) -> None:
        check_rate(world, config.control_hz)
        self.config = config
        urdf = config.urdf(looks=world.graphics.looks)
        self.chain = Chain.from_urdf(urdf, config.joints, TOOL)
        self._count = len(config.joints)
        self._world = world
        self.home = self.target(self.solve_down(config.home_tool_m, np.pi / 2), config.finger_max_m)
        self._body = world.add_robot(urdf, (*config.joints, *FINGER_JOINTS), self.home)
        for finger in FINGERS:
            self._body.set_friction(finger, config.finger_friction)
        self._body.cap_speed(SPEED_MARGIN * max(config.velocity_rad_s))
        self._body.couple(*FINGERS, max_force_n=50.0)
        self._shaking: tuple[float, np.random.Generator] | None = None
        self._forces = [*config.effort_nm, config.finger_force_n, config.finger_force_n]
        self._lowest, self._highest = self.limits()
        self._reach = self.speed_limits() / config.control_hz  # of a setpoint in one control period
        self.reset()
        world.keep_as_empty()

    @property
    def arm_home(self) -> np.ndarray:
        """float64[N]: the arm's share of home, rad."""
        return self.home[:self._count]

    @property
    def arm_setpoint(self) -> np.ndarray:
        """float64[N]: where the arm's motors pull to, rad."""
        return self.setpoint[:self._count]

    @property
    def finger_setpoint_m(self) -> float:
        """Opening of each finger that its motor pulls to."""
        return self.setpoint[self._count]

    def target(self, arm: Sequence[float], finger_m: float) -> np.ndarray:
        """float64[J]: the joint target of arm angles float64[N] and the opening of each finger."""
        return np.array([*arm, finger_m, finger_m])

    @property
    def gripper_width_m(self) -> float:
        """Between the fingers."""
        left_m, right_m = self._body.positions(self._count)
        return float(left_m + right_m)

    def width_at(self, joint_pos: np.ndarray) -> float:
        """Between the fingers where the joints stand so, float64[J], m."""
        return float(joint_pos[self._count] + joint_pos[self._count + 1])

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: position m and quaternion of the point between the finger tips."""
        return self._body.link_pose(TOOL)

    @property
    def jaw_yaw_rad(self) -> float:
        """Heading of the jaws' axis, as the joints stand."""
        return float(np.arctan2(*self.chain.pose(self.joint_pos[:self._count])[[1, 0], 1]))

    def is_grasping(self, min_width_m: float = 0.008) -> bool:
        """Whether both fingers feel something and are apart."""
        return self.gripper_width_m > min_width_m and all(self._body.is_touched(finger) for finger in FINGERS)

    def held_name(self) -> str | None:
        """Name of what both fingers touch. PRIVILEGED: the robot itself feels only that there is something."""
        if not self.is_grasping():
            return None
        return self._world.name_of(self._touched_by_both())

    def _touched_by_both(self) -> set[int]:
        """Ids of the bodies that press on both fingers."""
        left, right = (self._body.touched_bodies(finger) for finger in FINGERS)
        return left & right

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest joint positions float64[J], rad and m."""
        c = self.config
        return np.array([*c.lower_rad, 0.0, 0.0]), np.array([*c.upper_rad, c.finger_max_m, c.finger_max_m])

    def speed_limits(self) -> np.ndarray:
        """float64[J], rad/s, m/s for the fingers: of what is commanded."""
        return np.array([*self.config.velocity_rad_s, self.config.finger_speed_m_s, self.config.finger_speed_m_s])

    def acceleration_limits(self) -> np.ndarray:
        """float64[J], rad/s^2, m/s^2: of what is commanded. Fingers may reach their speed within a control period."""
        fingers = self.config.finger_speed_m_s * self.config.control_hz
        return np.array([*self.config.acceleration_rad_s2, fingers, fingers])

    def limit(self, target: np.ndarray) -> np.ndarray:
        """float64[J]: target kept inside position limits and within one control period's reach of the setpoint.

        Raises NonFiniteTargetError before anything moves: clamping lets NaN pass, and one NaN ruins the arm for ever.
        """
        target = np.asarray(target, dtype=np.float64)
        if target.shape != self.setpoint.shape or not all(map(math.isfinite, target.tolist())):
            raise NonFiniteTargetError(f"expected {self.setpoint.size} finite joint targets, got {target}; the command "
                                       f"was refused")
        target = np.minimum(np.maximum(target, self._lowest), self._highest)
        return np.minimum(np.maximum(target, self.setpoint - self._reach), self.setpoint + self._reach)

    def follow(self, target: np.ndarray) -> None:
        """One control period towards target float64[J], limited; the motors' setpoints move evenly within it."""
        admitted = target if self.governor is None else self.governor.admit(self, target)
        goal, start = self.limit(admitted), self.setpoint
        reached = self._missed(goal)
        substeps = self._world.physics_hz // self.config.control_hz
        drive, step, forces, gain = self._body.drive, self._world.step, self._forces, self.config.position_gain
        for target in (start + (reached - start) * _shares(substeps)).tolist():
            drive(target, forces, gain)
            step()
        self.setpoint = goal
        self._stick()
        self._world.tend()

    def place(self, arm: np.ndarray) -> None:
        """Puts the arm, from one moment to the next, to angles float64[N], the fingers open: for arranging scenes."""
        self._put(self.target(arm, self.config.finger_max_m))

    def shake(self, std_rad: float, rng: np.random.Generator) -> None:
        """Makes the arm's motors miss each period's goal by normal noise from now on; 0 ends it."""
        self._shaking = (std_rad, rng) if std_rad > 0 else None

    def _missed(self, goal: np.ndarray) -> np.ndarray:
        """float64[J]: where the motors go when told to go to goal; the setpoint stays true, so misses never add up."""
        if self._shaking is None:
            return goal
        std_rad, rng = self._shaking
        return goal + np.array([*(std_rad * rng.standard_normal(self._count)), 0.0, 0.0])

    def _stick(self) -> None:
        """Static friction of the pads: holds what both squeeze, until the fingers are told to open."""
        left_m, right_m = self.setpoint[self._count:].tolist()
        is_wide_open = min(left_m, right_m) > self.config.finger_max_m - _SQUEEZE_M  # on nothing: Bullet is not asked
        both = set() if is_wide_open else self._touched_by_both()
        if both and left_m + right_m < self.gripper_width_m - _SQUEEZE_M:
            self._body.grip(HAND, min(both))
        else:
            self._body.ungrip()

    def solve_down(self, position_m: tuple[float, float, float], jaw_yaw_rad: float) -> np.ndarray:
        """float64[N]: arm angles that point the tool straight down at position_m, the jaws closing along jaw_yaw_rad.

        Jaws are symmetric, so the yaw counts modulo pi. Raises UnreachableError: no solution inside the limits.
        """
        if not np.isfinite([*position_m, jaw_yaw_rad]).all():
            raise UnreachableError(f"expected finite coordinates, got {position_m}, yaw {jaw_yaw_rad}")
        for yaw in self._wrist_first(position_m, jaw_yaw_rad):
            for seed in self._seeds(position_m, yaw):
                angles = self.chain.solve(_pointing_down(position_m, yaw), seed)
                if angles is not None and self._is_inside(angles):
                    return angles
        raise UnreachableError(f"out of reach: {tuple(round(float(v), 3) for v in position_m)}")

    def _is_inside(self, angles: np.ndarray) -> bool:
        lower, upper = np.array(self.config.lower_rad), np.array(self.config.upper_rad)
        return bool((np.minimum(angles - lower, upper - angles) >= self.config.margin_rad).all())

    def _wrist_first(self, position_m: tuple[float, float, float], jaw_yaw_rad: float) -> list[float]:
        """Both equivalent jaw yaws, the one that turns the wrist least first."""
        natural = self._heading_rad(position_m) - np.pi / 2
        away = (jaw_yaw_rad - natural + np.pi / 2) % np.pi - np.pi / 2
        return [float(natural + away), float(natural + away + (np.pi if away < 0 else -np.pi))]

    def _seeds(self, position_m: tuple[float, float, float], jaw_yaw_rad: float) -> Iterator[np.ndarray]:
        """Where inverse kinematics starts, float64[N]. An arm whose middle is in one vertical plane stays in it on its
        way from there, so neighbouring points get neighbouring angles, even of an arm with a joint to spare."""
        if self.config.guess is not None:
            yield self.config.guess(position_m, jaw_yaw_rad)
        heading = self._heading_rad(position_m)
        for posture in self.config.postures_rad:
            seed = np.array(posture)
            seed[0] += heading
            seed[-1] += heading - np.pi / 2 - jaw_yaw_rad  # the last joint's axis points down
            yield seed

    def _heading_rad(self, position_m: tuple[float, float, float]) -> float:
        """Direction of a place from the axis of the first joint."""
        base = self.chain.origins[0, :3, 3]
        return np.arctan2(position_m[1] - base[1], position_m[0] - base[0])


@cache
def _shares(substeps: int) -> np.ndarray:
    """float64[substeps, 1]: how much of a control period has passed at each of its physics steps."""
    return np.array([[i / substeps] for i in range(1, substeps + 1)])


def _pointing_down(position_m: tuple[float, float, float], jaw_yaw_rad: float) -> np.ndarray:
    """float64[4, 4]: tool frame with z down and y (the jaws' axis) along jaw_yaw_rad."""
    c, s = np.cos(jaw_yaw_rad), np.sin(jaw_yaw_rad)
    frame = np.eye(4)
    frame[:3, 1] = [c, s, 0.0]
    frame[:3, 2] = [0.0, 0.0, -1.0]
    frame[:3, 0] = np.cross(frame[:3, 1], frame[:3, 2])
    frame[:3, 3] = position_m
    return frame
