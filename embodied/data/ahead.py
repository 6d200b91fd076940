"""Makes values of 0, 1, 2, ... ahead of when they are asked for, and gives them in that order."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 2
"""Values that are made ahead, of each process."""

WAIT_S = 300.0
"""How long the next value may take in a process before it counts as hung."""
_LOOK_S = 5.0  # every so often it is looked whether a process died
_LOST = ("timed out", "exited unexpectedly", "killed by signal")  # as torch says it


def made_ahead(make: Callable[[int], T], numbers: Iterable[int], *, processes: int = 0) -> Iterator[T]:
    """make(n) of each of some numbers, which may be endless, in their order. make: pure, so that who calls it, and
    when, cannot change the result.

    processes: forks of this one that call it side by side, whose tensors come by shared memory; 0: one thread here.
    Each has `DEPTH` values ready at most. What `make` raises is raised when its value is asked for. Processes that die
    or hang are started again, with a warning; RuntimeError where that happens twice at one number.
    """
    return _by_processes(make, numbers, processes) if processes else _by_a_thread(make, numbers)


def _by_a_thread(make: Callable[[int], T], numbers: Iterable[int]) -> Iterator[T]:
    waiting = iter(numbers)
    with ThreadPoolExecutor(1, "ahead") as thread:
        pending = [thread.submit(make, number) for number in islice(waiting, DEPTH)]
        while pending:
            first = pending.pop(0).result()
            pending += [thread.submit(make, number) for number in islice(waiting, 1)]
            yield first


class _Calls:
    """What torch calls a dataset: `calls[n]` is make(n)."""

    def __init__(self, make: Callable[[int], Any]):
        self._make = make

    def __getitem__(self, number: int) -> Any:
        return self._make(number)


def _by_processes(make: Callable[[int], T], numbers: Iterable[int], processes: int) -> Iterator[T]:
    rest, lost_at = iter(numbers), None
    asked: deque[int] = deque()  # numbers whose values have not come
    while True:
        try:
            for value in _loaded(make, _noted(rest, asked), processes):
                asked.popleft()
                yield value
            return
        except RuntimeError as error:
            if not any(words in str(error) for words in _LOST) or not asked:
                raise
            if asked[0] == lost_at:
                raise RuntimeError(f"loaders: expected a value of {lost_at}, got processes that died or hung there "
                                   f"twice; look at what is read there, or use loaders=0: {error}") from error
            lost_at = asked[0]
            warnings.warn(f"loaders: a process that made the value of {lost_at}, or one after it, died or hung; all "
                          f"start again from there ({error})", stacklevel=2)
            rest, asked = chain(tuple(asked), rest), deque()


def _noted(numbers: Iterator[int], asked: deque[int]) -> Iterator[int]:
    for number in numbers:
        asked.append(number)
        yield number


def _loaded(make: Callable[[int], T], numbers: Iterator[int], processes: int) -> Iterator[T]:
    """RuntimeError where a process died, or where the next value does not come for WAIT_S."""
    from torch import Generator
    from torch.utils.data import DataLoader

    # A generator of its own: the loader draws a seed when it begins, and training's chance has to stay as it was.
    loader = DataLoader(_Calls(make), sampler=numbers, batch_size=None, collate_fn=_as_it_is, num_workers=processes,
                        prefetch_factor=DEPTH, multiprocessing_context="fork", generator=Generator(), timeout=_LOOK_S)
    with _children_kept():
        values = iter(loader)
    began_s = time.monotonic()
    while True:
        try:
            value = next(values)
        except StopIteration:
            return
        except RuntimeError as error:
            if "timed out" in str(error) and time.monotonic() < began_s + WAIT_S:
                continue
            raise
        yield value
        began_s = time.monotonic()


@contextmanager
def _children_kept() -> Iterator[None]:
    """torch has the end of a loader's process raise an error wherever this one just is, amid a step: it is put back."""
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:  # None: not Python's
            signal.signal(signal.SIGCHLD, before)


def _as_it_is(value: T) -> T:
    return value
