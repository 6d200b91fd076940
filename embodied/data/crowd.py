"""Scenes of more things than were ever seen at once: those of other scenes stand between the ones of a view.

What is true of the things of the view stays true: nothing is added that has a color of theirs, or that stands near one
of them, and nothing that would hang in the air. Words that single a thing out by its place among all of them ("the
leftmost") would change their meaning, so that only data without such words may be learned from so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from embodied.data.detections import ViewDetections
from embodied.data.recolor import split_name
from embodied.planning.perception import order_slots, supports
from embodied.prompt import Slot

APART_M = 0.09
"""Between the centres of things of two scenes, in the plane: two blocks and a finger."""
OTHERS = 4
"""Scenes that things are taken from: each has some that are in the way, or there already."""
LOW_M = 0.02
"""Of the lower face of what lies on the table, measured."""


def crowded(detected: ViewDetections, held: str | None, others: Sequence[ViewDetections], most: int,
            rng: np.random.Generator) -> ViewDetections:
    """The detections of a view with things of other ones among them, in the order of a prompt: so many that there are
    up to `most`, a number that is drawn. held: the name of what the hand holds in the view."""
    room = int(rng.integers(0, max(most - len(detected.slots), 0) + 1))
    for other in others:
        added = _fitting(detected, held, other)[:room]
        room -= len(added)
        detected = ViewDetections((*detected.slots, *(other.slots[place] for place in added)),
                                  (*detected.names, *(other.names[place] for place in added)))
    place_of = {id(slot): place for place, slot in enumerate(detected.slots)}
    order = [place_of[id(slot)] for slot in order_slots(detected.slots)]
    return ViewDetections(*(tuple(column[place] for place in order) for column in (detected.slots, detected.names)))


def _fitting(detected: ViewDetections, held: str | None, other: ViewDetections) -> list[int]:
    """Places of the things of another view that can stand among those of a view, each after what carries it."""
    taken = {_color(name) for name in (*detected.names, held)}
    bases, fitting = supports(other.slots), list[int]()
    for place in sorted(range(len(other.slots)), key=lambda i: other.slots[i].box.center[2]):
        slot, name, base = other.slots[place], other.names[place], bases[place]
        is_standing = base in fitting if base is not None else _lies(slot)
        if name is not None and _color(name) not in taken and is_standing \
                and all(_apart_m(slot, old) > APART_M for old in detected.slots):
            fitting.append(place)
    return fitting


def _color(name: str | None) -> str | None:
    return name and split_name(name)[0]


def _lies(slot: Slot) -> bool:
    """Whether it reaches down to the table."""
    return slot.box.center[2] - slot.box.size[2] / 2 < LOW_M


def _apart_m(one: Slot, other: Slot) -> float:
    return math.dist(one.box.center[:2], other.box.center[:2])
