"""What people do who are in the kitchen too: they knock a thing away, swap two, push the drawer shut. PRIVILEGED."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from envs.tasks.kitchen import layout, predicates
from envs.tasks.kitchen.scene import DRAWER, Scene
from envs.world import World
from envs.world.floorplan import PLACES, SURFACES
from envs.world.images import Picture

Event = Callable[[World, Scene, np.random.Generator], str | None]


class KitchenDisturber:
    """Draws, after a call, what somebody else does to the scene; `happened` says it."""

    def __init__(self, share: float, rng: np.random.Generator, scene: Scene) -> None:
        """share: of the calls after which somebody does something, in [0, 1]."""
        self.share, self.rng, self.scene = share, rng, scene
        self.happened: str | None = None

    def before(self, world: World, held: str | None) -> None:
        """A call begins: nothing has happened in it yet."""
        self.happened = None

    def during(self, world: World, period: int, held: str | None) -> None:
        """Nothing happens while the robot moves."""

    def after(self, world: World, held: str | None) -> None:
        """Somebody comes by, or not."""
        if self.rng.random() < self.share:
            self.happened = disturb(world, self.scene, self.rng)

    def cover(self, pictures: Mapping[str, Picture]) -> dict[str, Picture]:
        """The pictures as they are."""
        return dict(pictures)


def disturb(world: World, scene: Scene, rng: np.random.Generator) -> str | None:
    """What somebody did, as a clause; None when there was nothing to do. Never to what the robot touches."""
    for index in rng.permutation(len(_EVENTS)):
        happened = _EVENTS[index](world, scene, rng)
        if happened is not None:
            return happened
    return None


def _knock(world: World, scene: Scene, rng: np.random.Generator) -> str | None:
    """A thing is pushed somewhere else on its surface, or to another one."""
    loose = _loose(world, scene)
    if not loose:
        return None
    name = loose[rng.integers(len(loose))]
    place = SURFACES[rng.integers(len(SURFACES))]
    others = [(o, tuple(PLACES[place].to_own(world.pose(o)[0][:2]))) for o in loose
              if o != name and predicates.where(world, o) == place]
    spot = layout.free_spot(rng, name, place, others)
    if spot is None:
        return None
    _put(world, name, np.array([*PLACES[place].to_world(*spot), PLACES[place].top_z_m]))
    return f"somebody moved the {name} to the {place}"


def _swap(world: World, scene: Scene, rng: np.random.Generator) -> str | None:
    """Two things change places."""
    loose = _loose(world, scene)
    if len(loose) < 2:
        return None
    a, b = (loose[i] for i in rng.permutation(len(loose))[:2])
    spots = {name: _foot(world, name) for name in (a, b)}
    _put(world, a, spots[b])
    _put(world, b, spots[a])
    return f"somebody swapped the {a} and the {b}"


def _shut(world: World, scene: Scene, rng: np.random.Generator) -> str | None:
    """The drawer is pushed shut, what is in it with it."""
    opening = predicates.drawer_m(world)
    inside = [name for name in scene.names if predicates.where(world, name) == DRAWER]
    if opening < predicates.OPEN_M or any(world.robot_touches(name) for name in inside):
        return None
    back = PLACES[DRAWER].to_world(-opening, 0.0) - PLACES[DRAWER].to_world(0.0, 0.0)
    for name in inside:
        position, quaternion = world.pose(name)
        world.move(name, position + np.array([*back, 0.0]), quaternion)
    world.set_fixture(DRAWER, np.zeros(1))
    return "somebody closed the drawer"


_EVENTS: tuple[Event, ...] = (_knock, _swap, _shut)


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
