"""put_down_beside: set the held object down on a free place of the table near the neighbour."""

from __future__ import annotations

import numpy as np

from envs.interface import Box
from envs.skills import jaws
from envs.skills.placing import set_down, why_not
from envs.skills.situation import Motion, Situation, ended

_CLEARANCE_M = 0.002
_ROOM_M = (0.055, 0.035, 0.022)  # around the object: for a later grasp of it or of its neighbours, or at least for now
_RIM = {"near_m": -0.03, "far_m": -0.04, "aside_m": -0.04, "reach_m": -0.01}
"""Of the workspace, kept free: from there a thing can be fetched again."""


def put_down_beside(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go on a free place; the roomiest kind of place that exists is taken."""
    if reason := why_not(situation, box):
        return ended("refused", reason)
    held = situation.hand.held
    spot = _free_spot(situation, box, np.hypot(*held.size[:2]) / 2)
    if spot is None:
        return ended("refused", "there is no free place on the table")
    tool = (float(spot[0]), float(spot[1]), held.drop_m + _CLEARANCE_M)
    half = held.width_m / 2
    yaw = jaws.best(situation.robot, situation.surface, jaws.all_round(spot), tool, half, half + 0.01)
    return (yield from set_down(situation, tool, yaw, "put the object down beside the neighbour"))


def _free_spot(situation: Situation, box: Box, half_diagonal_m: float) -> np.ndarray | None:
    """float64[2]: the nearest free place with the most room around it that can be had, m."""
    near, inner = np.array(box.center[:2]), situation.workspace.grown(**_RIM)
    low, high = np.array(inner.low_m[:2]), np.array(inner.high_m[:2])
    for room_m in _ROOM_M:
        spot = situation.surface.free_place(near, half_diagonal_m + room_m, low, high, inner.reach_m)
        if spot is not None:
            return spot
    return None
