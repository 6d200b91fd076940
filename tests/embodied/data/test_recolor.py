"""Scenes in drawn colors: each thing looks like one of its new color, words and answers follow, places do not."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.data.detections import ViewDetections
from embodied.data.queries import Calls, Query, Question, Refusal, TextAnswer
from embodied.data.recolor import Palette, renamed, reworded
from tests.embodied.planning.scenes import colored, slot

RGB = {"red": (200, 20, 20), "green": (20, 150, 20), "blue": (20, 20, 200)}
VIEW = ViewDetections(tuple(colored(slot(0.3 + 0.1 * j), rgb) for j, rgb in enumerate(RGB.values())),
                      tuple(f"{color} block" for color in RGB))
TURNED = {"red": "green", "green": "blue", "blue": "red"}


def test_colors_change_places_each_once():
    palette = Palette([VIEW])
    drawn = [palette.draw(np.random.default_rng(seed)) for seed in range(40)]
    assert palette.colors == ["blue", "green", "red"]
    assert all(set(colors) == set(colors.values()) == set(RGB) for colors in drawn)
    assert len({tuple(colors.items()) for colors in drawn}) == 6  # every order comes


def test_a_thing_looks_like_one_of_its_new_color_where_it_was():
    shown = Palette([VIEW]).recolored(VIEW.slots[0], "red block", TURNED, np.random.default_rng(0))
    assert tuple(shown.crop[0, 0]) == RGB["green"] and shown.box == VIEW.slots[0].box
    assert Palette([VIEW]).recolored(VIEW.slots[0], None, TURNED, np.random.default_rng(0)) is VIEW.slots[0]
    assert Palette([]).recolored(VIEW.slots[0], "red block", TURNED, np.random.default_rng(0)) is VIEW.slots[0]


@pytest.mark.parametrize(("answer", "turned"), [
    (Calls((("pick", "red block"), ("place_on", "blue block"), ("done",)), told="grasp the red object"),
     Calls((("pick", "green block"), ("place_on", "red block"), ("done",)), told="grasp the green object")),
    (TextAnswer("A: No, the red object is not below the blue object."),
     TextAnswer("A: No, the green object is not below the red object.")),
    (Refusal("I see no red object"), Refusal("I see no green object")),
    (Question("which red one?"), Question("which green one?"))])
def test_words_follow_all_at_once(answer, turned):
    asked = Query("put the red object on the blue object", answer, "build", ("red block",), ("red block",),
                  ("red object",))
    told = renamed(asked, TURNED)
    assert told.instruction == "put the green object on the red object" and told.answer == turned
    assert (told.about, told.referrals, told.words) == (("green block",), ("green block",), ("green object",))


def test_words_that_only_hold_a_color_stay():
    assert reworded("the hundred bluebells are red", TURNED) == "the hundred bluebells are green"


def test_a_block_never_looks_like_a_bowl():
    """Colors are those that every kind of thing has."""
    others = ViewDetections((colored(slot(0.5), (90, 90, 250)), colored(slot(0.6), (250, 90, 90)),
                             colored(slot(0.7), (9, 9, 9))), ("blue bowl", "red bowl", "drawer"))
    assert Palette([VIEW, others]).colors == []  # a drawer has no color, so that none can be exchanged
    pair = ViewDetections(others.slots[:2], others.names[:2])
    palette = Palette([VIEW, pair])
    assert palette.colors == ["blue", "red"]
    shown = palette.recolored(VIEW.slots[0], "red block", {"red": "blue", "blue": "red"}, np.random.default_rng(0))
    assert tuple(shown.crop[0, 0]) == RGB["blue"]
