"""push: the low-level policy of the board. Takes words, looks for itself, and moves the peg for at most 40 steps.

It sees what its camera sees: at the start it tells the named toys by colour and outline, then it looks again at every
step through a small top view, since nobody pushes a toy 30 cm blindly. No true state is read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.interface import Outcome
from envs.skills.push_sense import Watch
from envs.skills.push_table import OURS, PushTable
from envs.skills.push_words import Order, understand
from envs.skills.routes import ahead
from envs.skills.situation import Motion, Situation, ended

MOST_STEPS = 40
"""Control periods of one call: 4 s at 10 Hz."""

_LEAVE_STEPS, _LEAVE_M = 2, 0.05  # the peg backs off, so that it hides nothing
_APPROACH_M, _PUSH_M, _CREEP_M = 0.042, 0.020, 0.006  # a step
_GAP_M = 0.014  # between peg and toy where a push begins
_PEG_ROOM_M, _TOY_ROOM_M = 0.007, 0.004  # between what moves and what it passes
_AHEAD_M = 0.05  # how far along its way a toy is pushed straight
_BEHIND_COS, _STILL_BEHIND_COS = 0.90, 0.72  # of the angle between where the peg stands and where the toy shall go
_TURNS_RAD = np.radians([0, 15, -15, 30, -30, 45, -45, 60, -60, 80, -80])
_SPOTS = 24  # directions in which a place of its own is looked for

Goal = Callable[[], np.ndarray]


def push(situation: Situation, text: str, table: PushTable = OURS) -> Motion:
    """Outcome "done" when the toy is where the text wants it, "timeout" when it is still on its way after 40 steps,
    "failed" when a toy is not to be seen, "refused" for text that makes no sense. table: what it is told of where it
    pushes."""
    order = understand(text, table)
    if isinstance(order, str):
        return ended("refused", order)
    watch = Watch(situation, order.names, table)
    if watch.missing:
        return ended("failed", watch.missing)
    return (yield from _act(situation, order, watch))


def _act(situation: Situation, order: Order, watch: Watch) -> Motion:
    goal, is_pushing = _goal(order, watch), False
    for _ in range(MOST_STEPS - _LEAVE_STEPS):
        if watch.lost:
            return ended("failed", watch.lost)
        if _left_m(order, watch, goal) <= 0.0:
            break
        target, is_pushing = _step(order, watch, goal, is_pushing)
        yield target
        watch.update()
    left_m = _left_m(order, watch, goal)
    if order.kind != "reach":
        yield from _leave(watch)
    return _verdict(order, watch, left_m)


def _verdict(order: Order, watch: Watch, left_m: float) -> Outcome:
    if left_m <= 0.0:
        return ended("done", f"the peg is at the {watch.subject}" if order.kind == "reach" else
                     f"the {watch.subject} is where it was wanted")
    mover = "the peg" if order.kind == "reach" else f"the {watch.subject}"
    return ended("timeout", f"{mover} is still {max(1, round(100 * left_m))} cm short")


def _goal(order: Order, watch: Watch) -> Goal:
    """What gives the place, float64[2], that the subject shall be at."""
    table, frame = watch.table, watch.table.frame
    if order.kind == "to_toy":
        return lambda: watch.other_m
    if order.kind == "beside":
        return lambda: frame.inside(watch.other_m + table.beside_m * frame.unit(order.where))
    if order.kind == "by":
        spot = frame.inside(watch.subject_m + order.shift_m * frame.unit(order.where))
    elif order.kind == "to_place":
        spot = _free_near(watch, frame.place_m(order.where))
    else:
        spot = _spot_away(watch) if order.kind == "away" else watch.subject_m
    return lambda: spot


def _left_m(order: Order, watch: Watch, goal: Goal) -> float:
    """How far it still is; 0 or less when it is done."""
    table = watch.table
    if order.kind == "reach":
        return float(watch.room_m(watch.peg_m)) - watch.peg_radius_m - table.point_m
    between_m = float(np.linalg.norm(watch.subject_m - watch.other_m)) if order.other else 0.0
    if order.kind == "to_toy":
        return between_m - table.next_to_m
    left_m = float(np.linalg.norm(watch.subject_m - goal())) - order.close_m(table)
    return min(left_m, table.apart_m - between_m) if order.kind == "away" else left_m


def _free_near(watch: Watch, place: np.ndarray) -> np.ndarray:
    """The place, or the nearest to it that other toys leave room for."""
    angles = np.arange(_SPOTS) * 2 * np.pi / _SPOTS
    around = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    rings = [place + radius_m * around for radius_m in (0.02, 0.04, 0.06, 0.08)]
    spots = watch.table.frame.inside(np.concatenate([place[None], *rings]))
    is_free = watch.floor_without_subject.room_m(spots) > watch.subject_radius_m + _TOY_ROOM_M
    return spots[int(np.argmax(is_free))] if is_free.any() else place


def _spot_away(watch: Watch) -> np.ndarray:
    """A free place far enough from the other toy, near the subject, with room for the peg behind it."""
    angles = np.arange(_SPOTS) * 2 * np.pi / _SPOTS
    around = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    table = watch.table
    spots = table.frame.inside(watch.other_m + (table.apart_m + 2 * table.close_m) * around)
    far = np.linalg.norm(spots - watch.other_m, axis=-1) >= table.apart_m + table.close_m
    free = watch.floor_without_subject.room_m(spots) > watch.subject_radius_m + _TOY_ROOM_M
    along = spots - watch.subject_m
    length_m = np.linalg.norm(along, axis=-1)
    behind = watch.subject_m - along / length_m[:, None] * _behind_m(watch)
    open_behind = watch.floor_without_subject.room_m(behind) > watch.peg_radius_m + _TOY_ROOM_M
    return spots[int(np.argmin(length_m + 10.0 * ~far + 1.0 * ~free + 0.5 * ~open_behind))]


def _behind_m(watch: Watch) -> float:
    """From the middle of the subject to the middle of the peg where a push begins."""
    return watch.subject_radius_m + watch.peg_radius_m + _GAP_M


def _step(order: Order, watch: Watch, goal: Goal, is_pushing: bool) -> tuple[np.ndarray, bool]:
    """The next joint target float64[2], and whether it pushes."""
    peg, toy, room_m = watch.peg_m, watch.subject_m, watch.peg_radius_m + _PEG_ROOM_M
    if order.kind == "reach":
        return ahead(peg, watch.floor_without_subject.way(peg, toy, room_m), min(
            _APPROACH_M, _left_m(order, watch, goal) + watch.table.point_m / 2)), False
    heading = _heading(watch, goal())
    away = toy - peg
    is_near = np.linalg.norm(away) < _behind_m(watch) + (0.5 if is_pushing else 1.0) * _GAP_M
    cosine = float(away @ heading / max(np.linalg.norm(away), 1e-9))
    if is_near and cosine > (_STILL_BEHIND_COS if is_pushing else _BEHIND_COS):
        return _shove(peg, toy, heading, _left_m(order, watch, goal)), True
    start = toy - heading * _behind_m(watch)
    return ahead(peg, watch.floor.way(peg, start, room_m), _APPROACH_M), False


def _shove(peg: np.ndarray, toy: np.ndarray, heading: np.ndarray, left_m: float) -> np.ndarray:
    """The next place of the peg: on along the heading, and half the way back to the line through the toy."""
    astray = (peg - toy) - heading * float((peg - toy) @ heading)
    return peg + heading * min(_PUSH_M, left_m + _CREEP_M) - 0.5 * astray


def _heading(watch: Watch, goal: np.ndarray) -> np.ndarray:
    """float64[2] of length 1: where to push the subject, around other toys; turned where no peg fits behind it."""
    toy = watch.subject_m
    way = watch.floor_without_both.way(toy, goal, watch.subject_radius_m + _TOY_ROOM_M, 0.03)
    along = ahead(toy, way, _AHEAD_M) - toy
    straight = np.arctan2(along[1], along[0])
    headings = np.stack([np.cos(straight + _TURNS_RAD), np.sin(straight + _TURNS_RAD)], axis=-1)
    starts = toy - headings * _behind_m(watch)
    low, high = watch.reach_m
    fits = (watch.floor_without_subject.room_m(starts) > watch.peg_radius_m + _TOY_ROOM_M) & (
        (starts > low) & (starts < high)).all(axis=-1)
    return headings[int(np.argmax(fits))] if fits.any() else headings[0]


def _leave(watch: Watch) -> Motion:
    """Backs the peg off to where it is farthest from all toys."""
    angles = np.arange(_SPOTS) * 2 * np.pi / _SPOTS
    spots = np.clip(watch.peg_m + _LEAVE_M * np.stack([np.cos(angles), np.sin(angles)], axis=-1), *watch.reach_m)
    halfway = (spots + watch.peg_m) / 2
    room_m = np.minimum(watch.floor.room_m(spots), watch.floor.room_m(halfway) + 0.01)
    spot = spots[int(np.argmax(room_m))]
    for step in range(_LEAVE_STEPS):
        yield watch.peg_m + (spot - watch.peg_m) * (step + 1) / _LEAVE_STEPS
