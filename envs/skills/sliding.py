"""What opening and closing the drawer share: take hold of its knob and let the base do the pulling."""

from __future__ import annotations

import numpy as np

from envs.skills.driving import drive, with_arm
from envs.skills.motions import fingers, retreat, straight, through, wait
from envs.skills.recognise import drawer_opening_m
from envs.skills.serving import over, served
from envs.skills.situation import Motion, Situation, ended
from envs.world.floorplan import DRAWER_FLOOR_Z_M, DRAWER_TRAVEL_M, KNOB_OUT_M, KNOB_Z_M, PLACES

_APPROACH_M = 0.16  # above the knob
_PULL_M_S = 0.35  # share of the base's speed
_SHUT_M = 0.008  # less is shut, within what depth tells
_SLACK_M = 0.012  # of the travel, so that the base never strains against an end stop


def slide(situation: Situation, is_opening: bool) -> Motion:
    """Outcome "done" when depth, read again afterwards, shows the drawer open, or shut."""
    robot, place = situation.robot, PLACES["drawer"]
    if served(robot) is not place:
        return ended("refused", "the robot is not at the drawer")
    if robot.is_grasping():
        return ended("refused", "the gripper is not empty")
    before = drawer_opening_m(situation.capture("head"), "head")
    way = (DRAWER_TRAVEL_M - _SLACK_M if is_opening else 0.0) - before
    if abs(way) < 0.03:
        return ended("refused", f"the drawer is already {'open' if is_opening else 'closed'}")
    hold = place.to_world(place.standoff_m + before, 0.0)
    yield from drive(robot, np.array([*hold, place.stand[2]]), is_straight=True)
    tool, up = yield from with_arm(robot, _take_hold(situation, before))
    yield from drive(robot, np.array([*place.to_world(place.standoff_m + before + way, 0.0), place.stand[2]]),
                     _PULL_M_S, is_straight=True)
    yield from with_arm(robot, _let_go(situation, tool, up))
    yield from drive(robot, place.stand, is_straight=True)
    yield robot.setpoint
    return _result(drawer_opening_m(situation.capture("head"), "head"), is_opening)


def _result(opening_m: float, is_opening: bool):
    if is_opening:
        good = opening_m > 0.8 * DRAWER_TRAVEL_M
        return ended("done", "the drawer is open") if good else ended("failed", "the drawer did not open")
    good = opening_m < 0.03 + _SHUT_M
    return ended("done", "the drawer is closed") if good else ended("failed", "the drawer did not close")


def _take_hold(situation: Situation, opening_m: float) -> Motion:
    """Closes the fingers on the knob from above; returns the tool point and the way back up, in the arm's frame."""
    arm = over(situation, DRAWER_FLOOR_Z_M, situation.seen).robot
    place = PLACES["drawer"]
    frame = np.linalg.inv(situation.robot.foot_frame(DRAWER_FLOOR_Z_M))
    knob = frame @ np.array([*place.to_world(opening_m + KNOB_OUT_M, 0.0), KNOB_Z_M - 0.004, 1.0])
    tool = tuple(float(v) for v in knob[:3])
    high = (*tool[:2], tool[2] + _APPROACH_M)
    yaw = np.pi / 2  # the jaws close across the knob, the palm stays clear of the front
    down = [arm.solve_down(high, yaw), *straight(arm, high, tool, yaw)]
    yield from through(arm, down, 0.035)
    yield from wait(arm, 1)
    yield from fingers(arm, 0.0, 0.12)
    yield from wait(arm, 4)
    return tool, retreat(arm, tool, yaw, high[2])


def _let_go(situation: Situation, tool: tuple, up: list[np.ndarray]) -> Motion:
    arm = over(situation, DRAWER_FLOOR_Z_M, situation.seen).robot
    yield from fingers(arm, 0.035, 0.2)
    yield from through(arm, up, 0.035)
    yield from fingers(arm, arm.config.finger_max_m, 0.2)
    return ended("done", "let go")
