"""Told scenes in physics, and what stands on a table as the goal language sees it. PRIVILEGED: it reads true state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from envs.goals.scene_spec import Told
from envs.goals.table import Table, Thing
from envs.tasks import predicates
from envs.tasks.scene import COLORS, Entity, split_name
from envs.world import BOWL_FLOOR_M, BOWL_HEIGHT_M, BOWL_INNER_RADIUS_M, BOWL_OUTER_RADIUS_M, World
from envs.world.shapes import BOWL_FOOT_RADIUS_M

_SETTLE_S = 3.0


def build(world: World, rng: np.random.Generator, things: Sequence[Told]) -> tuple[Entity, ...]:
    """Puts the things of a told scene into the empty world and lets them come to rest. rng: which way they are
    turned. Returns them in an order that says nothing of how they were told."""
    for told in things:
        yaw_rad = float(rng.uniform(-np.pi, np.pi))
        spot = {"rgb": COLORS[told.color], "xy": (told.x, told.y),
                "yaw_rad": yaw_rad if told.yaw_rad is None else told.yaw_rad}
        if told.kind == "bowl":
            world.spawn_bowl(told.name, **spot)
        else:
            is_in_bowl = told.yaw_rad is not None and any(t.name == told.carrier and t.kind == "bowl" for t in things)
            bottom_z_m = told.bottom_z_m + is_in_bowl * _lift_m(told, things)
            world.spawn_block(told.name, side_m=told.side_m, bottom_z_m=bottom_z_m, **spot)
    world.settle(_SETTLE_S)
    shuffled = [things[i] for i in rng.permutation(len(things))]
    return tuple(Entity(t.name, t.kind, t.color, tuple(world.size(t.name).tolist())) for t in shuffled)


def _lift_m(told: Told, things: Sequence[Told]) -> float:
    """How far above the floor of its bowl a block that shares it with another meets the slanted wall, m."""
    width_m = sum(t.side_m for t in things if t.carrier == told.carrier)
    corner_m = math.hypot(told.side_m / 2, width_m / 2)
    inner_foot_m = BOWL_FOOT_RADIUS_M - (BOWL_OUTER_RADIUS_M - BOWL_INNER_RADIUS_M)
    share = (corner_m - inner_foot_m) / (BOWL_INNER_RADIUS_M - inner_foot_m)
    return max(0.0, share) * (BOWL_HEIGHT_M - BOWL_FLOOR_M)


def read_table(world: World, names: Iterable[str], held: str | None) -> Table:
    """What the named things are to each other now; what fell off the table is left out. held: what is in the hand."""
    there = [name for name in names if not predicates.is_gone(world, name)]
    blocks = [name for name in there if split_name(name)[1] == "block"]
    bowls = [name for name in there if name not in blocks]
    under = predicates.supports(world, blocks, bowls, held)
    askew = [block for block, carrier in under.items()
             if carrier in under and not predicates.is_upon(world, block, carrier)]
    return Table.of((_thing(world, name) for name in there), under, held if held in there else None, askew)


def _thing(world: World, name: str) -> Thing:
    color, kind = split_name(name)
    return Thing(name, kind, color, float(world.size(name)[0]), *world.pose(name)[0].tolist())
