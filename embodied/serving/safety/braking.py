"""Steps of joints, one a control period, that can be made and taken back inside acceleration limits.

A step is how far a joint's setpoint goes in one period; `change`, positive, is by how much the next one may differ.
Both in rad or m, J joints, K periods.
"""

from __future__ import annotations

import numpy as np


def stoppable(gap: np.ndarray, change: np.ndarray) -> np.ndarray:
    """float64[J]: the longest steps from which braking, each step shorter by `change`, ends within the gaps >= 0.

    gap, change: float64[J]. After n more whole decrements a step d has gone (n + 1) d - change n (n + 1) / 2 in all.
    """
    n = np.floor((np.sqrt(1.0 + 8.0 * gap / change) - 1.0) / 2.0)
    return (gap + change * n * (n + 1) / 2) / (n + 1)


def each_at_once(step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """float64[K, J]: the step and those after it while each joint brakes as hard as it may; the last are 0.

    step, change: float64[J].
    """
    size = np.abs(step)
    count = int(np.ceil((size / change).max())) + 1
    return np.sign(step) * np.maximum(size - change * np.arange(count)[:, None], 0.0)


def together(step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """float64[K, J]: the same while all joints brake in proportion, so that they go straight on.

    step, change: float64[J].
    """
    periods = float((np.abs(step) / change).max())
    count = int(np.ceil(periods)) + 1
    return step * np.maximum(1.0 - np.arange(count)[:, None] / max(periods, 1e-12), 0.0)
