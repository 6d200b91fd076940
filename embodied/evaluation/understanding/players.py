"""Workers that play wordings: what a process builds once, and is then called with the place of each wording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.evaluation.episode import one_thread
from embodied.evaluation.policies import mind_maker
from embodied.evaluation.understanding.items import Item, load_items, path_of
from embodied.evaluation.understanding.playing import Record, TableWatch, play, seed_of

ENV_ID = "envs:embodied/Tabletop-v0"


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
        self._make = mind_maker(spec.weights, spec.policy, lambda: self.env)

    def play(self, place: int) -> Record:
        """The record of the wording at a place."""
        return {**play(self.env, self._make(), self.items[place], seed_of(place)), "place": place}


def items_of(wordings: str) -> tuple[Path, list[Item]]:
    """The file of a set, and its wordings. Raises ValueError."""
    path = path_of(wordings)
    return path, load_items(path)
