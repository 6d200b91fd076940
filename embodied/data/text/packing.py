"""Tokens of texts laid end to end and cut into sentences of one length: nothing is padding, and little is lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def packed(texts: Iterable[Sequence[int]], length: int, end: int) -> np.ndarray:
    """uint32[rows, length]: the tokens of texts, each followed by `end`, in their order; what is left of the last row
    is left out, and there may be no row."""
    joined = np.concatenate([np.array([*ids, end], dtype=np.uint32) for ids in texts] or [np.empty(0, np.uint32)])
    rows = len(joined) // length
    return joined[:rows * length].reshape(rows, length)
