"""What the pushing policy is told of a table before it pushes: colors, outlines, bounds, axes, and how near is near."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from envs.world.board import OUR_BOARD, BoardFrame
from envs.world.toys import TOY_AREA_M2, TOY_COLORS, TOY_HEIGHT_M, TOY_SHAPES


@dataclass(frozen=True, eq=False)
class PushTable:
    """A table of toys, prisms with their upper faces in one plane, seen straight from above.

    palette: color word -> RGB in [0, 1]. outlines: shape word -> convex parts float64[N, 2] of its upper face, counter-
    clockwise, m, around its middle. symmetry: shape word -> into how many equal turns a full one falls; 1 for shapes
    left out. Nearness is between middles but for point_m, which is between the peg's surface and the toy's.
    """

    frame: BoardFrame
    palette: Mapping[str, tuple[float, float, float]]
    outlines: Mapping[str, tuple[np.ndarray, ...]]
    symmetry: Mapping[str, int]
    height_m: float
    area_m2: float  # of an upper face, about
    next_to_m: float = 0.061
    apart_m: float = 0.175
    beside_m: float = 0.10  # "to the left of"
    close_m: float = 0.015  # to a place that was asked for
    point_m: float = 0.016
    camera: str = "top"

    def radius_m(self, name: str) -> float:
        """Of the circle around a toy, by its name."""
        corners = np.concatenate(self.outlines[name.split(" ")[1]])
        return float(np.linalg.norm(corners, axis=-1).max())

    def covers(self, shape: str, points: np.ndarray) -> np.ndarray:
        """bool[...]: which of the points float[..., 2], m, in the toy's frame, lie inside its outline."""
        inside = np.zeros(points.shape[:-1], dtype=bool)
        for part in self.outlines[shape]:
            edges, away = np.roll(part, -1, axis=0) - part, points[..., None, :] - part
            inside |= (edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0] >= 0).all(axis=-1)
        return inside


OURS = PushTable(OUR_BOARD, TOY_COLORS, TOY_SHAPES, MappingProxyType({"star": 5, "cube": 4, "pentagon": 5}),
                 TOY_HEIGHT_M, TOY_AREA_M2)
"""The board of `envs.world.board`."""
