"""Which way the jaws shall point: inside the wrist's limits, across the object, clear of the neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.interface import Box
from envs.robots.arm import Arm
from envs.skills.surface import HeightMap

_PALM_HALF_M = (0.105, 0.034)  # along and across the jaws
_PALM_ABOVE_TOOL_M = 0.036
_FINGER_HALF_WIDTH_M = 0.013
_STEPS = 6
_SQUARE_M = 0.006  # sides that differ by less count as equal: a pixel is 4 mm


def across(box: Box) -> list[float]:
    """Jaw yaws that close across a box's smaller side, or both when it is about square."""
    yaws = [box.yaw, box.yaw + np.pi / 2]  # the jaws close along the box's x, or along its y
    if abs(box.size[0] - box.size[1]) < _SQUARE_M:
        return yaws
    return yaws[:1] if box.size[0] < box.size[1] else yaws[1:]


def all_round(xy: Sequence[float]) -> list[float]:
    """Jaw yaws in even steps from the one at which the wrist is in the middle of its range."""
    return [_natural_yaw(xy) + np.pi * i / _STEPS for i in range(_STEPS)]


def _natural_yaw(xy: Sequence[float]) -> float:
    return float(np.arctan2(xy[1], xy[0]) - np.pi / 2)


def best(robot: Arm, surface: HeightMap, yaws: Sequence[float], tool_m: Sequence[float], inner_m: float,
         opening_m: float) -> float:
    """The yaw with fewest obstructed cells under palm and fingers; among equals, the least turn of the wrist.

    tool_m: the tool point at its lowest. inner_m: half the width between the pads that the object itself fills.
    opening_m: from the middle to each pad.
    """
    def cost(yaw: float) -> tuple[int, float]:
        turn = (yaw - _natural_yaw(tool_m) + np.pi / 2) % np.pi - np.pi / 2
        return _obstructed(robot, surface, yaw, tool_m, inner_m, opening_m), abs(turn)
    return min(yaws, key=cost)


def _obstructed(robot: Arm, surface: HeightMap, yaw: float, tool_m: Sequence[float], inner_m: float,
                opening_m: float) -> int:
    """How many seen cells stand in the way of the palm or of the open fingers."""
    xy, tip_z_m = np.array(tool_m[:2]), tool_m[2] - robot.config.tip_below_tool_m
    reach = (inner_m + 0.008, opening_m + robot.config.finger_thickness_m + 0.003)
    at_fingers = surface.strip(xy, yaw, reach, _FINGER_HALF_WIDTH_M)
    at_palm = surface.strip(xy, yaw, (inner_m + 0.008, _PALM_HALF_M[0]), _PALM_HALF_M[1])
    def high(cells: np.ndarray, z_m: float) -> int:
        return int((np.isfinite(cells) & (cells > z_m)).sum())
    return high(at_fingers, max(tip_z_m, 0.0) + 0.003) + high(at_palm, tool_m[2] + _PALM_ABOVE_TOOL_M)
