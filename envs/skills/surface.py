"""How high the table stands where, measured from the last depth images."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from envs.interface import TABLE_WORKSPACE, Observation

CELL_M = 0.005
_MAPPED = TABLE_WORKSPACE.grown(near_m=0.10, far_m=0.10, aside_m=0.10, above_m=0.01)
_LOW_M = np.array(_MAPPED.low_m[:2])
_CELLS = tuple(round(side / CELL_M) for side in (np.array(_MAPPED.high_m[:2]) - _LOW_M).tolist())
_CEILING_M = _MAPPED.high_m[2]  # what is seen above this is the arm itself
_OCCUPIED_M = 0.008


class HeightMap:
    """Highest measured point of each 5 mm cell. heights: float64[X, Y], m; unseen cells are infinitely high."""

    def __init__(self, heights: np.ndarray) -> None:
        self.heights = heights

    @classmethod
    def from_observation(cls, observation: Observation) -> HeightMap:
        """The map of everything that the cameras see below the arm."""
        heights = np.full(_CELLS, -np.inf)
        for name, camera in observation.cameras.items():
            depth = observation.depth[name]
            is_seen = np.isfinite(depth) & (depth > 0)
            x, y, z = (plane[is_seen] for plane in np.moveaxis(camera.lift(depth), -1, 0))
            rows, columns = (np.floor((v - low) / CELL_M) for v, low in zip((x, y), _LOW_M, strict=True))
            keep = (rows >= 0) & (rows < _CELLS[0]) & (columns >= 0) & (columns < _CELLS[1]) & (z < _CEILING_M)
            cells = (rows[keep] * _CELLS[1] + columns[keep]).astype(np.int64)
            np.maximum.at(heights.reshape(-1), cells, z[keep])
        around = ndimage.maximum_filter(heights, size=3)  # a pixel is nearly as wide as a cell: some cells get none
        filled = np.where(np.isfinite(heights), heights, around)
        return cls(np.where(np.isfinite(filled), filled, np.inf))

    @property
    def top_m(self) -> float:
        """Of the highest thing seen."""
        return float(self.heights[np.isfinite(self.heights)].max(initial=0.0))

    def within(self, xy: np.ndarray, radius_m: float) -> float:
        """The greatest seen height within a circle, m; 0 when nothing of it was seen."""
        near = (np.hypot(*(_centers() - np.asarray(xy)[:, None, None])) < radius_m) & np.isfinite(self.heights)
        return float(self.heights[near].max(initial=0.0))

    def strip(self, xy: np.ndarray, yaw_rad: float, along_m: tuple[float, float], half_width_m: float) -> np.ndarray:
        """Heights float64[K] of the cells of a strip whose |distance| along yaw from xy lies between along_m."""
        dx, dy = _centers() - np.asarray(xy)[:, None, None]
        along = np.abs(dx * np.cos(yaw_rad) + dy * np.sin(yaw_rad))
        across = np.abs(dy * np.cos(yaw_rad) - dx * np.sin(yaw_rad))
        return self.heights[(along > along_m[0]) & (along < along_m[1]) & (across < half_width_m)]

    def free_place(self, near: np.ndarray, radius_m: float, low: np.ndarray, high: np.ndarray, reach_m: float
                   ) -> np.ndarray | None:
        """float64[2]: centre of the free circle nearest to `near`, inside the rectangle and the reach; None if none."""
        free_m = ndimage.distance_transform_edt(self.heights < _OCCUPIED_M) * CELL_M
        centers = _centers()
        inside = (centers >= low[:, None, None]).all(axis=0) & (centers <= high[:, None, None]).all(axis=0)
        good = inside & (free_m > radius_m) & (np.hypot(*centers) < reach_m)
        if not good.any():
            return None
        distance = np.where(good, np.hypot(*(centers - np.asarray(near)[:, None, None])), np.inf)
        return centers[:, *np.unravel_index(int(np.argmin(distance)), distance.shape)]


@lru_cache(maxsize=1)
def _centers() -> np.ndarray:
    """float64[2, X, Y]: world x and y of the cells' centres, m."""
    return (np.indices(_CELLS, dtype=np.float64) + 0.5) * CELL_M + _LOW_M[:, None, None]
