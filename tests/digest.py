"""One hash for everything that an environment gives, to compare it bit for bit, also with another process."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """A hash of every bit of a nested value."""
    if isinstance(value, dict):
        value = repr([(key, digest(value[key])) for key in sorted(value)]).encode()
    elif isinstance(value, np.ndarray):
        value = f"{value.dtype}{value.shape}".encode() + value.tobytes()
    elif isinstance(value, list | tuple):
        value = repr([digest(part) for part in value]).encode()
    else:
        value = repr(value).encode()
    return hashlib.sha256(value).hexdigest()
