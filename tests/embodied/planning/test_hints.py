"""Hints for words that nobody was taught: another word of their kind, or none."""

from __future__ import annotations

import pytest

from embodied.planning.hints import meant, telling
from envs.tasks.phrasings import UNKNOWN_COLORS, UNKNOWN_THINGS, VOCABULARY

SMALL = sorted(VOCABULARY & {"up", "own", "and", "the", "then", "can", "it", "with", "like", "would", "you"})
TYPED = [*UNKNOWN_COLORS, *UNKNOWN_THINGS, *(f"{small}{end}" for small in SMALL for end in "nsx")]


@pytest.mark.parametrize(("text", "word", "hint"), [
    ("put the red blok in the blue bowl", "blok", "block"), ("put the bleu block in the bowl", "bleu", "blue"),
    ("Stak the red block on the blue block", "stak", "stack"), ("please pickk the red block", "pickk", "pick"),
    ("put the red block inot the blue bowl", "inot", "into"), ("put red and bleu blocks in the bowl", "bleu", "blue"),
    ("put the red block in the bolw", "bolw", "bowl")])
def test_a_slip_of_the_pen_is_understood(text: str, word: str, hint: str):
    assert meant(word, text, VOCABULARY) == hint


@pytest.mark.parametrize(("text", "word"), [
    ("put two blocks in the blue bowl", "two"), ("put the cup in the blue bowl", "cup"),
    ("put ten blocks in the blue bowl", "ten"), ("put the brown block in the bowl", "brown"),
    ("put the black block in the bowl", "black"), ("put the pink block in the bowl", "pink"),
    ("put the block in my hand", "hand"), ("you can't put it there", "can't"), ("put them in the bowl", "them"),
    ("put the red block on the plate", "plate"), ("把红色的方块放进蓝色的碗里", "把红色的方块放进蓝色的碗里")])
def test_nothing_is_suggested_for_what_is_no_slip(text: str, word: str):
    assert word not in VOCABULARY and meant(word, text, VOCABULARY) is None


@pytest.mark.parametrize("word", TYPED)
@pytest.mark.parametrize("text", ["put the {} block in the bowl", "put the red {} in the bowl", "{} the red block",
                                  "put the red block {} the bowl", "put it {}", "I would {} it"])
def test_no_small_word_is_ever_suggested(text: str, word: str):
    assert meant(word, text.format(word), SMALL) is None


def test_what_is_known_is_told_by_what_tells_most():
    assert telling({"the", "of", "red", "put"}) == ["put", "red"] and telling({"zb", "za"}) == ["za", "zb"]
