"""One rule that plans every goal: what to do next, from symbols alone; and why a goal cannot be met, where it cannot.

The rule has no memory, so the plan made after some of its calls is the rest of the plan made before them. Everything
that stands in the way is put on the table, so that a goal whose targets do not contradict each other is always reached:
what is not is proved unsolvable by the contradiction, or by what would have to be moved and shall not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from envs.goals.language import PLACES, TABLE
from envs.goals.references import Trouble
from envs.goals.table import Table
from envs.goals.wanted import Target, Wanted, Way, conflict_in
from envs.interface import BOWL_FLOOR_M, NamedCall

_MOST_MOVES = 3  # of each block in one step; more of them come to nothing
_NEAR_M = 0.13  # from its neighbour's middle, where a plan expects what is put down beside it

_SIDE_M = {"left": 0.2, "middle": 0.0, "right": -0.2}
_RELEASES = {"in": "place_in", "on": "place_on", "beside": "put_down_beside", "left_of": "put_down_left_of",
             "right_of": "put_down_right_of", "at": "put_down_at"}
_SPATIAL = ("at", "beside", "left_of", "right_of")
_MIRRORED = {"beside": "beside", "left_of": "right_of", "right_of": "left_of"}
_ASIDE = ("put_down_left_of", "put_down_right_of", "put_down_beside")


def plan(table: Table, aim: Wanted, *, reached: Sequence[int] = ()) -> list[NamedCall]:
    """The shortest plan for any of the ways, [] where one holds already.

    reached: how many steps of each way held before, one after the other; () for none. Raises Trouble where no way can
    be had.
    """
    best, trouble = None, None
    for number, way in enumerate(aim.ways):
        if best is not None and _least_calls(table, way) >= len(best):
            continue
        try:
            calls = plan_way(table, way, aim.keep, reached[number] if reached else 0)
        except Trouble as error:
            trouble = trouble or error
            continue
        if best is None or len(calls) < len(best):
            best = calls
        if not best:
            break
    if best is None:
        raise trouble
    return best


def _least_calls(table: Table, way: Way) -> int:
    """How many calls a way takes, at least: what is to be carried somewhere is picked and put down."""
    last = {t.thing: t.relation for t in (standing(way, len(way) - 1) if way else ())
            if t.is_wanted and t.relation in ("in", "on", "held") and not t.is_met(table)}
    return sum((thing != table.held) + (relation != "held") for thing, relation in last.items())


def plan_way(table: Table, way: Way, keep: frozenset[str], reached: int = 0) -> list[NamedCall]:
    """The calls that are left of one way. Raises Trouble where it contradicts itself, moves what it shall keep, or is
    about what is no longer there."""
    calls: list[NamedCall] = []
    for number in range(max(min(reached, len(way) - 1), 0), len(way)):
        targets = standing(way, number)
        _check_there(targets, table)
        if (trouble := conflict_in(targets)) is not None:
            raise trouble
        part = _plan_of_step(table, targets, keep)
        calls += part
        table = simulate(table, part)
    return calls


def _plan_of_step(table: Table, targets: Sequence[Target], keep: frozenset[str]) -> list[NamedCall]:
    """The calls of one step; where things cannot be placed by others, others are placed by them."""
    try:
        return _keeping(plan_step(table, targets), keep)
    except Trouble:
        turned = _turned(table, targets, keep)
        if turned == list(targets):
            raise
        return _keeping(plan_step(table, turned), keep)


def _keeping(calls: list[NamedCall], keep: frozenset[str]) -> list[NamedCall]:
    """The calls as they are. Raises Trouble where they move what shall stay."""
    for skill, *names in calls:
        if skill == "pick" and names[0] in keep:
            raise Trouble("conflict", (names[0],))
    return calls


def _turned(table: Table, targets: Sequence[Target], keep: frozenset[str]) -> list[Target]:
    """The targets with places turned around of what stays, or has several things to heed: a block that it is to be
    beside shall be beside it."""
    places = [t.thing for t in targets if t.relation in _SPATIAL]
    found: list[Target] = []
    for target in targets:
        is_bound = target.thing in keep or places.count(target.thing) > 1
        is_turned = is_bound and target.place in table.blocks and target.place not in keep
        found += _mirrored(target) if is_turned and target.relation in _MIRRORED else [target]
    return found


def _mirrored(target: Target) -> list[Target]:
    """The same from the other thing's side."""
    turned = Target(target.place, _MIRRORED[target.relation], target.thing, target.is_wanted)
    return [turned, Target(target.thing if target.is_wanted else target.place, "on", TABLE)]

def _check_there(targets: Sequence[Target], table: Table) -> None:
    """Raises Trouble where something fell off the table since the goal was told."""
    for name in (name for t in targets if t.is_wanted for name in (t.thing, t.place)):
        if name not in (None, TABLE, *PLACES) and name not in table.things:
            raise Trouble("missing", (name,))


def standing(way: Way, number: int) -> tuple[Target, ...]:
    """What shall hold once a step is reached: its own targets, and those of earlier ones that it does not take back."""
    kept: tuple[Target, ...] = ()
    for targets in way[:number + 1]:
        moved = {t.thing for t in targets if t.is_wanted}
        kept = (*(t for t in kept if t.thing not in moved and t not in targets
                  and replace(t, is_wanted=not t.is_wanted) not in targets), *targets)
    return kept


def plan_step(table: Table, targets: Sequence[Target]) -> list[NamedCall]:
    """Every call that is needed until all targets hold. Raises Trouble where they do not come to hold together, such as
    to be beside two bowls that are far from each other."""
    calls: list[NamedCall] = []
    targets = _with_implied(table, targets)
    most = 2 * _MOST_MOVES * max(len(table.blocks), 1)  # where all blocks are gone, a bowl may still be in the hand
    while (call := _next_call(table, targets)) is not None:
        calls.append(call)
        table = simulate(table, [call])
        if len(calls) > most:
            raise Trouble("conflict", (call[1],))
    return calls


def _with_implied(table: Table, targets: Sequence[Target]) -> list[Target]:
    """The targets with what they ask for without saying so: what stands on a block, and in a bowl or not, wants the
    block there too; what is on that block leaves it; and of two things that are each placed by the other one, the
    first alone is placed."""
    found: list[Target] = []
    for target in targets:
        is_second = any(t.is_wanted and (t.thing, t.place) == (target.place, target.thing) for t in found)
        is_turned = is_second and target.is_wanted and target.relation in _MIRRORED
        found += _mirrored(target) if is_turned else [target]
    bases = {t.thing: t.place for t in found if t.is_wanted and t.relation == "on" and t.place in table.things}
    if bases:
        found += [Target(block, "on", base, False) for thing, base in bases.items()
                  for block, carrier in table.under.items() if carrier == base and block != thing]
        for target in found:  # which grows
            implied = replace(target, thing=bases.get(target.thing, target.thing))
            if target.relation == "in" and implied not in found:
                found.append(implied)
    return list(dict.fromkeys(found))


def _next_call(table: Table, targets: Sequence[Target]) -> NamedCall | None:
    """The next call, None when there is nothing left to do."""
    targets = _lowest_first(targets)
    open_ones = [t for t in targets if not _is_settled(table, t, targets)]
    if table.held is not None:
        is_wanted_so = not open_ones and any(t.relation == "held" and t.thing == table.held for t in targets)
        return None if is_wanted_so else _release(table, open_ones, targets)
    return ("pick", _to_pick(table, open_ones[0], targets)) if open_ones else None


def _lowest_first(targets: Sequence[Target]) -> list[Target]:
    """The targets, each after the one that its place is placed by, what is to leave a base after what goes there, what
    is to be held last; else in their own order."""
    below = {t.thing: t.place for t in targets if t.is_wanted and t.place not in (TABLE, *PLACES, None)}

    def level(name: str, seen: tuple[str, ...] = ()) -> int:
        return 1 + level(below[name], (*seen, name)) if name in below and name not in seen else 0

    bases = {t.place for t in targets if t.is_wanted and t.relation == "on" and t.place != TABLE}

    def rank(target: Target) -> tuple[bool, bool, int]:
        is_leaving = not target.is_wanted and target.relation == "on" and target.place in bases
        return target.is_wanted and target.relation == "held", is_leaving, level(target.thing)

    return sorted(targets, key=rank)


def _is_settled(table: Table, target: Target, targets: Sequence[Target]) -> bool:
    """Whether it holds and nothing that it stands on, or beside, has yet to be moved."""
    return target.is_met(table) and (not target.is_wanted or _is_founded(table, target, targets))


def _is_founded(table: Table, target: Target, targets: Sequence[Target], seen: tuple[Target, ...] = ()) -> bool:
    """Whether the place stays where it is: neither it nor anything below it has yet to be moved."""
    if target.place is None or target.place not in table.things:
        return True
    column = (target.place, *table.below(target.place))
    return all(t.is_met(table) and (not t.is_wanted or _is_founded(table, t, targets, (*seen, target)))
               for t in targets if t.thing in column and t is not target and t not in seen)


def _release(table: Table, open_ones: Sequence[Target], targets: Sequence[Target]) -> NamedCall | None:
    """Puts the held block where it belongs, or out of the way while its place is not ready; None on an empty table."""
    mine = [t for t in open_ones if t.thing == table.held and t.is_wanted and t.relation in _RELEASES
            and t.place != TABLE and _is_ready(table, t, targets)]
    calls = [(_RELEASES[t.relation], t.place) for t in sorted(mine, key=lambda t: t.relation != "on")]
    told = [t for t in targets if t.thing == table.held or (t.place == table.held and not t.is_wanted)]
    if calls and len(told) == 1:
        return calls[0]
    calls = [*calls, *_put_downs(table, [*open_ones, *targets], told)]
    return max(calls, key=lambda call: _met_after(table, call, told), default=None)  # of equal ones the first


def _met_after(table: Table, call: NamedCall, targets: Sequence[Target]) -> int:
    after = simulate(table, [call]) if targets else table
    return sum(target.is_met(after) for target in targets)


def _is_ready(table: Table, target: Target, targets: Sequence[Target]) -> bool:
    if target.relation == "at":
        return True
    if target.place == table.held:
        return False
    if target.relation == "on" and table.above(target.place):
        return False
    if target.relation == "in":  # what is also to be on something comes into the bowl with that
        is_carried = any(t.thing == target.thing and t.relation == "on" and t.is_wanted for t in targets)
        return not is_carried and _leaver(table, target, targets) is None
    return _is_founded(table, target, targets)


def _leaver(table: Table, target: Target, targets: Sequence[Target]) -> str | None:
    """What has yet to leave the bowl that a thing is to be put in: what is let go there may come to lie on it."""
    if not target.is_wanted or target.relation != "in":
        return None
    return next((t.thing for t in targets if t.thing != target.thing and table.bowl_of(t.thing) == target.place
                 and not t.is_met(table)), None)


def _put_downs(table: Table, targets: Sequence[Target], told: Sequence[Target]) -> list[NamedCall]:
    """Ways to get rid of the held thing, the most likely first: on the table beside something, unless something that is
    told of it speaks of places on the table; then on another part of it, else on or in something."""
    neighbour = _neighbour(table, targets)
    beside: list[NamedCall] = [("put_down_beside", neighbour)] if neighbour else []
    if any(t.place == TABLE and not t.is_wanted for t in told):
        return _off_the_table(table, told, targets)
    denied = [t for t in told if not t.is_wanted and t.relation in _SPATIAL]
    if not denied and sum(t.relation in _SPATIAL for t in told) < 2:
        return beside
    parts = [("put_down_at", part) for part in sorted(PLACES, key=lambda part: -_room_m(table, part, denied))]
    others = {t.place if t.thing == table.held else t.thing for t in denied}  # by what is denied: the surest way
    near = [(skill, name) for name in sorted(table.things, key=lambda name: name not in others)
            if name != table.held and table.stands(name) for skill in _ASIDE]
    return [*parts, *near, *beside]


def _room_m(table: Table, part: str, denied: Sequence[Target]) -> float:
    """How far a part of the table is from where a thing shall not be; less than nothing where it is there."""
    y, rooms = _SIDE_M[part], [1.0]
    for target in denied:
        other = target.place if target.thing == table.held else target.thing
        if target.relation == "at":
            rooms.append(-1.0 if target.place == part else 1.0)
        elif other in table.things:
            ahead = (y - table.things[other].y) * (1 if other == target.place else -1)
            rooms.append({"left_of": -ahead, "right_of": ahead}.get(target.relation, abs(ahead)))
    return min(rooms)


def _off_the_table(table: Table, told: Sequence[Target], targets: Sequence[Target]) -> list[NamedCall]:
    """Puts the held thing in a bowl or on a block where nothing denies that. Raises Trouble where there is none."""
    out = {t.place for t in told if not t.is_wanted}
    movers = {t.thing for t in targets if t.is_wanted}
    calls: list[NamedCall] = [("place_in", name) for name in table.bowls if name not in out]
    calls += [("place_on", name) for name in table.blocks if name not in (table.held, *out, *movers)
              and not table.above(name) and table.things[name].side_m >= table.things[table.held].side_m - 0.003]
    if not calls:
        raise Trouble("missing", ("bowl",))
    return calls


def _neighbour(table: Table, targets: Sequence[Target]) -> str | None:
    """What to put the held thing down beside: the thing of the first target, or the bowl that holds it."""
    named = [name for t in targets for name in (t.thing, t.place)]
    away = {table.held, *table.above(table.held)}
    name = next((name for name in (*named, *sorted(table.blocks), *sorted(table.bowls))
                 if name in table.things and name not in away), None)
    return name and (table.bowl_of(name) or name)


def _to_pick(table: Table, target: Target, targets: Sequence[Target]) -> str:
    """The thing of the target, or what has to go first: what lies on it or on its base, what has yet to leave its bowl,
    or a base ill founded."""
    crowd = table.above(target.thing)
    if not crowd and (leaver := _leaver(table, target, targets)):
        crowd = (*table.above(leaver), leaver)
    if not crowd and target.is_wanted and target.relation == "on" and target.place != TABLE:
        crowd = table.above(target.place)
    if crowd:
        return next(name for name in crowd if not table.above(name))
    if target.is_wanted and not _is_founded(table, target, targets) and target.place not in table.bowls:
        return target.place
    return target.thing


# What calls do -------------------------------------------------------------------------------------------------------

def simulate(table: Table, calls: Sequence[NamedCall]) -> Table:
    """The table after calls that do what they mean. Where a thing then stands on the table is a guess that its call
    means."""
    for skill, *names in calls:
        if skill == "pick":
            under = {block: carrier for block, carrier in table.under.items() if block != names[0]}
            table = replace(table, under=MappingProxyType(under), held=names[0], askew=table.askew - {names[0]})
        elif skill in _RELEASES.values():
            table = _put(table, skill, names[0])
    return table


def _put(table: Table, skill: str, place: str) -> Table:
    thing, carrier = table.held, place if skill in ("place_in", "place_on") else TABLE
    under = table.under if thing in table.bowls else {**table.under, thing: carrier}
    moved = replace(table.things[thing], **_spot(table, skill, place))
    return replace(table, things=MappingProxyType({**table.things, thing: moved}), under=MappingProxyType(dict(under)),
                   held=None)


def _spot(table: Table, skill: str, place: str) -> dict[str, float]:
    if skill == "put_down_at":
        return {"y": _SIDE_M[place]}
    at = table.things[place]
    if skill in ("place_in", "place_on"):
        base_m = BOWL_FLOOR_M if skill == "place_in" else at.z + at.side_m / 2
        return {"x": at.x, "y": at.y, "z": base_m + table.things[table.held].side_m / 2}
    side = {"put_down_left_of": 1, "put_down_right_of": -1}.get(skill, 0)
    return {"x": at.x + _NEAR_M * (not side), "y": at.y + _NEAR_M * side, "z": 0.02}
