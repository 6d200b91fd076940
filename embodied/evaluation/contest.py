"""Plays all episodes of some contestants, over whatever processes there are; goes on where an earlier try stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embodied.data.pool import Result
from embodied.evaluation.ledger import Ledger, results_of
from embodied.evaluation.play import Arena, Envs, Player, Record, lost, one_thread

MapSeeds = Callable[..., Iterable[Result]]
"""map_seeds(make, kwargs, seeds) -> Result of each, as they finish: processes on this machine, or Ray actors."""

STRIDE = 100_000_000
"""A ticket is `heat * STRIDE + seed`: one pool of processes, which load the model once, plays every heat."""


@dataclass(frozen=True, slots=True)
class Heat:
    """The episodes of one contestant, and the ledger that their records go to."""

    arena: Arena
    seeds: Sequence[int]
    path: Path


def contest(heats: Sequence[Heat], *, map_seeds: MapSeeds, weights_sha256: str,
            played: Callable[[], None] = lambda: None) -> list[list[Record]]:
    """For each heat the records of its seeds, in their order; those already in its ledger are not played again."""
    check_free(heats, weights_sha256)
    ledgers = [_ledger(heat, weights_sha256) for heat in heats]
    known = [{record["seed"] for record in ledger.records} for ledger in ledgers]
    tickets = [i * STRIDE + s for i, heat in enumerate(heats) for s in heat.seeds if s not in known[i]]
    for _ in range(sum(len(heat.seeds) for heat in heats) - len(tickets)):
        played()
    for result in map_seeds(make_players, {"arenas": [asdict(heat.arena) for heat in heats]}, tickets):
        place, seed = divmod(result.seed, STRIDE)
        ledgers[place].add(result.value if result.error is None else lost(result.error, heats[place].arena, seed))
        played()
    return [_in_order(heat, ledger) for heat, ledger in zip(heats, ledgers, strict=True)]


def make_players(arenas: Sequence[Mapping[str, Any]]) -> Callable[[int], Record]:
    """A function from ticket to record, for a worker process; the model is loaded there, once."""
    one_thread()
    shared: Envs = {}
    players = [Player(arena_of(values), shared) for values in arenas]
    return lambda ticket: players[ticket // STRIDE].play(ticket % STRIDE)


def arena_of(values: Mapping[str, Any]) -> Arena:
    """An arena from the plain values that travelled to another process."""
    return Arena(**{**values, "tasks": tuple(values["tasks"])})


def check_free(heats: Sequence[Heat], weights_sha256: str) -> None:
    """Nothing. Raises ValueError where a ledger holds results of another run; nothing is written."""
    for heat in heats:
        results_of(heat.path, _identity(heat, weights_sha256))


def _ledger(heat: Heat, weights_sha256: str) -> Ledger:
    heat.path.parent.mkdir(parents=True, exist_ok=True)
    return Ledger(heat.path, _identity(heat, weights_sha256))


def _identity(heat: Heat, weights_sha256: str) -> dict[str, Any]:
    """What makes results comparable. Where the weights lie does not matter to a result; what they hold does."""
    identity = {key: value for key, value in asdict(heat.arena).items() if key != "weights"}
    if not identity["chat"]:  # nobody chats: the same identity as before anybody could
        del identity["chat"]
    return {**identity, "weights_sha256": weights_sha256}


def _in_order(heat: Heat, ledger: Ledger) -> list[Record]:
    by_seed = {record["seed"]: record for record in ledger.records}
    return [by_seed[seed] for seed in heat.seeds]
