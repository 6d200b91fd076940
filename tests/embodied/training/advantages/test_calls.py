"""Each call of an answer by itself, against arithmetic done by hand."""

from __future__ import annotations

import math

import pytest

from embodied.prompt import Prompt, Sample
from embodied.training.advantages.calls import call_advantages, until_it_fell


def answer(*pieces: str, stood: int | None = None) -> Sample:
    size = len(pieces)
    return Sample("".join(pieces), Prompt(()), "all", token_ids=tuple(map(hash, pieces)), log_probs=(-1.0,) * size,
                  masked_log_probs=(-0.5,) * size, pieces=pieces, stood=stood)


WHOLE = answer(" pick", "(a);", " place", "(b);", " done()", "")
WRONG = answer(" pick", "(a);", " place", "(c);", " pick", "(d);", " done()", "", stood=1)
HALF = answer(" pick", "(a);", " done()", "", stood=1)
FALSE = answer(" refuse", "(I see no bowl)", "", stood=0)


def test_a_call_is_held_against_what_others_did_at_the_same_point_and_all_calls_once_more():
    """Three calls of the whole one stood, one of two of the wrong one, none of the false refusal: 4 of 6, deviation
    0.516. At the beginning two of three stood, after the pick one of two."""
    found = call_advantages([until_it_fell(sample) for sample in (WHOLE, WRONG, FALSE)], ["now"] * 3)
    mean, deviation = 4 / 6, math.sqrt((4 * (1 / 3) ** 2 + 2 * (2 / 3) ** 2) / 5) + 1e-4
    began, lied = (1 - (1 + mean) / 3) / deviation, (0 - (2 + mean) / 3) / deviation
    right, wrong = (1 - (0 + mean) / 2) / deviation, (0 - (1 + mean) / 2) / deviation
    ended = (1 - mean) / deviation
    for row, expected in zip(found, ([began] * 2 + [right] * 2 + [ended] * 2, [began] * 2 + [wrong] * 2, [lied] * 3),
                             strict=True):
        assert row == pytest.approx(expected)


def test_of_another_moment_nothing_is_held_against_a_call_but_all_calls():
    [right], [wrong] = (set(row) for row in call_advantages([answer("a();", stood=None), FALSE], ["now", "then"]))
    assert right == pytest.approx(0.5 / (math.sqrt(0.5) + 1e-4)) and wrong == pytest.approx(-right)


def test_nothing_is_told_where_all_calls_stood_or_none_did():
    assert call_advantages([WHOLE, WHOLE], "ab") == [(0.0,) * 6] * 2
    assert call_advantages([FALSE], "a") == [(0.0,) * 3] and call_advantages([], []) == []


@pytest.mark.parametrize(("sample", "left"), [
    (WHOLE, WHOLE.pieces), (WRONG, WRONG.pieces[:4]), (HALF, HALF.pieces), (FALSE, FALSE.pieces)])
def test_of_an_answer_that_was_turned_down_what_came_after_is_left_out(sample: Sample, left: tuple[str, ...]):
    cut = until_it_fell(sample)
    assert cut.pieces == left and cut.is_cut == (len(left) < len(sample.pieces))
    assert len(cut.token_ids) == len(cut.log_probs) == len(cut.masked_log_probs) == len(left)
    assert (cut.text, cut.prompt) == (sample.text, sample.prompt)


def test_a_token_that_ends_a_call_and_begins_another_is_of_the_first():
    sample = answer(" pick(a", "); place", "(c); done()", stood=1)
    assert until_it_fell(sample).pieces == sample.pieces
    assert until_it_fell(answer(" pick(a", "); place", "(c); done()", stood=0)).pieces == sample.pieces[:2]
