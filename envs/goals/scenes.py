"""Scenes as people write them, on a grid: their format, the table that one is, and a drawer of them.

    [{"name": "blue bowl", "at": [2, 1]}, {"name": "red block", "at": [4, 2], "size": "big"},
     {"name": "green block", "on": "red block"}, {"name": "red block 2", "in": "blue bowl"}]

Columns go from 1 (left, as the robot sees it) to 5, rows from 1 (near the robot) to 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from envs.goals.chance import ordered, pick, shuffled, weighted
from envs.goals.language import COLORS, TABLE
from envs.goals.table import Table, Thing

COLUMNS, ROWS = 5, 3
MOST_HIGH = 3
"""Blocks of a stack."""
MOST_IN_BOWL = 2
FREE_CELLS = 2
"""Cells that stay free, at least."""
SIDES_M = {"small": 0.034, "": 0.042, "big": 0.050}
BOWL_M = 0.132
_GRID_M = (0.12, 0.13)  # between rows, between columns
_ORIGIN_M = (0.30, 0.39)  # x of row 0, y of column 0

Scene = list[dict]


class SceneError(ValueError):
    """A list that is no scene: what was expected and what came."""


# A scene as a table --------------------------------------------------------------------------------------------------

def table_of(scene: Sequence[Mapping]) -> Table:
    """The table that a scene describes, every thing in the middle of its cell. Raises SceneError."""
    things: dict[str, Thing] = {}
    under: dict[str, str] = {}
    for told in scene:
        thing = _thing(told, things)
        if thing.name in things:
            raise SceneError(f"expected every name once, got {thing.name!r} again")
        things[thing.name] = thing
        if thing.kind == "block":
            under[thing.name] = told.get("on") or told.get("in") or TABLE
    return Table.of(things.values(), under)


def _thing(told: Mapping, things: Mapping[str, Thing]) -> Thing:
    words = str(told.get("name", "")).split()
    if len(words) not in (2, 3) or words[0] not in COLORS or words[1] not in ("block", "bowl"):
        raise SceneError(f"expected a name such as 'red block' or 'red block 2', got {told.get('name')!r}")
    if told.get("size", "") not in SIDES_M:
        raise SceneError(f"expected the size small or big, or none, got {told['size']!r}")
    side = BOWL_M if words[1] == "bowl" else SIDES_M[told.get("size", "")]
    return Thing(told["name"], words[1], words[0], side, *_spot(told, words[1], side, things))


def _spot(told: Mapping, kind: str, side: float, things: Mapping[str, Thing]) -> tuple[float, float, float]:
    """x, y, z of the middle, m."""
    if "at" in told:
        column, row = told["at"]
        if not (1 <= column <= COLUMNS and 1 <= row <= ROWS):
            raise SceneError(f"expected a cell from [1, 1] to [{COLUMNS}, {ROWS}], got {told['at']}")
        return _ORIGIN_M[0] + _GRID_M[0] * row, _ORIGIN_M[1] - _GRID_M[1] * column, 0.02 if kind == "bowl" else side / 2
    carrier = things.get(told.get("on") or told.get("in"))
    if carrier is None or kind == "bowl" or (carrier.kind == "bowl") != ("in" in told):
        raise SceneError(f"expected a block on a block, or in a bowl, that comes before it, got {dict(told)}")
    if carrier.kind == "bowl":
        return carrier.x, carrier.y, 0.006 + side / 2
    return carrier.x, carrier.y, carrier.z + carrier.side_m / 2 + side / 2


# Drawing -------------------------------------------------------------------------------------------------------------

def draw_scene(rng: np.random.Generator, *, things: tuple[int, int] = (3, 7), sizes: float = 0.45, heaped: float = 0.34
               ) -> Scene:
    """A scene of 1 to 4 bowls and 2 or more blocks.

    things: how many at least and at most (>= 3, <= 13). sizes: the share of scenes with blocks of several sizes.
    heaped: about the share of blocks on others or in bowls.
    """
    if not 3 <= things[0] <= things[1] <= COLUMNS * ROWS - FREE_CELLS:
        raise ValueError(f"expected 3 to {COLUMNS * ROWS - FREE_CELLS} things, got {things}")
    count = things[0] + int(rng.random() * (things[1] - things[0] + 1))
    bowls = min(weighted(rng, {1: 0.34, 2: 0.42, 3: 0.19, 4: 0.05}), count - 2)
    names = _names(rng, ["bowl"] * bowls + ["block"] * (count - bowls))
    cells = _cells(rng, bowls, count)
    scene: Scene = [{"name": name, "at": cell} for name, cell in zip(names[:bowls], cells[:bowls], strict=True)]
    is_sized, is_heaped = rng.random() < sizes, heaped * 2 * rng.random()
    for name, cell in zip(names[bowls:], cells[bowls:], strict=True):
        block = {"name": name, **({"size": size} if is_sized and (size := _size(rng)) else {})}
        carrier = _carrier(rng, scene, block) if rng.random() < is_heaped else {}
        scene.append({**block, **(carrier or {"at": cell})})
    return scene


def _size(rng: np.random.Generator) -> str:
    return weighted(rng, {"": 0.3, "small": 0.35, "big": 0.35})


def _names(rng: np.random.Generator, kinds: Sequence[str]) -> list[str]:
    """Names of things in colours of which some come twice, and often of the bowls' colours."""
    palette = shuffled(rng, COLORS)[:weighted(rng, {2: 0.1, 3: 0.25, 4: 0.25, 6: 0.2, 8: 0.2})]
    names: list[str] = []
    for kind in kinds:
        color = pick(rng, palette)
        if any(n.startswith(f"{color} {kind}") for n in names) and rng.random() < (0.85 if kind == "bowl" else 0.4):
            color = pick(rng, COLORS)
        same = sum(n.startswith(f"{color} {kind}") for n in names)
        names.append(f"{color} {kind}" + (f" {same + 1}" if same else ""))
    return names


def _cells(rng: np.random.Generator, bowls: int, count: int) -> list[list[int]]:
    """Cells of the bowls, of which no two are neighbours where that can be had, then of the blocks."""
    free = shuffled(rng, [[c, r] for c in range(1, COLUMNS + 1) for r in range(1, ROWS + 1)])
    taken: list[list[int]] = []
    for _ in range(bowls):
        apart = [c for c in free if all(abs(c[0] - t[0]) + abs(c[1] - t[1]) > 1 for t in taken)]
        taken.append((apart or free)[0])
        free.remove(taken[-1])
    return taken + free[:count - bowls]


def _carrier(rng: np.random.Generator, scene: Scene, block: dict) -> dict[str, str]:
    """What a block may be put on or in: {"on": name} or {"in": name}; {} where there is nothing."""
    for way in ordered(rng, {"in": 0.4, "on": 0.6}):
        fit = [t["name"] for t in scene if _may_carry(scene, t, block, way)]
        if fit:
            return {way: pick(rng, fit)}
    return {}


def _may_carry(scene: Scene, carrier: dict, block: dict, way: str) -> bool:
    name = carrier["name"]
    if way == "in":
        return "bowl" in name and sum(t.get("in") == name for t in scene) < MOST_IN_BOWL
    if "bowl" in name or "in" in carrier or any(t.get("on") == name for t in scene):
        return False
    sizes = ("small", "", "big")
    fits = sizes.index(block.get("size", "")) <= sizes.index(carrier.get("size", ""))
    return fits and _height(scene, carrier) < MOST_HIGH


def _height(scene: Scene, block: dict) -> int:
    """How many blocks stand there up to this one."""
    below = block.get("on")
    return 1 + (_height(scene, next(t for t in scene if t["name"] == below)) if below else 0)
