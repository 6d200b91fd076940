"""What a hand over a table can do in anybody's world: motions of the tool point, one command a step.

A skill is a generator: it yields what it wants of the next step and is sent what is seen after it. It knows the tool,
the fingers and the boxes of its call; `push_to` also follows the thing that it pushes. All of it stands in the
benchmark's own observation.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from envs.foreign.description import TOOL, Reading
from envs.foreign.detour import detour, is_clear
from envs.foreign.words import ordered
from envs.interface import Box, Outcome

_CLEARANCE_M = 0.08  # of what is carried, over everything that stands there
_NEAR_M = 0.004  # a waypoint counts as reached
_FAR_M = 0.02  # ... and further than this from the last one, the skill has failed
_PLAY_M = 0.03  # of the open fingers beside the thing, both together
_GRIP_STEPS, _RELEASE_STEPS = 14, 10
_LEAST_WIDTH_M = 0.008  # between fingers that hold something
_CARRIED_M = 0.012  # a place this close over something counts as lying on it
_BEHIND_M = 0.035  # free way between a thing and the tool that comes to push it
_PUSH_Z_M = 0.022
_PUSHED_M = 0.012  # a push is over when the thing is so near its place
_FARTHEST_PUSH_M = 0.45
_LEGS = 8
_EAGERNESS, _ADVANCE_M = 0.15, (0.003, 0.008)  # of a push in a step: things slide on when they are hit
_URGE_M = 0.002  # more for each step without motion: a stretched arm hangs behind
_COMING_TO_REST_STEPS = 5
_STALL_STEPS, _STALL_M = 12, 0.0008


class Command(NamedTuple):
    """What one step should bring about."""

    tool_m: np.ndarray  # where the tool should go
    width_m: float


Motion = Generator[Command, Reading, Outcome]
Way = Generator[Command, Reading, Reading]


@dataclass
class Hand:
    """What the hand remembers between calls."""

    width_m: float = 0.0  # last asked for
    held: Box | None = None  # in the frame of the tool, None when empty
    can_rise: bool = True


def ended(status: str, reason: str) -> Outcome:
    """The end of a skill; whoever ran it adds how long it took."""
    return Outcome(status, reason, 0.0)


def pick(reading: Reading, hand: Hand, box: Box) -> Motion:
    """Outcome "done" only if the fingers are kept apart by something after the lift."""
    if hand.held is not None:
        return ended("refused", "the gripper holds something already")
    center, width = np.array(box.center), min(box.size[:2])
    opening, top = width + _PLAY_M, travel_z_m(reading)
    reading = yield from over(reading, center, top, opening)
    reading = yield from to(reading, center, opening)
    if is_off(reading, center):
        yield from to(reading, raised(reading, top), opening)
        return ended("failed", "something kept the gripper from the object")
    reading = yield from fingers(reading, center, 0.0, _GRIP_STEPS)
    grasp = reading.tool_m
    reading = yield from to(reading, raised(reading, top), 0.0)
    if reading.width_m < _LEAST_WIDTH_M:
        return ended("failed", "the gripper closed on nothing")
    hand.held = Box(tuple(center - grasp), box.size, box.yaw)
    return ended("done", "holding the object")


def place_at(reading: Reading, hand: Hand, box: Box) -> Motion:
    """Brings what is held to the box; lets go where something carries it, else holds it there in the air."""
    if hand.held is None:
        return ended("refused", "the gripper holds nothing")
    center = np.array(box.center)
    target = center - hand.held.center
    lies = _is_carried(reading, hand, box)
    reading = yield from over(reading, target, travel_z_m(reading, hand), 0.0)
    reading = yield from to(reading, target, 0.0)
    if reading.width_m < _LEAST_WIDTH_M:
        hand.held = None
        return ended("failed", "the object slipped from the gripper")
    if is_off(reading, target):
        return ended("failed", "the arm did not reach the place")
    if not lies:
        return ended("done", "holding the object at the place")
    opening = min(hand.held.size[:2]) + _PLAY_M
    hand.held = None
    reading = yield from fingers(reading, reading.tool_m, opening, _RELEASE_STEPS)
    reading = yield from to(reading, raised(reading, travel_z_m(reading)), opening)
    return ended("done", "the object lies at the place")


def place_on(reading: Reading, hand: Hand, box: Box) -> Motion:
    """Sets what is held down on the top of the box."""
    if hand.held is None:
        return ended("refused", "the gripper holds nothing")
    height = hand.held.size[2]
    return (yield from place_at(reading, hand, Box((*box.center[:2], box.top_z_m + height / 2), hand.held.size)))


def push_to(reading: Reading, hand: Hand, box: Box, place: Box) -> Motion:
    """Pushes the thing at the box, along x and along y in turn, until it is at the place."""
    if hand.held is not None:
        return ended("refused", "the gripper holds something already")
    if not reading.objects:
        return ended("failed", "nothing is in sight")
    if np.linalg.norm(np.subtract(place.center, box.center)[:2]) > _FARTHEST_PUSH_M:
        return ended("refused", "the place is too far away to push anything there")
    name = min(reading.objects, key=lambda n: float(np.linalg.norm(np.subtract(reading.objects[n].center, box.center))))
    for _ in range(_LEGS):
        way = _left_over(reading, name, place)
        if np.linalg.norm(way) < _PUSHED_M or _has_fallen(reading, name):
            break
        reading = yield from _leg(reading, hand, name, place, int(np.argmax(np.abs(way))))
    if hand.can_rise:
        reading = yield from to(reading, raised(reading, travel_z_m(reading)), 0.0)
    if _has_fallen(reading, name):
        return ended("failed", "the object fell off the table")
    missing = float(np.linalg.norm(_left_over(reading, name, place)))
    if missing > 2 * _PUSHED_M:
        return ended("failed", f"the object stopped {missing * 100:.0f} cm from the place")
    return ended("done", "the object is at the place")


def move_to(reading: Reading, hand: Hand, box: Box) -> Motion:
    """Brings the tool's point to the middle of the box, and what it holds with it, over or around what stands between.
    A tool that cannot rise stays at its height."""
    target = np.array(box.center)
    if not hand.can_rise:
        target[2] = reading.tool_m[2]
        reading = yield from around(reading, target)
    elif not is_clear(reading, target[:2]):
        reading = yield from over(reading, target, travel_z_m(reading, hand), hand.width_m)
    reading = yield from to(reading, target, hand.width_m)
    if is_off(reading, target):
        return ended("failed", "the arm did not reach the place")
    return ended("done", "the tool is at the place" if hand.can_rise else "the tool is there, at its own height")


def push(reading: Reading, hand: Hand, words: str) -> Motion:
    """Does what the words say (`envs.foreign.words.ordered`): pushes an object, or moves the tool."""
    try:
        name, place = ordered(words, reading)
    except ValueError as error:
        return ended("refused", str(error))
    if name == TOOL:
        return (yield from move_to(reading, hand, place))
    return (yield from push_to(reading, hand, reading.objects[name], place))


def _leg(reading: Reading, hand: Hand, name: str, place: Box, axis: int) -> Way:
    """One push along an axis: come down behind the thing, then follow it until it is level with the place."""
    thing, sign = reading.objects[name], float(np.sign(_left_over(reading, name, place)[axis]))
    start = np.array([*thing.center[:2], _PUSH_Z_M])
    start[axis] -= sign * (max(thing.size[:2]) / 2 + _BEHIND_M)
    start[2] = _PUSH_Z_M if hand.can_rise else reading.tool_m[2]
    reading = yield from (over(reading, start, travel_z_m(reading), 0.0) if hand.can_rise else around(reading, start))
    reading = yield from to(reading, start, 0.0)
    side, last, stalled = 1 - axis, np.inf, 0
    while (left := sign * _left_over(reading, name, place)[axis]) > _PUSHED_M / 3 and stalled < _STALL_STEPS:
        if _has_fallen(reading, name):
            break
        target = reading.tool_m.copy()
        target[axis] += sign * (float(np.clip(_EAGERNESS * left, *_ADVANCE_M)) + _URGE_M * stalled)
        target[side], target[2] = reading.objects[name].center[side], start[2]
        reading = yield Command(target, 0.0)
        now = float(reading.tool_m[axis])
        stalled, last = (stalled + 1 if abs(last - now) < _STALL_M else 0), now
    back = reading.tool_m.copy()
    back[axis] -= sign * _BEHIND_M
    reading = yield from to(reading, back, 0.0)
    return (yield from fingers(reading, back, 0.0, _COMING_TO_REST_STEPS))


def _has_fallen(reading: Reading, name: str) -> bool:
    """Whether a thing is lower than anything on a table can be."""
    return reading.objects[name].top_z_m < 0.0


def _left_over(reading: Reading, name: str, place: Box) -> np.ndarray:
    """float64[2]: way from a thing to its place over the table, metres."""
    return np.subtract(place.center, reading.objects[name].center)[:2]


def travel_z_m(reading: Reading, hand: Hand | None = None) -> float:
    """Height of the tool at which it, and what it holds, passes over everything that stands."""
    held = hand.held if hand else None
    stands = [b.top_z_m for b in reading.objects.values() if held is None or not is_at_tool(reading, b)]
    hangs = 0.0 if held is None else max(0.0, -held.bottom_z_m)
    return max(stands, default=0.0) + hangs + _CLEARANCE_M


def is_at_tool(reading: Reading, box: Box) -> bool:
    """Whether the tool point is inside a box."""
    return bool((np.abs(reading.tool_m - box.center) <= np.array(box.size) / 2 + 0.005).all())


def _is_carried(reading: Reading, hand: Hand, box: Box) -> bool:
    """Whether what is put at the box lies on the table or on a thing there."""
    under = [0.0] + [b.top_z_m for b in reading.objects.values() if not is_at_tool(reading, b)
                     and (np.abs(np.subtract(b.center, box.center)[:2]) < np.array(b.size[:2]) / 2).all()]
    return min(abs(box.bottom_z_m - z) for z in under) <= _CARRIED_M


def raised(reading: Reading, z_m: float) -> np.ndarray:
    """The tool's place, lifted to z_m at least."""
    return np.array([*reading.tool_m[:2], max(z_m, reading.tool_m[2])])


def over(reading: Reading, target_m: np.ndarray, z_m: float, width_m: float) -> Way:
    """Up to z_m, then straight to above the target, never lower than that."""
    top = max(z_m, float(target_m[2]))
    reading = yield from to(reading, raised(reading, top), width_m)
    return (yield from to(reading, np.array([*target_m[:2], top]), width_m))


def around(reading: Reading, target_m: np.ndarray) -> Way:
    """To a point without rising, around what stands between."""
    for corner in detour(reading, target_m[:2]):
        reading = yield from to(reading, np.array([*corner, target_m[2]]), 0.0)
    return reading


def to(reading: Reading, target_m: np.ndarray, width_m: float) -> Way:
    """Straight to a point, until the tool is there or comes no nearer."""
    best, idle = np.inf, 0
    while (off := float(np.linalg.norm(target_m - reading.tool_m))) > _NEAR_M and idle < _STALL_STEPS:
        idle = 0 if off < best - _STALL_M else idle + 1
        best = min(best, off)
        reading = yield Command(target_m, width_m)
    return reading


def fingers(reading: Reading, tool_m: np.ndarray, width_m: float, steps: int) -> Way:
    """Moves the fingers while the tool stays."""
    for _ in range(steps):
        reading = yield Command(tool_m, width_m)
    return reading


def is_off(reading: Reading, target_m: np.ndarray) -> bool:
    """Whether a way has ended too far from its target."""
    return float(np.linalg.norm(target_m - reading.tool_m)) > _FAR_M


SKILLS: dict[str, Callable[..., Motion]] = {
    "pick": pick, "place_at": place_at, "place_on": place_on, "push_to": push_to, "move_to": move_to, "push": push}
"""(sight, hand, *arguments) of each skill that `envs.skills.signatures.FOREIGN` declares."""
