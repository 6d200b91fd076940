"""The world: what can be sensed, what can be done, what counts as done. Has never heard of a neural network.

Importing it registers the gymnasium ids as strings; PyBullet is loaded when one of them is made.
"""

from __future__ import annotations

import gymnasium

from envs.interface import DOMAINS, FOREIGN_IDS, GOAL_ID, domain_id

MAX_CALLS = 20
"""Skill calls after which an episode is truncated."""
_MAX_CALLS_OF = {"embodied/BoardSortCorners-v0": 60, "embodied/BoardPushSide-v0": 40, "embodied/Board-v0": 60,
                 "kitchen": 60}
"""The same of an id, or of a whole domain, where that is too few: four things to fetch take sixteen calls."""
MAX_PERIODS = 1200
"""Control periods after which a joint-level episode is truncated: one minute."""


def _register(id: str, domain: str, task: str | None) -> None:
    limit = _MAX_CALLS_OF.get(id, _MAX_CALLS_OF.get(domain, MAX_CALLS))
    levels = ((id, "envs.levels:skill_level", limit),
              (id.replace("-v0", "Joint-v0"), "envs.levels:joint_level", MAX_PERIODS))
    for full_id, entry_point, limit in levels:
        if full_id not in gymnasium.registry:
            gymnasium.register(full_id, entry_point=entry_point, max_episode_steps=limit,
                               kwargs={"domain": domain, "task": task})


for _domain, _ids in DOMAINS.items():
    for _task, _id in _ids.items():
        _register(_id, _domain, _task)
    _register(domain_id(_domain), _domain, None)

_register(GOAL_ID, "tabletop", "goal")

for _task, _id in FOREIGN_IDS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(_id, entry_point="envs.foreign.panda_gym:make_env", max_episode_steps=MAX_CALLS,
                           kwargs={"task": _task})
