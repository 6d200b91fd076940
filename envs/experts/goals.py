"""The expert of the goal language, and its labels: reads the true state of the world into a table and plans. ORACLE."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.experts import oracle, queries
from envs.goals import planner
from envs.goals.references import Trouble
from envs.interface import NamedCall
from envs.tasks.goal_task import GoalScene
from envs.tasks.scene import Scene
from envs.tasks.told_scenes import read_table
from envs.world import World


def remaining_calls(world: World, scene: Scene | GoalScene, held: str | None) -> list[NamedCall]:
    """Every call that is still needed from the current state, [] when the goal holds or can no longer be had."""
    if not isinstance(scene, GoalScene):
        return oracle.remaining_calls(world, scene, held)
    if scene.aim is None:
        return []
    now = scene.now(read_table(world, scene.names, held))
    try:
        return planner.plan(now.tables[-1], scene.aim, reached=now.reached)
    except Trouble:
        return []


def sample_queries(world: World, scene: Scene | GoalScene, rng: np.random.Generator, count: int, held: str | None,
                   instruction: str) -> list[dict[str, Any]]:
    """As `queries.sample_queries`: the first one is the scene's own, whatever told its goal."""
    if not isinstance(scene, GoalScene):
        return queries.sample_queries(world, scene, rng, count, held, instruction)
    own = {"task": scene.task, "instruction": instruction, "refusal": None, "is_question": False, "any_order": False,
           "calls": [list(call) for call in remaining_calls(world, scene, held)], "about": _about(scene)}
    return [own, *queries.others(oracle.read(world, scene, held), rng, count - 1)]


def _about(scene: GoalScene) -> list[str]:
    """What the answer rests on: the things of the first way of meeting the goal."""
    targets = [target for step in scene.aim.ways[0] for target in step] if scene.aim else []
    names = dict.fromkeys(name for t in targets for name in (t.thing, t.place))
    return [name for name in names if name in scene.names]
