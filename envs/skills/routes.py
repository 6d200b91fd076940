"""Ways over the board around what is in the way, on a grid; crossing an obstacle is dear, not forbidden."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra

from envs.world.board import OUR_BOARD, BoardFrame

CELL_M = 0.012
_DEAR = 25.0  # times the length of a way through what is too near an obstacle
_FREE_M = 1.0  # clearance where there is no obstacle at all


class Floor:
    """Free room on a board around measured points float64[P, 2] of obstacles, m."""

    def __init__(self, obstacles: np.ndarray, frame: BoardFrame = OUR_BOARD) -> None:
        self._grid = _grid_of(frame)
        taken = np.zeros(self._grid.cells, dtype=bool)
        taken[tuple(self._grid.cell(obstacles).T)] = True
        has_any = bool(taken.any())
        self._clearance_m = (ndimage.distance_transform_edt(~taken) * CELL_M if has_any
                             else np.full(self._grid.cells, _FREE_M))
        self._obstacles = obstacles

    def room_m(self, places: np.ndarray) -> np.ndarray:
        """float64[...]: exact distance from places float64[..., 2] to the nearest obstacle."""
        if len(self._obstacles) == 0:
            return np.full(places.shape[:-1], _FREE_M)
        return np.linalg.norm(places[..., None, :] - self._obstacles, axis=-1).min(axis=-1)

    def way(self, start: np.ndarray, goal: np.ndarray, room_m: float, inset_m: float = 0.0) -> np.ndarray:
        """float64[K, 2]: places from start (left out) to goal that keep room_m from obstacles and inset_m from the
        lip, where such a way exists."""
        grid, centers = self._grid, self._grid.centers
        edge_m = np.minimum(centers - grid.low_m, grid.low_m + np.array(grid.cells) * CELL_M - centers).min(axis=-1)
        cost = np.where((self._clearance_m < room_m) | (edge_m < inset_m), _DEAR, 1.0).ravel()
        rows, columns, lengths = grid.edges
        graph = sparse.csr_matrix((lengths * (cost[rows] + cost[columns]) / 2, (rows, columns)), (cost.size,) * 2)
        here, there = (int(np.ravel_multi_index(tuple(grid.cell(p)), grid.cells)) for p in (start, goal))
        before = dijkstra(graph, indices=there, return_predecessors=True)[1]
        places = []
        while here != there:
            here = int(before[here])
            places.append(centers.reshape(-1, 2)[here])
        return np.array([*places[:-1], goal])


def ahead(start: np.ndarray, way: np.ndarray, distance_m: float) -> np.ndarray:
    """float64[2]: the place a distance along a way from start; its end when it is shorter."""
    path = np.concatenate([start[None], way])
    run_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return np.array([np.interp(distance_m, run_m, path[:, axis]) for axis in (0, 1)])


class _Grid:
    """The cells of a board."""

    def __init__(self, frame: BoardFrame) -> None:
        self.low_m = frame.low_m - frame.border_m
        self.cells = tuple(int(n) for n in np.ceil((frame.high_m - frame.low_m + 2 * frame.border_m) / CELL_M))

    def cell(self, places: np.ndarray) -> np.ndarray:
        """int64[..., 2]: cells of places float64[..., 2], the nearest one for what lies outside."""
        return np.clip(np.floor((places - self.low_m) / CELL_M), 0, np.array(self.cells) - 1).astype(np.int64)

    @cached_property
    def centers(self) -> np.ndarray:
        """float64[X, Y, 2], m."""
        return (np.stack(np.indices(self.cells), axis=-1) + 0.5) * CELL_M + self.low_m

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both ends int64[E] and length float64[E] in cells of every step to one of eight neighbours."""
        rows, columns = self.cells
        index = np.arange(rows * columns).reshape(self.cells)
        ends = []
        for dx, dy in ((0, 1), (1, 0), (1, 1), (1, -1)):
            a = index[: rows - dx, max(0, -dy): columns - max(0, dy)].ravel()
            b = index[dx:, max(0, dy): columns + min(0, dy)].ravel()
            ends += [(a, b, np.full(a.size, np.hypot(dx, dy))), (b, a, np.full(a.size, np.hypot(dx, dy)))]
        return tuple(np.concatenate(column) for column in zip(*ends, strict=True))


_grid_of = lru_cache(maxsize=4)(_Grid)
