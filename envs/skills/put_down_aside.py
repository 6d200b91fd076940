"""What put_down_left_of and put_down_right_of share: a free place on one side of the neighbour."""

from __future__ import annotations

from typing import Literal

import numpy as np

from envs.goals.table import ASIDE_M
from envs.interface import Box
from envs.skills.free_table import let_down
from envs.skills.placing import why_not
from envs.skills.situation import Motion, Situation, ended

_MARGIN_M = 0.015  # beyond what counts as aside: of measuring and of letting go
_AWAY_M = 0.12  # from the neighbour's middle, where there is room


def put_down_aside(situation: Situation, box: Box, side: Literal["left", "right"]) -> Motion:
    """Outcome "done" when the object was let go on that side of the neighbour, as the robot sees it."""
    if reason := why_not(situation, box):
        return ended("refused", reason)
    x, y, _ = box.center
    sign = 1.0 if side == "left" else -1.0
    edge = y + sign * (ASIDE_M + _MARGIN_M)
    span = (edge, np.inf) if side == "left" else (-np.inf, edge)
    near_m, reason = (x, y + sign * _AWAY_M), f"put the object down to the {side} of the neighbour"
    return (yield from let_down(situation, near_m, reason, span))
