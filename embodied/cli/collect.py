"""embodied collect: lets scripted experts make episodes to learn from, in parallel.

Episodes go to data.folder, one file each, whole or absent: a run that was stopped, or killed, goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.cli.cluster import check_cluster
from embodied.cli.run import RunContext
from embodied.cli.settings import Backend, DataSettings, EnvSettings
from embodied.typed import between


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    data: DataSettings
    backend: Backend
    workers: int = between(0, 256)
    deadline_s: float = between(1)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[None]:
    """Raise ValueError for a cluster that cannot be; what the folder holds is then as it was."""
    check_cluster(settings.backend, settings.workers)
    yield


def act(settings: Settings, run: RunContext) -> float:
    """How many episodes of those asked for are on the disk."""
    report = gather(settings.data, settings.env, workers=settings.workers, backend=settings.backend,
                    deadline_s=settings.deadline_s)
    return float(report.episodes)


def gather(data: DataSettings, env: EnvSettings, *, workers: int, backend: Backend, deadline_s: float = 300.0) -> Any:
    """The report, told on the screen, of a collection that leaves `data.episodes` episodes in `data.folder`."""
    from embodied.distributed.generate import collect

    report = collect(spec_of(data, env), data.folder, episodes=data.episodes, executed_fraction=data.executed_fraction,
                     workers=workers, backend=backend, deadline_s=deadline_s, shard=data.shard)
    print("\n".join(_told(report, Path(data.folder))))
    return report


def spec_of(data: DataSettings, env: EnvSettings) -> Any:
    """What is recorded of each episode, a `CollectSpec`."""
    from embodied.data.collect import CollectSpec

    asked = {"questions": list(data.questions)} if data.questions else {}
    return CollectSpec(env_id=data.env_id, env_kwargs={**env.arguments(), **data.options, **asked}, labels=data.labels,
                       disturbance=data.disturbance, first_seed=data.first_seed)


def _told(report: Any, folder: Path) -> Iterator[str]:
    """What a collection left, line by line."""
    from embodied.data.teaching import describe

    yield f"{report.episodes} episodes in {folder}, {report.made} of them made now"
    yield from describe(report.card, f"can be taught, see {folder / 'card.json'}")
    if mended := sorted(set(report.damaged) - set(report.quarantined)):
        yield f"{len(mended)} episodes were damaged and are made again: seeds {', '.join(map(str, mended))}"
    if report.quarantined:
        yield f"{len(report.quarantined)} seeds were given up: see {folder / 'quarantine.jsonl'}"
