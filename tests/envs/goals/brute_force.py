"""Every table that can be come to, searched through: whether a goal can be met at all, and by how few calls.

Knows nothing of the planner's rule: a block that carries nothing can be picked, and goes in any bowl, on any block that
carries nothing, or on any free cell of the table; in the end the hand is empty. Where no place on the table matters
there is but one cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from envs.goals.judge import reached
from envs.goals.language import TABLE
from envs.goals.planner import standing
from envs.goals.table import Table
from envs.goals.wanted import Wanted, Way

CELLS = tuple((0.30 + 0.12 * row, 0.39 - 0.13 * column) for row in (1, 2, 3) for column in range(7))
_PLACES = ("at", "beside", "left_of", "right_of")


def least_calls(table: Table, aim: Wanted) -> int | None:
    """How few calls meet any way of a goal without moving what it keeps; None where none can."""
    counts = [_least_calls(table, way, aim.keep) for way in aim.ways]
    return min((count for count in counts if count is not None), default=None)


def minds_places(way: Way) -> bool:
    """Whether places on the table matter to it."""
    return any(target.relation in _PLACES for step in way for target in step)


def _least_calls(table: Table, way: Way, keep: frozenset[str]) -> int | None:
    minds = minds_places(way)
    done = reached(way, (table,))
    level, seen = [(table, done)], {(_mark(table, minds), done)}
    calls = 0
    while level:
        if any(_is_met(way, *state) for state in level):
            return calls
        level = [state for found in level for state in _after(found, way, keep, minds, seen)]
        calls += 1
    return None


def _is_met(way: Way, table: Table, done: int) -> bool:
    targets = standing(way, len(way) - 1) if way else ()
    if table.held is not None and not any(t.is_wanted and t.relation == "held" for t in targets):
        return False
    return done == len(way) and all(t.is_met(table) for t in targets)


def _after(state: tuple[Table, int], way: Way, keep: frozenset[str], minds: bool, seen: set
           ) -> Iterator[tuple[Table, int]]:
    table, done = state
    for after in _moves(table, keep, minds):
        count = done
        while count < len(way) and all(t.is_met(after) for t in standing(way, count)):
            count += 1
        key = _mark(after, minds), count
        if key not in seen:
            seen.add(key)
            yield after, count


def _mark(table: Table, minds: bool) -> tuple:
    spots = tuple((t.x, t.y) for t in table.things.values() if table.stands(t.name)) if minds else ()
    return table.held, tuple(sorted(table.under.items())), spots


def _moves(table: Table, keep: frozenset[str], minds: bool) -> Iterator[Table]:
    """Tables after one call."""
    if table.held is None:
        for name in table.blocks:
            if not table.above(name) and name not in keep:
                under = {block: carrier for block, carrier in table.under.items() if block != name}
                yield replace(table, under=MappingProxyType(under), held=name)
        return
    for bowl in table.bowls:
        yield _put(table, bowl, table.things[bowl].x, table.things[bowl].y)
    for name in table.blocks:
        if name != table.held and not table.above(name):
            yield _put(table, name, table.things[name].x, table.things[name].y)
    taken = {(round(t.x, 3), round(t.y, 3)) for t in table.things.values() if t.name != table.held}
    free = [(x, y) for x, y in CELLS if (round(x, 3), round(y, 3)) not in taken]
    for x, y in free if minds else free[:1]:
        yield _put(table, TABLE, x, y)


def _put(table: Table, carrier: str, x: float, y: float) -> Table:
    moved = replace(table.things[table.held], x=x, y=y)
    return replace(table, things=MappingProxyType({**table.things, table.held: moved}), held=None,
                   under=MappingProxyType({**table.under, table.held: carrier}))
