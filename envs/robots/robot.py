"""What environments and skills need of a robot, whatever it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from envs.world.articulation import Articulation
    from envs.world.world import World

SPEED_MARGIN = 1.2
"""Of the speed limits, for what physics may do beyond what is commanded."""


class NonFiniteTargetError(ValueError):
    """A commanded joint target is not as many finite numbers as the robot has joints."""


class MotionStoppedError(RuntimeError):
    """A governor lets no motion pass now; the message is a clause that says why. The robot holds its setpoint."""


class Governor(Protocol):
    """The filter before physics: sees every joint target on its way to the motors."""

    def admit(self, robot: Robot, target: np.ndarray) -> np.ndarray:
        """float64[J]: the target that may pass in place of target, which may be anything. Raises NonFiniteTargetError
        or MotionStoppedError when none may; nothing moves then."""


class Motored:
    """What every robot of ours has: one articulation in a world, whose joints it reads and drives, in its order."""

    config: Any
    home: np.ndarray
    _body: Articulation
    _forces: list[float]

    def reset(self) -> None:
        """Set the motors to hold home; the world puts the joints there."""
        self.setpoint = self.home.copy()
        self._body.rewind()
        self._body.drive(self.setpoint.tolist(), self._forces, self.config.position_gain)

    def _put(self, target: np.ndarray) -> None:
        """Every joint, at rest and held there, to float64[J]."""
        self.setpoint = target.copy()
        self._body.place(target)
        self._body.drive(target.tolist(), self._forces, self.config.position_gain)

    @property
    def joint_pos(self) -> np.ndarray:
        """float64[J], rad or m."""
        return self._body.positions()

    @property
    def joint_vel(self) -> np.ndarray:
        """float64[J], rad/s or m/s, as measured."""
        return self._body.velocities()


def check_rate(world: World, control_hz: int) -> None:
    """Raise ValueError unless a control period is a whole number of the world's physics steps."""
    if world.physics_hz % control_hz:
        raise ValueError(f"expected physics_hz to be a multiple of control_hz {control_hz}, got "
                         f"{world.physics_hz}; choose rates that divide")


class Robot(Protocol):
    """One robot in a world; J joints, in an order of its own that never changes."""

    config: Any
    """At least `name`, and `control_hz`, a divisor of the world's physics_hz."""
    setpoint: np.ndarray
    """float64[J], rad or m: where the motors pull to."""
    governor: Governor | None
    """What every target of `follow` passes first; None for nothing."""
    is_smooth: bool
    """Whether skills keep what they command inside `acceleration_limits` too."""
    has_one_speed: bool
    """Whether its speed limits bound the length of its velocity, and not only each joint's."""

    def reset(self) -> None:
        """Home, at rest, empty-handed."""

    @property
    def joint_pos(self) -> np.ndarray:
        """float64[J], rad or m."""

    @property
    def joint_vel(self) -> np.ndarray:
        """float64[J], rad/s or m/s, as measured."""

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: position m and quaternion of the point that acts."""

    @property
    def gripper_width_m(self) -> float:
        """Between the fingers; 0 for a robot without any."""

    def width_at(self, joint_pos: np.ndarray) -> float:
        """The same where the joints stand so, float64[J]: who has read them need not ask for the fingers again."""

    def is_grasping(self) -> bool:
        """Whether it feels something between its fingers."""

    def held_name(self) -> str | None:
        """Name of what it holds. PRIVILEGED."""

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest joint positions float64[J]."""

    def speed_limits(self) -> np.ndarray:
        """float64[J], rad/s or m/s: what it is commanded to stay within. What it runs into may push it beyond, to
        SPEED_MARGIN times the highest of them: Bullet caps the speeds of a body's joints at one value."""

    def acceleration_limits(self) -> np.ndarray:
        """float64[J], rad/s^2 or m/s^2: what the commands of a smooth robot and of a governor stay within."""

    def follow(self, target: np.ndarray) -> None:
        """One control period towards target float64[J], kept inside all limits and what the governor lets pass. Raises
        NonFiniteTargetError or MotionStoppedError before anything moves."""

    def shake(self, std_rad: float, rng: np.random.Generator) -> None:
        """Makes its motors miss each period's goal by normal noise from now on; 0 ends it."""
