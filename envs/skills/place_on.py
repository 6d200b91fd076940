"""place_on: set the held object down on top of the base, square to it."""

from __future__ import annotations

from envs.interface import Box
from envs.skills import jaws
from envs.skills.placing import set_down, why_not
from envs.skills.situation import Motion, Situation, ended

_CLEARANCE_M = 0.002


def place_on(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go just above the base's top."""
    if reason := why_not(situation, box):
        return ended("refused", reason)
    robot, held = situation.robot, situation.hand.held
    tool = (*box.center[:2], box.top_z_m + held.drop_m + _CLEARANCE_M)
    half = held.width_m / 2
    yaw = jaws.best(robot, situation.surface, jaws.across(box), tool, max(box.size[:2]) / 2, half + 0.01)
    return (yield from set_down(situation, tool, yaw, "set the object on the base"))
