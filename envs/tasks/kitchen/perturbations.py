"""What goes wrong in the kitchen: what is held falls or slips, and people who are there too lend a hand. PRIVILEGED.

drop, slip, occlude: as on the table; a thing falls onto a surface only, in reach, since what is elsewhere is lost.
knock: a thing is moved to another spot or surface. swap: two change places. shut: the drawer is pushed shut.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from envs.tasks.kitchen import layout, predicates
from envs.tasks.kitchen.scene import DRAWER, Scene
from envs.tasks.perturber import BasePerturber
from envs.world import World
from envs.world.floorplan import PLACES, SURFACES

KINDS = ("drop", "slip", "knock", "swap", "shut", "occlude")
MOMENTS = (1, 20)
"""Control periods of being held clear of a surface between which a drop or slip happens."""

_CLEAR_M = 0.05  # between a surface and what is held above it

Event = Callable[[World, Scene, np.random.Generator], bool]


class KitchenPerturber(BasePerturber):
    """Of a kitchen with people in it. What people do, they do after the call, and never to what the robot touches."""

    kinds, moments = KINDS, MOMENTS

    def before(self, world: World, held: str | None) -> None:
        super().before(world, held)
        self._clear_periods = 0

    def during(self, world: World, period: int, held: str | None) -> None:
        if held is None:
            self.dry(world)
        elif not self.happened and (place := _under(world, held)):
            self._clear_periods += 1
            if self._clear_periods >= self.moment:
                self.let_go(world, held, PLACES[place].top_z_m)

    def after(self, world: World, held: str | None) -> None:
        super().after(world, held)
        if self.kind in _EVENTS:
            self.note(_EVENTS[self.kind](world, self.scene, self.rng))


def _under(world: World, held: str) -> str | None:
    """The surface that what is held is clear above, where it can be picked up from; None for none."""
    place, (position, _) = predicates.where(world, held), world.pose(held)
    if place not in SURFACES:
        return None
    rise_m = position[2] - world.size(held)[2] / 2 - PLACES[place].top_z_m
    low, high = layout.DEEP_M
    return place if rise_m > _CLEAR_M and low < -PLACES[place].to_own(position[:2])[0] < high else None


def _knock(world: World, scene: Scene, rng: np.random.Generator) -> bool:
    """Whether a thing could be moved to a free spot of some surface, and now is."""
    loose = _loose(world, scene)
    if not loose:
        return False
    name = loose[rng.integers(len(loose))]
    place = SURFACES[rng.integers(len(SURFACES))]
    others = [(o, tuple(PLACES[place].to_own(world.pose(o)[0][:2]))) for o in loose
              if o != name and predicates.where(world, o) == place]
    spot = layout.free_spot(rng, name, place, others)
    if spot is None:
        return False
    _put(world, name, np.array([*PLACES[place].to_world(*spot), PLACES[place].top_z_m]))
    return True


def _swap(world: World, scene: Scene, rng: np.random.Generator) -> bool:
    """Whether two things could change places, and now have."""
    loose = _loose(world, scene)
    if len(loose) < 2:
        return False
    a, b = (loose[i] for i in rng.permutation(len(loose))[:2])
    spots = {name: _foot(world, name) for name in (a, b)}
    _put(world, a, spots[b])
    _put(world, b, spots[a])
    return True


def _shut(world: World, scene: Scene, rng: np.random.Generator) -> bool:
    """Whether the drawer was open and free of the robot, and now is shut, what is in it with it."""
    opening = predicates.drawer_m(world)
    inside = [name for name in scene.names if predicates.where(world, name) == DRAWER]
    if opening < predicates.OPEN_M or any(world.robot_touches(name) for name in inside):
        return False
    back = PLACES[DRAWER].to_world(-opening, 0.0) - PLACES[DRAWER].to_world(0.0, 0.0)
    for name in inside:
        position, quaternion = world.pose(name)
        world.move(name, position + np.array([*back, 0.0]), quaternion)
    world.set_fixture(DRAWER, np.zeros(1))
    return True


_EVENTS = MappingProxyType[str, Event]({"knock": _knock, "swap": _swap, "shut": _shut})


def _loose(world: World, scene: Scene) -> list[str]:
    """What lies on a surface, untouched by the robot."""
    return [n for n in scene.names if predicates.where(world, n) in SURFACES and not world.robot_touches(n)
            and n != world.gripped_name()]


def _foot(world: World, name: str) -> np.ndarray:
    """float64[3]: where a thing stands: its middle, and the face under it."""
    position = world.pose(name)[0]
    return np.array([*position[:2], PLACES[predicates.where(world, name)].top_z_m])


def _put(world: World, name: str, foot: np.ndarray) -> None:
    upright = np.array([0.0, 0.0, 0.0, 1.0])
    world.move(name, foot + np.array([0.0, 0.0, world.size(name)[2] / 2 + 0.001]), upright)
