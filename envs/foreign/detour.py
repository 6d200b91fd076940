"""The way of a tool that cannot rise: over the table, around the things that stand there."""

from __future__ import annotations

import numpy as np

from envs.foreign.description import Reading
from envs.interface import Box
from envs.skills.routes import Floor
from envs.world.board import BoardFrame

_TOOL_M = 0.02  # from the tool's middle to its rim, with play
_MARGIN_M = 0.25  # of the searched part of the table around both ends
_LOOKS = 64  # along a straight way
_RIM_POINTS = 32  # of the circle that stands for a thing


def detour(reading: Reading, target_m: np.ndarray) -> list[np.ndarray]:
    """Places float64[2] on the tool's cheapest way to a place, that place last: straight where nothing stands between,
    through a thing only where there is no way around."""
    if is_clear(reading, target_m):
        return [np.array(target_m)]
    start = reading.tool_m[:2]
    frame = BoardFrame(np.minimum(start, target_m) - _MARGIN_M, np.maximum(start, target_m) + _MARGIN_M, 0.0)
    way = Floor(np.concatenate([_rim(box) for box in _standing(reading)]), frame).way(start, target_m, _TOOL_M)
    strides = np.diff(way, axis=0)
    turns = np.abs(np.diff(strides, axis=0)).max(axis=1) > 1e-9
    return [*way[1:-1][turns], way[-1]]


def is_clear(reading: Reading, target_m: np.ndarray) -> bool:
    """Whether nothing stands on the tool's straight way over the table to a place float64[2]."""
    way = np.linspace(reading.tool_m[:2], target_m, _LOOKS)
    return all(np.linalg.norm(way - box.center[:2], axis=1).min() >= _radius_m(box) + _TOOL_M
               for box in _standing(reading))


def _standing(reading: Reading) -> list[Box]:
    """The things that have not fallen off the table."""
    return [box for box in reading.objects.values() if box.top_z_m > 0]


def _rim(box: Box) -> np.ndarray:
    """float64[P, 2]: the middle of a thing, a circle around it and one of half its radius."""
    angles = np.arange(_RIM_POINTS) * 2 * np.pi / _RIM_POINTS
    circle = _radius_m(box) * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return np.array(box.center[:2]) + np.concatenate([circle, circle / 2, np.zeros((1, 2))])


def _radius_m(box: Box) -> float:
    return float(np.hypot(*box.size[:2])) / 2
