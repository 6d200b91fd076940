"""Whole episodes on Ray actors, one call an episode, never a step; or on local processes, with the same words.

An actor that dies or outlives its deadline is killed and replaced; its episode is begun again from the seed, or, after
`tries`, given up. Nothing of a broken episode survives. Workers that stay are given new weights between two episodes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from embodied.data.pool import Kept, Make, Result, Weights, Workers, attempt, open_pool, refuse_disk_fault, run_once

Backend = Literal["local", "ray"]
BACKENDS: tuple[Backend, ...] = ("local", "ray")


def map_episodes(make: Make, kwargs: Mapping[str, Any], seeds: Iterable[int], *, workers: int,
                 deadline_s: float = 300.0, tries: int = 2, backend: Backend = "local") -> Iterator[Result]:
    """A Result for every seed, as they finish. make(**kwargs) builds, once a worker, what is called with each seed.

    Raises ValueError for an unknown backend or too few processors for Ray.
    """
    return run_once(open_workers(make, kwargs, workers=workers, deadline_s=deadline_s, tries=tries, backend=backend),
                    seeds)


def open_workers(make: Make, kwargs: Mapping[str, Any], *, workers: int, deadline_s: float = 300.0, tries: int = 2,
                 backend: Backend = "local") -> Workers:
    """Workers that stay, and may be given new weights while they do; arguments and errors as of `map_episodes`.

        with open_workers(make, kwargs, workers=2) as workers:
            for step in range(steps):
                results = list(workers.run(seeds_of(step)))
                ...  # learn from them
                workers.load_weights(weights_to_bytes(model), version=step + 1)
    """
    if backend == "local":
        return open_pool(make, kwargs, workers=workers, deadline_s=deadline_s, tries=tries)
    if backend != "ray":
        raise ValueError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    from embodied.distributed.cluster import connect

    connect(max(workers, 1))
    return Actors(make, dict(kwargs), max(workers, 1), deadline_s, tries)


class EpisodeWorker:
    """What each actor runs; an exception of an episode is an answer, not the actor's death."""

    def __init__(self, make: Make, kwargs: Mapping[str, Any]):
        self.episode = make(**kwargs)

    def run(self, seed: int, weights: Weights | None) -> tuple[str, Any]:
        return attempt(self.episode, seed, weights)


class Actors(Kept):
    """`Workers` on Ray actors, made as there is work for them."""

    def __init__(self, make: Make, kwargs: Mapping[str, Any], most: int, deadline_s: float, tries: int):
        import ray

        self.ray, self.most, self.deadline_s, self.tries = ray, most, deadline_s, tries
        self.kind = ray.remote(EpisodeWorker).options(num_cpus=1, max_restarts=0, max_task_retries=0)
        self.arguments = (make, kwargs)
        self.todo: deque[tuple[int, int]] = deque()  # seed, which try
        self.idle: list[Any] = []
        self.running: dict[Any, tuple[Any, int, int, float]] = {}  # call -> actor, seed, which try, until
        self.loaded: dict[Any, Any] = {}  # actor -> reference to the weights that it was given last
        self.reference: Any = None

    def load_weights(self, content: bytes | str, version: int) -> None:
        super().load_weights(content, version)
        self.reference = self.ray.put(self.weights)  # kept once, however many actors read it

    def run(self, seeds: Iterable[int]) -> Iterator[Result]:
        self.todo = deque((seed, 1) for seed in seeds)
        try:
            while self.todo or self.running:
                self._give()
                yield from self._take()
        finally:
            self._kill([entry[0] for entry in self.running.values()])
            self.running.clear()

    def close(self) -> None:
        self._kill(self.idle)
        self.idle.clear()

    def _kill(self, actors: Iterable[Any]) -> None:
        for actor in actors:
            self.loaded.pop(actor, None)
            self.ray.kill(actor, no_restart=True)

    def _give(self) -> None:
        while self.todo and len(self.running) < self.most:
            actor = self.idle.pop() if self.idle else self.kind.remote(*self.arguments)
            seed, tried = self.todo.popleft()
            news = None if self.loaded.get(actor) is self.reference else self.reference
            self.loaded[actor] = self.reference
            self.running[actor.run.remote(seed, news)] = (actor, seed, tried, time.monotonic() + self.deadline_s)

    def _take(self) -> Iterator[Result]:
        """Results of the calls that ended, died or ran out of time."""
        nearest = min(entry[3] for entry in self.running.values()) - time.monotonic()
        ended, _ = self.ray.wait(list(self.running), timeout=max(nearest, 0.0))
        late = [call for call, entry in self.running.items() if call not in ended and time.monotonic() >= entry[3]]
        for call in ended:
            yield from self._settle(call, *self._answer(call))
        for call in late:
            yield from self._settle(call, "hung", f"no answer within {self.deadline_s:g} s")

    def _answer(self, call: Any) -> tuple[str, Any]:
        try:
            return self.ray.get(call)
        except self.ray.exceptions.RayError as error:
            return "died", f"the actor died: {str(error)[:400]}"

    def _settle(self, call: Any, kind: str, content: Any) -> Iterator[Result]:
        actor, seed, tried, _ = self.running.pop(call)
        if kind == "value":
            self.idle.append(actor)
            yield Result(seed, content, tries=tried)
            return
        self._kill([actor])
        refuse_disk_fault(kind, content)
        if tried < self.tries:
            self.todo.append((seed, tried + 1))
        else:
            yield Result(seed, error=content, tries=tried)
