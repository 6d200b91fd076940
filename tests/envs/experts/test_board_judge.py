"""Labels about pushes, from places written by hand."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from envs.experts.board_judge import BoardView, shortfall, why_not

AT = {"red star": (0.40, 0.00), "red cube": (0.55, 0.20), "blue cube": (0.25, -0.10), "green heart": (0.40, 0.20)}


def view(gap_m=0.2, without=(), **moved):
    """The board of AT; moved: name with an underscore -> place."""
    at = {**AT, **{name.replace("_", " "): place for name, place in moved.items()}}
    at = {name: np.array(place) for name, place in at.items() if name not in without}
    return BoardView(MappingProxyType(at), MappingProxyType(dict.fromkeys(at, gap_m)))


@pytest.mark.parametrize(("words", "reason"), [
    ("fly away", "do not understand"), ("", "do not understand"), ("push the red banana up", "shape banana"),
    ("push the yellow moon to the center", "there is no yellow moon"),
    ("push the red block to the center", "there are 2 red blocks"),
    ("push the blue block to the blue cube", "names one block twice"),
    ("push the red star up and down", "contradicts itself"),
    ("push the red star 60 cm up", "the board ends before that place"), ("push the red star to the blue cube", None),
    ("push the green block 5 cm to the left", None), ("move to the green heart", None)])
def test_what_is_possible_is_said_with_a_reason(words, reason):
    found = why_not(view(), "push", words)
    assert found is None if reason is None else reason in found
    if reason is not None:
        assert shortfall(view(), view(), "push", words) == found, "and it cannot have been done either"


@pytest.mark.parametrize(("words", "near", "far"), [
    ("push the red star to the blue cube", (0.31, -0.10), (0.34, -0.10)),
    ("push the red star to the right of the green heart", (0.40, 0.12), (0.40, 0.14)),
    ("push the red star 10 cm up", (0.49, 0.01), (0.45, 0.00)),
    ("push the red star away from the green heart", (0.40, -0.02), (0.40, 0.10))])
def test_a_push_is_judged_by_where_the_block_is(words, near, far):
    assert shortfall(view(), view(red_star=near), "push", words) is None
    assert "red star is still" in shortfall(view(), view(red_star=far), "push", words)


def test_a_push_that_is_only_partly_done_has_not_arrived():
    halfway = shortfall(view(), view(red_star=(0.50, 0.0)), "push", "push the red star 20 cm up")
    assert halfway == "the red star is still 8 cm short"


def test_beside_is_where_the_other_block_has_come_to():
    words, moved = "push the red star to the right of the green heart", (0.40, 0.28)
    assert shortfall(view(), view(red_star=(0.40, 0.10), green_heart=moved), "push", words)
    assert shortfall(view(), view(red_star=(0.40, 0.18), green_heart=moved), "push", words) is None


def test_pointing_is_judged_by_the_peg():
    words = "move to the red star"
    assert shortfall(view(), view(gap_m=0.01), "push", words) is None
    assert shortfall(view(), view(gap_m=0.06), "push", words) == "the peg is still 4 cm short"


def test_what_is_gone_fell_off_the_board():
    after = view(without=("red star",))
    assert shortfall(view(), after, "push", "push the red star up") == "the red star fell off the board"
    assert why_not(after, "push", "push the red star up") == "there is no red star"
