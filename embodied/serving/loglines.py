"""A log that stays readable in a flood: lines of one kind are written a few times, then counted."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable

KEPT, WINDOW_S = 5, 10.0
"""So many lines of one kind are written in such a time; the next one after it says how many were not."""


class Collapsed(logging.Filter):
    """Lets the first lines of a kind through: those of one logger, one unformatted message and, where there is an
    error, its type and the line that raised it. For loggers whose messages are few and constant, with what strangers
    send among their arguments."""

    def __init__(self, kept: int = KEPT, window_s: float = WINDOW_S,
                 clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._kept, self._window_s, self._clock_s = kept, window_s, clock_s
        self._seen: dict[tuple[str, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        kind, now_s = (record.name, str(record.msg), *_raised(record)), self._clock_s()
        since_s, count = self._seen.get(kind, (now_s, 0))
        if now_s - since_s >= self._window_s:
            if count > self._kept:
                record.msg = f"{record.msg} (%d more like this before)"
                record.args = (*record.args, count - self._kept)
            since_s, count = now_s, 0
        self._seen[kind] = since_s, count + 1
        return count < self._kept


def _raised(record: logging.LogRecord) -> tuple[str, ...]:
    """Type and place of the error that a line tells of, nothing where it tells of none."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ()
    places = [f"{frame.f_code.co_filename}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    return type(error).__qualname__, *places[-1:]
