"""Whole episodes on Ray actors, one call an episode, never a step; or on local processes, with the same words.

An actor that dies or outlives its deadline is killed and replaced; its episode is begun again from the seed, or, after
`tries`, given up. Nothing of a broken episode survives.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from embodied.data.pool import Make, Result, attempt, map_seeds, refuse_disk_fault

Backend = Literal["local", "ray"]
BACKENDS: tuple[Backend, ...] = ("local", "ray")


def map_episodes(make: Make, kwargs: Mapping[str, Any], seeds: Iterable[int], *, workers: int,
                 deadline_s: float = 300.0, tries: int = 2, backend: Backend = "local") -> Iterator[Result]:
    """A Result for every seed, as they finish. make(**kwargs) builds, once a worker, what is called with each seed.

    Raises ValueError for an unknown backend or too few processors for Ray.
    """
    if backend == "local":
        return map_seeds(make, kwargs, seeds, workers=workers, deadline_s=deadline_s, tries=tries)
    if backend != "ray":
        raise ValueError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    from embodied.distributed.cluster import connect

    connect(max(workers, 1))
    return _Actors(make, dict(kwargs), seeds, max(workers, 1), deadline_s, tries).results()


class EpisodeWorker:
    """What each actor runs; an exception of an episode is an answer, not the actor's death."""

    def __init__(self, make: Make, kwargs: Mapping[str, Any]):
        self.episode = make(**kwargs)

    def run(self, seed: int) -> tuple[str, Any]:
        return attempt(self.episode, seed)


class _Actors:
    def __init__(self, make: Make, kwargs: Mapping[str, Any], seeds: Iterable[int], workers: int, deadline_s: float,
                 tries: int):
        import ray

        self.ray, self.deadline_s, self.tries = ray, deadline_s, tries
        self.kind = ray.remote(EpisodeWorker).options(num_cpus=1, max_restarts=0, max_task_retries=0)
        self.arguments = (make, kwargs)
        self.todo = deque((seed, 1) for seed in seeds)
        self.width = min(workers, len(self.todo))
        self.idle: list[Any] = []
        self.running: dict[Any, tuple[Any, int, int, float]] = {}  # call -> actor, seed, which try, until

    def results(self) -> Iterator[Result]:
        try:
            while self.todo or self.running:
                self._give()
                yield from self._take()
        finally:
            for actor in [*self.idle, *(entry[0] for entry in self.running.values())]:
                self.ray.kill(actor, no_restart=True)

    def _give(self) -> None:
        while self.todo and len(self.running) < self.width:
            actor = self.idle.pop() if self.idle else self.kind.remote(*self.arguments)
            seed, tried = self.todo.popleft()
            self.running[actor.run.remote(seed)] = (actor, seed, tried, time.monotonic() + self.deadline_s)

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
        self.ray.kill(actor, no_restart=True)
        refuse_disk_fault(kind, content)
        if tried < self.tries:
            self.todo.append((seed, tried + 1))
        else:
            yield Result(seed, error=content, tries=tried)
