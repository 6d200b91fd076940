"""Which things words mean on a table, and what is wrong where they mean none, or too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from envs.goals.language import NUMBERS, Description, Things, Where
from envs.goals.spelling import write_description, write_things
from envs.goals.table import BESIDE_M, Table, Thing

_TIE_M = 0.015  # between places that count as equally far left, or near
_TIE_SIZE_M = 0.003
_RANGE_M = 0.005  # of sizes that are different at all
_ASIDE = ("beside", "left of", "right of")  # brackets that are meant of all of the things, where they say all
_SELECTIVE = ("nearest", "farthest")  # brackets that choose among what the others leave
RANKS: dict[str, Callable[[Thing], float]] = {
    "leftmost": lambda t: -t.y, "rightmost": lambda t: t.y, "nearest": lambda t: t.x, "farthest": lambda t: -t.x,
    "biggest": lambda t: -t.side_m, "smallest": lambda t: t.side_m, "highest": lambda t: -t.z, "lowest": lambda t: t.z}
"""Superlative -> by what the least of things is the one."""


@dataclass(eq=False)
class Trouble(Exception):  # noqa: N818 - an outcome like others, no fault
    """Why words cannot be followed on this table. reason: "missing", "too_few", "cannot_move", "no_container",
    "no_base", "conflict" or "ambiguous". about: the words, or the name of the thing, that it is about. options: names
    of what may be meant, of an ambiguity."""

    reason: str
    about: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def find(told: Description, table: Table, *, fits: Callable[[str], bool] | None = None, mover: str | None = None
         ) -> list[str]:
    """Names of what a description fits, in the order of the table.

    fits: of "thing", which names suit the place it stands at; where some do, it means those. mover: what "same color"
    compares with. Raises Trouble where a thing within a bracket is not to be told.
    """
    found = _of_size(told.size, _called(told, table), table)
    for where in sorted(told.where, key=lambda where: where.relation in _SELECTIVE):
        found = _told_by(where, found, table, mover)
    if told.kind == "thing" and fits is not None:
        found = [name for name in found if fits(name)] or found
    if told.but is not None:
        out = find(told.but, table, mover=mover)
        found = [name for name in found if name not in out]
    return _extreme(told.superlative, found, table)


def _called(told: Description, table: Table) -> list[str]:
    kind, color = told.kind.strip('"'), told.color.strip('"')
    return [name for name, thing in table.things.items()
            if (kind == thing.kind or kind == "thing") and (not color or color == thing.color)]


def _of_size(size: str, found: list[str], table: Table) -> list[str]:
    """Of things of different sizes the small or big ones: the lowest or highest third of the range."""
    sides = {name: table.things[name].side_m for name in found}
    if not size or len(found) < 2 or max(sides.values()) - min(sides.values()) < _RANGE_M:
        return found
    low, high = min(sides.values()), max(sides.values())
    third = (high - low) / 3
    return [n for n, side in sides.items() if (side <= low + third if size == "small" else side >= high - third)]


def _extreme(superlative: str, found: list[str], table: Table) -> list[str]:
    if not superlative or not found:
        return found
    rank = RANKS[superlative]
    tie = _TIE_SIZE_M if superlative in ("biggest", "smallest") else _TIE_M
    return _least({name: rank(table.things[name]) for name in found}, tie)


def _least(ranks: dict[str, float], tie: float) -> list[str]:
    least = min(ranks.values(), default=0.0)
    return [name for name, rank in ranks.items() if rank <= least + tie]


def _told_by(where: Where, found: list[str], table: Table, mover: str | None) -> list[str]:
    """Of the things found those that a bracket fits."""
    if where.things is None:
        return [name for name in found if _is_lone(where.relation, name, table, mover)]
    others = find(where.things.description, table, mover=mover)
    if where.things.quantifier in ("the", "") and len(others) > 1:
        ways = {other: _related(where.relation, found, [other], table) for other in others}
        good = [way for way in ways.values() if way]
        if any(way != good[0] for way in good):
            raise Trouble("ambiguous", (write_things(where.things),), tuple(others))
        return good[0] if good else []
    if not others:
        raise Trouble("missing", (write_description(where.things.description),))
    if where.relation in _ASIDE and where.things.quantifier in ("both", "all"):
        return [n for n in found if n not in others and all(_is_so(where.relation, n, o, table) for o in others)]
    return _related(where.relation, found, others, table)


def _is_lone(relation: str, name: str, table: Table, mover: str | None) -> bool:
    if relation == "on table":
        return table.stands(name)
    if relation == "empty":
        return table.things[name].kind == "bowl" and not table.above(name)
    if relation == "alone":
        return table.stands(name) and not table.above(name)
    return mover is not None and table.things[name].color == table.things[mover].color


def _related(relation: str, found: Iterable[str], others: list[str], table: Table) -> list[str]:
    """Of the things found those that stand so to any of the others; of nearest and farthest, to all of them."""
    if relation in _SELECTIVE:
        sign = 1 if relation == "nearest" else -1
        away = {n: sign * sum(table.apart_m(n, o) for o in others) for n in found if n not in others}
        return _least(away, _TIE_M)
    return [name for name in found if any(_is_so(relation, name, other, table) for other in others if other != name)]


def _is_so(relation: str, name: str, other: str, table: Table) -> bool:
    if relation == "in":
        return table.bowl_of(name) == other
    if relation == "on":
        return table.under.get(name) == other
    if relation == "under":
        return table.under.get(other) == name or name in table.below(other)
    if relation == "holding":
        return table.bowl_of(other) == name
    if name in (*table.below(other), *table.above(other)):
        return False
    if relation == "beside":
        return table.apart_m(name, other) <= BESIDE_M
    ahead = table.things[name].y - table.things[other].y
    return ahead > _TIE_M if relation == "left of" else ahead < -_TIE_M


def count_of(things: Things) -> int | None:
    """How many are meant; None for all of them, however many."""
    if things.quantifier in NUMBERS:
        return int(things.quantifier)
    return {"the": 1, "": 1, "a": 1, "both": 2}.get(things.quantifier)


def meant(things: Things, table: Table, *, fits: Callable[[str], bool] | None = None, mover: str | None = None
          ) -> list[str]:
    """Names of what a definite reference means ("the", "both", "all"), of an indefinite one what it may mean.

    Raises Trouble where that is nothing, too little, or, of a definite one, too much.
    """
    found, count = find(things.description, table, fits=fits, mover=mover), count_of(things)
    words = write_description(things.description)
    if not found:
        raise Trouble("missing", (_plain(things.description),))
    if count is not None and len(found) < count:
        raise Trouble("too_few", (words,))
    if things.quantifier in ("the", "", "both") and len(found) > count:
        raise Trouble("ambiguous", (write_things(things),), tuple(found))
    return found


def _plain(told: Description) -> str:
    """A description without what it leaves out."""
    return write_description(replace(told, but=None) if told.but else told)
