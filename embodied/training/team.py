"""Threads of one process that share out a batch as the ranks of a job do, each with one torch thread of its own.

Small models spend their time between products: two torch threads wait for each other at every one of them, and on a
machine where others work too they mostly wait; a thread with a share of its own waits once a step. All read the same
weights. Their gradients are averaged in a fixed order, so a training is repeated to the bit with as many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float

S = TypeVar("S")
R = TypeVar("R")
_here = threading.local()


class Team:
    """`size` threads, the one that calls among them."""

    def __init__(self, size: int):
        self.size = size
        self._others = ThreadPoolExecutor(size - 1, "share", initializer=torch.set_num_threads, initargs=(1,))
        self._barrier = threading.Barrier(size)
        self._told: list[Any] = [None] * size

    def run(self, work: Callable[[S], R], shares: Sequence[S]) -> list[R]:
        """What work makes of each share, in their order, all at once. Raises the first error that one of them met."""
        torch.set_num_threads(1)
        futures = [self._others.submit(self._one, work, place, share) for place, share in enumerate(shares) if place]
        errors, results = [], []
        for ask in (lambda: self._one(work, 0, shares[0]), *(future.result for future in futures)):
            try:
                results.append(ask())
            except Exception as error:
                errors.append(error)
        if errors:
            self._barrier.reset()
            raise next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), errors[0])
        return results

    def _one(self, work: Callable[[S], R], place: int, share: S) -> R:
        _here.team, _here.place = self, place
        try:
            return work(share)
        except BaseException:
            self._barrier.abort()  # nobody waits for who will not come
            raise
        finally:
            _here.team = None

    def mean(self, values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """The values averaged over all threads; each must call it from its work."""
        self._told[_here.place] = values
        self._barrier.wait()
        mean = sum(self._told[1:], self._told[0]) / self.size
        self._barrier.wait()
        return mean


def mean_over_threads(values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The values averaged over the threads of the caller's team; themselves where there is none."""
    team = getattr(_here, "team", None)
    return values if team is None else team.mean(values)


def why_not_shared(model: nn.Module) -> str | None:
    """None where threads may share out a batch of a model; else why it would not be repeated to the bit."""
    drops = any(module.p > 0 for module in model.modules() if isinstance(module, nn.modules.dropout._DropoutNd))
    return "numbers that its layers draw would be dealt to whichever thread comes first" if drops else None
