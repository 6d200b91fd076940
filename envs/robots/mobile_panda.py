"""The Panda on a holonomic base. The arm is a `Panda` that knows nothing of wheels: it lives in its foot's frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from envs.robots.panda import PANDA, Panda
from envs.robots.robot import Governor, Motored, NonFiniteTargetError
from envs.world.articulation import Articulation
from envs.world.images import View
from envs.world.mobile import ARM_MOUNT_M, BASE_JOINTS, HEAD_LINK, on_wheels
from envs.world.world import World

ARM_COUNT = 9
"""Joints of the arm and its fingers; they come first, the base's x, y and yaw last."""
_ARM_ROOT = "panda_link0"
_HAND = "panda_hand"


@dataclass(frozen=True, slots=True)
class BaseConfig:
    """Every number of the base."""

    speed: tuple[float, float, float] = (1.0, 1.0, 1.8)  # m/s, m/s, rad/s
    acceleration: tuple[float, float, float] = (1.5, 1.5, 3.0)  # m/s^2, m/s^2, rad/s^2
    reach: tuple[float, float, float] = (2.5, 2.1, 2 * np.pi)  # of x, y and yaw from zero
    force: tuple[float, float, float] = (2500.0, 2500.0, 1500.0)  # N, N, Nm
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)


BASE = BaseConfig()
FOLDED = replace(PANDA, name="mobile_panda", home_tool_m=(-0.06, -0.34, 0.50))
"""The arm's numbers here: home is beside the mast's line of sight, high enough to carry a bottle over every counter."""


class _Foot:
    """The arm's share of the robot, in the frame of the arm's foot: what a Panda takes for its articulation."""

    def __init__(self, whole: Articulation, substeps: int) -> None:
        self._whole, self._substeps = whole, substeps
        self.base_from = self.base_to = np.array(BASE.start)
        self.base_step = substeps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def rewind(self) -> None:
        """The whole robot to where it started."""
        self._whole.rewind()
        self.base_from = self.base_to = np.array(BASE.start)

    def positions(self, first: int = 0) -> np.ndarray:
        """float64[9 - first]."""
        return self._whole.positions()[first:ARM_COUNT]

    def drive(self, targets: Sequence[float], forces: Sequence[float], gain: float) -> None:
        """The arm's motors as told, the base's evenly along their way of this control period."""
        self.base_step = min(self.base_step + 1, self._substeps)
        base = self.base_from + (self.base_to - self.base_from) * (self.base_step / self._substeps)
        self._whole.drive([*targets, *base.tolist()], [*forces, *BASE.force], gain)

    def link_pose(self, link: str) -> np.ndarray:
        """float64[7]: pose of a link in the foot's frame."""
        return _relative(self._whole.link_pose(_ARM_ROOT), self._whole.link_pose(link))


class _Deck:
    """The world as the arm sees it: whoever adds a robot to it gets one on wheels."""

    def __init__(self, world: World, control_hz: int) -> None:
        self._world, self._control_hz = world, control_hz
        self.foot: _Foot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def add_robot(self, urdf: str, joints: Sequence[str], start: np.ndarray) -> _Foot:
        """The foot of the whole robot."""
        whole = self._world.add_robot(on_wheels(urdf, _ARM_ROOT), (*joints, *BASE_JOINTS), [*start, *BASE.start])
        self.foot = _Foot(whole, self._world.physics_hz // self._control_hz)
        return self.foot


class ArmOver:
    """A Panda whose frame has z = 0 at the face it works over: skills made for a table work over any surface."""

    def __init__(self, arm: Panda, face_z_m: float) -> None:
        self._arm, self._face_z_m = arm, face_z_m - ARM_MOUNT_M[2]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arm, name)

    def solve_down(self, position_m: Sequence[float], jaw_yaw_rad: float) -> np.ndarray:
        """float64[7]: see `Panda.solve_down`."""
        x, y, z = position_m
        return self._arm.solve_down((x, y, z + self._face_z_m), jaw_yaw_rad)

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: see `Panda.tool_pose`."""
        return self._arm.tool_pose - np.array([0.0, 0.0, self._face_z_m, 0.0, 0.0, 0.0, 0.0])


class MobilePanda(Motored):
    """The robot in a world: joint targets are float64[12], seven angles rad, two fingers m, base x m, y m, yaw rad."""

    governor: Governor | None = None
    has_one_speed = False

    def __init__(self, world: World) -> None:
        self.config, self.base = FOLDED, BASE
        deck = _Deck(world, FOLDED.control_hz)
        self.arm = Panda(deck, FOLDED)
        self._foot, self._body = deck.foot, deck.foot._whole

    def reset(self) -> None:
        """Home, at rest, empty-handed; the world puts the joints there."""
        self.arm.reset()

    @property
    def is_smooth(self) -> bool:
        """See `Robot.is_smooth`; of arm and base alike."""
        return self.arm.is_smooth

    @is_smooth.setter
    def is_smooth(self, is_smooth: bool) -> None:
        self.arm.is_smooth = is_smooth

    @property
    def setpoint(self) -> np.ndarray:
        """float64[12]: where the motors pull to."""
        return np.concatenate([self.arm.setpoint, self._foot.base_to])

    @setpoint.setter
    def setpoint(self, target: np.ndarray) -> None:
        self.arm.setpoint = target[:ARM_COUNT].copy()
        self._foot.base_from = self._foot.base_to = target[ARM_COUNT:].copy()

    @property
    def base_pose(self) -> np.ndarray:
        """float64[3]: x m, y m, yaw rad of the base, from its own wheels."""
        return self._body.positions()[ARM_COUNT:]

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: position m and quaternion of the point between the finger tips, world frame."""
        return self._body.link_pose("panda_grasptarget")

    @property
    def gripper_width_m(self) -> float:
        return self.arm.gripper_width_m

    def width_at(self, joint_pos: np.ndarray) -> float:
        """Between the fingers where the joints stand so, float64[12], m."""
        return self.arm.width_at(joint_pos)

    def is_grasping(self) -> bool:
        """Whether both fingers feel something and are apart."""
        return self.arm.is_grasping()

    def held_name(self) -> str | None:
        """Name of what both fingers touch. PRIVILEGED."""
        return self.arm.held_name()

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest joint positions float64[12], rad and m."""
        low, high = self.arm.limits()
        return np.array([*low, *(-np.array(BASE.reach))]), np.array([*high, *BASE.reach])

    def speed_limits(self) -> np.ndarray:
        """float64[12]: rad/s or m/s, of what is commanded."""
        return np.array([*self.arm.speed_limits(), *BASE.speed])

    def acceleration_limits(self) -> np.ndarray:
        """float64[12]: rad/s^2 or m/s^2, of what is commanded."""
        return np.array([*self.arm.acceleration_limits(), *BASE.acceleration])

    def follow(self, target: np.ndarray) -> None:
        """One control period towards target float64[12], kept inside all limits and what the governor lets pass. Raises
        NonFiniteTargetError or MotionStoppedError before anything moves."""
        target = target if self.governor is None else self.governor.admit(self, target)
        target = np.asarray(target, dtype=np.float64)
        if target.shape != (ARM_COUNT + 3,) or not np.isfinite(target).all():
            raise NonFiniteTargetError(f"expected {ARM_COUNT + 3} finite joint targets, got {target}; it was refused")
        start, step = self._foot.base_to, np.array(BASE.speed) / self.config.control_hz
        goal = np.clip(target[ARM_COUNT:], -np.array(BASE.reach), np.array(BASE.reach))
        self._foot.base_from, self._foot.base_to = start, np.clip(goal, start - step, start + step)
        self._foot.base_step = 0
        self.arm.follow(target[:ARM_COUNT])
        self._foot.base_from = self._foot.base_to

    def shake(self, std_rad: float, rng: np.random.Generator) -> None:
        """Makes the arm's motors miss; the base drives true."""
        self.arm.shake(std_rad, rng)

    def foot_frame(self, face_z_m: float) -> np.ndarray:
        """float64[4, 4]: the frame that skills over a face at face_z_m work in, in the world: the arm's foot, lifted to
        the face, as the wheels say."""
        x, y, yaw = self.base_pose
        c, s = np.cos(yaw), np.sin(yaw)
        frame = np.eye(4)
        frame[:2, :2] = [[c, -s], [s, c]]
        frame[:3, 3] = [x + c * ARM_MOUNT_M[0] - s * ARM_MOUNT_M[1], y + s * ARM_MOUNT_M[0] + c * ARM_MOUNT_M[1],
                        face_z_m]
        return frame


def views(robot: MobilePanda) -> dict[str, View]:
    """Camera name -> where it stands now: on the mast, and in the wrist beside the hand."""
    head, hand = robot._body.link_pose(HEAD_LINK), robot._body.link_pose(_HAND)
    turn, wrist = _matrix(head[3:]), _matrix(hand[3:])
    eye = hand[:3] + wrist @ np.array([0.065, 0.0, 0.01])
    return {
        "head": View(tuple(head[:3]), tuple(head[:3] + turn @ np.array([1.0, -0.24, -1.15])), (0.0, 0.0, 1.0), 1.36,
                     near_m=0.15, far_m=6.0),
        "wrist": View(tuple(eye), tuple(eye + wrist @ np.array([-0.12, 0.0, 1.0])), tuple(wrist[:, 0]), 1.10,
                      near_m=0.04, far_m=3.0)}


def _matrix(quaternion: np.ndarray) -> np.ndarray:
    """float64[3, 3] rotation of a quaternion x y z w."""
    x, y, z, w = quaternion
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def _relative(frame: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """float64[7]: pose as seen from frame, both float64[7] in one frame."""
    position = _matrix(frame[3:]).T @ (pose[:3] - frame[:3])
    (x, y, z, w), (a, b, c, d) = -frame[3:], pose[3:]
    w = -w
    turn = [w * a + x * d + y * c - z * b, w * b - x * c + y * d + z * a, w * c + x * b - y * a + z * d,
            w * d - x * a - y * b - z * c]
    return np.array([*position, *turn])
