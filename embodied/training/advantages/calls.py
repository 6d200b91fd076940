"""Process rewards: each call of an answer judged by itself, by the judge of words, without anything being carried out.

DeepSeekMath (arXiv 2402.03300, section 4.1.3) rewards the steps of an answer, puts all steps' rewards of a group into
standard deviations, and gives a token the sum of those from its own step on. Departures: steps are a plan's calls, and
what it ends with; the reward is the judge's, 1 for a call that nothing spoke against and 0 for the one that something
did, after which an answer is not looked at; a token is given its own step's alone; and what a step is held against is
the mean of other answers that said the same up to there (as RLOO has it), with the mean of all steps counted once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from statistics import fmean, stdev

from embodied.prompt import Sample
from embodied.training.advantages.groups import EPSILON

END = ";"
"""Of a call in a plan's text."""


def call_advantages(samples: Sequence[Sample], moments: Sequence[Hashable]) -> list[tuple[float, ...]]:
    """For each answer of a group a number for each of its tokens: how much better its call did than those that others
    made at the same point, in standard deviations of all calls of the group. Answers that were turned down are as
    `until_it_fell` leaves them. moments: at which they were asked for, equal where everything was."""
    places = [call_places(sample) for sample in samples]
    rewards = [[float(call != sample.stood) for call in range(1 + max(row, default=-1))]
               for sample, row in zip(samples, places, strict=True)]
    every = [reward for row in rewards for reward in row]
    if len(set(every)) < 2:
        return [(0.0,) * len(row) for row in places]
    usual, deviation = fmean(every), stdev(every) + EPSILON
    points = [[(moment, sample.token_ids[:row.index(call)]) for call in range(1 + max(row, default=-1))]
              for sample, row, moment in zip(samples, places, moments, strict=True)]
    sums, counts = Counter(), Counter()
    for point, reward in zip(chain(*points), every, strict=True):
        sums[point] += reward
        counts[point] += 1
    own = [[(reward - (sums[point] - reward + usual) / counts[point]) / deviation
            for point, reward in zip(at, row, strict=True)] for at, row in zip(points, rewards, strict=True)]
    return [tuple(told[call] for call in row) for told, row in zip(own, places, strict=True)]


def until_it_fell(sample: Sample) -> Sample:
    """An answer up to the call that spoke against it, or whole: of what came after, nobody knows anything."""
    return sample if sample.stood is None else first_calls(sample, sample.stood + 1)


def first_calls(sample: Sample, count: int) -> Sample:
    """An answer up to the end of its first `count` calls."""
    end = sum(call < count for call in call_places(sample))
    return replace(sample, is_cut=sample.is_cut or end < len(sample.token_ids), **{
        name: getattr(sample, name)[:end] for name in ("token_ids", "log_probs", "masked_log_probs", "pieces")})


def call_places(sample: Sample) -> list[int]:
    """Of each token the call that it is of, 0 for the first; what a plan ends with is the last."""
    ended = accumulate((piece.count(END) for piece in sample.pieces), initial=0)
    return [call for call, _ in zip(ended, sample.token_ids, strict=False)]
