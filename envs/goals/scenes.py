"""Scenes drawn by chance, in the format of `envs.goals.scene_spec`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.goals.chance import ordered, pick, shuffled, weighted
from envs.goals.language import COLORS
from envs.goals.scene_spec import COLUMNS, MOST_IN_BOWL, MOST_LEVELS, ROWS, read_scene
from envs.goals.scene_spec import table_of as table_of_told
from envs.goals.table import Table

FREE_CELLS = 2
"""Cells that stay free, at least."""

Scene = list[dict]


def table_of(scene: Sequence[dict]) -> Table:
    """The table that a scene means, in symbols. Raises SceneError."""
    return table_of_told(read_scene(scene))


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
    return fits and _height(scene, carrier) < MOST_LEVELS


def _height(scene: Scene, block: dict) -> int:
    """How many blocks stand there up to this one."""
    below = block.get("on")
    return 1 + (_height(scene, next(t for t in scene if t["name"] == below)) if below else 0)
