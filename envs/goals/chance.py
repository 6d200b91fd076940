"""Draws from a generator of numpy, quick ones: a choice costs one uniform number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely."""
    return options[int(rng.random() * len(options))]


def weighted(rng: np.random.Generator, weights: Mapping[T, float]) -> T:
    """One of the keys, as likely as its weight."""
    left = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return next(reversed(weights))


def shuffled(rng: np.random.Generator, options: Sequence[T]) -> list[T]:
    """All of the options in a drawn order."""
    return [options[i] for i in rng.permutation(len(options))]


def ordered(rng: np.random.Generator, weights: Mapping[T, float]) -> list[T]:
    """All of the keys with a weight, the heavier the sooner, as if drawn one after the other without return."""
    keys = [key for key, weight in weights.items() if weight > 0]
    times = {key: rng.standard_exponential() / weights[key] for key in keys}
    return sorted(keys, key=times.__getitem__)
