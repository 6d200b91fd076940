"""embodied collect: lets scripted experts make episodes to learn from, in parallel.

Episodes go to data.folder, one file each, whole or absent: a run that was stopped, or killed, goes on where it stood.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.cli.cluster import check_cluster
from embodied.cli.run import Run
from embodied.cli.settings import Backend, DataSettings, EnvSettings
from embodied.cli.typed import between


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    data: DataSettings
    backend: Backend
    workers: int = between(0, 256)
    deadline_s: float = between(1)


def act(settings: Settings, run: Run) -> float:
    """How many episodes of those asked for are on the disk."""
    check_cluster(settings.backend, settings.workers)
    from embodied.data.teaching import describe

    report = gather(settings.data, settings.env, workers=settings.workers, backend=settings.backend,
                    deadline_s=settings.deadline_s)
    print(f"{report.episodes} episodes in {settings.data.folder}, {report.made} of them made now")
    print("\n".join([*describe(report.card, "can be taught"), f"see {Path(settings.data.folder) / 'card.json'}"]))
    if report.damaged:
        print(f"{len(report.damaged)} episodes were damaged and collected again: seeds "
              f"{', '.join(map(str, report.damaged))}")
    if report.quarantined:
        print(f"{len(report.quarantined)} seeds were given up: see {Path(settings.data.folder) / 'quarantine.jsonl'}")
    return float(report.episodes)


def gather(data: DataSettings, env: EnvSettings, *, workers: int, backend: Backend, deadline_s: float = 300.0) -> Any:
    """The report of a collection that leaves `data.episodes` episodes in `data.folder`."""
    from embodied.data.collect import CollectSpec
    from embodied.distributed.generate import collect

    spec = CollectSpec(env_kwargs=env.arguments(), labels=data.labels, disturbance=data.disturbance,
                       first_seed=data.first_seed)
    return collect(spec, data.folder, episodes=data.episodes, executed_fraction=data.executed_fraction, workers=workers,
                   backend=backend, deadline_s=deadline_s)
