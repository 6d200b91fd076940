"""put_down: let go of the held object on a free spot of the place where the robot stands, or over the bin."""

from __future__ import annotations

import numpy as np

from envs.interface import Observation
from envs.skills import jaws
from envs.skills.driving import with_arm
from envs.skills.placing import EMPTY, set_down
from envs.skills.recognise import OPEN_M, drawer_opening_m
from envs.skills.serving import over, served, unknown_place
from envs.skills.situation import Motion, Situation, ended
from envs.world.floorplan import DRAWER_INNER_M, PLACES, Place

_CLEARANCE_M = 0.004
_OVER_RIM_M = 0.02
_LIFT_M = 0.10  # above what is seen: the hand swings back low and wide
_ROOM_M = (0.055, 0.035, 0.012, 0.002)
_SHORT_OF_REACH_M = 0.02  # a place of furniture is narrower than a table
_DRAWER_SPAN_M = (0.06, 0.20, 0.10)  # nearest and farthest behind the drawer's front, and to each side
_LEAST_X_M = 0.34


def put_down(situation: Situation, place: str) -> Motion:
    """Outcome "done" when the object was held until it was let go there."""
    if reason := unknown_place(place):
        return ended("refused", reason)
    robot = situation.robot
    if not situation.is_holding:
        return ended("refused", EMPTY)
    if served(robot) is not PLACES[place]:
        return ended("refused", f"the robot is not at the {place}")
    seen = situation.capture("head")
    if place == "drawer" and drawer_opening_m(seen, "head") < OPEN_M:
        return ended("refused", "the drawer is closed")
    return (yield from with_arm(robot, _lower(situation, PLACES[place], seen)))


def _lower(situation: Situation, place: Place, seen: Observation) -> Motion:
    """The arm's part, in the frame of its foot."""
    local = over(situation, place.top_z_m, seen, _LIFT_M)
    held, frame = situation.hand.held, situation.robot.foot_frame(place.top_z_m)
    if place.name == "bin":
        middle = (np.linalg.inv(frame) @ np.array([*place.middle, place.top_z_m, 1.0]))[:2]
        tool = (*middle.tolist(), held.drop_m + _OVER_RIM_M)
        return (yield from set_down(local, tool, jaws.all_round(middle)[0], "dropped it into the bin"))
    spot = _free_spot(local, place, frame, seen)
    if spot is None:
        return ended("refused", f"there is no free spot on the {place.name}")
    tool, half = (float(spot[0]), float(spot[1]), held.drop_m + _CLEARANCE_M), held.width_m / 2
    yaw = jaws.best(local.robot, local.surface, jaws.all_round(spot), tool, half, half + 0.01)
    word = "in" if place.name == "drawer" else "on"
    return (yield from set_down(local, tool, yaw, f"put it {word} the {place.name}"))


def _free_spot(local: Situation, place: Place, frame: np.ndarray, seen: Observation) -> np.ndarray | None:
    """float64[2]: a free place with the most room that can be had, in the arm's frame, m."""
    radius = np.hypot(*local.hand.held.size[:2]) / 2
    low, high = _span(place, frame, seen, radius)
    reach_m = local.workspace.grown(reach_m=-_SHORT_OF_REACH_M).reach_m
    near = np.array([np.clip(0.47, low[0], high[0]), np.clip(0.0, low[1], high[1])])
    for room_m in _ROOM_M:
        spot = local.surface.free_place(near, radius + room_m, low, high, reach_m)
        if spot is not None:
            return spot
    return None


def _span(place: Place, frame: np.ndarray, seen: Observation, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest x, y of a spot in the arm's frame, which stands square to the place."""
    if place.name == "drawer":
        front, (near, far, side) = drawer_opening_m(seen, "head"), _DRAWER_SPAN_M
        corners = [(front - near, -side), (front - min(far, DRAWER_INNER_M[0]), side)]
    else:
        edge, side = radius_m + 0.03, place.width_m / 2 - radius_m - 0.02
        corners = [(-edge, -side), (-place.depth_m + edge, side)]
    world = np.array([[*place.to_world(*corner), place.top_z_m, 1.0] for corner in corners])
    own = (np.linalg.inv(frame) @ world.T).T[:, :2]
    low, high = own.min(axis=0), own.max(axis=0)
    return np.maximum(low, [_LEAST_X_M, -0.34]), np.minimum(high, [0.68, 0.34])
