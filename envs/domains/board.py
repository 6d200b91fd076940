"""Coloured blocks on a board before a pushing peg (Language-Table's kind), a top and an oblique camera, nine tasks."""

from __future__ import annotations

from types import MappingProxyType

from envs.domains.domain import Domain
from envs.experts.board import remaining_calls, sample_queries
from envs.experts.board_judge import BOARD_JUDGE
from envs.interface import Workspace
from envs.robots.pusher import Pusher
from envs.skills.signatures import BOARD
from envs.tasks.board_families import BOARD_TASKS, make_board_task
from envs.tasks.board_perturbations import BoardPerturber
from envs.tasks.board_rewordings import rewordings
from envs.tasks.board_words import PHRASINGS
from envs.world import World
from envs.world.board import BOARD_HIGH_M, BOARD_LOW_M, board
from envs.world.images import View
from envs.world.toys import TOY_HEIGHT_M, TOY_NAMES

VIEWS = MappingProxyType({
    "front": View(eye=(-0.42, 0.0, 0.70), target=(0.36, 0.0, 0.0), up=(0.0, 0.0, 1.0), fov_rad=0.78),
    "top": View(eye=(0.40, 0.0, 1.40), target=(0.40, 0.0, 0.0), up=(1.0, 0.0, 0.0), fov_rad=0.63),
})
"""Camera name -> where it stands. Both have the top of the board upwards and its left to the left."""

SPECTATOR = View(eye=(-0.42, -0.55, 0.66), target=(0.36, -0.03, 0.0), up=(0.0, 0.0, 1.0), fov_rad=0.80, has_shadow=True,
                light=(-0.5, -0.7, 2.0))

DOMAIN = Domain(
    name="board", tasks=MappingProxyType({name: make_board_task(name) for name in BOARD_TASKS}),
    language=BOARD,
    entity_names=TOY_NAMES, make_robot=Pusher,
    make_world=lambda graphics: World(scenery=board, is_memoryless=True, graphics=graphics),
    views=lambda robot: VIEWS, spectator=SPECTATOR, remaining_calls=remaining_calls, sample_queries=sample_queries,
    tells_next_alone=True,
    workspace=Workspace((*BOARD_LOW_M.tolist(), 0.0), (*BOARD_HIGH_M.tolist(), TOY_HEIGHT_M)),
    judge=BOARD_JUDGE, rewordings=MappingProxyType(rewordings(PHRASINGS)), make_perturber=BoardPerturber)
