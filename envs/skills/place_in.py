"""place_in: let go of the held object inside the container."""

from __future__ import annotations

from envs.interface import Box
from envs.skills import jaws
from envs.skills.placing import set_down, why_not
from envs.skills.situation import Motion, Situation, ended

_CLEARANCE_M = 0.006  # above what lies in the container
_BELOW_RIM_M = 0.018  # of the object's lower face: the finger tips stay above the slanted wall while they open
_INNER_M = 0.030  # radius in which the contents are measured


def place_in(situation: Situation, box: Box) -> Motion:
    """Outcome "done" when the object was let go low above the container's middle."""
    if reason := why_not(situation, box):
        return ended("refused", reason)
    held = situation.hand.held
    if max(held.size[:2]) > max(box.size[:2]):
        return ended("refused", "the container is smaller than the object")
    xy = box.center[:2]
    bottom_m = max(situation.surface.within(xy, _INNER_M) + _CLEARANCE_M, box.top_z_m - _BELOW_RIM_M)
    tool = (*xy, bottom_m + held.drop_m)
    rim, half = max(box.size[:2]) / 2, held.width_m / 2
    yaw = jaws.best(situation.robot, situation.surface, jaws.all_round(xy), tool, rim, half)
    return (yield from set_down(situation, tool, yaw, "let go inside the container"))
