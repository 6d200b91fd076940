"""What is held against plans that speak to a low-level policy: that they speak of what the words name."""

from __future__ import annotations

import pytest

from embodied.planning.language import Plan
from embodied.planning.named import strays_in_words
from envs.interface import SkillCall
from envs.skills.signatures import BOARD, KITCHEN


@pytest.mark.parametrize(("said", "pushed", "strays"), [
    ("push the red star to the blue cube", "push the red star to the blue cube", False),
    ("push the red star to the blue cube", "push the blue cube 4 cm up", False),
    ("push the red star to the blue cube", "push the red moon to the blue cube", True),
    ("Push the Red Star up", "push the green star up", True),
    ("push the red block to the blue one", "push the red heart to the blue moon", False),
    ("push the red star to the other block of the same color", "push the red star to the red moon", False),
    ("put the red and the blue star together", "push the red star to the blue star", False),
    ("push the red toy to the center", "push the red heart to the center", False),
    ("push the red star to the block next to it", "push the red star to the blue cube", False),
    ("separate the red star from the blue cube", "push the red star away from the blue moon", True),
    ("sort the blocks by color into corners", "push the red moon to the top left corner", False),
    ("push the red star up", "up", False)])
def test_a_plan_speaks_of_what_was_named(said, pushed, strays):
    assert strays_in_words(Plan((SkillCall("push", (pushed,)),)), said, BOARD) is strays


def test_a_hand_takes_what_it_finds():
    plan = Plan((SkillCall("pick", ("green cup",)),))
    assert not strays_in_words(plan, "throw the red can away and bring something to drink from", KITCHEN)
