"""The goal language: what a person may want of a table, as typed data.

    in(both red block, the bowl [nearest both red block])
    on(the blue block, the white block) then on(the red block, the blue block)
    if there_is(a green block): in(the green block, the blue bowl) else: keep(all block)
    tell count(red block)

docs/goals.md has the whole of it. `envs.goals.spelling` reads and writes the text of a goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Relation = Literal["in", "on", "beside", "left_of", "right_of", "at", "held"]
"""What may hold of things: in a bowl, on a block or right on the table, near something or to one side of it (both on
the table), on a part of the table, in the hand. Left and right are the robot's."""

PLACES = ("left", "right", "middle")
"""Parts of the table."""
TABLE = "table"

QUANTIFIERS = ("the", "a", "all", "both", "each")
NUMBERS = tuple(str(n) for n in range(2, 10))
SUPERLATIVES = ("leftmost", "rightmost", "nearest", "farthest", "biggest", "smallest", "highest", "lowest")
"""nearest, farthest: of the robot. highest, lowest: in a stack."""
SIZES = ("small", "big")
KINDS = ("block", "bowl", "thing")
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
NEAR_RELATIONS = ("in", "on", "under", "holding", "beside", "left of", "right of", "nearest", "farthest")
"""How a thing may be told by another one."""
LONE_RELATIONS = ("on table", "alone", "empty", "same color")
"""How it may be told without one."""


@dataclass(frozen=True, slots=True)
class Where:
    """One bracket of a description. relation: of `NEAR_RELATIONS` with things, of `LONE_RELATIONS` without."""

    relation: str
    things: Things | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """Words that fit some of the things that are there. kind, color: a word in quotes is none that the table has."""

    kind: str
    color: str = ""
    size: str = ""
    superlative: str = ""
    where: tuple[Where, ...] = ()
    but: Description | None = None


@dataclass(frozen=True, slots=True)
class Things:
    """A reference. quantifier: of `QUANTIFIERS` or `NUMBERS`; "" where nobody says, which inside a bracket is "the"."""

    quantifier: str
    description: Description


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation of things to a place: other things, a word of `PLACES`, `TABLE`, or None for "held"."""

    relation: Relation
    things: Things
    place: Things | str | None = None


@dataclass(frozen=True, slots=True)
class Not:
    test: Test


@dataclass(frozen=True, slots=True)
class Exists:
    things: Things


@dataclass(frozen=True, slots=True)
class More:
    """There are more of these than of those."""

    these: Things
    those: Things


Test = Fact | Not | Exists | More


@dataclass(frozen=True, slots=True)
class Keep:
    """They stay where they are."""

    things: Things


Clause = Fact | Not | Keep
Step = tuple[Clause, ...]
"""What shall hold at one time; the order of its clauses says nothing."""


@dataclass(frozen=True, slots=True)
class Do:
    """Steps that come to hold one after the other; what an earlier one wants stays, unless a later one wants another
    place for the same thing."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class If:
    """The first goal where the test holds when it is said, else the other one, None = nothing."""

    test: Test
    then: Do
    otherwise: Do | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """A question about the scene: how many, whether something holds, where, what colour, what is there."""

    about: Literal["count", "whether", "where", "color", "what"]
    what: Things | Test


@dataclass(frozen=True, slots=True)
class Cannot:
    """Asks for an action that the robot has not, by the verb."""

    verb: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Asks for nothing."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Says nothing that can be understood."""


Goal = Do | If | Tell | Cannot | Nothing | Unclear
