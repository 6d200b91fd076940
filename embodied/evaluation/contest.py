"""Plays all episodes of a contestant, over whatever processes there are, and picks up where an earlier try stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embodied.data.pool import Result
from embodied.evaluation.ledger import Ledger
from embodied.evaluation.play import Arena, Record, lost, make_player

MapSeeds = Callable[..., Iterable[Result]]
"""map_seeds(make, kwargs, seeds) -> Result of each, as they finish: processes on this machine, or Ray actors."""


def contest(arena: Arena, seeds: Sequence[int], path: Path, *, map_seeds: MapSeeds, weights_sha256: str,
            played: Callable[[Record], None] = lambda _: None) -> list[Record]:
    """The records of these seeds, in their order; those already in the ledger at `path` are not played again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(path, {**_identity(arena), "weights_sha256": weights_sha256})
    known = {record["seed"] for record in ledger.records}
    for record in ledger.records:
        if record["seed"] in seeds:
            played(record)
    for result in map_seeds(make_player, asdict(arena), [s for s in seeds if s not in known]):
        record = result.value if result.error is None else lost(result.error, arena, result.seed)
        ledger.add(record)
        played(record)
    by_seed = {record["seed"]: record for record in ledger.records}
    return [by_seed[seed] for seed in seeds]


def _identity(arena: Arena) -> Mapping[str, Any]:
    """What makes two episodes of one seed the same; where the weights lie does not, what they hold does."""
    return {k: v for k, v in asdict(arena).items() if k != "weights"}
