"""What is on the table, in symbols and measures: read from the true state of a world, or from what was perceived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from envs.goals.language import PLACES, TABLE

BESIDE_M = 0.17
"""Between the middles of two things that are beside each other, at most: a bowl, a gap and a block."""
ASIDE_M = 0.02
"""How much further to the left the middle of a thing is than that of what it is left of, at least."""
MIDDLE_M = 0.11
"""Half the width of the middle of the table; left is +y, as the robot sees it."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing. name: unique on its table. side_m: its greatest extent. x, y, z: of its middle, m, world frame."""

    name: str
    kind: str
    color: str
    side_m: float
    x: float
    y: float
    z: float


class State(Protocol):
    """Whatever says which relations hold: a table, or a world that is looked at for one relation at a time."""

    def holds(self, thing: str, relation: str, place: str | None) -> bool:
        """Whether a relation holds of one thing to one place."""


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that is there. under: what carries each block that is not held, another thing or TABLE; things that
    fell off the table are left out. held: what is in the hand. askew: what lies on something, but does not stand."""

    things: Mapping[str, Thing]
    under: Mapping[str, str]
    held: str | None = None
    askew: frozenset[str] = frozenset()

    @classmethod
    def of(cls, things: Iterable[Thing], under: Mapping[str, str], held: str | None = None,
           askew: Iterable[str] = ()) -> Table:
        """A table from plain collections."""
        named = MappingProxyType({thing.name: thing for thing in things})
        return cls(named, MappingProxyType(dict(under)), held, frozenset(askew))

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of what can be moved."""
        return tuple(name for name, thing in self.things.items() if thing.kind != "bowl")

    @property
    def bowls(self) -> tuple[str, ...]:
        return tuple(name for name, thing in self.things.items() if thing.kind == "bowl")

    def above(self, name: str) -> tuple[str, ...]:
        """Every block that rests on a thing, directly or not, the nearest first."""
        direct = sorted(block for block, carrier in self.under.items() if carrier == name)
        return tuple(direct) + tuple(b for block in direct for b in self.above(block))

    def below(self, name: str) -> tuple[str, ...]:
        """What carries a thing, the nearest first, without the table."""
        found, carrier = [], self.under.get(name, TABLE)
        while carrier != TABLE and carrier not in found:
            found.append(carrier)
            carrier = self.under.get(carrier, TABLE)
        return tuple(found)

    def bowl_of(self, name: str) -> str | None:
        """The bowl that holds a block, directly or upon others."""
        return next((carrier for carrier in self.below(name) if self.things[carrier].kind == "bowl"), None)

    def apart_m(self, one: str, other: str) -> float:
        """Between the middles of two things, along the table."""
        a, b = self.things[one], self.things[other]
        return ((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5

    def stands(self, name: str) -> bool:
        """Whether a thing stands right on the table."""
        return name != self.held and self.under.get(name, TABLE) == TABLE

    def holds(self, thing: str, relation: str, place: str | None) -> bool:
        """Whether a relation holds of one thing to one place; of what is not there none does."""
        if thing not in self.things or not (place in (None, TABLE, *PLACES) or place in self.things):
            return False
        if relation == "held":
            return self.held == thing
        if thing == self.held or place == self.held:
            return False
        if relation == "in":
            return self.bowl_of(thing) == place
        if relation == "on":
            return self.stands(thing) if place == TABLE else self.under.get(thing) == place and thing not in self.askew
        return self.stands(thing) and self._is_aside(thing, relation, place)

    def _is_aside(self, thing: str, relation: str, place: str | None) -> bool:
        y = self.things[thing].y
        if relation == "at":
            return part_of(y) == place
        if relation == "beside":
            return self.apart_m(thing, place) <= BESIDE_M and place not in (thing, *self.above(thing))
        ahead = y - self.things[place].y
        return ahead >= ASIDE_M if relation == "left_of" else ahead <= -ASIDE_M


def part_of(y: float) -> str:
    """The part of the table that a place is on. y: m, world frame."""
    return "middle" if abs(y) < MIDDLE_M else "left" if y > 0 else "right"
