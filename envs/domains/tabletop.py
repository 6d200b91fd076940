"""Blocks and bowls on a table before an arm (the Panda if none is named), two fixed cameras, five families of tasks,
and any goal of the goal language."""

from __future__ import annotations

from types import MappingProxyType

from envs.domains.domain import Domain
from envs.experts.goals import remaining_calls, sample_queries
from envs.experts.judge import TABLE_JUDGE
from envs.robots.arms import ARMS
from envs.sensors import cameras
from envs.skills.signatures import TABLETOP_GOALS
from envs.tasks import TASKS, make_task
from envs.tasks.goal_task import GOAL_TASK
from envs.tasks.perturbations import Perturber
from envs.tasks.scene import ENTITY_NAMES
from envs.world import World

DOMAIN = Domain(
    name="tabletop", tasks=MappingProxyType({name: make_task(name) for name in TASKS}), language=TABLETOP_GOALS,
    entity_names=ENTITY_NAMES, make_world=lambda graphics: World(graphics=graphics), make_robot=ARMS["panda"],
    views=lambda robot: cameras.VIEWS,
    spectator=cameras.SPECTATOR, remaining_calls=remaining_calls, sample_queries=sample_queries,
    judge=TABLE_JUDGE, make_perturber=Perturber, robots=ARMS,
    told=GOAL_TASK, is_table=True)
