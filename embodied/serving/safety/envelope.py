"""The limits that every command stays inside: made from a robot, narrowed by whoever wants, widened by nobody."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from embodied.serving.safety.body import ArmBody, Body, FlatBody, WheeledBody
from envs.robots.arm import TIP_BELOW_TOOL_M, Arm
from envs.robots.mobile_panda import ARM_COUNT, ARM_MOUNT_M, MobilePanda
from envs.robots.pusher import Pusher
from envs.robots.robot import Robot
from envs.world.floorplan import BASE_RADIUS_M, ROOM_HALF_M

_MARGIN_RAD = 0.005  # a quarter of the one that inverse kinematics keeps
_FOLLOWING_RAD, _FOLLOWING_M = 0.15, 0.05  # in free motion an arm lags 0.03 rad at full speed
_FOOT_HALF_M, _FOOT_HEIGHT_M = 0.13, 0.45
_COUNTER_M, _CEILING_M = 0.25, 1.8


class EnvelopeError(ValueError):
    """Limits that make no sense, or that are wider than those they were to narrow."""


class Region(NamedTuple):
    """An upright box, lowest and highest x, y, z, m."""

    low: tuple[float, float, float]  # m
    high: tuple[float, float, float]  # m


TABLE = Region((0.10, -0.60, TIP_BELOW_TOOL_M), (0.85, 0.60, 0.90))
"""Where the tool of an arm at a table may be; at the lowest, the finger tips touch it."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """Everything a command of one robot must stay inside; J joints. Positions rad or m, in the frame of `tool_pose`."""

    low: np.ndarray
    """float64[J]: lowest joint positions, margin included."""
    high: np.ndarray
    """float64[J]: highest joint positions, margin included."""
    speed: np.ndarray
    """float64[J], rad/s or m/s."""
    acceleration: np.ndarray
    """float64[J], rad/s^2 or m/s^2."""
    following: np.ndarray
    """float64[J]: how far a joint may be from where it was told to be; inf for fingers, which squeeze."""
    workspace: Region
    """Where the tool point may be."""
    lowest_m: np.ndarray
    """float64[P]: how low the body's other points may come: what is under them is a table or a floor."""
    body: Body
    period_s: float
    has_one_speed: bool = False
    """See `envs.robots.robot.Robot`."""
    keep_out: tuple[Region, ...] = ()
    """Where the tool point may not be."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, _frozen(value))
        _check(self)

    @classmethod
    def of(cls, robot: Robot) -> Envelope:
        """The widest limits that the robot has. Raises EnvelopeError for a robot of an unknown kind."""
        for kind, made in ((Arm, _arm_parts), (MobilePanda, _wheeled_parts), (Pusher, _pusher_parts)):
            if isinstance(robot, kind):
                parts = made(robot)
                break
        else:
            raise EnvelopeError(f"expected an Arm, a MobilePanda or a Pusher, got {type(robot).__name__}; give it a "
                                f"body and limits in embodied/serving/safety")
        low, high = robot.limits()
        margin = parts.pop("margin")
        return cls(low=low + margin, high=high - margin, speed=robot.speed_limits(),
                   acceleration=robot.acceleration_limits(), period_s=1.0 / robot.config.control_hz,
                   has_one_speed=robot.has_one_speed, **{"lowest_m": parts["body"].lowest_m, **parts})

    def narrowed(self, **limits: Any) -> Envelope:
        """The same with tighter limits, by the names of the fields; numbers count for every joint. `keep_out` adds
        regions. Raises EnvelopeError for an unknown name and for whatever would be wider than it is."""
        known = [field.name for field in fields(self) if field.name not in _FIXED]
        for name in limits:
            if name not in known:
                raise EnvelopeError(f"narrowed: expected names of {known}, got {name!r}")
        made = {name: _as_like(getattr(self, name), value) for name, value in limits.items()}
        if "keep_out" in made:
            made["keep_out"] = (*self.keep_out, *made["keep_out"])
        narrow = replace(self, **made)
        _refuse_wider(self, narrow)
        return narrow

    def slowed(self, share: float) -> Envelope:
        """The same at a share in (0, 1] of its speeds. Raises EnvelopeError for another share."""
        if not 0.0 < share <= 1.0:
            raise EnvelopeError(f"slowed: expected a share in (0, 1], got {share}")
        return self.narrowed(speed=self.speed * share)


_FIXED = ("body", "period_s", "has_one_speed")
_LOWER = ("low", "lowest_m")  # a greater value is narrower
_UPPER = ("high", "speed", "acceleration", "following")


def _frozen(values: np.ndarray) -> np.ndarray:
    copy = np.array(values, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def _as_like(present: Any, value: Any) -> Any:
    """A value in the form that the field has."""
    if isinstance(present, np.ndarray):
        return np.broadcast_to(np.asarray(value, dtype=np.float64), present.shape)
    if isinstance(present, Region):
        return Region(*(tuple(map(float, corner)) for corner in value))
    return tuple(_as_like(Region((), ()), each) for each in value)


def _refuse_wider(wide: Envelope, narrow: Envelope) -> None:
    for name in (*_LOWER, *_UPPER):
        sign = 1.0 if name in _LOWER else -1.0
        if (sign * getattr(narrow, name) < sign * getattr(wide, name)).any():
            raise EnvelopeError(f"{name}: expected limits no wider than {getattr(wide, name)}, got "
                                f"{getattr(narrow, name)}; limits can only be narrowed")
    (low, high), (was_low, was_high) = narrow.workspace, wide.workspace
    if (np.array(low) < was_low).any() or (np.array(high) > was_high).any():
        raise EnvelopeError(f"workspace: expected a box inside {wide.workspace}, got {narrow.workspace}")


def _check(envelope: Envelope) -> None:
    e = envelope
    numbers = [e.low, e.high, e.speed, e.acceleration, e.lowest_m, *e.workspace, *(c for r in e.keep_out for c in r)]
    if not all(np.isfinite(v).all() for v in numbers) or np.isnan(e.following).any():
        raise EnvelopeError("expected finite limits, got others")
    if not (e.low < e.high).all() or not all((np.array(r.low) < r.high).all() for r in (e.workspace, *e.keep_out)):
        raise EnvelopeError(f"expected every lowest value below its highest, got {e.low}, {e.high}, {e.workspace}, "
                            f"{e.keep_out}")
    if min(e.speed.min(), e.acceleration.min(), e.following.min(), e.period_s) <= 0.0:
        raise EnvelopeError(f"expected speeds, accelerations, following errors and a period above 0, got {e.speed}, "
                            f"{e.acceleration}, {e.following}, {e.period_s}")
    if e.has_one_speed and (e.acceleration * e.period_s < 2 * e.speed).any():
        raise EnvelopeError("expected a robot with one speed to turn about within a period; slow it down instead")


def _arm_parts(robot: Arm) -> dict[str, Any]:
    count = len(robot.config.joints)
    x, y, z = robot.chain.origins[0, :3, 3]
    half = _FOOT_HALF_M
    foot = Region((x - half, y - half, 0.0), (x + half, y + half, max(z, _FOOT_HEIGHT_M)))
    return {"margin": np.array([_MARGIN_RAD] * count + [0.0, 0.0]), "workspace": TABLE,
            "following": np.array([_FOLLOWING_RAD] * count + [np.inf, np.inf]), "keep_out": (foot,),
            "body": ArmBody(robot.chain, robot.config.tip_below_tool_m)}


def _wheeled_parts(robot: MobilePanda) -> dict[str, Any]:
    arm = _arm_parts(robot.arm)
    body = WheeledBody(arm["body"], ARM_MOUNT_M, ARM_COUNT)
    room = np.array(ROOM_HALF_M)
    walls = np.maximum(np.array(robot.base.reach)[:2] - (room - BASE_RADIUS_M), 0.0)
    return {"margin": np.array([*arm["margin"], *walls, 0.0]), "body": body,
            "following": np.array([*arm["following"], _FOLLOWING_M, _FOLLOWING_M, _FOLLOWING_RAD]),
            "workspace": Region((*(-room), _COUNTER_M), (*room, _CEILING_M))}


def _pusher_parts(robot: Pusher) -> dict[str, Any]:
    low, high = robot.limits()
    z = float(robot.tool_pose[2])
    return {"margin": 0.0, "following": np.full(2, _FOLLOWING_M), "body": FlatBody(z),
            "workspace": Region((*low, z - 0.01), (*high, z + 0.01))}
