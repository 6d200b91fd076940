"""embodied evaluate suite=tabletop: judges the model on unseen seeds, beside its baselines.

Leaves eval.json, report.html and episodes/<contestant>.jsonl in the run folder. The same hydra.run.dir=... goes on
where an interrupted evaluation stopped. weights=FOLDER judges a model of your own; episodes=20 is a quick look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from embodied.cli.cluster import check_cluster
from embodied.cli.complaint import Complaint
from embodied.cli.run import Run
from embodied.cli.settings import Backend, EnvSettings, SuiteSettings, TaskSettings
from embodied.typed import between


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    task: TaskSettings
    suite: SuiteSettings
    weights: str
    backend: Backend
    episodes: int = between(1, 100_000)
    workers: int = between(0, 256)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[tuple[list[Any], str]]:
    """A heat for each contestant, and the hash of the weights. Raises ValueError and Complaint for what cannot be
    judged, or not in this folder because it holds another run's results; what it holds is then as it was."""
    from embodied.cli.weights import checked

    if "model" not in settings.suite.contestants:
        raise Complaint("suite.contestants: expected the model among them; for one baseline: embodied rollout")
    check_cluster(settings.backend, settings.workers)
    settings.task.check_planned_by("model")
    weights, sha256 = checked(settings.weights)
    from embodied.evaluation.contest import check_free

    heats = [_heat(settings, folder, contestant, str(weights)) for contestant in settings.suite.contestants]
    check_free(heats, sha256)
    yield heats, sha256


def act(settings: Settings, run: Run) -> float:
    """The model's success rate."""
    from embodied.distributed.rollouts import map_episodes
    from embodied.evaluation.summary import summarise

    heats, sha256 = run.entered
    map_seeds = partial(map_episodes, workers=settings.workers, backend=settings.backend)
    records = _play(settings, heats, sha256, map_seeds)
    result = summarise(records, _context(settings, sha256))
    arena = heats[settings.suite.contestants.index("model")].arena
    _leave(settings, run, result, records["model"], arena, map_seeds)
    return result["success_rate"]


def _play(settings: Settings, heats: Sequence[Any], sha256: str, map_seeds: Any) -> dict[str, list[dict]]:
    """Contestant -> its records."""
    from embodied.data.collect import progress
    from embodied.evaluation.contest import contest

    with progress("episodes", sum(len(heat.seeds) for heat in heats)) as played:
        records = contest(heats, map_seeds=map_seeds, weights_sha256=sha256, played=played)
    return dict(zip(settings.suite.contestants, records, strict=True))


def _heat(settings: Settings, folder: Path, contestant: str, weights: str) -> Any:
    from embodied.evaluation.contest import Heat
    from embodied.evaluation.suites import episode_seeds

    suite = settings.suite
    count = settings.episodes if contestant == "model" else min(settings.episodes, suite.baseline_episodes)
    seeds = episode_seeds(suite.split, suite.first, count)
    return Heat(_arena(settings, contestant, weights, seeds[0]), seeds, folder / "episodes" / f"{contestant}.jsonl")


def _arena(settings: Settings, contestant: str, weights: str, first_seed: int) -> Any:
    from embodied.evaluation.play import Arena

    return Arena(contestant, settings.task.tasks, first_seed, weights, settings.env.arguments(),
                 settings.suite.max_calls)


def _context(settings: Settings, sha256: str) -> dict[str, Any]:
    from embodied.cli.doctor import versions
    from embodied.evaluation.suites import episode_seeds

    suite = settings.suite
    seeds = episode_seeds(suite.split, suite.first, settings.episodes)
    return {"suite": suite.name, "seeds": {"split": suite.split, "first": seeds[0], "count": len(seeds)},
            "weights": {"name": Path(settings.weights).name, "sha256": sha256}, "max_calls": suite.max_calls,
            "env": settings.env.arguments(), "versions": versions()}


def _leave(settings: Settings, run: Run, result: Mapping[str, Any], records: Sequence[dict], arena: Any,
           map_seeds: Any) -> None:
    """Writes eval.json at once, then films and the report; prints the table."""
    from embodied.cli.tables import print_evaluation
    from embodied.data.files import write_json
    from embodied.evaluation.report import render

    write_json(run.folder / "eval.json", dict(result))
    page = render({**result, "command": run.command}, exhibits=_films(settings, records, arena, map_seeds),
                  plan_times_s=[t for r in records for t in r["timings"]["plan_s"]],
                  config=(run.folder / "config.yaml").read_text("utf-8"))
    (run.folder / "report.html").write_text(page, "utf-8")
    print_evaluation(result)
    print(f"wrote {run.folder / 'eval.json'}\nwrote {run.folder / 'report.html'}")


def _films(settings: Settings, records: Sequence[dict], arena: Any, map_seeds: Any) -> list[Any]:
    from embodied.data.collect import progress
    from embodied.evaluation.exhibits import choose, exhibits, make_filmer

    chosen = choose(records, settings.suite.wins_filmed, settings.suite.losses_filmed)
    made = []
    with progress("films", len(chosen)) as advance:
        for result in map_seeds(make_filmer, asdict(arena), [r["seed"] for r in chosen]):
            made.append(result)
            advance()
    return exhibits(chosen, made)
