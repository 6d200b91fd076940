"""What people and bad luck do to a table while a robot works on it: honest failures, drawn from a generator.

drop: what is held falls out of the hand. slip: it slides through the fingers. swap: two blocks change places. block:
one block is put on another. push_back: what was just let go is pushed aside. occlude: a hand hides part of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from envs.tasks import layout, predicates
from envs.world.images import NO_BODY, Picture
from envs.world.world import World

KINDS = ("drop", "slip", "swap", "block", "push_back", "occlude")
MOMENTS = (4, 40)
"""Control periods into a call between which a drop or slip happens."""

_SLIPPERY = 0.0  # lateral friction; 0.02 still carried a block
_FALL_M = 0.06  # below the fingers: free of them
_SHIFT_M = (0.06, 0.12)
_ROOM_M = 0.105  # between centres: a bowl's radius and half a block's diagonal
_TRIES = 30
_HAND_SHARE = (0.3, 0.5)  # of the image's side
_HAND_RGB = (196, 148, 120)


class Disturber:
    """Draws at most one disturbance a call; remembers what it did for `happened`."""

    def __init__(self, share: float, rng: np.random.Generator, scene: Any = None) -> None:
        """share: of the calls that are disturbed, in [0, 1]. scene: of no account here."""
        self.share, self.rng = share, rng
        self.happened: str | None = None
        self._kind: str | None = None
        self._moment, self._held, self._slippery = 0, None, None

    def before(self, world: World, held: str | None) -> None:
        """Decides what the coming call meets; does now what happens behind the robot's back."""
        self.happened, self._held = None, held
        self._kind = str(self.rng.choice(KINDS)) if self.rng.random() < self.share else None
        self._moment = int(self.rng.integers(*MOMENTS))
        if self._kind == "swap":
            self._note(swap(world, held, self.rng))
        elif self._kind == "block":
            self._note(bury(world, held, self.rng))

    def during(self, world: World, period: int, held: str | None) -> None:
        """Call it after every control period of a call."""
        self._held = held or self._held
        if period < self._moment or held is None or self.happened or self._kind not in ("drop", "slip"):
            return
        if self._kind == "drop":
            (x, y, z), turn = world.pose(held)
            world.move(held, np.array([x, y, max(z - _FALL_M, world.size(held)[2] / 2)]), turn)
        else:
            world.set_friction(held, _SLIPPERY)
            self._slippery = held
        self._note(True)

    def after(self, world: World, held: str | None) -> None:
        """What happens between the call and the next look."""
        if self._slippery:
            world.set_friction(self._slippery, None)
            self._slippery = None
        if self._kind == "push_back" and self._held and held is None:
            self._note(push_aside(world, self._held, self.rng))

    def cover(self, pictures: Mapping[str, Picture]) -> dict[str, Picture]:
        """The pictures, with a hand before one of the cameras when that is what this call met."""
        if self._kind != "occlude":
            return dict(pictures)
        name = str(self.rng.choice(sorted(pictures)))
        self._note(True)
        return {**pictures, name: _covered(pictures[name], self.rng)}

    def _note(self, is_done: bool) -> None:
        self.happened = self._kind if is_done else None


def swap(world: World, held: str | None, rng: np.random.Generator) -> bool:
    """Whether two free blocks could change places, and now have."""
    free = _free_blocks(world, held)
    if len(free) < 2:
        return False
    one, other = (free[i] for i in rng.permutation(len(free))[:2])
    (place, turn), (other_place, other_turn) = world.pose(one), world.pose(other)
    rise = np.array([0.0, 0.0, (world.size(one) - world.size(other))[2] / 2])
    world.move(one, other_place + rise, turn)
    world.move(other, place - rise, other_turn)
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
    blocks = [name for name in world.names() if name.endswith("block")]
    bowls = [name for name in world.names() if name.endswith("bowl")]
    under = predicates.supports(world, blocks, bowls, held)
    return [b for b, carrier in under.items() if carrier == predicates.TABLE and b not in under.values()]


def _covered(picture: Picture, rng: np.random.Generator) -> Picture:
    """The picture with a hand over a corner-to-middle part of it, too near for the depth camera."""
    height, width = picture.depth.shape
    rows, columns = (int(rng.uniform(*_HAND_SHARE) * side) for side in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = np.s_[top:top + rows, left:left + columns]
    rgb, depth, bodies = picture.rgb.copy(), picture.depth.copy(), picture.bodies.copy()
    rgb[part], depth[part], bodies[part] = _HAND_RGB, 0.0, NO_BODY
    return replace(picture, rgb=rgb, depth=depth, bodies=bodies)
