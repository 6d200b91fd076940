"""Endless batches whose every choice is a pure function of (seed, step): a position is one number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

B = TypeVar("B")

Collate = Callable[[np.ndarray, int], tuple[Sequence[str], Mapping[str, Any]]]
"""(places, step) -> (ids, inputs)."""

BUCKET = 32
"""Batches that are sorted by length together: padding nearly vanishes, order stays random."""


@dataclass(frozen=True, slots=True)
class Batch:
    """ids: where each example came from. inputs: what the objective feeds to the model."""

    step: int
    ids: tuple[str, ...]
    inputs: Mapping[str, Any]

    @property
    def tokens(self) -> int:
        """How many tokens its sentences have without padding; 0 of what has no sentences."""
        return int(self.inputs["attention_mask"].sum()) if "attention_mask" in self.inputs else 0


@dataclass(frozen=True, slots=True)
class Shares:
    """One batch in parts of as many examples each, for threads that learn side by side."""

    parts: tuple[Batch, ...]

    @property
    def step(self) -> int:
        return self.parts[0].step

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all parts."""
        return tuple(name for part in self.parts for name in part.ids)

    @property
    def tokens(self) -> int:
        """Of all parts."""
        return sum(part.tokens for part in self.parts)


class OnDemand(Generic[B]):
    """An endless iterator whose batch of a step is made when it is asked for and not before: of the model as it is
    then, as reinforcement learning wants it.

    make: step -> batch; what it draws should follow from the step, so that a resumed training draws the same.
    """

    def __init__(self, make: Callable[[int], B]):
        self.make, self.step = make, 0

    def __iter__(self) -> Iterator[B]:
        while True:
            self.step += 1
            yield self.make(self.step - 1)

    def state_dict(self) -> dict[str, Any]:
        """The position: the step whose batch comes next."""
        return {"step": self.step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a position."""
        self.step = state["step"]


class Sampler:
    """Places of examples for each step: every epoch is a new permutation, cut into batches of like length."""

    def __init__(self, lengths: Sequence[int] | np.ndarray, *, batch_size: int, seed: int):
        """lengths: int[N], one per example. ValueError for fewer examples than a batch."""
        self.lengths = np.asarray(lengths)
        self.batch_size, self.seed = batch_size, seed
        self.per_epoch = len(self.lengths) // batch_size
        self._plan: tuple[int, np.ndarray] = (-1, np.empty((0, batch_size), np.int64))
        if self.per_epoch == 0:
            raise ValueError(f"sampler: expected at least {batch_size} examples (one batch), got {len(self.lengths)}; "
                             "collect more or lower the batch size")

    def batch_at(self, step: int) -> np.ndarray:
        """int64[batch_size], places of the examples of a step."""
        epoch, place = divmod(step, self.per_epoch)
        if self._plan[0] != epoch:
            self._plan = (epoch, self._arrange(epoch))
        return self._plan[1][place]

    def _arrange(self, epoch: int) -> np.ndarray:
        """int64[batches, batch_size] of an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))[:self.per_epoch * self.batch_size]
        chunks = np.split(order, np.arange(1, self.per_epoch // BUCKET + 1) * BUCKET * self.batch_size)
        by_length = [chunk[np.argsort(self.lengths[chunk], kind="stable")] for chunk in chunks]
        return rng.permutation(np.concatenate(by_length).reshape(self.per_epoch, self.batch_size))


class Batches:
    """An endless iterator of Batch. This rank's share of step s is every `world_size`-th example from `rank` on.

    collate: (places, step) -> (ids, inputs), pure, so that what is prepared ahead in a thread cannot change the result.
    """

    def __init__(self, sampler: Sampler, collate: Collate, *, rank: int = 0, world_size: int = 1, shares: int = 1,
                 ahead: int = 1):
        if sampler.batch_size % (world_size * shares):
            raise ValueError(f"batches: expected a batch size divisible by the {world_size * shares} workers, got "
                             f"{sampler.batch_size}")
        self.sampler, self.collate, self.rank, self.world_size, self.ahead = sampler, collate, rank, world_size, ahead
        self.shares = shares
        self.step = 0

    def batch_at(self, step: int) -> Batch | Shares:
        """This rank's share of the batch of a step, itself in `shares` parts where those are several."""
        mine = self.sampler.batch_at(step)[self.rank::self.world_size]
        parts = tuple(self._part(mine[place::self.shares], step) for place in range(self.shares))
        return parts[0] if len(parts) == 1 else Shares(parts)

    def _part(self, places: np.ndarray, step: int) -> Batch:
        ids, inputs = self.collate(places, step)
        return Batch(step, tuple(ids), inputs)

    def __iter__(self) -> Iterator[Batch | Shares]:
        with ThreadPoolExecutor(1, "batches") as thread:
            pending = [thread.submit(self.batch_at, self.step + k) for k in range(self.ahead + 1)]
            while True:
                batch = pending.pop(0).result()
                pending.append(thread.submit(self.batch_at, self.step + self.ahead + 1))
                self.step += 1
                yield batch

    def state_dict(self) -> dict[str, Any]:
        """The position: the step whose batch comes next, and what it depends on."""
        return {"step": self.step, "seed": self.sampler.seed, "examples": len(self.sampler.lengths),
                "batch_size": self.sampler.batch_size}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a position; ValueError when it belongs to other data."""
        mine = self.state_dict() | {"step": state["step"]}
        if mine != dict(state):
            raise ValueError(f"batches: expected a position in the same data, {mine}, got {dict(state)}; resume with "
                             "the dataset, seed and batch size that the run began with")
        self.step = state["step"]
