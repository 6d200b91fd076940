"""What the forms of the five families ask for, in the goal language."""

from __future__ import annotations

from functools import lru_cache

from envs.goals.language import Description, Do, Fact, Relation, Things, Where
from envs.goals.planner import standing
from envs.goals.references import Trouble
from envs.goals.spelling import write
from envs.goals.table import Table, Thing
from envs.goals.wanted import Target, conflict_in, wanted
from envs.tasks.scene import COLORS, split_name

_ORDER = tuple(COLORS)


def goal_in(form: str, roles: dict[str, str]) -> str:
    """What a form asks for, as text. roles: role -> "red block"."""
    return write(_goal(form, roles))


def goal_of(form: str, roles: dict[str, str], names: tuple[str, ...]) -> tuple[Target, ...] | None:
    """What a form asks for among the named things, by their colors and kinds alone; None when it cannot be had, or
    could be several things. Of several things that go somewhere the order is that of the table of colors."""
    return _meant(form, tuple(roles.items()), names)


@lru_cache(maxsize=512)
def _meant(form: str, roles: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> tuple[Target, ...] | None:
    try:
        way = wanted(_goal(form, dict(roles)), _looks(names)).ways[0]
    except Trouble:
        return None
    targets = standing(way, len(way) - 1)
    return None if conflict_in(targets) else targets


def _looks(names: tuple[str, ...]) -> Table:
    """Things of which nothing is known but their colors and kinds."""
    looks = sorted(((*split_name(name), name) for name in names), key=lambda look: _ORDER.index(look[0]))
    return Table.of((Thing(name, kind, color, 0.0, 0.0, 0.0, 0.0) for color, kind, name in looks), {})


def _goal(form: str, roles: dict[str, str]) -> Do:
    if form == "sort":
        bowl = Description("bowl", where=(Where("same color"),))
        return Do(((Fact("in", Things("all", Description("block")), Things("the", bowl)),),))
    if form == "tower":
        return Do(((_fact("on", roles["middle"], roles["low"]),), (_fact("on", roles["high"], roles["middle"]),)))
    return Do(((_fact(form, roles["block"], roles["bowl" if form == "in" else "base"]),),))


def _fact(relation: Relation, thing: str, place: str) -> Fact:
    return Fact(relation, *(Things("the", Description(kind, color)) for color, kind in map(split_name, (thing, place))))
