"""find: look from where the robot stands, then drive from place to place and look, until the object is in sight."""

from __future__ import annotations

import numpy as np

from envs.interface import Box
from envs.skills.driving import drive
from envs.skills.recognise import find_named
from envs.skills.serving import face, served, unknown_thing
from envs.skills.situation import Motion, Situation, ended
from envs.world.floorplan import PLACES, Place

SEARCHED = ("near counter", "far counter", "table", "drawer")


def find(situation: Situation, thing: str) -> Motion:
    """Outcome "done" when a camera sees something that looks like the object, and the robot stands before it."""
    if reason := unknown_thing(thing):
        return ended("refused", reason)
    robot = situation.robot
    for place in _tour(situation):
        if served(robot) is not place:
            yield from drive(robot, place.stand)
            yield robot.setpoint
        box = find_named(situation.capture("head"), "head", place, thing)
        if box is not None:
            yield from face(robot, place, _aside(place, box))
            yield robot.setpoint
            return ended("done", f"the {thing} is {'in' if place.name == 'drawer' else 'on'} the {place.name}")
    return ended("failed", f"I saw no {thing} anywhere")


def _aside(place: Place, box: Box) -> float:
    return float(place.to_own(np.array(box.center[:2]))[1])


def _tour(situation: Situation) -> list[Place]:
    """Every place where things may be, the present one first, then each next nearest."""
    at, left, tour = situation.robot.base_pose[:2], [PLACES[name] for name in SEARCHED], []
    while left:
        nearest = min(left, key=lambda place: float(np.linalg.norm(place.stand[:2] - at)))
        left.remove(nearest)
        tour.append(nearest)
        at = nearest.stand[:2]
    return tour
