"""What the pushing policy keeps in sight: its toys, its peg, and the room around them, looked at anew each step."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from envs.skills import toy_detection
from envs.skills.push_table import PushTable
from envs.skills.routes import Floor
from envs.skills.situation import Situation
from envs.skills.toy_detection import Toy

NAMING_PX, FOLLOWING_PX = 256, 128
"""Of the looks that tell shapes apart, and of those that follow what is known: 16 and 4 ms of rendering."""

_MINE_M = 0.004  # beyond its radius a point is no more part of a toy
_LOST_LOOKS = 10
_LOST_POINTS_SHARE = 0.25  # of the points of a whole toy


class Watch:
    """The named toys as they are seen now. `missing`: why there is no order to carry out, as a clause."""

    def __init__(self, situation: Situation, names: tuple[str, ...], table: PushTable) -> None:
        self._situation, self.table = situation, table
        self.peg_radius_m: float = situation.robot.config.peg_radius_m
        self.reach_m = situation.robot.limits()
        seen = situation.capture(table.camera, size_px=NAMING_PX)
        self._toys = toy_detection.find(seen, table, frozenset(name.split(" ")[0] for name in names))
        found = [_meant(name, self._toys) for name in names]
        self.missing = next((f"I see {len(f) or 'no'} {name}{'s' * (len(f) > 1)}"
                             for name, f in zip(names, found, strict=True) if len(f) != 1), None)
        self._names = [f[0] for f in found if f]
        self._paints = toy_detection.paint(seen, table)
        self._unseen_looks = 0

    def update(self) -> None:
        """Brings everything up to date."""
        seen = self._situation.capture(self.table.camera, size_px=FOLLOWING_PX)
        self._paints = toy_detection.paint(seen, self.table)
        self._toys = toy_detection.follow(self._toys, self._paints)
        least = _LOST_POINTS_SHARE * self.table.area_m2 / toy_detection.pitch_m(seen, self.table) ** 2
        is_seen = len(self._mine(self.subject)) >= least
        self._unseen_looks = 0 if is_seen else self._unseen_looks + 1
        for stale in ("floor", "floor_without_subject", "floor_without_both"):
            self.__dict__.pop(stale, None)

    @property
    def lost(self) -> str | None:
        """Why the subject cannot be followed any more, as a clause."""
        return f"I lost sight of the {self.subject}" if self._unseen_looks >= _LOST_LOOKS else None

    @property
    def subject(self) -> str:
        return self._names[0]

    @property
    def subject_m(self) -> np.ndarray:
        """float64[2]: middle of what is pushed."""
        return self._place(self._names[0])

    @property
    def other_m(self) -> np.ndarray:
        """float64[2]: middle of the other toy that the order names."""
        return self._place(self._names[1])

    @property
    def subject_radius_m(self) -> float:
        """Of the circle around the subject."""
        return self.table.radius_m(self.subject)

    @property
    def peg_m(self) -> np.ndarray:
        """float64[2]: where the peg was told to be."""
        return self._situation.robot.setpoint

    def room_m(self, place: np.ndarray) -> float:
        """From a place float64[2] to the subject's outline."""
        return float(np.linalg.norm(self._mine(self.subject) - place, axis=-1).min(initial=1.0))

    @cached_property
    def floor(self) -> Floor:
        """Room among all toys."""
        return self._floor()

    @cached_property
    def floor_without_subject(self) -> Floor:
        """Room among all toys but the one that is pushed."""
        return self._floor(self.subject)

    @cached_property
    def floor_without_both(self) -> Floor:
        """Room among the toys that the order does not name."""
        return self._floor(*self._names)

    def _floor(self, *without: str) -> Floor:
        points = np.concatenate(list(self._paints.values()))
        is_left = np.ones(len(points), dtype=bool)
        for name in without:
            mine = {tuple(p) for p in self._mine(name)}
            is_left &= np.fromiter((tuple(p) not in mine for p in points), dtype=bool, count=len(points))
        return Floor(points[is_left], self.table.frame)

    def _mine(self, name: str) -> np.ndarray:
        """float64[P, 2]: what is seen of a toy's top face."""
        color = name.split(" ")[0]
        points = self._paints[color]
        rivals = [toy for toy in self._toys if toy.name.split(" ")[0] == color]
        away = np.stack([np.linalg.norm(points - toy.xy, axis=-1) for toy in rivals])
        mine = [toy.name for toy in rivals].index(name)
        return points[(away.argmin(axis=0) == mine) & (away[mine] < self.table.radius_m(name) + _MINE_M)]

    def _place(self, name: str) -> np.ndarray:
        return next(toy.xy for toy in self._toys if toy.name == name)


def _meant(name: str, toys: list[Toy]) -> list[str]:
    """Names of the toys in sight that a name may mean: "red block" is any red one."""
    color, shape = name.split(" ")
    return [toy.name for toy in toys if toy.name == name or (shape == "block" and toy.name.split(" ")[0] == color)]
