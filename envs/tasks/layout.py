"""Where things stand at the start: apart enough for the gripper, near enough for the arm, drawn by rejection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.interface import TABLE_WORKSPACE

EDGE_M = 0.015  # free rim between a thing's outline and the edge of the workspace
GAP_M = 0.035  # between outlines: an open finger and its play fit in
TALL_GAP_M = 0.075  # around stacks: the palm, wider than the fingers, comes down beside them

_LOW_M, _HIGH_M = np.array(TABLE_WORKSPACE.low_m[:2]), np.array(TABLE_WORKSPACE.high_m[:2])
_TRIES_PER_THING = 60
_TRIES_PER_TABLE = 12


@dataclass(frozen=True, slots=True)
class Footprint:
    """The round outline of a thing on the table."""

    radius_m: float
    is_tall: bool = False  # a stack, now or once the goal is reached


def place(rng: np.random.Generator, footprints: Sequence[Footprint]) -> list[tuple[float, float]] | None:
    """World x, y in metres of each footprint, none too near another; None when no room was found."""
    order = sorted(range(len(footprints)), key=lambda i: -footprints[i].radius_m - footprints[i].is_tall)
    for _ in range(_TRIES_PER_TABLE):
        spots: dict[int, np.ndarray] = {}
        for i in order:
            spot = _free_spot(rng, footprints[i], [(footprints[j], spots[j]) for j in spots])
            if spot is None:
                break
            spots[i] = spot
        else:
            return [(float(spots[i][0]), float(spots[i][1])) for i in range(len(footprints))]
    return None


def is_inside(xy: np.ndarray) -> bool:
    """Whether a block centred at world x, y in metres lies where the arm serves."""
    margin = EDGE_M + 0.025
    is_inside = (xy >= _LOW_M + margin).all() and (xy <= _HIGH_M - margin).all()
    return bool(is_inside and np.hypot(*xy) < TABLE_WORKSPACE.reach_m)


def _free_spot(rng: np.random.Generator, footprint: Footprint,
               taken: list[tuple[Footprint, np.ndarray]]) -> np.ndarray | None:
    """A place for a footprint among those taken; None when none was found. Plain numbers: half of a reset was here."""
    margin = footprint.radius_m + EDGE_M
    low, span = _LOW_M + margin, (_HIGH_M - margin) - (_LOW_M + margin)
    rivals = [(*spot.tolist(), _distance_m(footprint, other)) for other, spot in taken]
    for _ in range(_TRIES_PER_THING):
        spot = low + span * rng.random(2)
        x, y = spot.tolist()
        if math.sqrt(x * x + y * y) > TABLE_WORKSPACE.reach_m:
            continue
        if all(math.sqrt((x - a) * (x - a) + (y - b) * (y - b)) >= apart for a, b, apart in rivals):
            return spot
    return None


def _distance_m(a: Footprint, b: Footprint) -> float:
    """Least distance between the centres of two footprints."""
    return a.radius_m + b.radius_m + (TALL_GAP_M if a.is_tall or b.is_tall else GAP_M)
