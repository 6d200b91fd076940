"""embodied rollout: runs and records episodes with any planner, over several worlds at once.

Leaves episodes.jsonl (every call and its outcome), summary.json and, with video_every=k, an mp4 of every k-th episode.
The same hydra.run.dir=... goes on where an interrupted run stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from embodied.cli.cluster import check_cluster
from embodied.cli.errors import UsageError
from embodied.cli.run import RunContext
from embodied.cli.settings import Backend, ChatSettings, EnvSettings, Latency, Split, TaskSettings
from embodied.evaluation.suites import PolicyName
from embodied.typed import between


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    task: TaskSettings
    chat: ChatSettings
    policy: PolicyName
    weights: str
    backend: Backend
    split: Split
    latency: Latency
    episodes: int = between(1, 100_000)
    worlds: int = between(0, 256)
    batch: int = between(0, 64)
    first: int = between(0)
    max_calls: int = between(1, 64)
    video_every: int = between(0)


BATCHED = ("model", "unconstrained", "blind", "shuffled")
"""Policies whose answers a planner writes several at once."""


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[tuple[Any, str]]:
    """The job, and the hash of its weights. Raises ValueError and UsageError for what cannot be played, or not in this
    folder because it holds another run's results; what it holds is then as it was."""
    check_cluster(settings.backend, settings.worlds)
    settings.task.check_looked_at(settings.env)
    weights, sha256 = _weights(settings)
    _check_batch(settings, weights)
    from embodied.evaluation.jobs import EvaluationJob, check_free
    from embodied.evaluation.suites import episode_seeds

    seeds = episode_seeds(settings.split, settings.first, settings.episodes)
    job = EvaluationJob(_spec(settings, weights, seeds[0]), seeds, folder / "episodes.jsonl")
    check_free([job], sha256)
    yield job, sha256


def act(settings: Settings, run: RunContext) -> float:
    """The success rate."""
    from embodied.agents.minds import weights_for
    from embodied.cli.weights import tell_lacks
    from embodied.data.files import write_json
    from embodied.data.progress import progress
    from embodied.distributed.rollouts import map_episodes
    from embodied.evaluation.jobs import run_jobs
    from embodied.evaluation.suites import PRIVILEGED
    from embodied.evaluation.summary import block

    job, sha256 = run.entered
    if settings.policy != "oracle":
        tell_lacks(weights_for(settings.weights, settings.task.world))
    map_seeds = partial(map_episodes, workers=settings.worlds, backend=settings.backend)
    with progress("rollout", len(job.seeds)) as played, shared_planner(settings, job.spec.weights) as place:
        [records] = run_jobs([job], map_seeds=map_seeds, weights_sha256=sha256, played=played, place=place)
    summary = {"policy": settings.policy, "privileged": settings.policy in PRIVILEGED, **block(records)}
    write_json(run.folder / "summary.json", summary)
    if settings.video_every:
        _video(run, job.spec, job.seeds[::settings.video_every], map_seeds)
    _show(summary, run)
    return summary["success_rate"]


@contextmanager
def shared_planner(settings: Settings, weights: str) -> Iterator[Any]:
    """Where all worlds ask one planner, loaded here, which answers what they ask at once as a batch; None where each
    process has a planner of its own."""
    if not settings.batch:
        yield None
        return
    from embodied.agents.backends.shared import shared
    from embodied.evaluation.episode import one_thread
    from embodied.evaluation.policies import model_backend
    from embodied.serving.inference_server import InferenceServer

    one_thread()  # the worlds have the other cores
    server = InferenceServer(model_backend(weights, settings.task.world), max_batch=settings.batch,
                             places=4 * settings.worlds)  # those of workers that were given up, too
    try:
        with shared(server) as place:
            yield place
    finally:
        server.close()


def _check_batch(settings: Settings, weights: str) -> None:
    """Raise UsageError where one planner cannot answer for all worlds."""
    from embodied.agents.mind_card import is_mind

    asked = f"batch={settings.batch}: expected"
    if settings.batch and settings.policy not in BATCHED:
        raise UsageError(f"{asked} policy= one of {', '.join(BATCHED)}, got {settings.policy}; choose batch=0")
    if settings.batch and is_mind(Path(weights)):
        raise UsageError(f"{asked} a planner's weights, whose answers can be written several at once, got the mind "
                         f"{Path(weights).name}; choose weights=shipped, or batch=0")
    if settings.batch and (settings.worlds == 0 or settings.backend != "local"):
        raise UsageError(f"{asked} backend=local and worlds of at least 1, for they ask this process, got "
                         f"backend={settings.backend} worlds={settings.worlds}")
    if settings.batch and settings.latency != "free":
        raise UsageError(f"{asked} latency=free, for who waits for others' plans thinks no longer, got "
                         f"{settings.latency}; choose batch=0")


def _weights(settings: Settings) -> tuple[str, str]:
    from embodied.agents.minds import weights_for
    from embodied.cli.weights import check_policies, checked, language_of
    from embodied.evaluation.policies import check_policy

    if settings.policy == "oracle":
        return "", ""
    folder, sha256 = checked(weights_for(settings.weights, settings.task.world))
    check_policy(settings.policy, str(folder))
    check_policies(folder, [settings.policy], settings.task.world)
    settings.task.check_planned_by(settings.policy, language_of(folder, settings.task.world))
    return str(folder), sha256


def _spec(settings: Settings, folder: str, first_seed: int) -> Any:
    from embodied.evaluation.episode import EpisodeSpec

    return EpisodeSpec(settings.policy, settings.task.tasks, first_seed, folder, settings.env.arguments(),
                       settings.max_calls, settings.latency, settings.chat.arguments(settings.policy))


def _video(run: RunContext, spec: Any, seeds: Any, map_seeds: Any) -> None:
    from embodied.evaluation.videos import make_video_maker

    (run.folder / "videos").mkdir(exist_ok=True)
    for result in map_seeds(make_video_maker, asdict(spec), seeds):
        if result.error is None:
            (run.folder / "videos" / f"{result.seed}.mp4").write_bytes(result.value["video"])
        else:
            print(f"seed {result.seed} has no video: {result.error.strip().splitlines()[-1]}")


def _show(summary: dict[str, Any], run: RunContext) -> None:
    from rich.console import Console

    from embodied.cli.tables import rate_table

    rows = {summary["policy"]: summary, **{f"  {t}": r for t, r in summary["per_task"].items()}}
    Console().print(rate_table(rows))
    print(f"wrote {run.folder / 'episodes.jsonl'}\nwrote {run.folder / 'summary.json'}")
