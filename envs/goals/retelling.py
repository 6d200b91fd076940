"""From a table in symbols back to a told scene, which can be built: such as one that a robot perceived."""

from __future__ import annotations

from collections.abc import Mapping

from envs.goals.language import COLORS, TABLE
from envs.goals.scene_spec import MOST_THINGS, SceneError, Told
from envs.goals.table import Table
from envs.interface import BOWL_FLOOR_M, BOWL_SIZE_M


def told_again(table: Table, yaws_rad: Mapping[str, float]) -> tuple[Told, ...]:
    """The scene of a table, carriers first, each thing where it is. yaws_rad: by name, of those that are known.

    Raises SceneError for what cannot be told: too many things, another kind or color, or one that is held.
    """
    if not 0 < len(table.things) <= MOST_THINGS or table.held is not None:
        raise SceneError(f"scene: expected 1 to {MOST_THINGS} things, none of them held, got {len(table.things)}, "
                         f"held: {table.held}")
    told: dict[str, Told] = {}
    for name in sorted(table.things, key=lambda name: len(table.below(name))):
        thing, carrier = table.things[name], table.under.get(name, TABLE)
        if thing.color not in COLORS or thing.kind not in ("block", "bowl"):
            raise SceneError(f"scene: expected blocks and bowls of {', '.join(COLORS)}, got a {thing.color} "
                             f"{thing.kind}")
        bottom_z_m = 0.0
        if carrier != TABLE:
            base = told[carrier]
            bottom_z_m = BOWL_FLOOR_M if base.kind == "bowl" else base.top_z_m
        side_m = BOWL_SIZE_M[0] if thing.kind == "bowl" else thing.side_m
        told[name] = Told(name, thing.kind, thing.color, side_m, carrier, thing.x, thing.y, bottom_z_m,
                          yaws_rad.get(name))
    return tuple(told.values())
