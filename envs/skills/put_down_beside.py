"""put_down_beside: set the held object down on a free place of the table near the neighbour."""

from __future__ import annotations

from envs.goals.table import BESIDE_M
from envs.interface import Box
from envs.skills.free_table import let_down
from envs.skills.placing import why_not
from envs.skills.situation import Motion, Situation, ended

_MARGIN_M = 0.006  # of measuring and of letting go


def put_down_beside(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go on a free place; the roomiest kind of place that exists is taken of
    those that count as beside the neighbour, or of all where none of those is free."""
    if reason := why_not(situation, box):
        return ended("refused", reason)
    return (yield from let_down(situation, box.center[:2], "put the object down beside the neighbour",
                                within_m=BESIDE_M - _MARGIN_M))
