"""What lies in the kitchen and what is wanted: targets of the goal language, and the scene that holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

from envs.goals.wanted import Target, Wanted
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


ROBOT = "robot"

Relation = tuple[Target, ...]
"""Targets of which one, at least, shall hold."""


def at(things: Iterable[str], place: str) -> Relation:
    """One of the things lies at rest at the place and nobody holds it."""
    return tuple(Target(thing, "at", place) for thing in things)


def held(thing: str) -> Relation:
    """The robot holds the thing."""
    return (Target(thing, "held", None),)


def near(place: str) -> Relation:
    """The robot stands before the place."""
    return (Target(ROBOT, "near", place),)


def sighted(thing: str) -> Relation:
    """The robot stands before the place where the thing is, the thing about straight ahead."""
    return (Target(thing, "sighted", None),)


OPEN, SHUT = ((Target(DRAWER, "open", None),), (Target(DRAWER, "shut", None),))
"""What the drawer may be. Between the two it is neither."""


def is_fetch(relation: Relation) -> bool:
    """Whether it asks for something to be brought to a place."""
    return all(target.relation == "at" for target in relation)


@dataclass(frozen=True, slots=True)
class Known:
    """What a robot can know that has looked at what it stood before, and was told how its calls ended."""

    at: tuple[tuple[str, str], ...] = ()  # thing, place where it was seen last
    looked: frozenset[str] = frozenset()  # places that were looked at; the drawer, once it was seen open
    is_open: bool | None = None  # the drawer; None: it was not seen yet
    missed: frozenset[str] = frozenset()  # things that `find` did not find since they were seen last
    sighted: str | None = None  # what the robot was brought before
    held: str | None = None
    held_from: str | None = None  # where it was picked up


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Scene:
    """What is there, where it was at the start, and every relation of the goal, in the order in which it is done."""

    starts: tuple[tuple[str, str], ...]  # thing, place
    is_drawer_open: bool  # at the start
    goal: tuple[Relation, ...]
    task: str

    @property
    def aim(self) -> Wanted:
        """The goal as the judge takes it: a way for each choice among things that will do."""
        return Wanted(tuple((targets,) for targets in product(*self.goal)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.starts)

    def at(self, place: str) -> tuple[str, ...]:
        """Names of what was at a place at the start."""
        return tuple(name for name, start in self.starts if start == place)
