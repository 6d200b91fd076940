"""Things of another scene among those of a view: none in the way, none twice, none in the air."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from embodied.data.crowd import APART_M, crowded
from embodied.data.detections import ViewDetections
from envs.interface import Box
from tests.embodied.planning.scenes import slot


def view(*things: tuple[str, float, float, float]) -> ViewDetections:
    """name, x, y and height of the centre, m."""
    slots = [slot(x, y) for _, x, y, _ in things]
    boxes = [Box((x, y, z), (0.04, 0.04, 0.04)) for _, x, y, z in things]
    slots = [type(s)(s.crop, box, area_px=100) for s, box in zip(slots, boxes, strict=True)]
    return ViewDetections(tuple(slots), tuple(name for name, *_ in things))


OWN = view(("red block", 0.5, 0.0, 0.02), ("blue block", 0.5, 0.0, 0.06))
OTHER = view(("green block", 0.6, 0.2, 0.02), ("white block", 0.6, 0.2, 0.06), ("red block", 0.3, 0.2, 0.02),
             ("cyan block", 0.53, 0.05, 0.02), ("yellow block", 0.53, 0.05, 0.06), ("purple block", 0.4, -0.3, 0.3))


def drawn(most: int, held: str | None = None, draws: int = 40) -> list[Sequence[str | None]]:
    return [crowded(OWN, held, [OTHER, OTHER], most, np.random.default_rng(seed)).names for seed in range(draws)]


def test_there_are_up_to_so_many_and_those_of_the_view_are_always_there():
    found = drawn(4)
    assert {len(names) for names in found} == {2, 3, 4}
    assert all({"red block", "blue block"} <= set(names) and len(set(names)) == len(names) for names in found)
    assert {len(names) for names in drawn(2)} == {2}


def test_nothing_is_added_twice_near_by_or_in_the_air():
    """The red one is there already, the cyan one would touch it, the yellow one stood on that, the purple one hung."""
    assert set().union(*drawn(12)) == {"red block", "blue block", "green block", "white block"}
    assert "green block" not in set().union(*drawn(12, held="green block"))
    assert "white block" not in set().union(*drawn(12, held="green block"))  # what it stood on is not there


def test_the_prompt_counts_things_after_what_carries_them():
    places = {name: place for place, name in enumerate(next(names for names in drawn(12) if len(names) == 4))}
    assert places["red block"] < places["blue block"] and places["green block"] < places["white block"]
    detected = crowded(OWN, None, [OTHER, OTHER], 12, np.random.default_rng(0))
    own = dict(zip(OWN.names, OWN.slots, strict=True))
    assert all(own[name] is s for name, s in zip(detected.names, detected.slots, strict=True) if name in own)
    assert all(math.dist(s.box.center[:2], o.box.center[:2]) > APART_M for name, s in
               zip(detected.names, detected.slots, strict=True) if name not in own for o in OWN.slots)


@pytest.mark.parametrize("most", [0, 1])
def test_a_view_that_is_full_stays_as_it_is(most: int):
    assert crowded(OWN, None, [OTHER, OTHER], most, np.random.default_rng(3)) == OWN
