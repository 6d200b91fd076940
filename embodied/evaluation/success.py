"""Success as a rate with its Wilson score interval (Wilson 1927, JASA 22, equation for the 95 % interval), and what one
planner has more of than another on the same scenes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    successes: int
    episodes: int

    @property
    def value(self) -> float:
        return self.successes / self.episodes

    @property
    def ci95(self) -> tuple[float, float]:
        return wilson(self.successes, self.episodes)

    def as_json(self) -> dict[str, Any]:
        """{"success_rate", "ci95", "episodes"}, rounded to 6 digits."""
        low, high = self.ci95
        return {"success_rate": round(self.value, 6), "ci95": [round(low, 6), round(high, 6)],
                "episodes": self.episodes}

    def __str__(self) -> str:
        low, high = self.ci95
        return f"{self.value:.1%} [{low:.1%}, {high:.1%}] of {self.episodes}"


def wilson(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """(low, high) of the Wilson score interval of a proportion. Raises ValueError for zero trials."""
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"wilson: expected 0 <= successes <= trials and at least one trial, got {successes} of "
                         f"{trials}; run at least one episode")
    p, z2 = successes / trials, z * z
    middle = p + z2 / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def rate(records: Iterable[Mapping[str, Any]]) -> Rate:
    """The rate of the judged episodes that ended in success; a record is {"success": bool, ...}, None where nobody
    judged it. Raises ValueError where there is none to count."""
    outcomes = [record["success"] for record in records]
    judged = [is_success for is_success in outcomes if is_success is not None]
    if outcomes and not judged:
        raise ValueError(f"rate: expected a judged episode, nobody judged any of {len(outcomes)}; give instructions "
                         f"that the environment understands, or none")
    return Rate(sum(judged), len(judged))


def paired_gain(after: np.ndarray, before: np.ndarray) -> tuple[float, tuple[float, float]]:
    """(mean, 95 % interval) of after - before over the same scenes, [N] each, 0 or 1 or any share: the percentiles of
    2,000 bootstrap draws of scenes, from a fixed seed."""
    changes = np.asarray(after, float) - before
    means = changes[np.random.default_rng(0).integers(0, len(changes), (2000, len(changes)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(changes.mean()), (float(low), float(high))
