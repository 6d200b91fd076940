"""What is on the table and what is wanted of it: entities, relations, and the scene that holds both."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

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
ENTITY_NAMES = tuple(f"{color} {kind}" for kind in KINDS for color in COLORS)
"""Every name that a thing on the table can have."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing on the table. size: full extents, m."""

    name: str  # "red block": unique in a scene
    kind: str  # "block" or "bowl"
    color: str
    size: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class In:
    """The block lies inside the bowl."""

    block: str
    bowl: str

    @property
    def destination(self) -> str:
        return self.bowl


@dataclass(frozen=True, slots=True)
class On:
    """The block lies on top of the base, itself a block."""

    block: str
    base: str

    @property
    def destination(self) -> str:
        return self.base


Relation = In | On


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
    """What is there, and what is wanted: every relation of the goal, lowest first."""

    goal: tuple[Relation, ...]
    task: str


def split_name(name: str) -> tuple[str, str]:
    """Color and kind of "red block". Raises ValueError when it is not the name of a possible entity."""
    known = [f"{color} {kind}" for color in COLORS for kind in KINDS]
    if name not in known:
        remedy = hint(name, known, otherwise="write a color and 'block' or 'bowl'")
        raise ValueError(f"expected an entity such as 'red block', got {name!r}{remedy}")
    color, kind = name.split(" ")
    return color, kind


def matching_pairs(names: tuple[str, ...]) -> tuple[In, ...]:
    """Each block of `names` with the bowl of its color, in the order of the table of colors: what sorting asks for."""
    return tuple(In(f"{c} block", f"{c} bowl") for c in COLORS if f"{c} block" in names and f"{c} bowl" in names)
