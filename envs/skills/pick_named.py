"""pick of a robot on wheels: recognise the named thing, look at it closely with the wrist camera, then grasp it as any
arm at a table does."""

from __future__ import annotations

import numpy as np

from envs.interface import Box
from envs.skills import jaws
from envs.skills.driving import with_arm
from envs.skills.motions import straight, through
from envs.skills.pick import pick
from envs.skills.recognise import find_named, points_around
from envs.skills.serving import face, over, served, to_foot, unknown_thing
from envs.skills.situation import Motion, Situation, ended
from envs.world.floorplan import Place
from envs.world.goods import GOODS

_HOVER_M = 0.17  # of the tool above the thing while the wrist camera looks
_NEAR_M = 0.12
_FINGERS_M = 0.02


def pick_named(situation: Situation, thing: str) -> Motion:
    """Outcome "done" only if both fingers feel the thing after the lift."""
    if reason := unknown_thing(thing):
        return ended("refused", reason)
    robot, place = situation.robot, served(situation.robot)
    if place is None or place.name == "bin":
        return ended("refused", "there is nothing to pick from here")
    if robot.is_grasping():
        return ended("refused", "the gripper is not empty")
    box = find_named(situation.capture("head"), "head", place, thing)
    if box is None:
        return ended("refused", f"I see no {thing} at the {place.name}")
    yield from face(robot, place, float(place.to_own(np.array(box.center[:2]))[1]))
    yield robot.setpoint
    seen = situation.capture("head")
    yield from with_arm(robot, _hover(situation, place, box))
    measured = _close_look(situation, place, box, thing)
    motion = pick(over(situation, place.top_z_m, seen, measured.size[2]), to_foot(robot, measured, place.top_z_m))
    outcome = yield from with_arm(robot, motion)
    if outcome.status == "refused":  # nothing was tried; the hand still hovers
        yield from with_arm(robot, _fold(situation, place))
    return outcome


def _hover(situation: Situation, place: Place, box: Box) -> Motion:
    """Brings the open hand straight above the thing, high enough for the wrist camera."""
    local, arm = to_foot(situation.robot, box, place.top_z_m), over(situation, place.top_z_m, situation.seen).robot
    spot = (*local.center[:2], local.top_z_m + _HOVER_M)
    yield from through(arm, [arm.solve_down(spot, jaws.all_round(spot)[0])], arm.config.finger_max_m)
    return ended("done", "above it")


def _fold(situation: Situation, place: Place) -> Motion:
    arm = over(situation, place.top_z_m, situation.seen).robot
    x, y, z, *_ = arm.tool_pose
    yield from through(arm, [*straight(arm, (x, y, z), (x, y, z + 0.05), arm.jaw_yaw_rad), arm.home[:7]],
                       arm.config.finger_max_m)
    return ended("done", "folded")


def _close_look(situation: Situation, place: Place, box: Box, thing: str) -> Box:
    """The box as the wrist camera measures it, from above; the one from afar when it sees nothing there. What is too
    thin to grasp at the top is left out."""
    below_m = situation.robot.tool_pose[2] - _FINGERS_M  # what is higher is the hand itself
    points = points_around(situation.capture("wrist"), "wrist", place, np.array(box.center), _NEAR_M, below_m)
    seen = Box.from_points(points) if len(points) else box
    top = seen.top_z_m - GOODS[thing].neck_m
    return Box((*seen.center[:2], (top + place.top_z_m) / 2), (*seen.size[:2], top - place.top_z_m), seen.yaw)
