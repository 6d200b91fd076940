"""Makes values of 0, 1, 2, ... ahead of when they are asked for, and gives them in that order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 2
"""Values that are made ahead, of each process."""


def made_ahead(make: Callable[[int], T], numbers: Iterable[int], *, processes: int = 0) -> Iterator[T]:
    """make(n) of each of some numbers, which may be endless, in their order. make: pure, so that who calls it, and
    when, cannot change the result.

    processes: forks of this one that call it side by side, whose tensors come by shared memory; 0: one thread here.
    Each has `DEPTH` values ready at most. What `make` raises is raised when its value is asked for.
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
    from torch import Generator
    from torch.utils.data import DataLoader

    # A generator of its own: the loader draws a seed when it begins, and training's chance has to stay as it was.
    yield from DataLoader(_Calls(make), sampler=numbers, batch_size=None, collate_fn=_as_it_is, num_workers=processes,
                          prefetch_factor=DEPTH, multiprocessing_context="fork", generator=Generator())


def _as_it_is(value: T) -> T:
    return value
