"""A peg that slides over a board on two crossed rails: the planar end-effector of a pushing robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.robots.robot import SPEED_MARGIN, Governor, Motored, NonFiniteTargetError, check_rate
from envs.world.board import BOARD_HIGH_M, BOARD_LOW_M, BORDER_M
from envs.world.world import World


@dataclass(frozen=True, slots=True)
class PusherConfig:
    """Every number of the pusher, in one place."""

    name: str = "pusher"
    peg_radius_m: float = 0.010
    peg_height_m: float = 0.052
    peg_clearance_m: float = 0.002  # above the board
    peg_friction: float = 0.3
    margin_m: float = 0.004  # between peg and lip
    speed_m_s: float = 0.45
    acceleration_m_s2: float = 9.0  # turns about within a control period, at 7 N: its skill steers by every look
    force_n: float = 25.0
    moving_mass_kg: float = 0.8
    position_gain: float = 0.4
    home_m: tuple[float, float] = (0.10, 0.0)
    control_hz: int = 10


PUSHER = PusherConfig()


class Pusher(Motored):
    """The peg in a world. J = 2 joints, metres: the peg's x and y in the world frame."""

    governor: Governor | None = None
    is_smooth = False
    has_one_speed = True

    def __init__(self, world: World, config: PusherConfig = PUSHER) -> None:
        check_rate(world, config.control_hz)
        self.config, self._world = config, world
        self.home = np.array(config.home_m)
        self._body = world.add_robot(_urdf(config), ("x", "y"), self.home)
        self._body.set_friction("peg", config.peg_friction)
        self._body.cap_speed(SPEED_MARGIN * config.speed_m_s)
        self._forces = [config.force_n] * 2
        self.reset()
        world.keep_as_empty()

    @property
    def gripper_width_m(self) -> float:
        return 0.0

    def width_at(self, joint_pos: np.ndarray) -> float:
        """0: a peg has no fingers."""
        return 0.0

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: position m and quaternion of the middle of the peg."""
        return self._body.link_pose("peg")

    def is_grasping(self) -> bool:
        """False: a peg holds nothing."""
        return False

    def held_name(self) -> str | None:
        """None: a peg holds nothing."""
        return None

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest x and y, float64[2], m."""
        return _reach(self.config)

    def speed_limits(self) -> np.ndarray:
        """float64[2], m/s: of what is commanded, along each rail and any way between them."""
        return np.full(2, self.config.speed_m_s)

    def acceleration_limits(self) -> np.ndarray:
        """float64[2], m/s^2: along each rail, of what is commanded."""
        return np.full(2, self.config.acceleration_m_s2)

    def limit(self, target: np.ndarray) -> np.ndarray:
        """float64[2]: target kept inside the tray and within one control period's reach of the setpoint.

        Raises NonFiniteTargetError before anything moves.
        """
        target = np.asarray(target, dtype=np.float64)
        if target.shape != (2,) or not np.isfinite(target).all():
            raise NonFiniteTargetError(f"expected 2 finite joint targets, got {target}; the command was refused")
        step = np.clip(target, *self.limits()) - self.setpoint
        reach = self.config.speed_m_s / self.config.control_hz
        return self.setpoint + step * min(1.0, reach / max(float(np.hypot(*step)), 1e-12))

    def shake(self, std_rad: float, rng: np.random.Generator) -> None:
        """Nothing happens: the peg's joints slide, and the dial is about joints that turn."""

    def follow(self, target: np.ndarray) -> None:
        """One control period towards target float64[2], limited; the motors' setpoints move evenly within it."""
        admitted = target if self.governor is None else self.governor.admit(self, target)
        goal, start = self.limit(admitted), self.setpoint
        substeps = self._world.physics_hz // self.config.control_hz
        for i in range(1, substeps + 1):
            self._body.drive(start + (goal - start) * (i / substeps), self._forces, self.config.position_gain)
            self._world.step()
        self.setpoint = goal
        self._world.tend()


def _reach(config: PusherConfig) -> tuple[np.ndarray, np.ndarray]:
    room = BORDER_M - config.peg_radius_m - config.margin_m
    return BOARD_LOW_M - room, BOARD_HIGH_M + room


def _urdf(c: PusherConfig) -> str:
    """URDF text: rails without shape, and the peg."""
    low, high = _reach(c)
    shape = f'<geometry><cylinder radius="{c.peg_radius_m}" length="{c.peg_height_m}"/></geometry>'
    inertial = (f'<inertial><mass value="{c.moving_mass_kg / 2}"/>'
                '<inertia ixx="1e-3" iyy="1e-3" izz="1e-3" ixy="0" ixz="0" iyz="0"/></inertial>')
    joints = "".join(
        f'<joint name="{name}" type="prismatic"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="0 0 {z}"/><axis xyz="{axis}"/>'
        f'<limit lower="{low[i]}" upper="{high[i]}" effort="{c.force_n}" velocity="{c.speed_m_s}"/></joint>'
        for i, (name, parent, child, z, axis) in enumerate((
            ("x", "rail", "slide", 0, "1 0 0"),
            ("y", "slide", "peg", c.peg_clearance_m + c.peg_height_m / 2, "0 1 0"))))
    return (f'<robot name="pusher"><link name="rail">{inertial}</link><link name="slide">{inertial}</link>'
            f'<link name="peg">{inertial}<visual>{shape}'
            f'<material name="steel"><color rgba="0.16 0.16 0.18 1"/></material></visual>'
            f'<collision>{shape}</collision></link>{joints}</robot>')
