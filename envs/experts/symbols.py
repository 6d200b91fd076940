"""The table as symbols: what carries what, and how each skill changes that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from envs.tasks.predicates import GONE, TABLE
from envs.tasks.scene import In, Relation

Call = tuple[str, str]
"""Skill and entity name."""


@dataclass(frozen=True, slots=True)
class State:
    """under: every block that is not held -> what carries it: a block, a bowl, TABLE, or GONE. askew: stand badly."""

    under: MappingProxyType[str, str]
    bowls: frozenset[str]
    held: str | None = None
    askew: frozenset[str] = frozenset()  # on the block that `under` names, but not as a goal would have it

    def above(self, name: str) -> tuple[str, ...]:
        """Every block that rests on `name`, directly or not, the nearest first."""
        direct = sorted(block for block, carrier in self.under.items() if carrier == name)
        return tuple(direct) + tuple(b for block in direct for b in self.above(block))

    def below(self, block: str) -> tuple[str, ...]:
        """The blocks that carry `block`, the nearest first."""
        carrier = self.under.get(block)
        return (carrier, *self.below(carrier)) if carrier in self.under else ()

    def bowl_of(self, block: str) -> str | None:
        """The bowl that holds the block, directly or upon other blocks."""
        carrier = self.under.get(block)
        if carrier is None or carrier in (TABLE, GONE):
            return None
        return carrier if carrier in self.bowls else self.bowl_of(carrier)

    def is_present(self, name: str) -> bool:
        """Whether it is within reach of eye and hand: on the table or held."""
        return name in self.bowls or name == self.held or self.under.get(name, GONE) != GONE

    def holds(self, relation: Relation) -> bool:
        if isinstance(relation, In):
            return self.bowl_of(relation.block) == relation.bowl
        return self.under.get(relation.block) == relation.base and relation.block not in self.askew


def state(under: dict[str, str], bowls: Iterable[str], held: str | None = None, askew: Iterable[str] = ()) -> State:
    """A state from plain collections."""
    return State(MappingProxyType(dict(under)), frozenset(bowls), held, frozenset(askew))


def simulate(before: State, calls: Iterable[Call]) -> State:
    """The state after the calls. Raises ValueError when one of them cannot be done."""
    for skill, name in calls:
        before = _EFFECTS[skill](before, name)
    return before


def _pick(s: State, name: str) -> State:
    if s.held or name not in s.under or s.under[name] == GONE or s.above(name):
        raise ValueError(f"pick({name}): expected a free hand and a block with nothing on it, got {s}; clear it first")
    under = {block: carrier for block, carrier in s.under.items() if block != name}
    return replace(s, under=MappingProxyType(under), held=name, askew=s.askew - {name})


def _put(s: State, carrier: str) -> State:
    if s.held is None:
        raise ValueError(f"expected something in hand to put on {carrier!r}, got {s}; pick first")
    return replace(s, under=MappingProxyType({**s.under, s.held: carrier}), held=None)


def _place_in(s: State, name: str) -> State:
    if name not in s.bowls:
        raise ValueError(f"place_in({name}): expected one of {sorted(s.bowls)}; name a bowl")
    return _put(s, name)


def _place_on(s: State, name: str) -> State:
    if s.under.get(name, GONE) == GONE or s.above(name):
        raise ValueError(f"place_on({name}): expected a block with nothing on it, got {s}; clear it first")
    return _put(s, name)


def _put_down_beside(s: State, name: str) -> State:
    if not s.is_present(name) or name == s.held:
        raise ValueError(f"put_down_beside({name}): expected something else on the table, got {s}; name a neighbour")
    return _put(s, TABLE)


_EFFECTS = {"pick": _pick, "place_in": _place_in, "place_on": _place_on, "put_down_beside": _put_down_beside}
