"""embodied evaluate suite=tabletop: judges the model on unseen seeds, beside its baselines.

Leaves eval.json, report.html and episodes/<policy>.jsonl in the run folder. The same hydra.run.dir=... goes on
where an interrupted evaluation stopped. weights=FOLDER judges a model of your own; episodes=20 is a quick look.
suite=retention weights=FOLDER asks instead what a planner on a base keeps of its language, and leaves retention.json.
suite=language plays what people say, each wording in its scene; wordings=development, or FILE.jsonl for your own list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from embodied.cli import palm_e
from embodied.cli.cluster import check_cluster
from embodied.cli.errors import UsageError
from embodied.cli.language import judge, specs_of
from embodied.cli.retention import measure
from embodied.cli.run import RunContext
from embodied.cli.settings import Backend, EnvSettings, SuiteSettings, TaskSettings
from embodied.typed import between


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    task: TaskSettings
    suite: SuiteSettings
    weights: str
    backend: Backend
    wordings: str  # of suite=language: test, development, .. or a file
    episodes: int = between(1, 100_000)
    workers: int = between(0, 256)


def _weights(settings: Settings) -> str:
    """The weights that are judged: of "mind", where no mind knows the world, its shipped planner."""
    from embodied.agents.minds import weights_for

    return weights_for(settings.weights, "tamp" if settings.suite.kind == "palm_e" else settings.task.world)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[tuple[list[Any], str]]:
    """A job for each policy, and the hash of the weights. Raises ValueError and UsageError for what cannot be
    judged, or not in this folder because it holds another run's results; what it holds is then as it was."""
    from embodied.cli.weights import check_policies, checked, language_of

    if "model" not in settings.suite.policies:
        raise UsageError("suite.policies: expected the model among them; for one baseline: embodied rollout")
    check_cluster(settings.backend, settings.workers)
    settings.task.check_looked_at(settings.env)
    weights, sha256 = checked(_weights(settings), has_masks=settings.suite.kind == "palm_e")
    if settings.suite.kind == "retention":
        yield [], sha256
        return
    if settings.suite.kind == "language":
        yield specs_of(settings.suite.policies, str(weights), settings.wordings, settings.env.arguments()), sha256
        return
    if settings.suite.kind == "palm_e":
        suite = replace(settings.suite, episodes=settings.episodes)
        yield palm_e.enter(suite, str(weights), settings.env.arguments(), folder, sha256), sha256
        return
    settings.task.check_planned_by("model", language_of(weights, settings.task.world))
    check_policies(weights, settings.suite.policies, settings.task.world)
    from embodied.evaluation.jobs import check_free

    jobs = [_job(settings, folder, policy, str(weights)) for policy in _played(settings, weights)]
    check_free(jobs, sha256)
    yield jobs, sha256


def act(settings: Settings, run: RunContext) -> float:
    """The model's success rate; of suite=retention the share of items that are kept."""
    from embodied.agents.minds import mind_folder
    from embodied.cli.weights import tell_lacks
    from embodied.distributed.rollouts import map_episodes
    from embodied.evaluation.summary import summarise

    jobs, sha256 = run.entered
    tell_lacks(_weights(settings))
    if settings.suite.kind == "retention":
        return measure(mind_folder(_weights(settings)), sha256, settings.suite.base, run.folder)
    map_seeds = partial(map_episodes, workers=settings.workers, backend=settings.backend)
    if settings.suite.kind == "language":
        return judge(jobs, sha256, _origin(settings, sha256), run.folder, map_seeds)
    if settings.suite.kind == "palm_e":
        return palm_e.judge(*jobs, settings.suite, sha256, _context(settings, sha256), run, map_seeds)
    records = _play(jobs, sha256, map_seeds)
    result = summarise(records, _context(settings, sha256))
    spec = next(job.spec for job in jobs if job.spec.policy == "model")
    _leave(settings, run, result, records["model"], spec, map_seeds)
    return result["success_rate"]


def _play(jobs: Sequence[Any], sha256: str, map_seeds: Any) -> dict[str, list[dict]]:
    """Policy -> its records."""
    from embodied.data.progress import progress
    from embodied.evaluation.jobs import run_jobs

    with progress("episodes", sum(len(job.seeds) for job in jobs)) as played:
        records = run_jobs(jobs, map_seeds=map_seeds, weights_sha256=sha256, played=played)
    return {job.spec.policy: found for job, found in zip(jobs, records, strict=True)}


def _played(settings: Settings, weights: Path) -> list[str]:
    """The suite's policies that the weights can play; says which are left out."""
    from embodied.agents.minds import is_mind
    from embodied.evaluation.policies import NO_MIND

    left_out = [policy for policy in settings.suite.policies if policy in NO_MIND and is_mind(weights)]
    if left_out:
        print(f"left out: {', '.join(left_out)}, which take a planner's plans; {weights.name} is a mind", flush=True)
    return [policy for policy in settings.suite.policies if policy not in left_out]


def _job(settings: Settings, folder: Path, policy: str, weights: str) -> Any:
    from embodied.evaluation.jobs import EvaluationJob
    from embodied.evaluation.suites import episode_seeds

    suite = settings.suite
    count = settings.episodes if policy == "model" else min(settings.episodes, suite.baseline_episodes)
    seeds = episode_seeds(suite.split, suite.first, count)
    return EvaluationJob(_spec(settings, policy, weights, seeds[0]), seeds, folder / "episodes" / f"{policy}.jsonl")


def _spec(settings: Settings, policy: str, weights: str, first_seed: int) -> Any:
    from embodied.evaluation.episode import EpisodeSpec

    return EpisodeSpec(policy, settings.task.tasks, first_seed, weights, settings.env.arguments(),
                       settings.suite.max_calls)


def _context(settings: Settings, sha256: str) -> dict[str, Any]:
    from embodied.evaluation.suites import episode_seeds

    suite = settings.suite
    seeds = episode_seeds(suite.split, suite.first, settings.episodes)
    return {"suite": suite.name, "seeds": {"split": suite.split, "first": seeds[0], "count": len(seeds)},
            "max_calls": suite.max_calls, **_origin(settings, sha256)}


def _origin(settings: Settings, sha256: str) -> dict[str, Any]:
    """What was judged, and where."""
    from embodied.agents.minds import mind_folder
    from embodied.cli.doctor import versions

    weights = {"name": mind_folder(_weights(settings)).name, "sha256": sha256}
    return {"weights": weights, "env": settings.env.arguments(), "versions": versions()}


def _leave(settings: Settings, run: RunContext, result: Mapping[str, Any], records: Sequence[dict], spec: Any,
           map_seeds: Any) -> None:
    """Writes eval.json at once, then videos and the report; prints the table."""
    from embodied.cli.tables import print_evaluation
    from embodied.data.files import write_json
    from embodied.evaluation.report import render

    write_json(run.folder / "eval.json", dict(result))
    page = render({**result, "command": run.command}, videos=_videos(settings, records, spec, map_seeds),
                  plan_times_s=[t for r in records for t in r["timings"]["plan_s"]],
                  config=(run.folder / "config.yaml").read_text("utf-8"))
    (run.folder / "report.html").write_text(page, "utf-8")
    print_evaluation(result)
    print(f"wrote {run.folder / 'eval.json'}\nwrote {run.folder / 'report.html'}")


def _videos(settings: Settings, records: Sequence[dict], spec: Any, map_seeds: Any) -> list[Any]:
    from embodied.data.progress import progress
    from embodied.evaluation.videos import choose, make_video_maker, report_videos

    chosen = choose(records, settings.suite.success_videos, settings.suite.failure_videos)
    made = []
    with progress("videos", len(chosen)) as advance:
        for result in map_seeds(make_video_maker, asdict(spec), [r["seed"] for r in chosen]):
            made.append(result)
            advance()
    return report_videos(chosen, made)
