"""A kitchen with a Panda on wheels: furniture, a drawer, a dozen goods, seven families of instructions."""

from __future__ import annotations

from types import MappingProxyType

from envs.domains.domain import Domain
from envs.experts.judge import SkillJudge
from envs.experts.kitchen import State, read_state, remaining_calls, why_failed
from envs.experts.kitchen_search import note, sample_queries
from envs.robots.mobile_panda import MobilePanda, views
from envs.skills.signatures import KITCHEN
from envs.tasks.kitchen.families import FAMILIES, KitchenTask
from envs.tasks.kitchen.perturbations import KitchenPerturber
from envs.tasks.kitchen.rewordings import rewordings
from envs.tasks.kitchen.scene import DRAWER, THINGS
from envs.world.floorplan import PLACES
from envs.world.graphics import Graphics
from envs.world.images import View
from envs.world.kitchen import DRAWER_FRICTION_N, DRAWER_JOINT, drawer_urdf, kitchen
from envs.world.world import World

SPECTATOR = View(eye=(-2.3, -3.0, 2.9), target=(0.2, 0.0, 0.45), up=(0.0, 0.0, 1.0), fov_rad=0.90, has_shadow=True,
                light=(0.5, -0.7, 2.0), far_m=9.0)
"""For pictures and videos; no observation comes from here."""


def make_world(graphics: Graphics) -> World:
    """The empty kitchen. Memoryless, or forks part by micrometres (see `World`)."""
    world = World(scenery=kitchen, is_memoryless=True, graphics=graphics)
    world.add_fixture(DRAWER, drawer_urdf(), [DRAWER_JOINT], DRAWER_FRICTION_N)
    return world


DOMAIN = Domain(
    name="kitchen", tasks=MappingProxyType({name: KitchenTask(name) for name in FAMILIES}),
    language=KITCHEN,
    entity_names=THINGS, make_world=make_world, make_robot=MobilePanda, views=views, spectator=SPECTATOR,
    remaining_calls=remaining_calls, sample_queries=sample_queries, note=note, tells_next_alone=True,
    rewordings=MappingProxyType(rewordings()),
    is_success=lambda progress, robot, scene: progress >= 1.0,  # some instructions are to hold a thing
    judge=SkillJudge(read_state, State.why_not, why_failed,
                     words=MappingProxyType({"place": tuple(PLACES), "object": THINGS})),
    make_perturber=KitchenPerturber)
