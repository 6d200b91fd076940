"""Two who understand words, as one: what either of them may take words to mean, as likely as both find it.

Two models that err apart know better together which of several readings is meant, and how likely it is that none of
them is (an ensemble that reranks: Hansen & Salamon 1990; log-linear, as in statistical translation: Och & Ney 2002).
The weights of their opinions are fitted on sayings that neither learned from (`scripts/weigh_opinions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from embodied.planning.dialogue import Reading, Turn


class Scorer(Protocol):
    """Who understands words and can say how likely any goal is. model: what it reads with."""

    model: object

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading: ...

    def scores(self, text: str, before: Sequence[Turn], goals: Sequence[str]) -> list[float] | None:
        """Natural logarithm of the probability of each goal's text after the words; None for words that it cannot read
        whole."""
        ...


@dataclass(frozen=True, slots=True)
class Opinions:
    """Weights of both opinions, logarithms of probabilities, the evidence that none of the readings is meant, and what
    each character of a goal's text counts: the probability of a text falls with its length, whatever it means (a word
    bonus, as in statistical translation)."""

    first: float
    second: float
    none: float
    length: float = 0.0

    def chances(self, goals: Sequence[str], first: Sequence[float], second: Sequence[float]) -> list[float]:
        """The probability of each reading, by what either says of it; what they leave is that none of them is meant."""
        evidence = np.append(self.first * np.maximum(first, LEAST) + self.second * np.maximum(second, LEAST)
                             + self.length * np.array([len(goal) for goal in goals]), self.none)
        shares = np.exp(evidence - evidence.max())
        return (shares[:-1] / shares.sum()).tolist()


LEAST = -20.0
"""Logarithm of a probability below which readings are equally unlikely."""


class SecondOpinion:
    """Reads what people say, by two. May be asked from several threads."""

    def __init__(self, first: Scorer, second: Scorer, opinions: Opinions) -> None:
        self.first, self.second, self.opinions = first, second, opinions

    @property
    def model(self) -> object:
        """The model of the first one."""
        return self.first.model

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading:
        """What the first one reads, where it is certain and the second one reads the same; else the readings of both,
        as likely as both find them, the likeliest first. Nothing where the first one reads nothing."""
        one = self.first.understand(text, before)
        if one.goal is None:
            return one
        other = self.second.understand(text, before)
        if other.text == one.text and not one.alternatives:
            return one
        found = candidates(one, other)
        goals = [reading.text for reading in found]
        scores = [who.scores(text, before, goals) for who in (self.first, self.second)] if len(found) > 1 else [None]
        if None in scores:
            return one
        chances = self.opinions.chances(goals, *scores)
        weighed = [replace(reading, confidence=chance, alternatives=()) for reading, chance in
                   zip(found, chances, strict=True)]
        first, *others = sorted(weighed, key=lambda reading: -reading.confidence)
        return replace(first, alternatives=tuple(others))


def candidates(one: Reading, other: Reading) -> list[Reading]:
    """The readings of both, those of the first one first, each goal's text once."""
    found: dict[str, Reading] = {}
    for reading in (one, *one.alternatives, other, *other.alternatives):
        if reading.goal is not None:
            found.setdefault(reading.text, reading)
    return list(found.values())
