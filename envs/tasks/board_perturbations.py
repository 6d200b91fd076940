"""What people and bad luck do to the board while the peg pushes: honest failures, drawn from a generator.

push_back: the block just pushed is pushed back. swap: two blocks change places. block: another block is put in the way
of the one that is pushed. slip: it slides on while it is pushed. occlude: a hand hides part of a picture.
"""

from __future__ import annotations

import numpy as np

from envs.tasks.board_families import places, present
from envs.tasks.perturber import BasePerturber, exchange
from envs.world.board import BOARD_HIGH_M, BOARD_LOW_M
from envs.world.world import World

KINDS = ("push_back", "swap", "block", "slip", "occlude")
MOMENTS = (5, 30)
"""Control periods into a call from which on a block that is pushed slips, or meets another."""

_SLIPPERY = 0.05  # lateral friction: a block goes on for a decimetre
_BACK_SHARE = (0.4, 1.0)  # of the way that the block has come
_LEAST_BACK_M = 0.03  # to be a perturbation at all
_AHEAD_M = (0.075, 0.11)  # between the centres of the block that is pushed and the one in its way
_ROOM_M, _PEG_ROOM_M = 0.068, 0.05  # from a block's centre to that of another, and to the peg's
_EDGE_M = 0.035  # from the board's edge
_TRIES = 20
_PEG_LINK = "peg"


class BoardPerturber(BasePerturber):
    """Of a board before a peg."""

    kinds, moments = KINDS, MOMENTS

    def before(self, world: World, held: str | None) -> None:
        super().before(world, held)
        self._starts, self._pushed = present(world), None
        if self.kind == "swap" and len(self._starts) > 1:
            one, other = self.rng.permutation(list(self._starts))[:2]
            exchange(world, str(one), str(other))
            self.note(True)

    def during(self, world: World, period: int, held: str | None) -> None:
        pushed = next((name for name in world.names() if world.robot_touches(name)), None)
        self._pushed = pushed or self._pushed
        if pushed is None or period < self.moment or self.happened:
            return
        if self.kind == "slip":
            self.grease(world, pushed, _SLIPPERY)
        elif self.kind == "block":
            self.note(put_before(world, pushed, self.rng))

    def after(self, world: World, held: str | None) -> None:
        super().after(world, held)
        if self.kind == "push_back" and self._pushed in self._starts.keys() & present(world).keys():
            self.note(push_back(world, self._pushed, self._starts[self._pushed], self.rng))


def push_back(world: World, name: str, start: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether a block could be put back on its way from where it started, float64[2], and now is."""
    way = start - places(world)[name]
    shares = rng.uniform(*_BACK_SHARE, _TRIES)
    return _put(world, name, [share * way for share in shares if share * np.linalg.norm(way) > _LEAST_BACK_M], name)


def put_before(world: World, pushed: str, rng: np.random.Generator) -> bool:
    """Whether another block could be put where the peg is pushing one to, and now is."""
    ahead = places(world)[pushed] - world.robot_link_pose(_PEG_LINK)[:2]
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    others = [name for name in present(world) if not world.robot_touches(name)]
    if not others:
        return False
    name = others[rng.integers(len(others))]
    return _put(world, name, [away * ahead for away in rng.uniform(*_AHEAD_M, _TRIES)], pushed)


def _put(world: World, name: str, shifts_m: list[np.ndarray], origin: str) -> bool:
    """Whether a block could be moved to one of the shifts float64[2] from where `origin` is, the first that is free."""
    at, peg = places(world), world.robot_link_pose(_PEG_LINK)[:2]
    others = np.array([xy for other, xy in at.items() if other != name])
    for xy in (at[origin] + shift for shift in shifts_m):
        is_on = bool(((xy > BOARD_LOW_M + _EDGE_M) & (xy < BOARD_HIGH_M - _EDGE_M)).all())
        if is_on and (np.hypot(*(others - xy).T) > _ROOM_M).all() and np.hypot(*(peg - xy)) > _PEG_ROOM_M:
            place, turn = world.pose(name)
            world.move(name, np.array([*xy, place[2]]), turn)
            return True
    return False
