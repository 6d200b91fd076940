"""Process rewards: each call of an answer judged by itself, by the judge of words, without anything being carried out.

DeepSeekMath (arXiv 2402.03300, section 4.1.3) rewards the steps of an answer, puts all steps' rewards of a group into
standard deviations, and gives a token the sum of those from its own step on. Departures: steps are a plan's calls, and
what it ends with; the reward is the judge's, 1 for a call that nothing spoke against and 0 for the one that something
did, after which an answer is not looked at; a token is given its own step's alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from embodied.prompt import Sample
from embodied.training.advantages.groups import centered

END = ";"
"""Of a call in a plan's text."""


def call_advantages(samples: Sequence[Sample]) -> list[tuple[float, ...]]:
    """For each answer of a group a number for each of its tokens: the reward of its call, in standard deviations from
    the mean of all calls of the group. Answers that were turned down are as `until_it_fell` leaves them."""
    places = [call_places(sample) for sample in samples]
    rewards = [[float(call != sample.stood) for call in range(1 + max(row, default=-1))]
               for sample, row in zip(samples, places, strict=True)]
    numbers = iter(centered([reward for row in rewards for reward in row], is_scaled=True))
    own = [[next(numbers) for _ in row] for row in rewards]
    return [tuple(told[call] for call in row) for told, row in zip(own, places, strict=True)]


def until_it_fell(sample: Sample) -> Sample:
    """An answer up to the call that spoke against it, or whole: of what came after, nobody knows anything."""
    if sample.stood is None:
        return sample
    end = sum(call <= sample.stood for call in call_places(sample))
    return replace(sample, is_cut=sample.is_cut or end < len(sample.token_ids), **{
        name: getattr(sample, name)[:end] for name in ("token_ids", "log_probs", "masked_log_probs", "pieces")})


def call_places(sample: Sample) -> list[int]:
    """Of each token the call that it is of, 0 for the first; what a plan ends with is the last."""
    ended = accumulate((piece.count(END) for piece in sample.pieces), initial=0)
    return [call for call, _ in zip(ended, sample.token_ids, strict=False)]
