"""What lies in the kitchen and what is wanted: relations, and the scene that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from envs.world.floorplan import PLACES, SURFACES
from envs.world.goods import GOODS

THINGS = tuple(GOODS)
CLASSES = MappingProxyType({
    "fruit": ("apple", "orange", "banana"), "drink": ("coke can", "lime soda", "water bottle"),
    "snack": ("chip bag", "energy bar", "banana", "apple"), "soda": ("coke can", "lime soda"),
    "dish": ("cup", "mug", "bowl")})
"""Class word -> what belongs to it."""
TALLEST_IN_DRAWER_M = 0.115
STOWABLE = tuple(name for name, good in GOODS.items() if good.size[2] <= TALLEST_IN_DRAWER_M)
DRAWER, BIN = "drawer", "bin"
DESTINATIONS = (*SURFACES, BIN, DRAWER)
assert set(DESTINATIONS) == set(PLACES)


@dataclass(frozen=True, slots=True)
class At:
    """One of the things, at least, lies at rest at the place and nobody holds it."""

    things: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Held:
    """The robot holds the thing."""

    thing: str


@dataclass(frozen=True, slots=True)
class Drawer:
    """The drawer is open, or shut."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class Near:
    """The robot stands before the place."""

    place: str


@dataclass(frozen=True, slots=True)
class Sighted:
    """The robot stands before the place where the thing is, the thing about straight ahead."""

    thing: str


Relation = At | Held | Drawer | Near | Sighted


@dataclass(frozen=True, slots=True)
class Scene:
    """What is there, where it was at the start, and every relation of the goal, in the order in which it is done."""

    starts: tuple[tuple[str, str], ...]  # thing, place
    is_drawer_open: bool  # at the start
    goal: tuple[Relation, ...]
    task: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.starts)

    def at(self, place: str) -> tuple[str, ...]:
        """Names of what was at a place at the start."""
        return tuple(name for name, start in self.starts if start == place)
