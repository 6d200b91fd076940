"""PaLM-E's task-and-motion-planning table: questions about stacked blocks, and instructions that need clearing
first."""

from __future__ import annotations

from types import MappingProxyType

from envs.domains.domain import Domain
from envs.experts.judge import TABLE_JUDGE
from envs.experts.tamp import is_right, remaining_calls, sample_queries
from envs.robots.arms import ARMS
from envs.sensors import cameras
from envs.skills.signatures import TAMP
from envs.tasks.perturbations import Perturber
from envs.tasks.scene import PLAIN_NAMES
from envs.tasks.tamp import TAMP_TASKS, TampTask
from envs.tasks.tamp_rewordings import rewordings
from envs.tasks.tamp_words import NAMINGS
from envs.world import World

_TASKS = MappingProxyType({naming: {name: TampTask(name, naming) for name in TAMP_TASKS} for naming in NAMINGS})

DOMAIN = Domain(
    name="tamp", tasks=_TASKS["color"], variants=MappingProxyType({"naming": _TASKS}), language=TAMP,
    entity_names=PLAIN_NAMES, make_world=lambda graphics: World(graphics=graphics), make_robot=ARMS["panda"],
    views=lambda robot: cameras.VIEWS,
    spectator=cameras.SPECTATOR, remaining_calls=remaining_calls, sample_queries=sample_queries,
    questions=TAMP_TASKS, is_right=is_right, rewordings=MappingProxyType(rewordings()),
    judge=TABLE_JUDGE, make_perturber=Perturber, robots=ARMS, is_table=True, objects=(3, 5),
    is_success=lambda progress, robot, scene: progress >= 1.0)
