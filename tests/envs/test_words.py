"""A text is read whole or not at all: what a reader drops is neither done nor judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.skills.push_words import understand as read_push
from envs.tasks import board_words, phrasings
from envs.words import STOPS, plain_words
from envs.world.board import compass


@pytest.mark.parametrize(("text", "words"), [
    ("Please, put the RED block in the \u201cblue\u201d bowl!", "put the red block in the blue bowl"),
    ("\uff50\uff55\uff54 the red-block - here", "put the red block here"),
    ("grasp the obj_2", "grasp the obj_2"),
    ("push it 5.5cm", "push it 5.5 cm"),
    ("", ""),
])
def test_capitals_spelling_and_stops_say_nothing(text, words):
    assert " ".join(plain_words(text)) == words


@pytest.mark.parametrize("text", ["push it by -5 cm", "the red block ≠ the blue bowl", "red & blue", "5² cm", "50 %",
                                  "go \U0001f600", "a\u200bb", "red/blue"])
def test_signs_and_symbols_are_not_dropped(text):
    assert plain_words(text) is None


@given(st.text("aZé不-+5²≠.,!()\u200b \n", max_size=40))
def test_every_mark_is_read_or_the_text_is_not(text):
    words = plain_words(text)
    if words is not None:
        marks = "".join(c for c in text if not c.isspace() and c not in STOPS and c != "-")
        assert not marks or words or "please" in text.lower()


WHOLE = "put the red block in the blue bowl"


@pytest.mark.parametrize("extra", ["不要", "never", "3", "and the green block", "≠", "twice", "\u202enot", "+"])
def test_a_table_instruction_with_anything_beside_it_is_another_instruction(extra):
    assert phrasings.understand(WHOLE) is not None
    assert phrasings.understand(f"{WHOLE} {extra}") is None and phrasings.understand(f"{extra} {WHOLE}") is None


@pytest.mark.parametrize("text", [
    "push the red star to the blue cube and the green star to the left side",
    "push the red star to the banana left side",
    "push the red star to the blue cube and then to the left",
    "push the red star not to the left",
    "push the red star to the left -5",
    "push all the blocks on the left side together and leave those on the left side there",
])
def test_a_board_instruction_that_is_half_read_is_not_read(text):
    assert board_words.understand(text) is None


def test_a_direction_says_one_thing_and_nothing_beside():
    assert compass("up and to the left") == (1, 1) and compass("bottom right corner") == (-1, -1)
    assert compass("banana left") is None and compass("left and right") is None and compass("to the side") is None


def test_a_push_keeps_its_sign():
    assert read_push("push the red star 5 cm to the left").shift_m == 0.05
    assert isinstance(read_push("push the red star by -5 cm to the left"), str)
