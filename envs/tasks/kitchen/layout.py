"""Where things lie in the kitchen at the start: apart enough to be grasped and to be told apart, in reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from envs.tasks.kitchen.scene import DRAWER
from envs.world import World
from envs.world.floorplan import PLACES
from envs.world.goods import GOODS, Pantry

GAP_M = 0.085
"""Between outlines: an open finger and its play, and what a thing hides behind it."""
DEEP_M = (0.11, 0.38)
"""Behind the front edge of a surface: in reach."""
_SIDE_M = 0.15  # from an end of a surface
_IN_DRAWER_M = (0.12, 0.07, 0.10)  # behind the drawer's front; to a side, so that there is room for more
_TRIES = 80

Spots = dict[str, tuple[float, float]]
"""Thing -> place's own x and y, m."""


def draw(rng: np.random.Generator, starts: Sequence[tuple[str, str]]) -> Spots | None:
    """A spot for each (thing, place); None when no room was found."""
    spots: Spots = {}
    for name, place in starts:
        others = [(other, spots[other]) for other, its in starts if other in spots and its == place]
        spot = free_spot(rng, name, place, others)
        if spot is None:
            return None
        spots[name] = spot
    return spots


def free_spot(rng: np.random.Generator, name: str, place: str, others: Sequence[tuple[str, tuple[float, float]]]
              ) -> tuple[float, float] | None:
    """A place's own x, y apart from other things there; None when no room was found. In the drawer, x is from its
    front."""
    for _ in range(_TRIES):
        if place == DRAWER:
            x, y = -_IN_DRAWER_M[0], rng.choice([-1.0, 1.0]) * rng.uniform(*_IN_DRAWER_M[1:])
        else:
            half = PLACES[place].width_m / 2 - _SIDE_M
            x, y = -rng.uniform(*DEEP_M), rng.uniform(-half, half)
        if all(np.hypot(x - ox, y - oy) > GOODS[name].radius_m + GOODS[other].radius_m + GAP_M
               for other, (ox, oy) in others):
            return float(x), float(y)
    return None


def furnish(world: World, rng: np.random.Generator, pantry: Pantry, starts: Mapping[str, str], spots: Spots,
            drawer_m: float) -> None:
    """Puts the drawer and everything in its place."""
    world.set_fixture(DRAWER, np.array([drawer_m]))
    for name, place_name in starts.items():
        place, good, yaw = PLACES[place_name], GOODS[name], rng.uniform(-np.pi, np.pi)
        x, y = spots[name]
        xy = place.to_world(x + (drawer_m if place_name == DRAWER else 0.0), y)
        position = np.array([*xy, place.top_z_m + good.size[2] / 2 + 0.001])
        world.spawn(name, lambda client, *pose, name=name: pantry.make(client, name, *pose), size=good.size,
                    position=position, quaternion=np.array([0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)]))
    world.settle()
