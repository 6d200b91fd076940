"""What slots are believed to be: parts that are no things, sizes, and what carries what, of made-up slots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.planning.belief import first_look
from embodied.planning.possible import possible, width_of
from embodied.prompt import Slot
from envs.interface import Box

RED, BLUE = (230, 30, 30), (30, 60, 230)
FLOOR_M = 0.006


def block(x: float, y: float, bottom_m: float = 0.0, side_m: float = 0.042, *, area_px: int = 240,
          color: tuple[int, int, int] = RED, hidden_m: float = 0.0, width_m: float | None = None) -> Slot:
    """A block. hidden_m: how much of its height below is not seen, and so not in its box."""
    height_m = side_m - hidden_m
    box = Box((x, y, bottom_m + hidden_m + height_m / 2), (side_m, side_m, height_m))
    return Slot(np.full((8, 8, 3), color, np.uint8), box, area_px=area_px,
                width_m=side_m if width_m is None else width_m)


def bowl(x: float, y: float, width_m: float = 0.13, area_px: int = 1200) -> Slot:
    """A bowl, or a piece of one that is taken for a bowl."""
    box = Box((x, y, 0.02), (width_m, width_m, 0.04))
    return Slot(np.full((8, 8, 3), BLUE, np.uint8), box, area_px=area_px, width_m=width_m)


@pytest.mark.parametrize("part", [
    pytest.param(bowl(0.451, 0.0, 0.121, area_px=39), id="a bowl through a bowl"),
    pytest.param(block(0.448, 0.128, 0.0, 0.045, area_px=25), id="a block through a block"),
    pytest.param(block(0.404, 0.02, 0.0, 0.078, area_px=33, color=BLUE), id="a block wider than any"),
    pytest.param(block(0.404, 0.02, -0.024, 0.052, area_px=33, color=BLUE), id="a block sunk into the table"),
])
def test_what_cannot_be_there_beside_the_others_is_left_out(part: Slot) -> None:
    there = [bowl(0.42, 0.0), block(0.42, 0.13)]

    assert possible([part, *there]) == there
    assert possible([*there, part]) == there


def test_what_can_be_there_is_kept_in_its_order() -> None:
    stack = [block(0.54, 0.13, area_px=36), block(0.54, 0.13, 0.042)]
    pair = [block(0.405, -0.145, 0.012, 0.034), block(0.432, -0.119, 0.015)]
    mixed = [block(0.431, 0.211, 0.01, area_px=266), block(0.407, 0.187, 0.01, area_px=184, color=BLUE)]
    neighbours = [bowl(0.42, -0.13), bowl(0.556, -0.13)]

    assert possible([*stack, *pair, *mixed, *neighbours]) == [*stack, *pair, *mixed, *neighbours]


def test_the_width_is_what_the_slot_knows_of_it_not_what_is_seen() -> None:
    lower = block(0.42, -0.26, side_m=0.057, width_m=0.042)

    assert first_look([lower]).table.things["red block"].side_m == pytest.approx(0.042)
    assert width_of(replace(lower, width_m=0.0)) == pytest.approx(0.057), "its box's, where it does not say"


def test_blocks_stand_on_what_is_below_them_however_much_is_hidden() -> None:
    tower = [block(0.54, 0.13, side_m=0.05, area_px=30), block(0.542, 0.128, 0.05, color=BLUE),
             block(0.54, 0.13, 0.092, 0.034, color=RED)]
    slots = [*tower, block(0.42, 0.0)]
    names = {place: name for name, place in first_look(slots).places.items()}

    assert first_look(slots).table.under == {names[0]: "table", names[1]: names[0], names[2]: names[1],
                                             names[3]: "table"}


def test_a_block_whose_box_hangs_down_over_the_one_below_still_stands_on_it() -> None:
    upper = replace(block(0.54, 0.13, 0.034, 0.034), box=Box((0.54, 0.13, 0.034), (0.034, 0.034, 0.068)))
    lower = block(0.54, 0.13, 0.0, 0.034, area_px=36, color=BLUE)

    assert first_look([upper, lower]).table.under == {"red block": "blue block", "blue block": "table"}


def test_two_blocks_in_a_bowl_are_both_in_it_and_a_third_upon_one() -> None:
    pair = [block(0.405, -0.145, FLOOR_M + 0.005, 0.034), block(0.435, -0.115, FLOOR_M + 0.013, 0.05, color=BLUE)]
    upon = block(0.435, -0.115, FLOOR_M + 0.063, 0.042, color=(240, 240, 240))

    under = first_look([bowl(0.42, -0.13), *pair, upon]).table.under

    assert under == {"red block": "blue bowl", "blue block": "blue bowl", "white block": "blue block"}
