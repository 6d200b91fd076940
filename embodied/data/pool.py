"""Whole episodes on local processes: what hangs or dies costs its own episode and nothing else.

Workers may outlive a set of seeds, and be given new weights between two episodes without being built again.

`distributed.rollouts` offers the same interface over Ray actors.
"""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, Self

from embodied.data.parents import end_with

RunEpisode = Callable[[int], Any]
Make = Callable[..., RunEpisode]
"""Importable by name; `make(**kwargs)` builds, once in each worker, the function that is called with each seed."""

@dataclass(frozen=True, slots=True)
class Weights:
    """What workers are given between two episodes, by `load_weights(content, version)` of what `make` built.

    content: safetensors bytes, or the path of a file that workers can read. version: which samples then carry.
    """

    content: bytes | str
    version: int


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
START_S = 180.0
"""How long a worker may take to be built: imports and, for some, loading a model on a busy machine."""

MAX_FALSE_STARTS = 3
"""Workers that may die in a row before they are ready; after that the fault is in `make`, not in a seed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one seed. error: None when value holds what the episode returned."""

    seed: int
    value: Any = None
    error: str | None = None
    tries: int = 1


DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Faults of the machine: the next seed would meet them too, so none is given up for them."""


class WorkerStartError(RuntimeError):
    """Workers cannot be built: the message holds the worker's own words."""


def map_seeds(make: Make, kwargs: Mapping[str, Any], seeds: Iterable[int], *, workers: int, deadline_s: float = 300.0,
              tries: int = 2) -> Iterator[Result]:
    """A Result for every seed, as they finish. workers=0 runs in this process, without a deadline.

    A seed that raises, outlives `deadline_s` or kills its worker is tried `tries` times in all, each on a fresh worker.
    Raises OSError as soon as an episode meets a full or broken disk: no seed is to blame for it.
    """
    return run_once(open_pool(make, kwargs, workers=workers, deadline_s=deadline_s, tries=tries), seeds)


class Workers(Protocol):
    """Workers that stay, for one set of seeds after the other. A context manager: they end with it."""

    def run(self, seeds: Iterable[int]) -> Iterator[Result]:
        """A Result for every seed, as they finish; what is under way when the iterator is closed is given up."""
        ...

    def load_weights(self, content: bytes | str, version: int) -> None:
        """Give every worker new weights before its next episode, those that take the place of broken ones too."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...

    def __enter__(self) -> Workers: ...
    def __exit__(self, *_: object) -> None: ...


def open_pool(make: Make, kwargs: Mapping[str, Any], *, workers: int, deadline_s: float = 300.0, tries: int = 2
              ) -> Workers:
    """Workers on processes of this machine; workers=0 is this process. All else as of `map_seeds`."""
    if workers < 0:
        raise ValueError(f"workers: expected 0 or more, got {workers}; 0 runs in this process")
    return Pool(make, dict(kwargs), workers, deadline_s, tries) if workers else Inline(make(**kwargs))


def run_once(workers: Workers, seeds: Iterable[int]) -> Iterator[Result]:
    """Results of the seeds; the workers end with them."""
    with workers:
        yield from workers.run(seeds)


class Kept:
    """What all kinds of workers do alike."""

    weights: Weights | None = None
    """The latest that were given."""

    def load_weights(self, content: bytes | str, version: int) -> None:
        self.weights = Weights(content, version)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Inline(Kept):
    """`Workers` without a process, without deadline and second tries."""

    def __init__(self, episode: RunEpisode) -> None:
        self.episode = episode
        self._loaded: Weights | None = None

    def run(self, seeds: Iterable[int]) -> Iterator[Result]:
        for seed in seeds:
            kind, content = attempt(self.episode, seed, None if self._loaded is self.weights else self.weights)
            self._loaded = self.weights if kind == "value" else None  # what failed may have been the loading
            refuse_disk_fault(kind, content)
            yield Result(seed, content) if kind == "value" else Result(seed, error=content)


def worker_main(connection: Connection, make: Make, kwargs: Mapping[str, Any]) -> None:
    """Serve seeds until the other end closes or the parent is gone; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(multiprocessing.parent_process().pid)
    try:
        episode = make(**kwargs)
    except Exception:
        connection.send(("broken", traceback.format_exc(limit=8)))
        return
    connection.send(("ready", None))
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            connection.send(attempt(episode, *connection.recv()))


def attempt(episode: RunEpisode, seed: int, weights: Weights | None = None) -> tuple[str, Any]:
    """("value", what the episode returned), ("error", its traceback) or ("disk", number and text of an OSError).

    weights: to be loaded before; None for those that it has.
    """
    try:
        if weights is not None:
            _load(episode, weights)
        return "value", episode(seed)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK_FAULTS:
            return "disk", (error.errno, f"{error.strerror} ({error.filename})")
        return "error", traceback.format_exc(limit=8)


def _load(episode: RunEpisode, weights: Weights) -> None:
    if not hasattr(episode, "load_weights"):
        raise TypeError(f"weights: expected that make builds an object with load_weights(content, version), got "
                        f"{type(episode).__name__}; give it that method, or give no weights")
    episode.load_weights(weights.content, weights.version)


def refuse_disk_fault(kind: str, content: Any) -> None:
    """Raise OSError when that is what an attempt came to."""
    if kind == "disk":
        raise OSError(content[0], f"{content[1]}; what was finished is whole on the disk. Make room, then run the same "
                                  "command again: it goes on from there")


class _Worker:
    """One process, what it is doing and until when."""

    def __init__(self, make: Make, kwargs: Mapping[str, Any]):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=worker_main, args=(theirs, make, kwargs), daemon=True)
        with _single_threaded():
            self.process.start()
        theirs.close()
        self.is_ready = False
        self.task: tuple[int, int] | None = None  # seed, which try
        self.weights: Weights | None = None  # that it has beside those it was built with
        self.until = time.monotonic() + START_S

    def give(self, seed: int, attempt: int, deadline_s: float, weights: Weights | None) -> None:
        self.task, self.until = (seed, attempt), time.monotonic() + deadline_s
        self.connection.send((seed, None if weights is self.weights else weights))
        self.weights = weights

    def receive(self) -> tuple[str, Any]:
        """(kind, content); kind "died" when the process is gone."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join(5.0)
            return "died", f"the worker died (exit code {self.process.exitcode})"

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join(5.0)


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """Children started inside compute on one thread each: threads of several processes only fight."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


class Pool(Kept):
    """`Workers` on processes, hired as there is work for them."""

    def __init__(self, make: Make, kwargs: Mapping[str, Any], most: int, deadline_s: float, tries: int):
        self.make, self.kwargs, self.most, self.deadline_s, self.tries = make, kwargs, most, deadline_s, tries
        self.todo: deque[tuple[int, int]] = deque()  # seed, which try
        self.workers: list[_Worker] = []
        self.false_starts = 0

    def run(self, seeds: Iterable[int]) -> Iterator[Result]:
        self.todo = deque((seed, 1) for seed in seeds)
        try:
            while self.todo or any(w.task for w in self.workers):
                self._hire()
                yield from self._collect()
        finally:
            self._end([w for w in self.workers if w.task])

    def close(self) -> None:
        self._end(self.workers)

    def _end(self, workers: Iterable[_Worker]) -> None:
        for worker in list(workers):
            worker.end()
            self.workers.remove(worker)

    def _hire(self) -> None:
        busy = sum(w.task is not None for w in self.workers)
        while len(self.workers) < min(self.most, busy + len(self.todo)):
            self.workers.append(_Worker(self.make, self.kwargs))
        for worker in self.workers:
            if worker.is_ready and worker.task is None and self.todo:
                worker.give(*self.todo.popleft(), self.deadline_s, self.weights)

    def _collect(self) -> Iterator[Result]:
        """Results of the workers that spoke, died or ran out of time."""
        watched = [w for w in self.workers if w.task or not w.is_ready]
        nearest = min(w.until for w in watched) - time.monotonic()
        spoke = set(wait([w.connection for w in watched], timeout=max(nearest, 0.0)))
        for worker in watched:
            if worker.connection in spoke:
                yield from self._hear(worker, *worker.receive())
            elif time.monotonic() >= worker.until:
                yield from self._hear(worker, "hung", f"no answer within {self.deadline_s:g} s")

    def _hear(self, worker: _Worker, kind: str, content: Any) -> Iterator[Result]:
        if kind == "ready":
            worker.is_ready, self.false_starts = True, 0
            return
        task, worker.task = worker.task, None
        if kind == "value":
            yield Result(task[0], content, tries=task[1])
            return
        refuse_disk_fault(kind, content)
        self._end([worker])
        if task is None:
            self._count_false_start(kind, content)
        elif task[1] < self.tries:
            self.todo.append((task[0], task[1] + 1))
        else:
            yield Result(task[0], error=content, tries=task[1])

    def _count_false_start(self, kind: str, content: str) -> None:
        self.false_starts += 1
        if kind == "broken" or self.false_starts >= MAX_FALSE_STARTS:
            raise WorkerStartError(f"a worker could not start: {content}")
