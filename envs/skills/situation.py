"""What a controller knows when it starts: the robot, what was last seen, what the hand holds as it was measured."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from envs.interface import TABLE_WORKSPACE, Box, Observation, Outcome, Workspace
from envs.robots.arm import Arm
from envs.skills.surface import HeightMap

_ERROR = {"near_m": 0.03, "far_m": 0.03, "aside_m": 0.03, "reach_m": 0.02}
"""By how much a measured thing may seem to lie outside the workspace that it lies in."""
_HEADROOM_M = 0.01  # under the workspace's ceiling, for the fingers above a thing
_LEAST_SIZE_M, _GREATEST_SIZE_M = 0.008, 0.30
_TRAVEL_CLEARANCE_M = 0.05

Motion = Generator[np.ndarray, None, Outcome]
"""Yields one joint target float64[J] a control period, returns how it went."""


class Held(NamedTuple):
    """What the hand holds, as measured when it was grasped."""

    drop_m: float  # from the tool point down to the object's lower face
    width_m: float  # between the fingers
    size: tuple[float, float, float]


class Hand:
    """What is kept from one skill to the next: what is held, and what was said."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.said: str | None = None


@dataclass(frozen=True)
class Situation:
    robot: Arm
    seen: Observation
    hand: Hand
    capture: Callable[..., Observation] | None = None
    """(camera names, size_px: side of the square images): what they see at this moment of the motion."""
    workspace: Workspace = TABLE_WORKSPACE
    """What the arm serves, in the frame of `seen`."""

    @cached_property
    def surface(self) -> HeightMap:
        return HeightMap.from_observation(self.seen)

    @property
    def is_holding(self) -> bool:
        return self.hand.held is not None and self.robot.is_grasping()

    def travel_z_m(self, below_tool_m: float) -> float:
        """Height of the tool at which what hangs below it clears everything seen."""
        return float(np.clip(self.surface.top_m + below_tool_m + _TRAVEL_CLEARANCE_M, 0.13, 0.45))


Argument = Box | str | float
"""The Box that an "object" parameter was measured as, the words of a "text" one, the value of a "number"."""

Skill = Callable[..., Motion]
"""(situation, *arguments): one Argument for each parameter of its signature."""


def ended(status: str, reason: str) -> Outcome:
    """An Outcome whose duration whoever performs the motion fills in."""
    return Outcome(status, reason, 0.0)


def complaint(box: Box, workspace: Workspace) -> str | None:
    """Why a measured box cannot be acted on in a workspace, as a clause; None when it can."""
    values = np.array([*box.center, *box.size, box.yaw])
    if not np.isfinite(values).all():
        return "the place is not a finite number"
    if min(box.size[:2]) < _LEAST_SIZE_M or max(box.size) > _GREATEST_SIZE_M or box.size[2] <= 0:
        return "the size of the object is not plausible"
    if not workspace.grown(**_ERROR).holds(np.array(box.center[:2])):
        return "the place is out of reach"
    if not 0.004 < box.top_z_m < workspace.high_m[2] - _HEADROOM_M:
        return "the height is out of reach"
    return None
