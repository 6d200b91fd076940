"""go_to: drive to a place of the static map, the arm folded."""

from __future__ import annotations

import numpy as np

from envs.skills.driving import drive
from envs.skills.serving import unknown_place
from envs.skills.situation import Motion, Situation, ended
from envs.world.floorplan import PLACES

_MISSED_M = 0.05


def go_to(situation: Situation, place: str) -> Motion:
    """Outcome "done" when the wheels say that the robot stands before the place."""
    if reason := unknown_place(place):
        return ended("refused", reason)
    robot, stand = situation.robot, PLACES[place].stand
    yield from drive(robot, stand)
    yield robot.setpoint
    if np.linalg.norm(robot.base_pose[:2] - stand[:2]) > _MISSED_M:
        return ended("failed", f"something bars the way to the {place}")
    return ended("done", f"at the {place}")
