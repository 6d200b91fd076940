"""Endless batches whose every choice is a pure function of (seed, step): a position is one number."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from typing import Any, Generic, TypeVar

import numpy as np

from embodied.data.ahead import made_ahead

B = TypeVar("B")

Collate = Callable[[np.ndarray, int], tuple[Sequence[str], Mapping[str, Any]]]
"""(places, step) -> (ids, inputs)."""

BUCKET = 32
"""Batches that are sorted by length together: padding nearly vanishes, order stays random."""

FEWEST_VIEWS = 16
"""Of a batch: what is asked about one view stays together, so that its pictures are looked at once, but a batch of too
few scenes would teach less, and one of unlike lengths costs more. 32 examples are of 16 views or more, 2 of each at
most."""

LENGTH_NOISE = 8.0
"""Tokens: examples of a view stay together with those of like length, whose order is as random as this."""


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

    def __init__(self, lengths: Sequence[int] | np.ndarray, *, batch_size: int, seed: int,
                 views: Sequence[int] | np.ndarray | None = None):
        """lengths: int[N], one per example. views: int[N], equal where examples are about one view, None where each is
        about another. ValueError for fewer examples than a batch."""
        self.lengths = np.asarray(lengths)
        self.views = None if views is None else np.asarray(views)
        self.together = 0 if views is None else max(batch_size // FEWEST_VIEWS, 1)
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
        order, group = self._grouped(rng)
        longest = np.zeros(group.max() + 1, self.lengths.dtype)
        np.maximum.at(longest, group, self.lengths[order])
        chunk = np.arange(len(order)) // (BUCKET * self.batch_size)
        by_length = order[np.lexsort((group, longest[group], chunk))]
        return rng.permutation(by_length.reshape(self.per_epoch, self.batch_size))

    def _grouped(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """int64[batches * batch_size], places of an epoch's examples in random order, but that those of one view stay
        together, as many as may; and the group of each, counted from 0."""
        count = self.per_epoch * self.batch_size
        if self.views is None:
            return rng.permutation(len(self.lengths))[:count], np.arange(count)
        key = self.lengths + rng.uniform(0.0, LENGTH_NOISE, len(self.lengths))
        order = np.lexsort((key, self.views))
        begins = np.flatnonzero(np.diff(self.views[order], prepend=self.views[order[0]] - 1))
        place = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        group = np.cumsum(place % self.together == 0) - 1
        shuffled = rng.permutation(group[-1] + 1)[group]
        chosen = np.argsort(shuffled, kind="stable")[:count]
        return order[chosen], shuffled[chosen]


class Batches:
    """An endless iterator of Batch. The ranks' shares of a step follow one another, all of as many examples, and so do
    the shares of a rank's threads: what is asked about one view stays together.

    collate: (places, step) -> (ids, inputs), pure, so that what is prepared ahead cannot change the result. loaders:
    processes that prepare, see `made_ahead`.
    """

    def __init__(self, sampler: Sampler, collate: Collate, *, rank: int = 0, world_size: int = 1, shares: int = 1,
                 loaders: int = 0):
        if sampler.batch_size % (world_size * shares):
            raise ValueError(f"batches: expected a batch size divisible by the {world_size * shares} workers, got "
                             f"{sampler.batch_size}")
        self.sampler, self.collate, self.rank, self.world_size = sampler, collate, rank, world_size
        self.shares, self.loaders = shares, loaders
        self.step = 0

    def batch_at(self, step: int) -> Batch | Shares:
        """This rank's share of the batch of a step, itself in `shares` parts where those are several."""
        mine = np.split(self.sampler.batch_at(step), self.world_size)[self.rank]
        parts = tuple(self._part(places, step) for places in np.split(mine, self.shares))
        return parts[0] if len(parts) == 1 else Shares(parts)

    def _part(self, places: np.ndarray, step: int) -> Batch:
        ids, inputs = self.collate(places, step)
        return Batch(step, tuple(ids), inputs)

    def __iter__(self) -> Iterator[Batch | Shares]:
        for batch in made_ahead(self.batch_at, count(self.step), processes=self.loaders):
            self.step += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The position: the step whose batch comes next, and what it depends on."""
        of_views = {"together": self.sampler.together} if self.sampler.together else {}
        return {"step": self.step, "seed": self.sampler.seed, "examples": len(self.sampler.lengths),
                "batch_size": self.sampler.batch_size, **of_views}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a position; ValueError when it belongs to other data, a warning where it is of a version that did not
        keep together what is asked about one view."""
        mine = self.state_dict() | {"step": state["step"]}
        if "together" in mine and "together" not in state:
            warnings.warn("batches: this training began when its examples came in another order; from here on they "
                          "come by view and by counted tokens, which is not bit-exact", stacklevel=2)
            del mine["together"]
        if mine != dict(state):
            raise ValueError(f"batches: expected a position in the same data, {mine}, got {dict(state)}; resume with "
                             "the dataset, seed and batch size that the run began with")
        self.step = state["step"]


class FirstBatch:
    """The first batch of others, again and again."""

    def __init__(self, batches: Any):
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        return repeat(next(iter(self._batches)))

    def state_dict(self) -> dict[str, Any]:
        """That of the others; the first batch is where they began."""
        return self._batches.state_dict() | {"step": 0}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Check that it is of the same data, see theirs."""
        self._batches.load_state_dict(state)
