"""What an agent believes is on the table: measured slots with names that outlast moves, as symbols for goals.

A name is what a thing looks like ("red block"), numbered where several look so ("red block 2"). It is kept through an
episode: what was moved is looked for where its call should have left it, everything else where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from embodied.planning.language import object_names
from embodied.planning.looks import colors_of, kind_of
from embodied.planning.possible import middle_of, width_of
from embodied.prompt import Slot
from envs.goals.language import TABLE
from envs.goals.planner import simulate
from envs.goals.table import Table, Thing
from envs.interface import Box, NamedCall, Referent, SkillCall, Transition

_KINDS = ("block", "bowl")
_OTHER_COLOR_M, _OTHER_KIND_M, _OTHER_SIZE = 0.25, 0.6, 3.0
"""How many metres of way a thing of another colour or kind counts for when things are found again; a metre of another
size for so many."""
_LOST_M = 0.45
"""Further off than this, counted so, nothing is the same thing."""
_OVER, _ABOVE = 0.6, 0.5
"""A block is over another whose middle is less than this off along the table and more than this below, in widths: of
one that a bowl hides the lower half of, the middle of what shows is about a third of a width too high."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is there. places: name -> the place of its slot in the perception; what is held or out of sight has
    none."""

    table: Table
    places: MappingProxyType[str, int]

    @property
    def unseen(self) -> frozenset[str]:
        """What is believed to be there, but is not in sight, not in the hand, and under nothing that is in sight: that
        a block in sight lies as high as it would upon one that it hides shows that one, too."""
        covered = {name for seen in self.places for name in self.table.below(seen)}
        return frozenset(self.table.things) - {*self.places, *covered, self.table.held}

    def object_name(self, name: str) -> str:
        """What plans call a thing that is in sight: "obj_3". Raises KeyError for another."""
        return object_names(self.places[name] + 1)[-1]

    def name_at(self, box: Box) -> str | None:
        """The thing whose middle is nearest to a box's."""
        return min(self.places, key=lambda name: _apart_m(self.table.things[name], box.center), default=None)


def first_look(slots: Sequence[Slot], held: Slot | None = None) -> Belief:
    """What a first look shows. held: how what is in the hand looked when it was picked."""
    return _named(_seen(slots), _names([*slots, *([held] if held is not None else [])]), held)


def look_again(before: Belief, slots: Sequence[Slot], happened: Sequence[Transition], *, is_holding: bool = True
               ) -> Belief:
    """What a look shows after calls that were carried out since the last one. What is out of sight is believed to be
    where it was left. is_holding: False where the fingers are known to hold nothing, whatever should be in them."""
    expected = expect(before, happened)
    if not is_holding:
        expected = replace(expected, held=None)
    seen = _seen(slots)
    pairs = _matched(expected, seen)
    names = {place: name for name, place in pairs.items()}
    taken, things, places = set(expected.things), [], {}
    for place, thing in seen.items():
        name = names.get(place) or _free_name(f"{thing.color} {thing.kind}", taken)
        taken.add(name)
        known = expected.things.get(name)
        looks = thing if known is None else replace(thing, color=known.color, kind=known.kind, side_m=known.side_m)
        things.append(replace(looks, name=name))
        places[name] = place
    away = [thing for name, thing in expected.things.items() if name not in places]
    hidden = [thing for thing in away if thing.name != expected.held]
    under = {**_under(things, hidden), **{t.name: expected.under.get(t.name, TABLE) for t in hidden
                                          if t.kind == "block"}}
    return Belief(Table.of([*things, *away], under, expected.held), MappingProxyType(places))


def expect(before: Belief, happened: Sequence[Transition]) -> Table:
    """The table after calls, by what they reported: one that failed is believed to have changed nothing but the
    hand."""
    table = before.table
    for transition in happened:
        call = named_call(transition.call, before)
        if transition.outcome.status == "done" and call is not None and (call[0] == "pick" or table.held is not None):
            table = simulate(table, [call])
    return table


def named_call(call: SkillCall, belief: Belief) -> NamedCall | None:
    """A call with things by their names; None where it is about something unknown."""
    values: list[str | float] = []
    for argument in call.arguments:
        if not isinstance(argument, Referent):
            values.append(argument)
            continue
        name = None if argument.box is None else belief.name_at(argument.box)
        if name is None:
            return None
        values.append(name)
    return (call.skill, *values)


def _seen(slots: Sequence[Slot]) -> dict[int, Thing]:
    """Place of each slot that shows a block or a bowl -> the thing, unnamed."""
    colors = colors_of([slot.crop for slot in slots])
    kinds = list(map(kind_of, slots))
    return {place: _thing("", color, kind, slot) for place, (slot, color, kind)
            in enumerate(zip(slots, colors, kinds, strict=True)) if kind in _KINDS}


def _thing(name: str, color: str, kind: str, slot: Slot) -> Thing:
    if kind == "bowl":
        return Thing(name, kind, color, max(slot.box.size), *slot.box.center)
    return Thing(name, kind, color, width_of(slot), *middle_of(slot))


def _names(slots: Sequence[Slot]) -> list[str]:
    """A name for each slot, numbered from the robot's left where several look alike."""
    colors, names, taken = colors_of([slot.crop for slot in slots]), [""] * len(slots), set()
    for place in sorted(range(len(slots)), key=lambda place: -slots[place].box.center[1]):
        names[place] = _free_name(f"{colors[place]} {kind_of(slots[place])}", taken)
        taken.add(names[place])
    return names


def _free_name(looks: str, taken: set[str]) -> str:
    return next(name for name in (looks, *(f"{looks} {n}" for n in range(2, 100))) if name not in taken)


def _named(seen: dict[int, Thing], names: Sequence[str], held: Slot | None) -> Belief:
    things = [replace(thing, name=names[place]) for place, thing in seen.items()]
    places = {names[place]: place for place in seen}
    under, in_hand = _under(things), None
    if held is not None:
        in_hand = names[-1]
        things.append(_thing(in_hand, *in_hand.split()[:2], held))
    return Belief(Table.of(things, under, in_hand), MappingProxyType(places))


def _under(things: Iterable[Thing], hidden: Iterable[Thing] = ()) -> dict[str, str]:
    """What carries each block in sight: the highest block that it is over, else the bowl that it is in, else the
    table. hidden: what else there is."""
    things = tuple(things)
    return {thing.name: _carrier(thing, (*things, *hidden)) for thing in things if thing.kind == "block"}


def _carrier(block: Thing, things: Iterable[Thing]) -> str:
    below = [base for base in things if _carries(base, block)]
    return max(below, key=lambda base: (base.kind == "block", base.z)).name if below else TABLE


def _carries(base: Thing, block: Thing) -> bool:
    apart_m = _apart_m(base, (block.x, block.y, block.z))
    if base.kind == "bowl":
        return apart_m < base.side_m / 2
    return apart_m < _OVER * max(base.side_m, block.side_m) and \
        block.z - base.z > _ABOVE * (base.side_m + block.side_m) / 2


def _matched(expected: Table, seen: dict[int, Thing]) -> dict[str, int]:
    """Name of each thing that is found again -> the place of its slot."""
    known = [thing for name, thing in expected.things.items() if name != expected.held]
    places = list(seen)
    costs = np.array([[_unlikeness_m(thing, seen[place]) for place in places] for thing in known])
    from scipy.optimize import linear_sum_assignment  # a fifth of a second: no wrong command line waits for it

    rows, columns = linear_sum_assignment(costs) if costs.size else ([], [])
    return {known[r].name: places[c] for r, c in zip(rows, columns, strict=True) if costs[r, c] < _LOST_M}


def _unlikeness_m(known: Thing, seen: Thing) -> float:
    way = _apart_m(known, (seen.x, seen.y, seen.z)) + abs(known.z - seen.z)
    looks = _OTHER_COLOR_M * (known.color != seen.color) + _OTHER_KIND_M * (known.kind != seen.kind)
    return min(way, 0.2) + looks + _OTHER_SIZE * min(abs(known.side_m - seen.side_m), 0.02)


def _apart_m(thing: Thing, at: tuple[float, float, float]) -> float:
    return float(np.hypot(thing.x - at[0], thing.y - at[1]))
