"""The judge of goals: whether what is wanted has come to hold, and which motions it asks for."""

from __future__ import annotations

from collections.abc import Sequence

from envs.goals.planner import plan_way, standing
from envs.goals.references import Trouble
from envs.goals.table import State, Table
from envs.goals.wanted import Wanted, Way

KEPT_M = 0.03
"""How far a thing may be moved that shall stay where it is."""


def reached(way: Way, tables: Sequence[State]) -> int:
    """How many steps of a way have come to hold, one after the other, on tables in the order of time."""
    count = 0
    for table in tables:
        while count < len(way) and all(t.is_met(table) for t in standing(way, count)):
            count += 1
    return count


def progress(aim: Wanted, tables: Sequence[State]) -> float:
    """In [0, 1], of the way that is furthest: the share of its steps and targets that hold; 1 when all that is wanted
    holds on the last table, came about in the order that was asked for, and nothing was moved that shall stay.

    tables: in the order of time; where nothing shall stay, whatever says what holds will do in their place.
    """
    return max((_progress(way, aim.keep, tables) for way in aim.ways), default=0.0)


def _progress(way: Way, keep: frozenset[str], tables: Sequence[State]) -> float:
    if not way or not any(way):
        return float(_is_kept(keep, tables[0], tables[-1]))
    last = len(way) - 1
    done = min(reached(way, tables), last) if last else 0
    current = standing(way, done)
    share = sum(t.is_met(tables[-1]) for t in current) / max(len(current), 1)
    return (done + share) / len(way) * (1.0 if _is_kept(keep, tables[0], tables[-1]) else 0.5)


def _is_kept(keep: frozenset[str], before: Table, after: Table) -> bool:
    return all(name in after.things and stayed(name, before, after) for name in keep)


def stayed(name: str, before: Table, after: Table) -> bool:
    """Whether a thing is where it was, on what carried it."""
    one, other = before.things[name], after.things[name]
    is_near = ((one.x - other.x) ** 2 + (one.y - other.y) ** 2) ** 0.5 < KEPT_M
    return is_near and before.under.get(name) == after.under.get(name)


def asks_for(aim: Wanted, tables: Sequence[Table], motion: Sequence[Table]) -> bool:
    """Whether a motion brings any way nearer to what is wanted, so that fewer calls are left: one that the goal does
    not ask for leaves as many, or more. tables: until now. motion: the tables after each of its calls."""
    return any(_brings_nearer(way, aim.keep, tables, motion) for way in aim.ways)


def _brings_nearer(way: Way, keep: frozenset[str], tables: Sequence[Table], motion: Sequence[Table]) -> bool:
    try:
        before = len(plan_way(tables[-1], way, keep, reached(way, tables)))
        return len(plan_way(motion[-1], way, keep, reached(way, (*tables, *motion)))) < before
    except Trouble:
        return False
