"""Work that goes on beside training, one piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """One piece of work in a thread of its own, which ends with it. The process does not end before the work does,
    unless it is killed."""

    def __init__(self) -> None:
        self._work: Future[T] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is work whose result was not asked for yet."""
        return self._work is not None

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._work is None or self._work.done()

    def begin(self, work: Callable[[], T]) -> None:
        """Have it done. RuntimeError while the result of the work before was not asked for."""
        if self._work is not None:
            raise RuntimeError("expected the result of the work before to be asked for, got more work")
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        self._work = thread.submit(work)
        thread.shutdown(wait=False)

    def result(self) -> T:
        """What the work gave, or raises what it raised; waits for it."""
        if self._work is None:
            raise RuntimeError("expected work that was begun, got none")
        work, self._work = self._work, None
        return work.result()
