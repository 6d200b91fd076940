"""The expert of every family: reads the true state of the world into a table and plans. ORACLE."""

from __future__ import annotations

from collections.abc import Sequence

from envs.goals import planner
from envs.goals.table import Table
from envs.goals.wanted import Target
from envs.interface import NamedCall
from envs.tasks.scene import Scene
from envs.tasks.told_scenes import read_table
from envs.world import World


def read(world: World, scene: Scene, held: str | None) -> Table:
    """What a scene's things are to each other now."""
    return read_table(world, scene.names, held)


def remaining_calls(world: World, scene: Scene, held: str | None) -> list[NamedCall]:
    """Every call that is still needed from the current state, [] when the goal holds."""
    return plan(read(world, scene, held), scene.goal)


def plan(table: Table, goal: Sequence[Target]) -> list[NamedCall]:
    """Every call that is still needed, [] when the goal holds; instructions about what fell off the table are given
    up."""
    return planner.plan_step(table, [t for t in goal if t.thing in table.things and t.place in (None, *table.things)])
