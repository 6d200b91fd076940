"""place_on: set the held object down on top of the base, square to it."""

from __future__ import annotations

from envs.interface import Box
from envs.skills import jaws
from envs.skills.placing import EMPTY, set_down
from envs.skills.situation import Motion, Situation, complaint, ended

_CLEARANCE_M = 0.002


def place_on(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go just above the base's top."""
    if not situation.is_holding:
        return ended("refused", EMPTY)
    if reason := complaint(box, situation.workspace):
        return ended("refused", reason)
    robot, held = situation.robot, situation.hand.held
    tool = (*box.center[:2], box.top_z_m + held.drop_m + _CLEARANCE_M)
    half = held.width_m / 2
    yaw = jaws.best(robot, situation.surface, jaws.across(box), tool, max(box.size[:2]) / 2, half + 0.01)
    return (yield from set_down(situation, tool, yaw, "set the object on the base"))
