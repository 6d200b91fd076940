"""What the adapter has to know of somebody else's benchmark, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np

from envs.interface import Box, Camera

TOOL = "tool"
"""What a goal of the tool itself is called."""
GOAL = "goal"
"""What the place of the only goal is called."""
_POINT_M = 0.02  # side of the box around the tool's point


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation of a benchmark, in our words and our world frame (x away from the robot, y left, z = 0 at the
    table top)."""

    tool_m: np.ndarray  # float64[3]: the point between the finger tips
    width_m: float  # between the fingers; 0 where they cannot move
    objects: Mapping[str, Box]  # name -> where it is
    goals: Mapping[str, Box]  # name of an object, or `TOOL` -> where it should be
    sentence: str | None = None  # the benchmark's own words for what is to be done

    def where(self, name: str) -> Box:
        """Where an object, or the tool, is."""
        return Box(tuple(self.tool_m.tolist()), (_POINT_M,) * 3) if name == TOOL else self.objects[name]

    def named(self) -> dict[str, Box]:
        """What can be pointed at by name: every object, and where it should be as "goal", or "goal of the .." where
        there are several."""
        alone = len(self.goals) == 1
        return {**self.objects, **{GOAL if alone else f"{GOAL} of the {name}": box for name, box in self.goals.items()}}

    def misnamed(self) -> str | None:
        """The name of an object that stands for something else, too; None where there is none. Capitals make no
        difference."""
        plain = [" ".join(name.lower().split()) for name in self.objects]
        return next((name for place, name in enumerate(plain)
                     if name in (TOOL, GOAL, *plain[:place]) or name.startswith(f"{GOAL} of ")), None)


class Foreign(Protocol):
    """A benchmark. Everything is read from the observations that it hands to any player, nothing from its simulator."""

    name: str
    skills: tuple[str, ...]
    """Which of `envs.skills.signatures.FOREIGN` the robot can do, in the order of the action space."""
    can_rise: bool
    """Whether its tool can pass over things. One that cannot goes around them, and grasps nothing."""
    hz: float
    """Its steps in a second of its simulated time."""
    stride_m: float
    """Longest way of the tool to ask for in one step."""
    area_m: tuple[tuple[float, float], tuple[float, float]]
    """(lowest, highest) x and y of the table that the robot reaches."""
    camera_name: str
    tool_quaternion: tuple[float, float, float, float]
    """How the tool is always turned, x y z w."""
    steps_past_success: bool
    """Whether its `step` may go on after it has said `terminated`. A skill then ends at rest, and success is what the
    benchmark says there; without it a skill is cut short at the first moment of success."""

    def make(self, size_px: int) -> gymnasium.Env:
        """A new environment without a TimeLimit, render mode "rgb_array", pictures of about size_px where it can
        choose. info["is_success"] says whether the goal is met. Raises ImportError naming what to install."""

    def read(self, observation: Mapping[str, np.ndarray]) -> Reading:
        """Its observation in our words."""

    def action(self, reading: Reading, motion_m: np.ndarray, width_m: float) -> Any:
        """Its action that moves the tool by float64[3] m, of at most stride_m, and the fingers towards width_m."""

    def camera(self, height: int, width: int) -> Camera | None:
        """Calibration of its picture of that size, None where unknown."""
