"""Workers that play wordings: what a process builds once, and is then called with the place of each wording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from embodied.evaluation.episode import one_thread
from embodied.evaluation.understanding.items import Item, load_items, path_of
from embodied.evaluation.understanding.playing import Record, TableWatch, play, seed_of
from embodied.planning.closed_loop import Planner
from embodied.prompt import Slot
from envs.interface import SEED_RANGES, Observation

POLICIES = ("model", "blind", "shuffled")
"""The mind; the same with black pictures; the same shown another scene."""
ENV_ID = "envs:embodied/Tabletop-v0"
OTHER_SEEDS = SEED_RANGES["validation"][-8:]
"""Of the scenes that the shuffled one is shown instead of its own."""


@dataclass(frozen=True, slots=True)
class PlayerSpec:
    """Who plays which wordings; plain values."""

    policy: str
    weights: str
    wordings: str  # path of the file
    env: Mapping[str, Any]


def make_players(specs: Sequence[Mapping[str, Any]]) -> Callable[[int], Record]:
    """A function from `player * STRIDE + place` to the record of a wording, for a worker process."""
    from embodied.evaluation.jobs import STRIDE

    one_thread()
    players = [Player(PlayerSpec(**spec)) for spec in specs]
    return lambda key: players[key // STRIDE].play(key % STRIDE)


class Player:
    """Plays the wordings of a file with one mind."""

    def __init__(self, spec: PlayerSpec) -> None:
        import gymnasium

        self.spec, self.items = spec, load_items(Path(spec.wordings))
        self.env = TableWatch(gymnasium.make(ENV_ID, **spec.env))
        self._make = planner_maker(spec.weights, spec.policy, self.env)

    def play(self, place: int) -> Record:
        """The record of the wording at a place."""
        return {**play(self.env, self._make(), self.items[place], seed_of(place)), "place": place}


def planner_maker(weights: str, policy: str, env: Any) -> Callable[[], Planner]:
    """What makes a fresh planner for each wording, from a mind that is loaded once."""
    from embodied.agents.minds import planner_makers

    make, perceive = planner_makers(weights)
    if policy == "blind":
        return lambda: make(lambda observation: [_covered(slot) for slot in perceive(observation)])
    if policy == "shuffled":
        others = [Observation.from_dict(env.reset(seed=seed)[0]) for seed in OTHER_SEEDS]
        return lambda: make(_Lent(perceive, others))
    return lambda: make(perceive)


def _covered(slot: Slot) -> Slot:
    return replace(slot, crop=np.zeros_like(slot.crop))


class _Lent:
    """Sees one of several other scenes instead of its own: another one in each look."""

    def __init__(self, perceive: Callable[[Observation], list[Slot]], others: Sequence[Observation]) -> None:
        self._perceive, self._others, self._looks = perceive, others, 0

    def __call__(self, observation: Observation) -> list[Slot]:
        self._looks += 1
        return self._perceive(self._others[self._looks % len(self._others)])


def items_of(wordings: str) -> tuple[Path, list[Item]]:
    """The file of a set, and its wordings. Raises ValueError."""
    path = path_of(wordings)
    return path, load_items(path)
