"""What goes wrong in every world alike: a perturbation a call at most; a thing leaves the hand, a hand is in the
way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from envs.world.images import NO_BODY, Picture
from envs.world.world import World

_SLIPPERY = 0.0  # lateral friction; 0.02 still carried a block
_FALL_M = 0.06  # below the fingers: free of them
_HAND_SHARE = (0.3, 0.5)  # of the image's side
_HAND_RGB = (196, 148, 120)


class BasePerturber:
    """Draws what a call meets, and remembers in `happened` what came of it. Worlds add what their kinds do."""

    kinds: tuple[str, ...]
    moments: tuple[int, int]
    """Control periods between which what happens in the middle of a call does."""

    def __init__(self, share: float, rng: np.random.Generator, scene: Any = None) -> None:
        """share: of the calls that are perturbed, in [0, 1]."""
        self.share, self.rng, self.scene = share, rng, scene
        self.happened: str | None = None
        self.kind: str | None = None
        self.moment = 0
        self._slippery: str | None = None

    def before(self, world: World, held: str | None) -> None:
        """Decides what the coming call meets; does now what happens behind the robot's back."""
        self.happened = None
        self.kind = str(self.rng.choice(self.kinds)) if self.rng.random() < self.share else None
        self.moment = int(self.rng.integers(*self.moments))

    def during(self, world: World, period: int, held: str | None) -> None:
        """Call it after every control period of a call."""

    def after(self, world: World, held: str | None) -> None:
        """What happens between the call and the next look."""
        self.dry(world)

    def cover(self, pictures: Mapping[str, Picture]) -> dict[str, Picture]:
        """The pictures, with a hand before one of the cameras when that is what this call met."""
        if self.kind != "occlude":
            return dict(pictures)
        name = str(self.rng.choice(sorted(pictures)))
        self.note(True)
        return {**pictures, name: covered(pictures[name], self.rng)}

    def note(self, is_done: bool) -> None:
        """Whether what was drawn could be done."""
        self.happened = self.kind if is_done else None

    def grease(self, world: World, name: str, friction: float) -> None:
        """Makes a thing slippery until it is dried, at the end of the call at the latest."""
        world.set_friction(name, friction)
        self._slippery = name
        self.note(True)

    def dry(self, world: World) -> None:
        """Gives what is slippery its own friction back."""
        if self._slippery:
            world.set_friction(self._slippery, None)
            self._slippery = None

    def let_go(self, world: World, held: str, face_z_m: float = 0.0) -> None:
        """What is held over a face drops, or slips from now on, when that is what this call meets. `dry` it once it is
        out of the hand, else it glides on over the face and off it."""
        if self.kind == "drop":
            (x, y, z), turn = world.pose(held)
            world.move(held, np.array([x, y, max(z - _FALL_M, face_z_m + world.size(held)[2] / 2)]), turn)
            self.note(True)
        elif self.kind == "slip":
            self.grease(world, held, _SLIPPERY)


def exchange(world: World, one: str, other: str) -> None:
    """Two things change places; each stands on what the other stood on, turned as it was."""
    (place, turn), (other_place, other_turn) = world.pose(one), world.pose(other)
    rise = np.array([0.0, 0.0, (world.size(one) - world.size(other))[2] / 2])
    world.move(one, other_place + rise, turn)
    world.move(other, place - rise, other_turn)


def covered(picture: Picture, rng: np.random.Generator) -> Picture:
    """The picture with a hand over a corner-to-middle part of it, too near for the depth camera."""
    height, width = picture.depth.shape
    rows, columns = (int(rng.uniform(*_HAND_SHARE) * side) for side in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = np.s_[top:top + rows, left:left + columns]
    rgb, depth, bodies = picture.rgb.copy(), picture.depth.copy(), picture.bodies.copy()
    rgb[part], depth[part], bodies[part] = _HAND_RGB, 0.0, NO_BODY
    return replace(picture, rgb=rgb, depth=depth, bodies=bodies)
