"""put_down_beside: set the held object down on a free place of the table near the neighbour."""

from __future__ import annotations

from envs.interface import Box
from envs.skills.free_table import let_down
from envs.skills.placing import why_not
from envs.skills.situation import Motion, Situation, ended


def put_down_beside(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go on a free place; the roomiest kind of place that exists is taken."""
    if reason := why_not(situation, box):
        return ended("refused", reason)
    return (yield from let_down(situation, box.center[:2], "put the object down beside the neighbour"))
