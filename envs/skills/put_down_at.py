"""put_down_at: set the held object down on a free place of one part of the table."""

from __future__ import annotations

import numpy as np

from envs.goals.language import PLACES
from envs.goals.table import MIDDLE_M
from envs.names import unknown
from envs.skills.free_table import Span, let_down
from envs.skills.placing import EMPTY
from envs.skills.situation import Motion, Situation, ended

_MARGIN_M = 0.025  # inside the part: of measuring and of letting go
_AHEAD_M = 0.54  # from the robot's foot: the middle of what it serves
_ASIDE_M = 0.20

_SPANS: dict[str, tuple[float, Span]] = {
    "left": (_ASIDE_M, (MIDDLE_M + _MARGIN_M, np.inf)), "middle": (0.0, (_MARGIN_M - MIDDLE_M, MIDDLE_M - _MARGIN_M)),
    "right": (-_ASIDE_M, (-np.inf, -MIDDLE_M - _MARGIN_M))}
"""Part of the table -> the y that is best, and between which it lies, m."""


def put_down_at(situation: Situation, place: str) -> Motion:
    """Outcome "done" when the object was let go on that part: left, right or middle, as the robot sees it."""
    if place not in PLACES:
        return ended("refused", unknown(place[:40], PLACES, what="place of the table"))
    if not situation.is_holding:
        return ended("refused", EMPTY)
    y, side = _SPANS[place]
    return (yield from let_down(situation, (_AHEAD_M, y), f"put the object down on the {place} of the table", side))
