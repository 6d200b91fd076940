"""What words name by color, held against what is in sight and what a plan ends with."""

from __future__ import annotations

import pytest

from embodied.planning.language import ground, parse
from embodied.planning.named import COLOR_FAMILY, COLOR_QUESTION, by_color, by_number, strays, unseen_color
from embodied.planning.perception import Perception
from envs.skills.signatures import TAMP
from envs.tasks.tamp_words import PHRASINGS
from tests.embodied.planning.scenes import colored, slot

RED, GREEN = colored(slot(0.4, 0.2), (200, 20, 20)), colored(slot(0.6, -0.2), (20, 150, 20))
BLUE, HELD = colored(slot(0.5, 0.0), (20, 20, 200)), colored(slot(0.3, 0.3), (240, 240, 240))
SEEN = Perception((RED, GREEN, BLUE))


def planned(text: str):
    return ground(parse(text, TAMP, objects=("obj_1", "obj_2", "obj_3")), SEEN)


@pytest.mark.parametrize(("words", "plan", "is_astray"), [
    ("grasp the red object", "pick(obj_1); done()", False),
    ("grasp the red object", "pick(obj_2); put_down_beside(obj_1); pick(obj_1); done()", False),
    ("grasp the red object", "pick(obj_2); done()", True),
    ("put the red block on the green one", "pick(obj_1); place_on(obj_2); done()", False),
    ("put the red block on the green one", "pick(obj_3); put_down_beside(obj_2); pick(obj_1); place_on(obj_2); done()",
     False),
    ("put the red block on the green one", "pick(obj_1); place_on(obj_3); done()", True),
    ("put the red block on the green one", "pick(obj_1); done()", True),
    ("put the red block on the red block", "pick(obj_1); place_on(obj_2); done()", True),
    ("put the white block on the blue one", "place_on(obj_3); done()", False),
    ("put the white block on the blue one", "place_on(obj_2); done()", True),
    ("put the red block on the green one", "done()", False), ("grasp the obj_2", "pick(obj_3); done()", False),
    ("is the red object below the blue object?", 'answer("A: No."); done()', False)])
def test_a_plan_ends_with_what_was_named(words: str, plan: str, is_astray: bool):
    assert strays(planned(plan), words, HELD, TAMP) == is_astray


def test_of_a_hand_that_holds_nobody_knows_what_nothing_is_held_against_it():
    assert not strays(planned("place_on(obj_3); done()"), "put the white block on the blue one", None, TAMP)


@pytest.mark.parametrize(("words", "color"), [("grasp the red one", None), ("Purple on RED", "purple"), ("go", None)])
def test_a_color_that_nothing_has(words: str, color: str | None):
    assert unseen_color(words, SEEN.slots) == color


@pytest.mark.parametrize(("words", "numbered"), [
    ("Q: How to stack the red object on top of the Green object?",
     "Q: How to stack the obj_2 on top of the obj_1?"),
    ("put the red block on the green one", "put the obj_2 on the obj_1"),
    ("is the obj_1 red?", "is the obj_1 red?"), ("the red blocks", "the red blocks"),
    ("what is redder than obj_3?", "what is redder than obj_3?")])
def test_what_is_named_by_color_has_a_number(words: str, numbered: str):
    assert by_number(words, {"red": "obj_2", "green": "obj_1"}) == numbered


def test_an_answer_gets_the_colors_back():
    said = "A: No, the obj 2 is not below the obj 1, nor the obj 12."
    assert by_color(said, {"obj_2": "red", "obj_1": "blue"}) == \
        "A: No, the red object is not below the blue object, nor the obj 12."


def test_the_question_is_the_one_that_is_taught():
    assert PHRASINGS[COLOR_FAMILY][0].format(a="obj_2") == COLOR_QUESTION.format("obj_2")
