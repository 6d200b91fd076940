"""Robots without physics, and limits worked out anew: what the governor's promises are held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from embodied.serving.safety import Envelope, Governor
from envs.domains import find_domain
from envs.robots.mobile_panda import ARM_COUNT, ARM_MOUNT_M, MobilePanda
from envs.robots.pusher import Pusher
from envs.robots.robot import NonFiniteTargetError
from envs.world.graphics import Graphics

KINDS = ("panda", "iiwa", "xarm6", "pusher", "wheels")
_HOMES = {"pusher": ("board", None), "wheels": ("kitchen", None)}
_STATES = 200


@cache
def robot_of(kind: str) -> Any:
    """A real robot in its world."""
    domain, _ = _HOMES.get(kind, ("tabletop", None))
    domain = find_domain(domain)
    return (domain.robots.get(kind) or domain.make_robot)(domain.make_world(Graphics()))


@cache
def envelope_of(kind: str) -> Envelope:
    """What such a robot has to stay inside."""
    return Envelope.of(robot_of(kind))


class Motors:
    """A robot that is always where it was told to be. `trace`: every setpoint so far, float64[J] each."""

    def __init__(self, kind: str, start: np.ndarray, governor: Governor) -> None:
        self.kind, self.governor = kind, governor
        self.setpoint = start.copy()
        self.trace = [start.copy(), start.copy()]  # it comes from rest

    @property
    def joint_pos(self) -> np.ndarray:
        return self.setpoint

    def follow(self, target: Any) -> None:
        """What robots do, less the physics."""
        self.setpoint = self.governor.admit(self, target)
        self.trace.append(self.setpoint.copy())

    def try_to_follow(self, target: Any) -> None:
        """What the joint-level environment does: it holds where a target is refused."""
        try:
            self.follow(target)
        except NonFiniteTargetError:
            self.follow(self.setpoint)


@cache
def states(kind: str) -> np.ndarray:
    """float64[S, J]: random admissible places to start from."""
    envelope, rng = envelope_of(kind), np.random.default_rng(7)
    drawn = (rng.uniform(envelope.low, envelope.high) for _ in range(40_000))
    return np.array([*islice((joints for joints in drawn if trespass(kind, envelope, joints) is None), _STATES)])


@dataclass(frozen=True)
class Points:
    """Where a posture has its tool, and the joints from the elbow on."""

    tool: np.ndarray
    links: np.ndarray


def points_of(kind: str, joints: np.ndarray) -> Points:
    """By the robot's own kinematics, one posture at a time."""
    robot = robot_of(kind)
    if isinstance(robot, Pusher):
        return Points(np.array([*joints, robot.tool_pose[2]]), np.empty((0, 3)))
    arm = robot.arm if isinstance(robot, MobilePanda) else robot
    places = arm.chain.frames(joints[:arm._count])[:, :3, 3]
    if isinstance(robot, MobilePanda):
        x, y, yaw = joints[ARM_COUNT:]
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
        places = (places + ARM_MOUNT_M) @ turn.T + (x, y, 0.0)
    return Points(places[-1], places[3:-1])


def trespass(kind: str, envelope: Envelope, joints: np.ndarray, slack: float = 1e-7) -> str | None:
    """Which place limit a posture breaks; None when it breaks none."""
    if not np.isfinite(joints).all():
        return "not finite"
    if (joints < envelope.low - slack).any() or (joints > envelope.high + slack).any():
        return "position"
    points = points_of(kind, joints)
    if (points.tool < np.array(envelope.workspace.low) - slack).any():
        return "workspace"
    if (points.tool > np.array(envelope.workspace.high) + slack).any():
        return "workspace"
    if (points.links[:, 2:] < 0.06 - slack).any():
        return "height"
    inside = [((points.tool > np.array(r.low) + slack) & (points.tool < np.array(r.high) - slack)).all()
              for r in envelope.keep_out]
    return "keep-out" if any(inside) else None


def breach(kind: str, envelope: Envelope, trace: list[np.ndarray]) -> str | None:
    """Which limit a run of setpoints, one a period, breaks first; None when it breaks none."""
    steps = np.diff(np.array(trace), axis=0) / envelope.period_s
    if (np.abs(steps) > envelope.speed * (1 + 1e-9)).any():
        return "speed"
    if envelope.has_one_speed and (np.linalg.norm(steps, axis=1) > envelope.speed.min() * (1 + 1e-9)).any():
        return "speed"
    if (np.abs(np.diff(steps, axis=0)) > envelope.acceleration * envelope.period_s * (1 + 1e-7) + 1e-9).any():
        return "acceleration"
    return next((fault for joints in np.unique(trace, axis=0) if (fault := trespass(kind, envelope, joints))), None)
