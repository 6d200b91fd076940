"""A log that stays readable in a flood: lines of one kind are written a few times, then counted."""

from __future__ import annotations

import logging
import time

KEPT, WINDOW_S = 5, 10.0
"""So many lines of one kind are written in such a time; the next one after it says how many were not."""


class Collapsed(logging.Filter):
    """Lets the first lines of a kind through: those of one logger and one unformatted message. For loggers whose
    messages are few and constant, with what strangers send among their arguments."""

    def __init__(self, kept: int = KEPT, window_s: float = WINDOW_S) -> None:
        super().__init__()
        self._kept, self._window_s = kept, window_s
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        kind, now_s = (record.name, str(record.msg)), time.monotonic()
        since_s, count = self._seen.get(kind, (now_s, 0))
        if now_s - since_s >= self._window_s:
            if count > self._kept:
                record.msg = f"{record.msg} (%d more like this before)"
                record.args = (*record.args, count - self._kept)
            since_s, count = now_s, 0
        self._seen[kind] = since_s, count + 1
        return count < self._kept
