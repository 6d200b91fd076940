"""pick: grasp the object from straight above, lift it, carry it home."""

from __future__ import annotations

import numpy as np

from envs.interface import Box
from envs.robots.arm import Arm
from envs.skills import jaws
from envs.skills.motions import fingers, straight, through, wait
from envs.skills.situation import Held, Motion, Situation, complaint, ended

_DEPTH_M = 0.020  # of the tool point below the object's top, where there is room
_TIP_CLEARANCE_M = 0.004  # between finger tips and what the object stands on
_PLAY_M = 0.011  # free way of each finger beside the object
_WIDEST_M = 0.072
_CLOSE_M_S = 0.12
_LEAST_WIDTH_M = 0.010
_SQUEEZE_PERIODS = 4


def pick(situation: Situation, box: Box) -> Motion:
    """Outcome "done" only if both fingers feel the object after the lift."""
    robot = situation.robot
    if reason := _refusal(situation, box):
        return ended("refused", reason)
    tool, yaw, opening = _grasp(situation, box)
    top = (*tool[:2], max(situation.travel_z_m(0.03), box.top_z_m + 0.06))
    down = [robot.solve_down(top, yaw), *straight(robot, top, tool, yaw)]
    yield from through(robot, down, opening)
    yield from wait(robot, 1)
    yield from fingers(robot, 0.0, _CLOSE_M_S)
    yield from wait(robot, _SQUEEZE_PERIODS)
    if not robot.is_grasping(_LEAST_WIDTH_M):
        return (yield from _give_up(robot, down, opening))
    held = Held(float(robot.tool_pose[2]) - max(box.bottom_z_m, 0.0), robot.gripper_width_m, box.size)
    yield from through(robot, [*down[-2::-1], robot.arm_home], 0.0)
    yield from wait(robot, 1)
    if not robot.is_grasping(_LEAST_WIDTH_M):
        yield from fingers(robot, robot.config.finger_max_m, 0.2)
        return ended("failed", "the object slipped from the gripper")
    situation.hand.held = held
    return ended("done", "holding the object")


def _refusal(situation: Situation, box: Box) -> str | None:
    if situation.is_holding:
        return "the gripper holds something already"
    if reason := complaint(box, situation.workspace):
        return reason
    if min(box.size[:2]) > _WIDEST_M:
        return "the object is too wide for the gripper"
    return None


def _grasp(situation: Situation, box: Box) -> tuple[tuple[float, float, float], float, float]:
    """Tool point at the grasp m, jaw yaw rad, opening of each finger m."""
    robot = situation.robot
    x, y, _ = box.center
    lowest = max(box.bottom_z_m, 0.0) + robot.config.tip_below_tool_m + _TIP_CLEARANCE_M
    tool = (x, y, max(box.top_z_m - _DEPTH_M, min(lowest, box.top_z_m - 0.006)))
    half = min(box.size[:2]) / 2
    opening = float(min(robot.config.finger_max_m, half + _PLAY_M))
    return tool, jaws.best(robot, situation.surface, jaws.across(box), tool, half, opening), opening


def _give_up(robot: Arm, down: list[np.ndarray], opening_m: float) -> Motion:
    yield from fingers(robot, opening_m, 0.2)
    yield from through(robot, [*down[-2::-1], robot.arm_home], opening_m)
    return ended("failed", "the gripper closed on nothing")
