"""What holds on the table right now, read from the true state of the world. PRIVILEGED: judging, labels and experts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from envs.goals.language import TABLE
from envs.tasks.scene import of_kind
from envs.world import BOWL_HEIGHT_M, BOWL_INNER_RADIUS_M, World

GONE = "gone"
"""Where a block is that has fallen off the table."""

REST_SPEED_M_S = 0.01
_LIFTED_M = 0.03
_FALLEN_Z_M = -0.01  # a centre this low is below the table top: no block is that small
_SEAT_TOLERANCE_M = 0.012  # how far a face may seem to sink into what carries it: contact slop, tilt, slanted walls


@dataclass(frozen=True, slots=True)
class Rest:
    """What holds of things on the table at rest, the robot clear of them, or in its hand, clear of all else."""

    world: World

    def holds(self, thing: str, relation: str, place: str | None) -> bool:
        """Whether one thing is "in" a bowl, "on" a block, or "held"."""
        if relation == "held":
            return is_lifted(self.world, thing)
        check = is_inside if relation == "in" else is_upon
        if not check(self.world, thing, place):  # first, for it is the cheapest to deny
            return False
        return not any(self.world.speed(n) > REST_SPEED_M_S or self.world.robot_touches(n) for n in (thing, place))


def is_lifted(world: World, name: str) -> bool:
    """Whether the robot holds a block clear of the table and of everything else."""
    others = (TABLE, *(other for other in world.names() if other != name))
    clear_m = world.pose(name)[0][2] - world.size(name)[2] / 2
    return (clear_m > _LIFTED_M and world.robot_touches(name)
            and not any(world.is_touching(name, other) for other in others))


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
               for other in of_kind(world.names(), "block") if other != block)


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
