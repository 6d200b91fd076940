"""Scenes that are told: the format in which people and tests write a whole table down, and the table that it means.

    [{"name": "red block", "at": [2, 1]},                          column 1 (left) .. 5, row 1 (near the robot) .. 3
     {"name": "red block 2", "on": "red block", "size": "small"},   small, plain or big; a second one of its looks
     {"name": "blue bowl", "at": [4, 2]},
     {"name": "green block", "in": "blue bowl"}]

What carries a thing is told before it. docs/goals.md has the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from envs.goals.language import COLORS, TABLE
from envs.goals.spreading import spread
from envs.goals.table import Table, Thing
from envs.interface import BOWL_FLOOR_M, BOWL_SIZE_M
from envs.names import unknown

COLUMNS, ROWS = 5, 3
SIDES_M = {"small": 0.034, "": 0.042, "big": 0.050}
"""Size of a block -> its side; "" where nobody says."""
FEWEST_THINGS, MOST_THINGS = 1, 10
MOST_LEVELS = 3
"""Blocks of a stack, at most."""
MOST_IN_BOWL = 2
MOST_ALIKE = 9

_NEAREST_M, _ROW_M, _COLUMN_M = 0.30, 0.12, 0.13
_OVERHANG_M = 0.003  # how much wider than its base a block may be
_PLAY_M = 0.001  # between two blocks in a bowl
_PLACINGS = ("at", "on", "in")


class SceneError(ValueError):
    """A scene that cannot be built: what was expected, what came, what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing of a told scene. carrier: the thing that it lies on or in, or TABLE. side_m: of a bowl its width. x, y:
    of its middle, m; bottom_z_m: of its lower face. yaw_rad: None where it may be turned any way."""

    name: str
    kind: str
    color: str
    side_m: float
    carrier: str
    x: float
    y: float
    bottom_z_m: float
    yaw_rad: float | None = None

    @property
    def top_z_m(self) -> float:
        return self.bottom_z_m + (BOWL_SIZE_M[2] if self.kind == "bowl" else self.side_m)


def read_scene(spec: Any) -> tuple[Told, ...]:
    """The things of a told scene, carriers first. Raises SceneError, never anything else, for what is none."""
    if not isinstance(spec, Sequence) or isinstance(spec, str) or not FEWEST_THINGS <= len(spec) <= MOST_THINGS:
        got = f"{len(spec)} of them" if isinstance(spec, Sequence) and not isinstance(spec, str) else repr(spec)[:60]
        raise SceneError(f"scene: expected a list of {FEWEST_THINGS} to {MOST_THINGS} things, got {got}")
    things: dict[str, Told] = {}
    cells: dict[tuple[int, int], str] = {}
    for entry in spec:
        told = _read_thing(entry, things, cells)
        things[told.name] = told
    return tuple(_side_by_side(_spread(things)).values())


def table_of(things: Sequence[Told]) -> Table:
    """The table that a told scene means, in symbols, without physics."""
    there = (Thing(t.name, t.kind, t.color, t.side_m, t.x, t.y, (t.bottom_z_m + t.top_z_m) / 2) for t in things)
    return Table.of(there, {t.name: t.carrier for t in things if t.kind == "block"})


# One thing ------------------------------------------------------------------------------------------------------------

def _read_thing(entry: Any, things: Mapping[str, Told], cells: dict[tuple[int, int], str]) -> Told:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise SceneError(f'scene: expected things such as {{"name": "red block", "at": [2, 1]}}, got '
                         f"{repr(entry)[:80]}")
    name, placing = entry["name"], [key for key in _PLACINGS if key in entry]
    for key in entry:
        if key not in ("name", "size", *_PLACINGS):
            raise SceneError(f"scene, {name}: " + unknown(str(key), ("name", "size", *_PLACINGS), what="keys"))
    if len(placing) != 1:
        raise SceneError(f"scene, {name}: expected one of at, on, in, got {' and '.join(placing) or 'none'}")
    color, kind = _looks(name)
    if name in things:
        raise SceneError(f"scene: expected each name once, got {name!r} twice; call it {_next(name, things)!r}")
    side_m = _side_m(name, kind, entry.get("size"))
    if placing == ["at"]:
        x, y = _cell(name, entry["at"], cells)
        return Told(name, kind, color, side_m, TABLE, x, y, 0.0)
    base = _carrier(name, kind, side_m, placing[0], entry[placing[0]], things)
    bottom_z_m = BOWL_FLOOR_M if base.kind == "bowl" else base.top_z_m
    return Told(name, kind, color, side_m, base.name, base.x, base.y, bottom_z_m)


def _looks(name: str) -> tuple[str, str]:
    color, kind, *number = [*name.split(" "), ""][:4]
    numbers = ("", *(str(n) for n in range(2, MOST_ALIKE + 1)))
    if color not in COLORS or kind not in ("block", "bowl") or " ".join([color, kind, *filter(None, number)]) != name \
            or number[0] not in numbers:
        raise SceneError(f"scene: expected a name such as 'red block', 'blue bowl' or, of a second one, 'red block 2' "
                         f"(up to {MOST_ALIKE}; colors: {', '.join(COLORS)}), got {name[:60]!r}")
    return color, kind


def _next(name: str, things: Mapping[str, Told]) -> str:
    stem = " ".join(name.split(" ")[:2])
    return next((f"{stem} {n}" for n in range(2, MOST_ALIKE + 1) if f"{stem} {n}" not in things), stem)


def _side_m(name: str, kind: str, size: Any) -> float:
    if kind == "bowl":
        if size is not None:
            raise SceneError(f"scene, {name}: expected no size, for bowls have one, got {size!r}; leave it out")
        return BOWL_SIZE_M[0]
    if size is not None and size not in ("small", "big"):
        raise SceneError(f"scene, {name}: expected size 'small' or 'big', or none, got {repr(size)[:40]}")
    return SIDES_M[size or ""]


def _cell(name: str, cell: Any, cells: dict[tuple[int, int], str]) -> tuple[float, float]:
    """World x, y of the middle of a cell, m."""
    is_pair = isinstance(cell, Sequence) and len(cell) == 2 and all(type(v) is int for v in cell)
    if not is_pair or not (1 <= cell[0] <= COLUMNS and 1 <= cell[1] <= ROWS):
        raise SceneError(f"scene, {name}: expected at [column 1 to {COLUMNS}, row 1 to {ROWS}], got {repr(cell)[:40]}")
    column, row = cell
    if (column, row) in cells:
        raise SceneError(f"scene, {name}: expected a free cell, got {[column, row]}, where the "
                         f"{cells[column, row]} stands; choose another, or put it on or in that")
    cells[column, row] = name
    return round(_NEAREST_M + _ROW_M * row, 6), round((3 - column) * _COLUMN_M, 6)


def _carrier(name: str, kind: str, side_m: float, how: str, carrier: Any, things: Mapping[str, Told]) -> Told:
    """What carries a thing, where it can."""
    if kind == "bowl":
        raise SceneError(f"scene, {name}: expected a bowl to stand at a cell, got {how} {carrier!r}")
    base = things.get(carrier) if isinstance(carrier, str) else None
    if base is None:
        raise SceneError(f"scene, {name}: expected {how} one of {list(things)}, told before it, got "
                         f"{repr(carrier)[:60]}")
    if (how == "in") != (base.kind == "bowl"):
        raise SceneError(f"scene, {name}: expected {'in a bowl' if how == 'in' else 'on a block'}, got {how} the "
                         f"{base.name}; write {'on' if how == 'in' else 'in'}")
    load = [other.name for other in things.values() if other.carrier == base.name]
    most = MOST_IN_BOWL if how == "in" else 1
    if len(load) >= most:
        raise SceneError(f"scene, {name}: expected at most {most} right {how} the {base.name}, got one beside {load}")
    if how == "in":
        if load and any(other.carrier == load[0] for other in things.values()):
            raise SceneError(f"scene, {name}: expected room beside the {load[0]} in the {base.name}, got a stack; "
                             f"what shares a bowl carries nothing")
    else:
        _check_stack(name, side_m, base, things)
    return base


def _check_stack(name: str, side_m: float, base: Told, things: Mapping[str, Told]) -> None:
    if side_m > base.side_m + _OVERHANG_M:
        raise SceneError(f"scene, {name}: expected a block no bigger than the {base.name} that carries it, got one of "
                         f"{side_m} m on {base.side_m} m")
    below, levels = base, 2
    while below.carrier in things and things[below.carrier].kind == "block":
        below, levels = things[below.carrier], levels + 1
    if levels > MOST_LEVELS:
        raise SceneError(f"scene, {name}: expected stacks of at most {MOST_LEVELS} blocks, got {levels}")
    if any(t.carrier == below.carrier != TABLE and t is not below for t in things.values()):
        raise SceneError(f"scene, {name}: expected nothing on blocks that share a bowl, got it on the {base.name}")


# Together -------------------------------------------------------------------------------------------------------------

def _spread(things: Mapping[str, Told]) -> dict[str, Told]:
    """The same with room between neighbours, and what they carry with them."""
    standing = {t.name: t for t in things.values() if t.carrier == TABLE}
    at = spread({name: (t.x, t.y) for name, t in standing.items()},
                {name: t.side_m / 2 if t.kind == "bowl" else t.side_m * math.sqrt(0.5) for name, t in standing.items()})
    moved: dict[str, Told] = {}
    for name, told in things.items():
        x, y = at[name] if name in at else (moved[told.carrier].x, moved[told.carrier].y)
        moved[name] = replace(told, x=x, y=y)
    return moved


def _side_by_side(things: dict[str, Told]) -> dict[str, Told]:
    """The same with two blocks in one bowl beside each other, across the corner of the grid: neither is much further
    to the left, or nearer, than what stands in the bowl's column or row."""
    for bowl in [t for t in things.values() if t.kind == "bowl"]:
        pair = [t for t in things.values() if t.carrier == bowl.name]
        if len(pair) == 2:
            for told, sign in zip(pair, (1, -1), strict=True):
                other = pair[1] if told is pair[0] else pair[0]
                away = sign * (other.side_m + _PLAY_M) / 2 * math.sqrt(0.5)
                things[told.name] = replace(told, x=bowl.x + away, y=bowl.y + away, yaw_rad=math.pi / 4)
    return things

