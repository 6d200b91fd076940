"""Moments of a world, to go back to: what `World.snapshot` gives and `World.restore` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from envs.world.articulation import ArticulationState


class BodyState(NamedTuple):
    """A moment of one body."""

    name: str
    pose: tuple[tuple[float, ...], tuple[float, ...]]  # position m, quaternion
    velocity: tuple[tuple[float, ...], tuple[float, ...]]  # m/s, rad/s
    activation: int  # Bullet's


@dataclass(frozen=True, slots=True)
class WorldState:
    """What `World.restore` goes back to."""

    bodies: tuple[BodyState, ...]
    awake: tuple[tuple[str, int], ...]
    steps: int
    robot: ArticulationState | None
    gripped: str | None
    fixtures: tuple[ArticulationState, ...] = ()
