"""What holds in the kitchen right now, read from true state and contacts. PRIVILEGED: judging, labels and experts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from envs.tasks.kitchen.scene import BIN, DRAWER
from envs.world import World
from envs.world.floorplan import DRAWER_CEILING_Z_M, DRAWER_INNER_M, PLACES, Place, place_at

FLOOR = "floor"
OPEN_M, SHUT_M = 0.22, 0.03
"""From here on, and up to here, the drawer counts as open, and as shut."""
REST_SPEED_M_S = 0.02
_SUNK_M = 0.02
_ASIDE_M = 0.45
_HIGHEST_M = 0.30
_BASE_LINK = "base"


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What holds in the kitchen now, whatever is asked."""

    world: World

    def holds(self, thing: str, relation: str, place: str | None) -> bool:
        """Whether a relation holds of one thing, the drawer or the robot."""
        return _CHECKS[relation](self.world, thing, place)


def drawer_m(world: World) -> float:
    """How far the drawer is open."""
    return float(world.fixture_pos(DRAWER)[0])


def served(world: World) -> str | None:
    """Name of the place before which the robot stands."""
    place = place_at(base_pose(world))
    return place.name if place else None


def base_pose(world: World) -> np.ndarray:
    """float64[3]: x, y m, yaw rad of the robot."""
    x, y, _, *turn = world.robot_link_pose(_BASE_LINK)
    return np.array([x, y, 2 * np.arctan2(turn[2], turn[3])])


def where(world: World, name: str) -> str:
    """The place where a thing lies, FLOOR when it lies at none."""
    position = world.pose(name)[0]
    return next((p.name for p in PLACES.values() if _is_inside(world, p, position)), FLOOR)


def _is_inside(world: World, place: Place, position: np.ndarray) -> bool:
    out, aside = place.to_own(position[:2])
    if abs(aside) > place.width_m / 2:
        return False
    if place.name == BIN:
        return -place.depth_m < out < 0.0 and position[2] < place.top_z_m
    rise = position[2] - place.top_z_m
    if place.name == DRAWER:
        front = drawer_m(world)
        return front - DRAWER_INNER_M[0] - 0.04 < out < front and -_SUNK_M < rise < DRAWER_CEILING_Z_M - place.top_z_m
    return -place.depth_m < out < 0.0 and -_SUNK_M < rise < _HIGHEST_M


def _is_left(world: World, name: str, place: str) -> bool:
    is_still = place == BIN or world.speed(name) < REST_SPEED_M_S  # what rolls about in the bin is in it for good
    return is_still and not world.robot_touches(name) and where(world, name) == place


def _is_before(world: World, name: str) -> bool:
    place = where(world, name)
    if place == FLOOR or served(world) != place:
        return False
    own = PLACES[place].to_own(np.stack([world.pose(name)[0][:2], base_pose(world)[:2]]))
    return bool(abs(own[0, 1] - own[1, 1]) < _ASIDE_M)


_CHECKS: dict[str, Callable[[World, str, str | None], bool]] = {
    "at": _is_left, "held": lambda world, name, _: world.gripped_name() == name,
    "open": lambda world, *_: drawer_m(world) > OPEN_M, "shut": lambda world, *_: drawer_m(world) < SHUT_M,
    "near": lambda world, _, place: served(world) == place, "sighted": lambda world, name, _: _is_before(world, name)}
