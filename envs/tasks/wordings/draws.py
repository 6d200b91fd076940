"""Draws from a generator of numpy, many at a time: a choice costs one number of a buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_MANY = 8192


class Draws:
    """Choices by one stream of uniform numbers. It has `random()`, as a generator of numpy has."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._left = rng, iter(())

    @property
    def generator(self) -> np.random.Generator:
        """Where the numbers come from."""
        return self._rng

    def random(self) -> float:
        """Uniform in [0, 1)."""
        for number in self._left:
            return number
        self._left = iter(self._rng.random(_MANY).tolist())
        return next(self._left)

    def chance(self, share: float) -> bool:
        """True in that share of draws."""
        return self.random() < share

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return options[int(self.random() * len(options))]

    def weighted(self, weights: dict[T, float]) -> T:
        """One of the keys, as likely as its weight."""
        left = self.random() * sum(weights.values())
        for key, weight in weights.items():
            left -= weight
            if left < 0:
                return key
        return next(reversed(weights))

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All of the options in a drawn order."""
        return sorted(options, key=lambda _: self.random())
