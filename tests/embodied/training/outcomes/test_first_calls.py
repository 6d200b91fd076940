"""As much of an answer as its first calls are."""

from __future__ import annotations

import pytest

from embodied.prompt import Prompt, Sample
from embodied.training.outcomes.examples import first_calls


def answer(*pieces: str) -> Sample:
    size = len(pieces)
    return Sample("".join(pieces), Prompt(()), "all", token_ids=tuple(map(hash, pieces)), log_probs=(-1.0,) * size,
                  masked_log_probs=(-0.5,) * size, pieces=pieces)


WHOLE = answer(" pick", "(a);", " place", "(b);", " done()", "")
HALF = answer(" pick", "(a);", " done()", "")


@pytest.mark.parametrize(("sample", "count", "left"), [
    (WHOLE, 0, ()), (WHOLE, 1, WHOLE.pieces[:2]), (WHOLE, 2, WHOLE.pieces[:4]), (WHOLE, 3, WHOLE.pieces),
    (HALF, 1, HALF.pieces[:2]), (HALF, 2, HALF.pieces)])
def test_what_comes_after_so_many_calls_is_left_out(sample: Sample, count: int, left: tuple[str, ...]):
    cut = first_calls(sample, count)
    assert cut.pieces == left and cut.is_cut == (len(left) < len(sample.pieces))
    assert len(cut.token_ids) == len(cut.log_probs) == len(cut.masked_log_probs) == len(left)
    assert (cut.text, cut.prompt) == (sample.text, sample.prompt)


def test_a_token_that_ends_a_call_and_begins_another_is_of_the_first():
    sample = answer(" pick(a", "); place", "(c); done()")
    assert first_calls(sample, 1).pieces == sample.pieces[:2] and first_calls(sample, 2).pieces == sample.pieces
