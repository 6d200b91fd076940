"""Other processes, waited for and looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def until(is_so: Callable[[], bool], within_s: float = 60.0) -> bool:
    """Whether it became so in time."""
    deadline = time.monotonic() + within_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def is_alive(pid: int) -> bool:
    """Whether a process does anything; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
