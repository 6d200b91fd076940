"""The table as symbols: what carries what, and how each skill changes that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from envs.goals.language import PLACES
from envs.interface import NamedCall
from envs.tasks.predicates import GONE, TABLE
from envs.tasks.scene import In, Relation


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


def why_not(s: State, skill: str, *arguments: str | float) -> str | None:
    """Why a call is not possible now, as a clause; None when it is, and of a skill that moves nothing: its
    affordance."""
    if skill not in _EFFECTS:
        return None
    [name] = arguments
    if skill == "pick":
        return _why_not_pick(s, name)
    if s.held is None:
        return "the gripper holds nothing"
    if skill == "put_down_at":
        return None if name in PLACES else f"there is no place {name} on the table"
    if name == s.held or not s.is_present(name):
        return f"the {name} is in the gripper" if name == s.held else f"there is no {name}"
    if s.held in s.bowls and (skill not in _ASIDE or name in s.above(s.held)):
        return f"the {s.held} is in the gripper, which can only be put down beside what is not in it"
    if skill == "place_in" and name not in s.bowls:
        return f"the {name} is no container"
    if skill == "place_on" and (name in s.bowls or s.above(name)):
        return f"the {name} is no base" if name in s.bowls else f"the {s.above(name)[0]} is on the {name}"
    return None


def _why_not_pick(s: State, name: str) -> str | None:
    if s.held:
        return f"the gripper holds the {s.held}"
    if name in s.bowls:
        return "only blocks can be picked"
    if not s.is_present(name):
        return f"there is no {name}"
    return f"the {s.above(name)[0]} is on the {name}" if s.above(name) else None


def shortfall(before: State, after: State, skill: str, *arguments: str | float) -> str | None:
    """Why a call did not do what it means, as a clause; None when it did, whatever it reported."""
    if reason := why_not(before, skill, *arguments):
        return reason
    if skill not in _EFFECTS:
        return None
    [name] = arguments
    if skill == "pick":
        other = f"the gripper holds the {after.held}" if after.held else "the gripper holds nothing"
        return None if after.held == name else other
    if after.held == before.held:
        return f"the gripper still holds the {before.held}"
    return _misplaced(skill, name, before.held, after)


def _misplaced(skill: str, name: str, block: str, after: State) -> str | None:
    """Why a block that was let go is not where it should be."""
    carrier = TABLE if block in after.bowls else after.under.get(block, GONE)
    if carrier == GONE:
        return f"the {block} fell off the table"
    wanted = TABLE if skill in _ASIDE else name
    found = after.bowl_of(block) if skill == "place_in" else carrier
    return None if found == wanted else f"the {block} is on the {carrier}, not {_where(skill)} the {wanted}"


def _where(skill: str) -> str:
    return "in" if skill == "place_in" else "on"


def simulate(before: State, calls: Iterable[NamedCall]) -> State:
    """The state after the calls. Raises ValueError when one of them cannot be done."""
    for skill, *arguments in calls:
        if reason := why_not(before, skill, *arguments):
            raise ValueError(f"{skill}({', '.join(map(str, arguments))}): expected a call that can be done, but "
                             f"{reason}; the state is {before}")
        before = _EFFECTS[skill](before, *arguments)
    return before


def _pick(s: State, name: str) -> State:
    under = {block: carrier for block, carrier in s.under.items() if block != name}
    return replace(s, under=MappingProxyType(under), held=name, askew=s.askew - {name})


def _put(s: State, carrier: str) -> State:
    """A bowl, which a stop may leave in the hand, stands on the table again, with what is in it."""
    return replace(s, under=s.under if s.held in s.bowls else MappingProxyType({**s.under, s.held: carrier}), held=None)


def _put_down(s: State, name: str) -> State:
    return _put(s, TABLE)


_ASIDE = ("put_down_beside", "put_down_left_of", "put_down_right_of", "put_down_at")
"""What sets things down right on the table."""
_EFFECTS = {"pick": _pick, "place_in": _put, "place_on": _put, **dict.fromkeys(_ASIDE, _put_down)}
