"""What is told in words of a piece on a pushing board beside its picture: the quarter and the half that it lies in,
whether it is in the corner there, and which pieces are by it or near it, all as measured.

Departure from PaLM-E (section 4), whose Language-Table prompts hold one image and no words about places.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from embodied.planning.looks import COLOR_WORDS, colors_of
from embodied.prompt import Slot
from envs.world.board import CORNERS, Compass, is_in_corner, place_m, quarter, side_words

BY_M = 0.085
"""Between the middles of pieces that are by each other, as those of a group are: they touch, or nearly. A piece that
was to be next to another is judged by less (7 cm): the steps so far say whether that was done."""
NEAR_M = 0.15
"""Between those of pieces that are not apart."""
_GATHERED = frozenset(("together", "gather", "group"))
_OF_SIDES = frozenset(("side", "half"))
_PARTED = re.compile(r"\b(separate|apart|away|too close|not touch)\b")


def quarter_of(slot: Slot) -> Compass:
    """The corner of the quarter that a piece lies in."""
    return quarter(np.array(slot.box.center))


def in_order(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """The pieces quarter by quarter, each from its corner on."""
    return tuple(sorted(slots, key=lambda slot: (CORNERS.index(quarter_of(slot)), _away_m(slot))))


def _away_m(slot: Slot) -> float:
    return math.dist(slot.box.center[:2], place_m(quarter_of(slot)))


def said_of(place: int, slots: Sequence[Slot], numbers: Sequence[int]) -> str:
    """The words about the slot at a place: "left corner by obj_2 near obj_3"."""
    slot = slots[place]
    side = side_words((0, quarter_of(slot)[1]))
    corner = ["corner"] if is_in_corner(np.array(slot.box.center[:2]), quarter_of(slot)) else []
    others = sorted((math.dist(slot.box.center[:2], other.box.center[:2]), number)
                    for number, other in zip(numbers, slots, strict=True) if other is not slot)
    return " ".join([side, *corner, *(f"{'by' if away_m <= BY_M else 'near'} obj_{number}" for away_m, number in others
                                if away_m <= NEAR_M)])


def is_open(text: str, slots: Sequence[Slot], *, is_begun: bool = False) -> bool | None:
    """Whether what is measured denies that an instruction is done: one to sort all pieces by color into corners, or to
    gather those of one side; before anything was done also one to part two, where some of their colors are near each
    other. None where nothing can be said."""
    words = re.findall(r"[a-z]+", text.lower())
    said, colors = set(words), [word for word in words if word in COLOR_WORDS]
    if colors:
        is_judged = not is_begun and _PARTED.search(" ".join(words)) is not None
        return not _are_apart(colors, slots) if is_judged else None
    sides = [word for word in words if word in ("left", "right")]
    is_of_color = any(word.startswith(("color", "colour")) for word in words)
    if "sort" in said or (is_of_color and said & {"corner", "corners"} and not said & {"closest", "nearest"}):
        return not _are_sorted(slots)
    if said & _GATHERED and said & _OF_SIDES and sides:
        return not _are_together([slot for slot in slots if quarter_of(slot)[1] == (1 if sides[0] == "left" else -1)])
    return None


def _are_apart(colors: Sequence[str], slots: Sequence[Slot]) -> bool:
    """Whether no two pieces of two named colors are near each other."""
    if len(colors) != 2:
        return True
    shown = list(zip(colors_of([slot.crop for slot in slots]), slots, strict=True))
    first, second = ([slot for color, slot in shown if color == wanted] for wanted in colors)
    return all(one is other or math.dist(one.box.center[:2], other.box.center[:2]) > NEAR_M
               for one in first for other in second)


def _are_sorted(slots: Sequence[Slot]) -> bool:
    """Whether every piece is in a corner, those of one color in one, and no two colors in the same."""
    where = {(color, quarter_of(slot)) for color, slot in zip(colors_of([s.crop for s in slots]), slots, strict=True)}
    is_in = all(is_in_corner(np.array(slot.box.center[:2]), quarter_of(slot)) for slot in slots)
    return is_in and len({color for color, _ in where}) == len({corner for _, corner in where}) == len(where)


def _are_together(slots: Sequence[Slot]) -> bool:
    """Whether the pieces are one group, each close to another of it."""
    middles = [slot.box.center[:2] for slot in slots]
    joined, left = middles[:1], middles[1:]
    for member in joined:  # grows while it is walked
        joined += [middle for middle in left if math.dist(member, middle) <= BY_M]
        left = [middle for middle in left if math.dist(member, middle) > BY_M]
    return not left
