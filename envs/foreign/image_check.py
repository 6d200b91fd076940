"""The check that a picture of a foreign benchmark passes before it is believed; of observations: `guard.fault`."""

from __future__ import annotations

from typing import Any

import numpy as np


def picture_fault(frame: Any) -> str | None:
    """What is wrong with a rendered picture, as a clause."""
    is_sound = isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
    return None if is_sound and frame.size else f"malformed picture, {_form(frame)}, expected uint8(H, W, 3)"


def _form(value: Any) -> str:
    return f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
