"""What people and bad luck do to a table while a robot works on it: honest failures, drawn from a generator.

drop: what is held falls out of the hand. slip: it slides through the fingers. swap: two blocks change places. block:
one block is put on another. push_back: what was just let go is pushed aside. occlude: a hand hides part of a picture.
"""

from __future__ import annotations

import numpy as np

from envs.tasks import layout, predicates
from envs.tasks.perturber import BasePerturber, exchange
from envs.tasks.scene import of_kind
from envs.world.world import World

KINDS = ("drop", "slip", "swap", "block", "push_back", "occlude")
MOMENTS = (4, 40)
"""Control periods into a call between which a drop or slip happens."""

_SHIFT_M = (0.06, 0.12)
_ROOM_M = 0.105  # between centres: a bowl's radius and half a block's diagonal
_TRIES = 30


class Perturber(BasePerturber):
    """Of a table before an arm."""

    kinds, moments = KINDS, MOMENTS

    def before(self, world: World, held: str | None) -> None:
        super().before(world, held)
        self._held = held
        if self.kind == "swap":
            self.note(swap(world, held, self.rng))
        elif self.kind == "block":
            self.note(bury(world, held, self.rng))

    def during(self, world: World, period: int, held: str | None) -> None:
        self._held = held or self._held
        if held is None:
            self.dry(world)
        elif period >= self.moment and not self.happened:
            self.let_go(world, held)

    def after(self, world: World, held: str | None) -> None:
        super().after(world, held)
        if self.kind == "push_back" and self._held and held is None:
            self.note(push_aside(world, self._held, self.rng))


def swap(world: World, held: str | None, rng: np.random.Generator) -> bool:
    """Whether two free blocks could change places, and now have."""
    free = _free_blocks(world, held)
    if len(free) < 2:
        return False
    one, other = (free[i] for i in rng.permutation(len(free))[:2])
    exchange(world, one, other)
    return True


def bury(world: World, held: str | None, rng: np.random.Generator) -> bool:
    """Whether a free block could be put on another, and now is."""
    free = _free_blocks(world, held)
    if len(free) < 2:
        return False
    upper, lower = (free[i] for i in rng.permutation(len(free))[:2])
    place = world.pose(lower)[0] + [0.0, 0.0, (world.size(upper) + world.size(lower))[2] / 2]
    world.move(upper, place, world.pose(upper)[1])
    return True


def push_aside(world: World, name: str, rng: np.random.Generator) -> bool:
    """Whether the block could be moved to free table nearby, and now is."""
    place, turn = world.pose(name)
    others = np.array([world.pose(other)[0][:2] for other in world.names() if other != name]).reshape(-1, 2)
    for _ in range(_TRIES):
        angle, way = rng.uniform(0.0, 2 * np.pi), rng.uniform(*_SHIFT_M)
        xy = place[:2] + way * np.array([np.cos(angle), np.sin(angle)])
        if layout.is_inside(xy) and (np.hypot(*(others - xy).T) > _ROOM_M).all():
            world.move(name, np.array([*xy, world.size(name)[2] / 2]), turn)
            return True
    return False


def _free_blocks(world: World, held: str | None) -> list[str]:
    """Blocks on the table itself with nothing on them."""
    blocks, bowls = (of_kind(world.names(), kind) for kind in ("block", "bowl"))
    under = predicates.supports(world, blocks, bowls, held)
    return [b for b, carrier in under.items() if carrier == predicates.TABLE and b not in under.values()]
