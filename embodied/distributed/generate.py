"""Data generation over whichever workers there are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from embodied.data.collect import CollectReport, CollectSpec
from embodied.data.collect import collect as collect_with
from embodied.distributed.rollouts import Backend, map_episodes


def collect(spec: CollectSpec, out: str | Path, *, episodes: int, executed_fraction: float = 0.1, workers: int = 2,
            backend: Backend = "local", deadline_s: float = 300.0, shard: int = 0) -> CollectReport:
    """What `data.collect.collect` left, its episodes recorded by local processes or Ray actors."""
    return collect_with(spec, out, episodes=episodes, executed_fraction=executed_fraction, workers=workers,
                        deadline_s=deadline_s, shard=shard, map_seeds=partial(map_episodes, backend=backend))
