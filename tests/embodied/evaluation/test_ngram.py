"""Kneser-Ney: probabilities of all tokens add up to one after any context, and what was seen is likelier."""

from __future__ import annotations

import math
import random

import pytest

from embodied.evaluation.ngram import KneserNey

WORDS = 12


def texts(seed: int) -> list[list[int]]:
    """A chain in which each token hangs on the two before it, more or less."""
    rng = random.Random(seed)
    found = []
    for _ in range(60):
        text = [rng.randrange(WORDS), rng.randrange(WORDS)]
        while len(text) < 30:
            text.append((text[-1] + 2 * text[-2]) % WORDS if rng.random() < 0.8 else rng.randrange(WORDS))
        found.append(text)
    return found


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_of_all_tokens_add_up_to_one(order: int):
    model = KneserNey(order, WORDS).learn(texts(0))
    for context in ((), (3,), (3, 5), (1, 2, 3, 4), (11, 11, 11, 11, 11), (-1, -1)):
        assert sum(model.probability(context, token) for token in range(WORDS)) == pytest.approx(1.0)


def test_nothing_is_impossible_and_learning_twice_is_refused():
    """All that was seen was seen often: something is left for the rest all the same."""
    model = KneserNey(2, WORDS).learn([[1, 2, 3] * 40])
    assert all(model.probability((a,), b) > 0 for a in range(WORDS) for b in range(WORDS))
    with pytest.raises(ValueError, match="got one that has"):
        model.learn([[1]])


def test_longer_contexts_say_more_and_bits_are_those_of_the_probabilities():
    learned, held_out = texts(0), texts(1)
    bits = {order: sum(KneserNey(order, WORDS).learn(learned).bits(text) for text in held_out) for order in (1, 2, 3)}
    assert bits[3] < 0.75 * bits[1] and bits[3] < bits[2] < 1.02 * bits[1]
    one = KneserNey(2, WORDS).learn([[1, 2, 1, 2]])
    assert one.probability((1,), 2) > 2 * one.probability((1,), 3) > 0
    assert one.bits([1, 2]) == pytest.approx(-math.log2(one.probability((), 1) * one.probability((1,), 2)))
