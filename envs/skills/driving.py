"""Driving: a way around the furniture of the static map, and the joint targets along it."""

from __future__ import annotations

import heapq
from functools import cache

import numpy as np

from envs.robots.mobile_panda import ARM_COUNT, MobilePanda
from envs.skills.situation import Motion, ended
from envs.skills.timing import timed
from envs.world.floorplan import BASE_RADIUS_M, DRAWER_TRAVEL_M, PLACES, ROOM_HALF_M

_CELL_M = 0.05
_SPARE_M = 0.03
_SHARE = 0.95  # of the base's speeds, at the fastest moment of a way
_HALF_CELLS = tuple(int(half / _CELL_M) for half in ROOM_HALF_M)
_NEIGHBOURS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)


@cache
def free_cells() -> np.ndarray:
    """bool[X, Y]: where the base's middle may be; the drawer counts as open."""
    xs, ys = (np.arange(-half, half + 1) * _CELL_M for half in _HALF_CELLS)
    points = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    margin = BASE_RADIUS_M + _SPARE_M
    free = (np.abs(points) < np.array(ROOM_HALF_M) - margin).all(axis=-1)
    for place in PLACES.values():
        out, aside = np.moveaxis(place.to_own(points), -1, 0)
        ahead = DRAWER_TRAVEL_M if place.name == "drawer" else 0.0
        beyond = np.maximum(np.maximum(out - ahead, -place.depth_m - out), 0.0)
        beside = np.maximum(np.abs(aside) - place.width_m / 2, 0.0)
        free &= np.hypot(beyond, beside) > margin
    return free


def route(start: np.ndarray, goal: np.ndarray) -> list[np.ndarray]:
    """World points float64[2] from start (left out) to goal, round the furniture; straight where nothing is between.
    A start or goal that stands too near to something is left or reached on the shortest way."""
    cells = _search(_nearest_free(start), _nearest_free(goal))
    points = [np.asarray(start), *(_point(cell) for cell in cells), np.asarray(goal)]
    kept, at = [], 0
    while at < len(points) - 1:
        ahead = next(i for i in range(len(points) - 1, at, -1) if i == at + 1 or _is_clear(points[at], points[i]))
        kept.append(points[ahead])
        at = ahead
    return kept


def _search(start: tuple[int, int], goal: tuple[int, int]) -> list[tuple[int, int]]:
    """A* over the free cells, both ends included; just the goal when no way exists."""
    free, best, came = free_cells(), {start: 0.0}, {}
    queue = [(0.0, start)]
    while queue:
        _, cell = heapq.heappop(queue)
        if cell == goal:
            way = [cell]
            while way[-1] in came:
                way.append(came[way[-1]])
            return way[::-1]
        for dx, dy in _NEIGHBOURS:
            other = cell[0] + dx, cell[1] + dy
            cost = best[cell] + float(np.hypot(dx, dy))
            if free[other] and cost < best.get(other, np.inf):
                best[other], came[other] = cost, cell
                heapq.heappush(queue, (cost + float(np.hypot(goal[0] - other[0], goal[1] - other[1])), other))
    return [goal]


def _is_clear(start: np.ndarray, end: np.ndarray) -> bool:
    count = max(2, int(np.linalg.norm(end - start) / (_CELL_M / 2)))
    return all(free_cells()[_cell(start + (end - start) * t)] for t in np.linspace(0.0, 1.0, count))


def _cell(point: np.ndarray) -> tuple[int, int]:
    x, y = (int(np.clip(round(v / _CELL_M), -h, h)) + h for v, h in zip(point, _HALF_CELLS, strict=True))
    return x, y


def _point(cell: tuple[int, int]) -> np.ndarray:
    return (np.array(cell) - np.array(_HALF_CELLS)) * _CELL_M


def _nearest_free(point: np.ndarray) -> tuple[int, int]:
    cells = np.argwhere(free_cells())
    cell = cells[np.argmin(np.linalg.norm(cells - np.array(_cell(np.asarray(point[:2]))), axis=1))]
    return int(cell[0]), int(cell[1])


def drive(robot: MobilePanda, pose: np.ndarray, speed: float = 1.0, is_straight: bool = False) -> Motion:
    """Outcome "done" when the base stands at pose float64[3] (x, y, yaw); the arm stays as it is."""
    start = robot.setpoint
    points = [pose[:2]] if is_straight else route(start[ARM_COUNT:ARM_COUNT + 2], pose[:2])
    path = np.stack([start[ARM_COUNT:ARM_COUNT + 2], *points])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    turn = (pose[2] - start[-1] + np.pi) % (2 * np.pi) - np.pi
    if abs(start[-1] + turn) > 2 * np.pi:  # the yaw joint ends there: unwind
        turn -= np.sign(turn) * 2 * np.pi
    if robot.is_smooth:
        yield from _drive_smoothly(robot, path, lengths, turn, speed)
        return ended("done", "arrived")
    fastest = _SHARE * speed * np.array(robot.base.speed)[1:]
    duration_s = np.pi / 2 * max(lengths[-1] / fastest[0], abs(turn) / fastest[1], 0.05)
    count = int(np.ceil(duration_s * robot.config.control_hz))
    for share in (1 - np.cos(np.pi * np.arange(1, count + 1) / count)) / 2:
        along = share * lengths[-1]
        x, y = (np.interp(along, lengths, path[:, axis]) for axis in range(2))
        yield np.concatenate([start[:ARM_COUNT], [x, y, start[-1] + share * turn]])
    return ended("done", "arrived")


def _drive_smoothly(robot: MobilePanda, path: np.ndarray, lengths: np.ndarray, turn: float, speed: float) -> Motion:
    """The same way inside the base's acceleration limits: nearly at rest at sharp corners."""
    start = robot.setpoint
    share = lengths / lengths[-1] if lengths[-1] > 0 else np.linspace(0.0, 1.0, len(lengths))
    way = np.column_stack([path, start[-1] + share * turn])
    fastest, acceleration = (np.array(v) for v in (robot.base.speed, robot.base.acceleration))
    for base in timed(way, _SHARE * speed * fastest, acceleration, 1.0 / robot.config.control_hz):
        yield np.concatenate([start[:ARM_COUNT], base])


def with_arm(robot: MobilePanda, motion: Motion) -> Motion:
    """The motion of an arm alone, its targets completed by a base that stands still."""
    base = robot.setpoint[ARM_COUNT:]
    while True:
        try:
            target = next(motion)
        except StopIteration as end:
            return end.value
        yield np.concatenate([target, base])
