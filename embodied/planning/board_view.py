"""What is told in words of a piece on a pushing board beside its picture: the quarter that it lies in, whether it is in
the corner there, and which pieces are by it or near it, all as measured.

Departure from PaLM-E (section 4), whose Language-Table prompts hold one image and no words about places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from embodied.prompt import Slot
from envs.world.board import CORNERS, Compass, is_in_corner, place_m, quarter

BY_M = 0.07
"""Between the middles of pieces that are by each other: they touch, or a finger's breadth is left."""
NEAR_M = 0.15
"""Between those of pieces that are not apart."""


def quarter_of(slot: Slot) -> Compass:
    """The corner of the quarter that a piece lies in."""
    return quarter(np.array(slot.box.center))


def in_order(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """The pieces quarter by quarter, each from its corner on."""
    return tuple(sorted(slots, key=lambda slot: (CORNERS.index(quarter_of(slot)), _away_m(slot))))


def _away_m(slot: Slot) -> float:
    return math.dist(slot.box.center[:2], place_m(quarter_of(slot)))


def said_of(place: int, slots: Sequence[Slot], numbers: Sequence[int]) -> str:
    """The words about the slot at a place: "corner by obj_2 near obj_3", or "" where there is nothing to say."""
    slot = slots[place]
    corner = ["corner"] if is_in_corner(np.array(slot.box.center[:2]), quarter_of(slot)) else []
    others = sorted((math.dist(slot.box.center[:2], other.box.center[:2]), number)
                    for number, other in zip(numbers, slots, strict=True) if other is not slot)
    return " ".join([*corner, *(f"{'by' if away_m <= BY_M else 'near'} obj_{number}" for away_m, number in others
                                if away_m <= NEAR_M)])
