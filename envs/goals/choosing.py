"""A goal once a person has said which of several things was meant: told so that it fits that one alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from envs.goals.language import TABLE, Description, Goal, Things, Where
from envs.goals.references import Trouble, find
from envs.goals.spelling import write_things
from envs.goals.table import Table


def choose(goal: Goal, about: str, name: str, table: Table) -> Goal | None:
    """The goal with a thing's own description in place of the words that fit several; None where the language has none
    that fits the thing alone. about: those words, as a `Question` has them."""
    asked = next((things for things in _references(goal) if write_things(things) == about), None)
    if asked is None or asked.quantifier not in ("the", ""):
        return None
    told = single_out(asked.description, name, table)
    return None if told is None else _swapped(goal, asked, replace(asked, description=told))


def single_out(told: Description, name: str, table: Table) -> Description | None:
    """A description that fits one thing alone among those that `told` fits, with as little more as will do."""
    base = replace(told, kind=table.things[name].kind)
    more = list(_changes(base, name, table))
    singles = [replace(base, **change) for change in more]
    pairs = [replace(base, **merged) for one, other in itertools.combinations(more, 2)
             if (merged := _merged(one, other)) is not None]
    return next((found for found in [base, *singles, *pairs] if _fits_alone(found, name, table)), None)


def _changes(told: Description, name: str, table: Table) -> Iterator[dict[str, Any]]:
    """What could be added, in the order in which questions tell things apart."""
    thing, carrier = table.things[name], table.under.get(name, TABLE)
    if not told.color:
        yield {"color": thing.color}
    for where in _wheres(name, carrier, table):
        yield {"where": (*told.where, where)}
    if not told.superlative:
        for word in ("biggest", "smallest", "leftmost", "rightmost", "nearest", "farthest", "highest", "lowest"):
            yield {"superlative": word}


def _wheres(name: str, carrier: str, table: Table) -> Iterator[Where]:
    if carrier != TABLE:
        yield Where("in" if table.things[carrier].kind == "bowl" else "on", _named(carrier, table))
    yield from (Where("under" if table.things[name].kind == "block" else "holding", _named(above, table))
                for above in table.above(name)[:1])
    if carrier == TABLE:
        yield Where("on table")


def _named(name: str, table: Table) -> Things:
    return Things("", Description(table.things[name].kind, table.things[name].color))


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    return None if one.keys() & other.keys() else {**one, **other}


def _fits_alone(told: Description, name: str, table: Table) -> bool:
    try:
        return find(told, table) == [name]
    except Trouble:
        return False


def _references(part: Any) -> Iterator[Things]:
    """Every reference in a goal, the outer ones first."""
    if isinstance(part, Things):
        yield part
    for inner in _parts(part):
        yield from _references(inner)


def _parts(part: Any) -> list[Any]:
    if isinstance(part, tuple):
        return list(part)
    return [getattr(part, field.name) for field in fields(part)] if is_dataclass(part) else []


def _swapped(part: Any, old: Things, new: Things) -> Any:
    if part == old:
        return new
    if isinstance(part, tuple):
        return tuple(_swapped(inner, old, new) for inner in part)
    if not is_dataclass(part):
        return part
    return replace(part, **{f.name: _swapped(getattr(part, f.name), old, new) for f in fields(part)})
