"""What a goal wants of a table: for each way of reading it, the relations of named things that shall come to hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, permutations

from envs.goals.language import NUMBERS, TABLE, Clause, Do, Fact, Keep, Not, Things
from envs.goals.references import Trouble, count_of, find, meant
from envs.goals.spelling import write_description, write_things
from envs.goals.table import State, Table

MOST_WAYS = 200
"""Ways to choose among things that fit equally well which are looked at; the freest things come first."""


@dataclass(frozen=True, slots=True)
class Target:
    """One relation of one thing to one place that shall hold, or shall not."""

    thing: str
    relation: str
    place: str | None
    is_wanted: bool = True

    def is_met(self, state: State) -> bool:
        return state.holds(self.thing, self.relation, self.place) == self.is_wanted


Way = tuple[tuple[Target, ...], ...]
"""Targets of each step."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ways in which a goal may be met, and what stays where it is."""

    ways: tuple[Way, ...]
    keep: frozenset[str] = frozenset()


def wanted(goal: Do, table: Table) -> Wanted:
    """What a goal wants of the table as it is when it is said. Raises Trouble where its words do not fit the table."""
    ways = tuple(islice(_ways(goal.steps, table, {}), MOST_WAYS))
    clauses = [clause for step in goal.steps for clause in step]
    keep = frozenset(name for c in clauses if isinstance(c, Keep) for name in find(c.things.description, table))
    return Wanted(ways, keep)


Bound = dict[str, tuple[str, ...]]
"""What words that choose mean, once they have chosen: the same words mean the same things."""


def _ways(steps: Sequence[Sequence[Clause]], table: Table, bound: Bound) -> Iterator[Way]:
    if not steps:
        yield ()
        return
    for targets, further in _step_ways(steps[0], table, bound):
        for rest in _ways(steps[1:], table, further):
            yield targets, *rest


def _step_ways(clauses: Sequence[Clause], table: Table, bound: Bound) -> Iterator[tuple[tuple[Target, ...], Bound]]:
    if not clauses:
        yield (), bound
        return
    for targets, further in _clause_ways(clauses[0], table, bound):
        for rest, last in _step_ways(clauses[1:], table, further):
            yield (*targets, *rest), last


def _clause_ways(clause: Clause, table: Table, bound: Bound) -> Iterator[tuple[tuple[Target, ...], Bound]]:
    if isinstance(clause, Keep):
        yield (), bound
    elif isinstance(clause, Not):
        yield _denied(clause.test, table), bound
    else:
        for movers, further in _choices(clause.things, table, bound, "block"):
            _check_movers(movers, clause)
            yield from _placed(clause, movers, table, further)


def _denied(test: Fact | Not, table: Table) -> tuple[Target, ...]:
    """The targets of what shall not hold: of none of the things that fit."""
    if isinstance(test, Not):
        return tuple(replace(target, is_wanted=not target.is_wanted) for target in _denied(test.test, table))
    movers = _all_of(test.things, table, "block")
    places = [test.place] if not isinstance(test.place, Things) else _all_of(test.place, table, _suited(test))
    return tuple(Target(mover, test.relation, place, False) for mover in movers for place in places if mover != place)


def _all_of(things: Things, table: Table, kind: str) -> list[str]:
    plain = things if things.quantifier in ("the", "", "both", *NUMBERS) else replace(things, quantifier="all")
    return meant(plain, table, fits=_fits(kind, table))


def _suited(fact: Fact) -> str:
    """The kind of thing that "thing" means in the second place of a fact; "" for any."""
    return {"in": "bowl", "on": "block"}.get(fact.relation, "")


def _fits(kind: str, table: Table):
    return (lambda name: table.things[name].kind == kind) if kind else None


def _choices(things: Things, table: Table, bound: Bound, kind: str) -> Iterator[tuple[tuple[str, ...], Bound]]:
    """What a reference may mean, way by way: one, of a definite one."""
    words, found, count = write_things(things), meant(things, table, fits=_fits(kind, table)), count_of(things)
    if words in bound:
        yield bound[words], bound
    elif count is None or things.quantifier in ("the", "", "both") or len(found) == count:
        yield tuple(found), bound
    else:
        found = [name for name in found if table.things[name].kind == kind] or found  # what can be had, if anything
        freest = sorted(found, key=lambda name: (len(table.above(name)), len(table.below(name))))
        for chosen in combinations(freest, min(count, len(freest))):
            yield chosen, {**bound, words: chosen}


def _check_movers(movers: Sequence[str], fact: Fact) -> None:
    """Raises Trouble where a goal wants something moved that cannot be."""
    if isinstance(fact.place, Things) or fact.relation in ("on", "at", "held"):
        for name in movers:
            if "bowl" in name.split():
                raise Trouble("cannot_move", (name,))


def _placed(fact: Fact, movers: tuple[str, ...], table: Table, bound: Bound
            ) -> Iterator[tuple[tuple[Target, ...], Bound]]:
    """The targets of things that go to the place of a fact."""
    if not isinstance(fact.place, Things):
        yield tuple(Target(mover, fact.relation, fact.place) for mover in movers), bound
    elif any(where.relation == "same color" for where in fact.place.description.where):
        yield _matched(fact, movers, table), bound
    elif fact.place.quantifier == "each":
        yield from ((targets, bound) for targets in _shared_out(fact, movers, table))
    else:
        for places, further in _choices(fact.place, table, bound, _suited(fact)):
            _check_places(places, fact, table)
            yield tuple(Target(m, fact.relation, p) for m in movers for p in places), further


def _matched(fact: Fact, movers: tuple[str, ...], table: Table) -> tuple[Target, ...]:
    """Each thing with the place of its own colour; of all things those that have one."""
    pairs = {m: [p for p in find(fact.place.description, table, fits=_fits(_suited(fact), table), mover=m) if p != m]
             for m in movers}
    if not any(pairs.values()) or (count_of(fact.things) is not None and not all(pairs.values())):
        raise Trouble("missing", (write_description(fact.place.description),))
    for places in pairs.values():
        _check_places(places, fact, table)
        if len(places) > 1:
            raise Trouble("ambiguous", (write_things(fact.place),), tuple(places))
    return tuple(Target(m, fact.relation, places[0]) for m, places in pairs.items() if places)


def _shared_out(fact: Fact, movers: tuple[str, ...], table: Table) -> Iterator[tuple[Target, ...]]:
    """Things of their own for each place: as many as the words say, or all in equal shares."""
    places = meant(replace(fact.place, quantifier="all"), table, fits=_fits(_suited(fact), table))
    _check_places(places, fact, table)
    count = count_of(fact.things)
    share = count or len(movers) // len(places)
    pool = list(movers) if count is None else meant(replace(fact.things, quantifier="all"), table,
                                                    fits=_fits("block", table))
    _check_movers(pool, fact)
    if share * len(places) > len(pool) or (count is None and share * len(places) != len(pool)):
        raise Trouble("too_few", (write_description(fact.things.description),))
    for order in permutations(pool, share * len(places)):
        if all(order[i * share:(i + 1) * share] == tuple(sorted(order[i * share:(i + 1) * share], key=pool.index))
               for i in range(len(places))):
            yield tuple(Target(mover, fact.relation, places[i // share]) for i, mover in enumerate(order))


def _check_places(places: Sequence[str], fact: Fact, table: Table) -> None:
    """Raises Trouble where things cannot go there."""
    for name in places:
        is_bowl = table.things[name].kind == "bowl"
        if (fact.relation == "in" and not is_bowl) or (fact.relation == "on" and is_bowl):
            raise Trouble("no_container" if fact.relation == "in" else "no_base", (name,))


def conflict_in(targets: Sequence[Target]) -> Trouble | None:
    """What contradicts itself in what shall hold at one time; None where nothing does."""
    hopes = [t for t in targets if t.is_wanted]
    for one in hopes:
        if one.thing == one.place or replace(one, is_wanted=False) in targets:
            return Trouble("conflict", (one.thing,))
        for other in hopes:
            if _exclude(one, other):
                about = (one.thing != other.thing and one.place) or one.thing
                return Trouble("conflict", (about,))
    carriers = {t.thing: t.place for t in hopes if t.relation == "on" and t.place != TABLE}
    for start in carriers:
        at, steps = start, 0
        while at in carriers and steps <= len(carriers):
            at, steps = carriers[at], steps + 1
        if steps > len(carriers):
            return Trouble("conflict", (start,))
    return None


_CARRIED = ("in", "on")
_OPPOSITE = {"left_of": "right_of", "right_of": "left_of"}


def _exclude(one: Target, other: Target) -> bool:
    """Whether two hopes cannot both hold."""
    if one == other:
        return False
    if one.thing != other.thing:
        is_base = one.relation == other.relation == "on" and one.place == other.place != TABLE
        return is_base or (one.relation == other.relation == "held") or (
            one.relation == other.relation in _OPPOSITE and (one.thing, one.place) == (other.place, other.thing))
    if "held" in (one.relation, other.relation):
        return True
    if one.relation == other.relation and one.relation in (*_CARRIED, "at"):
        return True
    if _OPPOSITE.get(one.relation) == other.relation and one.place == other.place:
        return True
    loose = [t for t in (one, other) if t.relation not in _CARRIED or t.place == TABLE]
    carried = [t for t in (one, other) if t.relation in _CARRIED and t.place != TABLE]
    return bool(loose and carried)
