"""put_down_left_of: set the held object down on a free place of the table, further to the left than the neighbour."""

from __future__ import annotations

from envs.interface import Box
from envs.skills.put_down_aside import put_down_aside
from envs.skills.situation import Motion, Situation


def put_down_left_of(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go there. Left is the robot's: +y."""
    return (yield from put_down_aside(situation, box, "left"))
