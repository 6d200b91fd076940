"""What clients are shown of the objects in sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embodied.serving.overlay import is_hand, objects_of
from envs.interface import Box
from tests.embodied.planning.scenes import observation, slot

TOOL = np.array([0.5, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0])


def test_objects_are_told_by_what_they_look_like():
    red = replace(slot(), crop=np.full((8, 8, 3), (200, 20, 20), np.uint8), camera="front")
    [told] = objects_of([red], replace(observation(), cameras={}))
    assert (told["name"], told["looks"]) == ("obj_1", "red block")


def test_what_nobody_plans_with_has_a_name_of_its_own():
    odd = replace(slot(0.5), is_distractor=True)
    told = objects_of([slot(0.3), slot(0.4)], replace(observation(), cameras={}), [odd])
    assert [(o["name"], o["looks"].split()[-1]) for o in told] == [("obj_1", "block"), ("obj_2", "block"),
                                                                  ("thing_1", "thing")]


def test_the_hand_is_no_object_and_what_it_holds_is_one():
    """Boxes as the shipped segmenter measured them with a green block in the hand."""
    assert is_hand(Box((0.5828, 0.0002, 0.3044), (0.0416, 0.0379, 0.0508)), TOOL)
    assert is_hand(Box((0.5315, -0.0072, 0.319), (0.0466, 0.0466, 0.0729)), TOOL)
    assert not is_hand(Box((0.5, 0.0, 0.2), (0.04, 0.04, 0.04)), TOOL)
    assert not is_hand(Box((0.5, 0.0, 0.06), (0.04, 0.04, 0.12)), TOOL)


def test_numbers_stay_those_of_the_plan():
    hand = replace(slot(), box=Box((0.5, 0.0, 0.3), (0.05, 0.05, 0.05)))
    seen = replace(observation(), cameras={}, tool_pose=TOOL)
    assert [told["name"] for told in objects_of([slot(0.3), hand, slot(0.4)], seen)] == ["obj_1", "obj_3"]
