"""A log that stays readable in a flood, where lines of one kind are written a few times, then counted; and that nobody
waits for, where a terminal, a pipe or a disk takes no more."""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler

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


MOST_WAITING, END_S = 1000, 0.5
"""Lines that wait to be written; what comes on top is left out. How long the end waits for them."""


class _Aside(QueueHandler):
    """Hands lines to the thread that writes them; those that find no room are counted."""

    def __init__(self, lines: queue.Queue) -> None:
        super().__init__(lines)
        self._left_out = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._left_out:
            record.msg = f"{record.msg} (before this, {self._left_out} lines found no room)"
        try:
            self.queue.put_nowait(record)
            self._left_out = 0
        except queue.Full:
            self._left_out += 1


@contextmanager
def written_aside(logger: logging.Logger | None = None, most_waiting: int = MOST_WAITING) -> Iterator[None]:
    """With it, a thread of its own writes the log: who logs does not wait until somebody reads it, nor does the end.

    logger: whose handlers write; None for the root's."""
    logger = logger or logging.getLogger()
    handlers = logger.handlers[:] or [logging.lastResort]
    lines: queue.Queue = queue.Queue(most_waiting)
    writing = threading.Thread(target=_write, args=(lines, handlers), name="log", daemon=True)
    before, logger.handlers = logger.handlers, [_Aside(lines)]
    writing.start()
    try:
        yield
    finally:
        with suppress(queue.Full):
            lines.put(None, timeout=END_S)
        writing.join(END_S)
        if not writing.is_alive():
            logger.handlers = before


def _write(lines: queue.Queue, handlers: Sequence[logging.Handler]) -> None:
    """Writes what comes, until None does."""
    while (record := lines.get()) is not None:
        for handler in handlers:
            if record.levelno >= handler.level:
                handler.handle(record)
