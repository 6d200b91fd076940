"""What the skills share that set a thing down right on the table: a free place, and letting go there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from envs.skills import jaws
from envs.skills.placing import set_down
from envs.skills.situation import Motion, Situation, ended

_CLEARANCE_M = 0.002
_ROOM_M = (0.055, 0.035, 0.022)  # around the object: for a later grasp of it or of its neighbours, or at least for now
_TIGHT_M = 0.010  # where it has to be near, and there is no more room: a finger's way is looked for around it
_RIM = {"near_m": -0.03, "far_m": -0.04, "aside_m": -0.04, "reach_m": -0.01}
"""Of the workspace, kept free: from there a thing can be fetched again."""

Span = tuple[float, float]
"""Lowest and highest y of a place, m."""
ANY_SIDE: Span = (-np.inf, np.inf)


def let_down(situation: Situation, near_m: Iterable[float], reason: str, side: Span = ANY_SIDE,
             within_m: float = np.inf) -> Motion:
    """Sets the held object down on a free place of the table.

    near_m: x, y that it shall be near, m. side: between which y. within_m: how far from near_m at most, where anything
    that near is free. The roomiest kind of place that exists is taken, of that kind the nearest. Outcome "done", with
    that reason, when the object was let go there.
    """
    held = situation.hand.held
    spot = _free_spot(situation, np.array([*near_m]), np.hypot(*held.size[:2]) / 2, side, within_m)
    if spot is None:
        where = "on the table" if side == ANY_SIDE else "on that side of the table"
        return ended("refused", f"there is no free place {where}")
    tool = (float(spot[0]), float(spot[1]), held.drop_m + _CLEARANCE_M)
    half = held.width_m / 2
    yaw = jaws.best(situation.robot, situation.surface, jaws.all_round(spot), tool, half, half + 0.01)
    return (yield from set_down(situation, tool, yaw, reason))


def _free_spot(situation: Situation, near: np.ndarray, half_diagonal_m: float, side: Span, within_m: float
               ) -> np.ndarray | None:
    """float64[2]: the nearest free place with the most room around it that can be had, m."""
    inner = situation.workspace.grown(**_RIM)
    low, high = np.array(inner.low_m[:2]), np.array(inner.high_m[:2])
    low[1], high[1] = max(low[1], side[0]), min(high[1], side[1])
    for limit_m in sorted({within_m, np.inf}):
        for room_m in (*_ROOM_M, *([_TIGHT_M] if limit_m < np.inf else [])):
            spot = situation.surface.free_place(near, half_diagonal_m + room_m, low, high, inner.reach_m)
            if spot is not None and np.hypot(*(spot - near)) <= limit_m:
                return spot
    return None
