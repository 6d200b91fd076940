"""What holds on the table right now, read from the true state of the world. PRIVILEGED: judging, labels and experts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from envs.tasks.scene import In, Relation, split_name
from envs.world import BOWL_HEIGHT_M, BOWL_INNER_RADIUS_M, World

TABLE = "table"
GONE = "gone"
"""Where a block is that has fallen off the table."""

REST_SPEED_M_S = 0.01
_FALLEN_Z_M = -0.01  # a centre this low is below the table top: no block is that small
_SEAT_TOLERANCE_M = 0.012  # how far a face may seem to sink into what carries it: contact slop, tilt, slanted walls


def holds(world: World, relation: Relation) -> bool:
    """Whether a relation of a goal holds, at rest and with the robot clear of both its things."""
    check = is_inside if isinstance(relation, In) else is_upon
    if not check(world, relation.block, relation.destination):  # first, for it is the cheapest to deny
        return False
    pair = (relation.block, relation.destination)
    return not any(world.speed(n) > REST_SPEED_M_S or world.robot_touches(n) for n in pair)


def progress(world: World, goal: tuple[Relation, ...]) -> float:
    """Share of the relations that hold, in [0, 1]."""
    return sum(holds(world, relation) for relation in goal) / len(goal)


def is_gone(world: World, name: str) -> bool:
    """Whether it fell off the table."""
    return bool(world.pose(name)[0][2] < _FALLEN_Z_M)


def is_inside(world: World, block: str, bowl: str) -> bool:
    """Whether the block's centre is over the bowl's opening, and the bowl or a block inside it carries the block."""
    if world.offset_m(block, bowl) > BOWL_INNER_RADIUS_M:
        return False
    lowest_z_m = world.pose(block)[0][2] - _half_height_m(world, block) - world.pose(bowl)[0][2]
    if abs(lowest_z_m) < BOWL_HEIGHT_M / 2 + _SEAT_TOLERANCE_M and lowest_z_m < BOWL_HEIGHT_M / 2:
        return True
    return any(_rests_upon(world, block, other) and is_inside(world, other, bowl)
               for other in world.names() if other != block and split_name(other)[1] == "block")


def is_upon(world: World, block: str, base: str) -> bool:
    """Whether the block touches the base, lies above it, and has its centre over it: it stands of its own."""
    return world.offset_m(block, base) <= 0.5 * world.size(base)[0] and _rests_upon(world, block, base)


def _rests_upon(world: World, block: str, base: str) -> bool:
    lowest_z_m = world.pose(block)[0][2] - _half_height_m(world, block)
    top_z_m = world.pose(base)[0][2] + _half_height_m(world, base)
    return lowest_z_m > top_z_m - _SEAT_TOLERANCE_M and world.is_touching(block, base)


def _half_height_m(world: World, name: str) -> float:
    """Half the height of the upright box around a body, whatever its tilt."""
    x, y, z, w = world.pose(name)[1]
    up = np.abs([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)])
    return float(up @ world.size(name) / 2)


def supports(world: World, blocks: Iterable[str], bowls: Iterable[str], held: str | None) -> dict[str, str]:
    """Block -> what carries it: a block, a bowl, the table, or GONE; the held block is left out."""
    blocks, bowls = tuple(blocks), tuple(bowls)
    return {b: _support(world, b, [o for o in blocks if o not in (b, held)], bowls) for b in blocks if b != held}


def _support(world: World, block: str, others: list[str], bowls: tuple[str, ...]) -> str:
    if is_gone(world, block):
        return GONE
    below = [other for other in others if _rests_upon(world, block, other)]
    if below:
        return min(below, key=lambda other: world.offset_m(block, other))
    return next((bowl for bowl in bowls if is_inside(world, block, bowl)), TABLE)
