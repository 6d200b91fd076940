"""What is wanted of the toys on the board, and how far off it is, from their true places. PRIVILEGED: judging, experts.

Thresholds are of the kind that Language-Table publishes, widened to these toys, whose outlines are 36 to 65 mm wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from envs.world.board import BOARD_CENTER_M, CORNERS, Compass, is_in_corner, place_m, unit

NEXT_TO_M = 0.07
"""Between the centres of two toys that are together: they touch, or a finger's breadth is left."""
PLACE_M = 0.10
"""From a corner, side or center of the board to the centre of a toy that is there."""
OFFSET_M = 0.05
"""How far from the exact place a toy may be that was to be moved by so much, or beside another."""
SHIFT_M, BESIDE_M = 0.15, 0.10
"""What "left" and "to the left of" ask for."""
APART_M = 0.15
"""Between the centres of toys that are separated."""
POINT_GAP_M = 0.02
"""Between the surfaces of the peg and of the toy that it points at."""
CLUSTER_M = 0.085
"""Between the centres of neighbours in a group that is together."""
Places = Mapping[str, np.ndarray]
"""Toy -> float64[2], m."""


@dataclass(frozen=True, slots=True)
class NextTo:
    """The block is next to the other."""

    block: str
    other: str

    def excess_m(self, at: Places, gap_m: float) -> float:
        return float(np.linalg.norm(at[self.block] - at[self.other])) - NEXT_TO_M


@dataclass(frozen=True, slots=True)
class At:
    """The block is in a corner, at a side or in the center of the board."""

    block: str
    where: Compass

    def excess_m(self, at: Places, gap_m: float) -> float:
        return float(np.linalg.norm(at[self.block] - place_m(self.where))) - PLACE_M


@dataclass(frozen=True, slots=True)
class Shifted:
    """The block is SHIFT_M from where it started, in a direction."""

    block: str
    where: Compass
    start: tuple[float, float]

    @property
    def target_m(self) -> np.ndarray:
        return np.array(self.start) + SHIFT_M * unit(self.where)

    def excess_m(self, at: Places, gap_m: float) -> float:
        return float(np.linalg.norm(at[self.block] - self.target_m)) - OFFSET_M


@dataclass(frozen=True, slots=True)
class Beside:
    """The block is BESIDE_M from the other, in a direction."""

    block: str
    where: Compass
    other: str

    def excess_m(self, at: Places, gap_m: float) -> float:
        target = at[self.other] + BESIDE_M * unit(self.where)
        return float(np.linalg.norm(at[self.block] - target)) - OFFSET_M


@dataclass(frozen=True, slots=True)
class PointedAt:
    """The peg is at the block."""

    block: str

    def excess_m(self, at: Places, gap_m: float) -> float:
        return gap_m - POINT_GAP_M


@dataclass(frozen=True, slots=True)
class Apart:
    """The blocks are far from each other."""

    block: str
    other: str

    def excess_m(self, at: Places, gap_m: float) -> float:
        return APART_M - float(np.linalg.norm(at[self.block] - at[self.other]))


@dataclass(frozen=True, slots=True)
class Sorted:
    """Blocks of one color are in one corner, each color in its own."""

    blocks: tuple[str, ...]

    def corners(self, at: Places) -> dict[str, Compass]:
        """Color -> corner: the assignment that leaves the fewest blocks to move, and those the shortest way."""
        colors = list(dict.fromkeys(name.split(" ")[0] for name in self.blocks))
        cost = {(color, corner): self._cost(color, corner, at) for color in colors for corner in CORNERS}
        best = min(permutations(CORNERS, len(colors)),
                   key=lambda chosen: sum(cost[pair] for pair in zip(colors, chosen, strict=True)))
        return dict(zip(colors, best, strict=True))

    def _cost(self, color: str, corner: Compass, at: Places) -> float:
        """Of bringing the blocks of a color to a corner: for each that is not there a fixed sum and its way, m."""
        out = [at[n] for n in self.blocks if n.split(" ")[0] == color and not is_in_corner(at[n], corner)]
        return sum(10.0 + float(np.linalg.norm(place - place_m(corner))) for place in out)

    def share(self, at: Places) -> float:
        """Of the blocks that are in the corner of their color."""
        corner_of = self.corners(at)
        return float(np.mean([is_in_corner(at[n], corner_of[n.split(" ")[0]]) for n in self.blocks]))


@dataclass(frozen=True, slots=True)
class Together:
    """The blocks of one side (left: 1, right: -1) are together, and none of the others is on that side."""

    blocks: tuple[str, ...]
    others: tuple[str, ...]
    side: int

    def share(self, at: Places) -> float:
        """Of the blocks that have joined the largest group; half of it while another block is on that side."""
        joined = (len(group(self.blocks, at)) - 1) / (len(self.blocks) - 1)
        return joined / 2 if self.intruders(at) else joined

    def intruders(self, at: Places) -> list[str]:
        """Names of the other blocks that are on this side."""
        return [name for name in self.others if on_side(at[name]) == self.side]


Distance = NextTo | At | Shifted | Beside | PointedAt | Apart
Goal = Distance | Sorted | Together


def on_side(place: np.ndarray) -> int:
    """1 on the left half of the board, -1 on the right one."""
    return 1 if place[1] > BOARD_CENTER_M[1] else -1


def group(blocks: Sequence[str], at: Places) -> list[str]:
    """The largest group of blocks each of which is close to another of it; of equal ones, the first block's."""
    return max((group_of(first, blocks, at) for first in blocks), key=len)


def group_of(first: str, blocks: Sequence[str], at: Places) -> list[str]:
    """A block, and those of the blocks that hang together with it, each close to another."""
    members = [first]
    for name in members:  # grows while it is walked
        members += [b for b in blocks if b not in members and np.linalg.norm(at[b] - at[name]) <= CLUSTER_M]
    return members
