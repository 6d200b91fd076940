"""The calls that lead to a goal, planned from what the benchmark's own observation says: objects and their goals.

It reads no simulator, but it is no planner from pixels either: an upper bound, so the planner that uses it is labelled
ORACLE like the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from envs.foreign.description import TOOL, Foreign, Reading
from envs.foreign.skills import is_at_tool
from envs.foreign.words import base_of, bottom_up, spot
from envs.interface import Box, Referent, SkillCall

_THERE_M = 0.015
_CROWDED_M = 0.035  # least free way along y between two things for a finger to fit in
_PUSHED_FREE_M = 0.10
_GRID = 9


def remaining_calls(foreign: Foreign, reading: Reading, is_holding: bool) -> list[SkillCall]:
    """What is left to do, [] when everything is where it should be. Things that are in the way go to a free place."""
    calls, places = [], dict(reading.objects)
    held = next((n for n, box in places.items() if is_at_tool(reading, box)), None) if is_holding else None
    for name in bottom_up(reading):
        if name == TOOL:
            goal = _at_height(foreign, reading, reading.goals[TOOL])
            is_moved = bool(calls) or not _is_there(reading.where(TOOL), goal)
            calls += [_pushed(foreign, "move_to", TOOL, (reading.goals[TOOL],))] if is_moved else []
            continue
        if held != name and _is_there(places[name], reading.goals[name]):
            continue
        seen = replace(reading, objects=places)
        calls += list(_moves(foreign, seen, name, held, places))
        held = None
    return calls


def _moves(foreign: Foreign, reading: Reading, name: str, held: str | None,
           places: dict[str, Box]) -> Iterator[SkillCall]:
    """The calls that bring one thing to its goal; `places` follows them."""
    goal = reading.goals[name]
    if "pick" not in foreign.skills:
        yield _pushed(foreign, "push_to", name, (places[name], goal))
        places[name] = goal
        return
    if held not in (None, name):
        yield _aside(foreign, reading, held, places)
        held = None
    for other in _in_the_way(reading, name, places) if held is None else ():
        yield from _cleared(foreign, reading, name, other, places)
    if held is None:
        yield SkillCall("pick", (Referent(name, box=places[name]),))
    base = base_of(reading, name)
    yield (SkillCall("place_at", (Referent("goal", box=goal),)) if base is None
           else SkillCall("place_on", (Referent(base, box=places[base]),)))
    places[name] = goal


def _at_height(foreign: Foreign, reading: Reading, goal: Box) -> Box:
    """The goal of the tool; of one that cannot change its height, or is told none, at the height that it has."""
    is_free = foreign.can_rise and "move_to" in foreign.skills
    return goal if is_free else replace(goal, center=(*goal.center[:2], float(reading.tool_m[2])))


def _pushed(foreign: Foreign, skill: str, name: str, boxes: tuple[Box, ...]) -> SkillCall:
    """The call that brings a thing, or the tool, to the last of the boxes: by them, or in words where the robot has
    those alone."""
    if skill in foreign.skills:
        words = (name, "goal")[-len(boxes):]
        return SkillCall(skill, tuple(Referent(word, box=box) for word, box in zip(words, boxes, strict=True)))
    return SkillCall("push", (f"move the {name} to {spot(boxes[-1])}",))


def _cleared(foreign: Foreign, reading: Reading, name: str, other: str, places: dict[str, Box]) -> Iterator[SkillCall]:
    """Takes `other` away, or pushes it off where no finger fits between the two."""
    if _is_crowded(places[name], places[other]):
        box, spot = places[other], _sideways(foreign, places[name], places[other])
        yield SkillCall("push_to", (Referent(other, box=box), Referent("free place", box=spot)))
        places[other] = spot
        return
    yield SkillCall("pick", (Referent(other, box=places[other]),))
    yield _aside(foreign, reading, other, places)


def _sideways(foreign: Foreign, box: Box, other: Box) -> Box:
    """Where `other` is pushed along x, past the thing beside it: there is no room for the tool between the two."""
    low, high = foreign.area_m[0]
    sign = np.sign(other.center[0] - box.center[0]) or 1.0
    if not low < other.center[0] + sign * _PUSHED_FREE_M < high:
        sign = -sign
    return replace(other, center=(float(other.center[0] + sign * _PUSHED_FREE_M), *other.center[1:]))


def _aside(foreign: Foreign, reading: Reading, name: str, places: dict[str, Box]) -> SkillCall:
    """Puts what is held where nothing is and nothing is to be."""
    taken = [b.center[:2] for n, b in places.items() if n != name] + [b.center[:2] for b in reading.goals.values()]
    spots = list(product(*(np.linspace(low, high, _GRID) for low, high in foreign.area_m)))
    free = max(spots, key=lambda spot: min(float(np.linalg.norm(np.subtract(spot, t))) for t in taken))
    size = places[name].size
    places[name] = Box((float(free[0]), float(free[1]), size[2] / 2), size)
    return SkillCall("place_at", (Referent("free place", box=places[name]),))


def _in_the_way(reading: Reading, name: str, places: Mapping[str, Box]) -> list[str]:
    """What stands on the thing or too close beside it, or where it should go."""
    box, goal, base = places[name], reading.goals[name], base_of(reading, name)
    return [other for other, b in places.items() if other != name
            and (_is_over(b, box) or _is_crowded(box, b) or (other != base and _is_near(b, goal)))]


def _is_over(upper: Box, lower: Box) -> bool:
    gap = np.abs(np.subtract(upper.center, lower.center))
    return bool((gap[:2] < np.array(lower.size[:2])).all() and upper.center[2] > lower.center[2] + lower.size[2] / 4)


def _is_near(box: Box, goal: Box) -> bool:
    """Whether a thing would be hit by another, or by the fingers around it, that is put at the goal."""
    gap = np.abs(np.subtract(box.center, goal.center))[:2] - np.array(goal.size[:2])
    return bool(gap[0] < 0.01 and gap[1] < _CROWDED_M)


def _is_crowded(box: Box, other: Box) -> bool:
    """Whether no finger fits between two things that lie beside each other along y, on one level."""
    gap = np.abs(np.subtract(box.center, other.center)) - np.array(box.size)
    return bool(gap[0] < 0.01 and 0 < gap[1] + 0.01 < _CROWDED_M and gap[2] < -box.size[2] / 2)


def _is_there(box: Box, goal: Box) -> bool:
    return float(np.linalg.norm(np.subtract(box.center, goal.center))) < _THERE_M
