"""Blocks and bowls on a table before an arm (the Panda if none is named), two fixed cameras, five families of tasks."""

from __future__ import annotations

from types import MappingProxyType

from envs.domains.domain import Domain
from envs.experts import remaining_calls, sample_asks
from envs.experts.judge import TABLE_JUDGE
from envs.robots.arms import ARMS
from envs.sensors import cameras
from envs.skills.signatures import TABLETOP
from envs.tasks import TASKS, make_task
from envs.tasks.disturbances import Disturber
from envs.tasks.scene import ENTITY_NAMES
from envs.world import World

DOMAIN = Domain(
    name="tabletop", tasks=MappingProxyType({name: make_task(name) for name in TASKS}), language=TABLETOP,
    entity_names=ENTITY_NAMES, make_world=lambda graphics: World(graphics=graphics), make_robot=ARMS["panda"],
    views=lambda robot: cameras.VIEWS,
    onlooker=cameras.ONLOOKER, remaining_calls=remaining_calls, sample_asks=sample_asks,
    judge=TABLE_JUDGE, make_disturber=Disturber, robots=ARMS)
