"""What slots can show together: a segmenter now and then takes a strip between things, or the floor of a bowl around a
block, for a thing more. Things that stand on a table do not pass through each other, and that tells most of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embodied.planning.looks import kind_of
from embodied.prompt import Slot

WIDEST_M = 0.065
"""A block is at most 0.055 m wide; what looks like one and is wider is a part of a bowl."""
_BOWLS_APART_M = 0.105
"""Between the middles of two bowls, at least: the width of a rim, less what measuring half of one may be off."""
_BLOCKS_APART, _PIECE_APART = 0.5, 0.8
"""Between the middles of two blocks side by side, at least, in widths; the rest is what measuring may be off, where
their pixels are mixed up. The second is of what shows so few pixels that it is hardly a block."""
_PIECE = 0.25
"""So few: this share of the other's."""
_SUNK_M = 0.012
"""A block stands on the table or higher; one whose lower face would be further below it is a part of a bowl's floor."""
_LEVEL = 0.5
"""Blocks whose middles differ less in height, in widths, are side by side."""


def width_of(slot: Slot) -> float:
    """How wide what a slot shows is, m: as it says, or by its box where it says nothing."""
    return slot.width_m or max(slot.box.size[:2])


def middle_of(slot: Slot) -> tuple[float, float, float]:
    """The middle of the cube that a slot shows, m, by its upper face: what carries it may hide the lower."""
    x, y, z = slot.box.center
    return x, y, z + slot.box.size[2] / 2 - width_of(slot) / 2


def possible(slots: Sequence[Slot]) -> list[Slot]:
    """The slots, in their order, but those that are no thing of their own: blocks wider than any or sunk into the
    table, and of two of a kind in one place the one that fewer pixels show."""
    kinds = [*map(kind_of, slots)]
    kept: list[int] = []
    for place in sorted(range(len(slots)), key=lambda place: -slots[place].area_px):
        is_fit = kinds[place] != "block" or _is_block(slots[place])
        if is_fit and not any(kinds[other] == kinds[place] and _is_through(slots[other], slots[place], kinds[place])
                              for other in kept):
            kept.append(place)
    return [slots[place] for place in sorted(kept)]


def _is_block(slot: Slot) -> bool:
    width_m = width_of(slot)
    return width_m <= WIDEST_M and middle_of(slot)[2] - width_m / 2 > -_SUNK_M


def _is_through(one: Slot, other: Slot, kind: str) -> bool:
    """Whether two things of a kind, the first one the larger, would stand in each other."""
    away = np.subtract(middle_of(one), middle_of(other))
    apart_m = np.hypot(*away[:2])
    if kind == "bowl":
        return bool(apart_m < _BOWLS_APART_M)
    width_m = (width_of(one) + width_of(other)) / 2
    least = _PIECE_APART if other.area_px < _PIECE * one.area_px else _BLOCKS_APART
    return bool(kind == "block" and apart_m < least * width_m and abs(away[2]) < _LEVEL * width_m)
