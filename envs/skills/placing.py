"""What all placing skills share: carry the held object over a spot, lower it, let go, leave straight up."""

from __future__ import annotations

from envs.interface import Box
from envs.skills.motions import fingers, retreat, straight, through, wait
from envs.skills.situation import Motion, Situation, complaint, ended

_OPEN_M_S = 0.04  # slow: a finger that sticks drags the object along
_PLAY_M = 0.010
SLIPPED = "the object slipped from the gripper"
EMPTY = "the gripper holds nothing"


def why_not(situation: Situation, box: Box) -> str | None:
    """Why nothing can be set down at a measured box, as a clause; None where something can."""
    return complaint(box, situation.workspace) if situation.is_holding else EMPTY


def set_down(situation: Situation, tool_m: tuple[float, float, float], yaw_rad: float, reason: str) -> Motion:
    """Outcome "done" with that reason if the object was held until it was let go at tool_m."""
    robot, held = situation.robot, situation.hand.held
    top = (*tool_m[:2], max(situation.travel_z_m(held.drop_m), tool_m[2] + 0.03))
    down = [robot.solve_down(top, yaw_rad), *straight(robot, top, tool_m, yaw_rad)]
    up = retreat(robot, tool_m, yaw_rad, max(situation.travel_z_m(0.03), tool_m[2] + 0.03))
    yield from through(robot, down, 0.0)
    yield from wait(robot, 2)
    was_held = robot.is_grasping()
    situation.hand.held = None
    opening = min(robot.config.finger_max_m, held.width_m / 2 + _PLAY_M)
    yield from fingers(robot, robot.gripper_width_m / 2, 0.2)
    yield from fingers(robot, opening, _OPEN_M_S)
    yield from wait(robot, 2)
    yield from through(robot, up, opening)
    return ended("done", reason) if was_held else ended("failed", SLIPPED)
