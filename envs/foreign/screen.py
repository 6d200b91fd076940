"""The check that everything a foreign benchmark hands out passes before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np


def fault(observation: Any, space: gymnasium.spaces.Dict) -> str | None:
    """What is wrong with an observation, as a clause: parts missing, another dtype or shape than its space says, or
    numbers that are not finite. None when it can be trusted. Bounds are not checked: benchmarks overstep their own."""
    if not isinstance(observation, Mapping):
        return f"nonfinite or malformed observation, it is {type(observation).__name__}, expected a dict"
    for name, part in space.spaces.items():
        value = observation.get(name)
        if not isinstance(value, np.ndarray) or value.dtype != part.dtype or value.shape != part.shape:
            return f"nonfinite or malformed observation, {name} is {_form(value)}, expected {part.dtype}{part.shape}"
        if not np.isfinite(value).all():
            return f"nonfinite observation, {name}"
    return None


def picture_fault(frame: Any) -> str | None:
    """What is wrong with a rendered picture, as a clause."""
    is_sound = isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
    return None if is_sound and frame.size else f"malformed picture, {_form(frame)}, expected uint8(H, W, 3)"


def _form(value: Any) -> str:
    return f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
