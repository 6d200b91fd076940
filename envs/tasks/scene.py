"""What is on the table and what is wanted of it: entities, and the scene that holds them and its goal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from envs.goals.wanted import Target, Wanted
from envs.names import hint

COLORS = MappingProxyType({
    "red": (0.85, 0.08, 0.08),
    "green": (0.08, 0.58, 0.14),
    "blue": (0.08, 0.16, 0.82),
    "yellow": (0.96, 0.88, 0.08),
    "orange": (0.98, 0.46, 0.02),
    "purple": (0.52, 0.10, 0.66),
    "cyan": (0.10, 0.82, 0.86),
    "white": (0.96, 0.96, 0.96),
})
"""Color word -> RGB in [0, 1]: the one table of colors, at least 0.35 apart from each other."""

KINDS = ("block", "bowl")
MOST_ALIKE = 9
"""Things of one color and kind in a scene, at most: "red block", "red block 2" ... "red block 9"."""
PLAIN_NAMES = tuple(f"{color} {kind}" for kind in KINDS for color in COLORS)
"""Every name that the only thing of its color and kind can have."""
ENTITY_NAMES = (*PLAIN_NAMES, *(f"{name} {number}" for number in range(2, MOST_ALIKE + 1) for name in PLAIN_NAMES))
"""Every name that a thing on the table can have."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing on the table. size: full extents, m."""

    name: str  # "red block": unique in a scene
    kind: str  # "block" or "bowl"
    color: str
    size: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Things:
    """What is there."""

    entities: tuple[Entity, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entity.name for entity in self.entities)

    def named(self, kind: str) -> tuple[str, ...]:
        """Names of the entities of one kind."""
        return tuple(entity.name for entity in self.entities if entity.kind == kind)


@dataclass(frozen=True, slots=True)
class Scene(Things):
    """What is there, and what is wanted: everything that shall hold at one time, lowest first."""

    goal: tuple[Target, ...]
    task: str

    @property
    def aim(self) -> Wanted:
        """The goal as the judge takes it."""
        return Wanted(((self.goal,),))


def split_name(name: str) -> tuple[str, str]:
    """Color and kind of "red block", or of "red block 2", the second one of them. Raises ValueError when it is not the
    name of a possible entity."""
    if name not in _KNOWN_NAMES:
        remedy = hint(name, PLAIN_NAMES, otherwise="write a color and 'block' or 'bowl'")
        raise ValueError(f"expected an entity such as 'red block', got {name!r}{remedy}")
    color, kind, *_ = name.split(" ")
    return color, kind


_KNOWN_NAMES = frozenset(ENTITY_NAMES)


def of_kind(names: Iterable[str], kind: str) -> list[str]:
    """Those of the names that are of entities of a kind; what else stands on a table is of none."""
    return [name for name in names if name in _KNOWN_NAMES and split_name(name)[1] == kind]


def has_namesakes(names: Iterable[str]) -> bool:
    """Whether two of the things have one color and kind, so that those do not tell them apart."""
    looks = [split_name(name) for name in names]
    return len(set(looks)) < len(looks)


def unmistakable(names: Sequence[str]) -> list[str]:
    """Those of the things that are the only ones of their color and kind, in their order."""
    looks = [split_name(name) for name in names]
    return [name for name, look in zip(names, looks, strict=True) if looks.count(look) == 1]
