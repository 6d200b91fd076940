"""When a joint path is where, so that no joint is too fast or accelerates too hard, at corners either.

The path is straight between waypoints and measured by s, the seconds that it takes at full speed; the motion along it
is s(t), its rate r = ds/dt in (0, 1]. What the motors get are samples q_k, one a control period T, and what counts is
their second difference, |q_k+1 - 2 q_k + q_k-1| <= a T^2: a weighted mean of acceleration over two periods. A corner
adds (jump of dq/ds) * r * w to it, w = T - |time to the corner|, and so do its neighbours within T, which lie within T
along s, for r <= 1. What corners leave of `a` is for speeding up and braking.
"""

from __future__ import annotations

import numpy as np

_SHARE = 0.95  # of the acceleration limits, for rounding
_CORNER_SHARE = 0.5  # of them, at most, for the corners; the rest speeds up and brakes
_CELL_S = 0.004  # at most, of the grid along the path
_LEAST_S = 1e-3  # nearer waypoints than this, at full speed, are one: their direction would be rounding


def timed(path: np.ndarray, speed: np.ndarray, acceleration: np.ndarray, period_s: float) -> np.ndarray:
    """float64[K, N]: where the joints are told to be after each control period on their way along path float64[W, N],
    from rest at its start (left out) to rest at its end. speed, acceleration: float64[N], limits per joint."""
    path, ends_s = _without_specks(path, speed)
    if len(path) < 2:
        return path[-1:]
    slopes = np.diff(path, axis=0) / np.diff(ends_s)[:, None]
    grid_s, piece = _grid(ends_s)
    crowding = _crowding(slopes, ends_s, grid_s, period_s) / (acceleration * period_s)
    rate = _rate(slopes, grid_s, piece, crowding, acceleration, period_s)
    moments_s = _sampled(grid_s, rate, period_s)
    return np.stack([np.interp(moments_s, ends_s, angles) for angles in path.T], axis=-1)


def _without_specks(path: np.ndarray, speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The waypoints that are apart, the first and the last always among them, and how many seconds along they are."""
    kept = [path[0]]
    for point in path[1:]:
        if (np.abs(point - kept[-1]) / speed).max() >= _LEAST_S:
            kept.append(point)
    if len(kept) > 1:
        kept[-1] = path[-1]
    elif (path[-1] != path[0]).any():
        kept.append(path[-1])
    path = np.stack(kept)
    return path, np.concatenate([[0.0], np.cumsum((np.abs(np.diff(path, axis=0)) / speed).max(axis=1))])


def _grid(ends_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moments float64[G] at most a cell apart, every waypoint among them, and int64[G - 1] the piece of each cell."""
    counts = np.maximum(2, np.ceil(np.diff(ends_s) / _CELL_S)).astype(int)
    starts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(ends_s[:-1], ends_s[1:], counts, strict=True)]
    return np.concatenate([*starts, ends_s[-1:]]), np.repeat(np.arange(len(counts)), counts)


def _crowding(slopes: np.ndarray, ends_s: np.ndarray, grid_s: np.ndarray, period_s: float) -> np.ndarray:
    """float64[G, N]: jumps of dq/ds at the corners within a period of each moment, the nearer the more of them."""
    weights = np.maximum(0.0, 1.0 - np.abs(grid_s[:, None] - ends_s[1:-1]) / period_s)
    return weights @ np.abs(np.diff(slopes, axis=0))


def _rate(slopes: np.ndarray, grid_s: np.ndarray, piece: np.ndarray, crowding: np.ndarray, acceleration: np.ndarray,
          period_s: float) -> np.ndarray:
    """float64[G]: the greatest rate at each moment, 0 at both ends. crowding: in units of what a period allows."""
    worst = crowding.max(axis=1)
    highest = np.minimum(1.0, _CORNER_SHARE / np.maximum(worst, 1e-12))
    left = _SHARE - _widest(highest * worst, grid_s, period_s)  # of the acceleration limits
    corners = np.flatnonzero(np.diff(piece)) + 1
    square = np.ones(len(grid_s))
    square[corners] = np.minimum(1.0, -_widest(-highest, grid_s, period_s)[corners]) ** 2
    square[[0, -1]] = 0.0
    steepest = (acceleration / np.maximum(np.abs(slopes), 1e-12)).min(axis=1)
    gain = 2.0 * np.diff(grid_s) * steepest[piece] * np.minimum(left[:-1], left[1:])
    return np.sqrt(_swept(_swept(square, gain)[::-1], gain[::-1])[::-1])


def _swept(square: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """float64[G]: squares of rates, no cell rising by more than its gain."""
    values = square.tolist()
    for i, most in enumerate(gain.tolist()):
        values[i + 1] = min(values[i + 1], values[i] + most)
    return np.array(values)


def _widest(values: np.ndarray, grid_s: np.ndarray, reach_s: float) -> np.ndarray:
    """float64[G]: the greatest of the values within reach of each moment."""
    first = np.searchsorted(grid_s, grid_s - reach_s)
    last = np.searchsorted(grid_s, grid_s + reach_s, side="right")
    return np.array([values[a:b].max() for a, b in zip(first, last, strict=True)])


def _sampled(grid_s: np.ndarray, rate: np.ndarray, period_s: float) -> np.ndarray:
    """float64[K]: how far along after each period; the rate's square is straight within a cell, so its change even."""
    took_s = 2.0 * np.diff(grid_s) / (rate[:-1] + rate[1:])
    at_s = np.concatenate([[0.0], np.cumsum(took_s)])
    times = np.arange(1, int(np.ceil(at_s[-1] / period_s - 1e-9)) + 1) * period_s
    cell = np.minimum(np.searchsorted(at_s, times, side="right") - 1, len(took_s) - 1)
    into = np.minimum(times - at_s[cell], took_s[cell])
    change = (rate[cell + 1] - rate[cell]) / took_s[cell]
    along = grid_s[cell] + rate[cell] * into + change * into**2 / 2
    along[-1] = grid_s[-1]
    return along
