"""The way of a tool that cannot rise: over the table, around the things that stand there."""

from __future__ import annotations

import heapq
from itertools import product

import numpy as np

from envs.foreign.description import Reading

_CELL_M = 0.01
_TOOL_M = 0.02  # from the tool's middle to its rim, with play
_MARGIN_M = 0.25  # of the searched part of the table around both ends
_LOOKS = 64  # along a straight way
_BUMP = 40.0  # a way through a thing costs as much as one so many times as long


def detour(reading: Reading, target_m: np.ndarray) -> list[np.ndarray]:
    """Corners float64[2] of the cheapest way of the tool to a place, the place last: straight where nothing stands
    between, through a thing only where there is no way around."""
    start = reading.tool_m[:2]
    if is_clear(reading, target_m):
        return [np.array(target_m)]
    low = np.minimum(start, target_m) - _MARGIN_M
    high = np.maximum(start, target_m) + _MARGIN_M
    count = np.ceil((high - low) / _CELL_M).astype(int) + 1
    cells = low + _CELL_M * np.stack(np.meshgrid(*map(np.arange, count), indexing="ij"), axis=-1)
    cost = _cost(reading, cells.reshape(-1, 2)).reshape(count)
    goal = tuple(np.round((target_m - low) / _CELL_M).astype(int))
    way = _cheapest(cost, tuple(np.round((start - low) / _CELL_M).astype(int)), goal)
    return [*(cells[cell] for cell in _corners(way)), np.array(target_m)]


def is_clear(reading: Reading, target_m: np.ndarray) -> bool:
    """Whether nothing stands on the tool's straight way over the table to a place float64[2]."""
    return bool((_cost(reading, np.linspace(reading.tool_m[:2], target_m, _LOOKS)) == 1).all())


def _cost(reading: Reading, points: np.ndarray) -> np.ndarray:
    """float64[P]: of a step to each point float64[P, 2]."""
    cost = np.ones(len(points))
    for box in (box for box in reading.objects.values() if box.top_z_m > 0):
        away_m = np.linalg.norm(points - box.center[:2], axis=1)
        cost[away_m < np.hypot(*box.size[:2]) / 2 + _TOOL_M] = _BUMP
    return cost


def _cheapest(cost: np.ndarray, start: tuple[int, int], goal: tuple[int, int]) -> list[tuple[int, int]]:
    """Cells from the first after the start to the goal (Dijkstra)."""
    steps = [(di, dj) for di, dj in product((-1, 0, 1), repeat=2) if di or dj]
    best, before, queue = {start: 0.0}, {}, [(0.0, start)]
    while queue:
        spent, cell = heapq.heappop(queue)
        if cell == goal:
            break
        if spent > best[cell]:
            continue
        for di, dj in steps:
            near = cell[0] + di, cell[1] + dj
            if not (0 <= near[0] < cost.shape[0] and 0 <= near[1] < cost.shape[1]):
                continue
            price = spent + float(np.hypot(di, dj)) * cost[near]
            if price < best.get(near, np.inf):
                best[near], before[near] = price, cell
                heapq.heappush(queue, (price, near))
    way = [goal]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[-2::-1]


def _corners(way: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The cells where the way turns."""
    turns = zip(way, way[1:], way[2:], strict=False)
    return [here for last, here, then in turns
            if (here[0] - last[0], here[1] - last[1]) != (then[0] - here[0], then[1] - here[1])]
