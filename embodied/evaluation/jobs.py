"""Plays all episodes of some policies, over whatever processes there are; goes on where an earlier try stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embodied.agents.backends.shared import Place, SharedBackend
from embodied.data.pool import Result
from embodied.evaluation.episode import Envs, EpisodeRunner, EpisodeSpec, Record, lost, one_thread
from embodied.evaluation.ledger import Ledger, results_of

MapSeeds = Callable[..., Iterable[Result]]
"""map_seeds(make, kwargs, seeds) -> Result of each, as they finish: processes on this machine, or Ray actors."""

STRIDE = 100_000_000
"""A key is `job * STRIDE + seed`: one pool of processes, which load the model once, plays every job."""


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """The episodes of one policy, and the ledger that their records go to."""

    spec: EpisodeSpec
    seeds: Sequence[int]
    path: Path


def run_jobs(jobs: Sequence[EvaluationJob], *, map_seeds: MapSeeds, weights_sha256: str,
             played: Callable[[], None] = lambda: None, place: Place | None = None) -> list[list[Record]]:
    """For each job the records of its seeds, in their order; those already in its ledger are not played again.
    place: of a planner that all share, as of `make_runners`."""
    check_free(jobs, weights_sha256)
    ledgers = [_ledger(job, weights_sha256) for job in jobs]
    known = [{record["seed"] for record in ledger.records} for ledger in ledgers]
    keys = [i * STRIDE + s for i, job in enumerate(jobs) for s in job.seeds if s not in known[i]]
    for _ in range(sum(len(job.seeds) for job in jobs) - len(keys)):
        played()
    for result in map_seeds(make_runners, {"specs": [asdict(job.spec) for job in jobs], "place": place}, keys):
        number, seed = divmod(result.seed, STRIDE)
        ledgers[number].add(result.value if result.error is None else lost(result.error, jobs[number].spec, seed))
        played()
    return [_in_order(job, ledger) for job, ledger in zip(jobs, ledgers, strict=True)]


def make_runners(specs: Sequence[Mapping[str, Any]], place: Place | None = None) -> Callable[[int], Record]:
    """A function from key to record, for a worker process; the model is loaded there, once. place: where another
    process answers for the model of all specs, whose weights are then loaded there alone."""
    shared: Envs = {}
    if place is None:
        one_thread()
        runners = [EpisodeRunner(spec_of(values), shared) for values in specs]
    else:
        backend = SharedBackend(place)
        runners = [EpisodeRunner(spec_of(values), shared, lambda *_: backend) for values in specs]
    return lambda key: runners[key // STRIDE].run_episode(key % STRIDE)


def spec_of(values: Mapping[str, Any]) -> EpisodeSpec:
    """A spec from the plain values that travelled to another process."""
    return EpisodeSpec(**{**values, "tasks": tuple(values["tasks"])})


def check_free(jobs: Sequence[EvaluationJob], weights_sha256: str) -> None:
    """Raise ValueError where a ledger holds results of another run; nothing is written."""
    for job in jobs:
        results_of(job.path, _identity(job, weights_sha256))


def _ledger(job: EvaluationJob, weights_sha256: str) -> Ledger:
    job.path.parent.mkdir(parents=True, exist_ok=True)
    return Ledger(job.path, _identity(job, weights_sha256))


def _identity(job: EvaluationJob, weights_sha256: str) -> dict[str, Any]:
    """What makes results comparable. Where the weights lie does not matter to a result; what they hold does."""
    identity = {key: value for key, value in asdict(job.spec).items() if key != "weights"}
    if not identity["chat"]:  # nobody chats: the same identity as before anybody could
        del identity["chat"]
    return {**identity, "weights_sha256": weights_sha256}


def _in_order(job: EvaluationJob, ledger: Ledger) -> list[Record]:
    by_seed = {record["seed"]: record for record in ledger.records}
    return [by_seed[seed] for seed in job.seeds]
