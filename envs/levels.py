"""What `gymnasium.make` calls for an id of each level: the environment, here or in a process of its own."""

from __future__ import annotations

from typing import Any

import gymnasium

from envs.isolation.env import DEADLINE_S, IsolatedEnv
from envs.joint_env import JointEnv, WorldEnv
from envs.skill_env import SkillEnv


def skill_level(*, isolated: bool = False, deadline_s: float | None = DEADLINE_S, **kwargs: Any) -> gymnasium.Env:
    """A `SkillEnv` of these arguments; isolated: see `IsolatedEnv`, which deadline_s belongs to."""
    return _made(SkillEnv, isolated, deadline_s, kwargs)


def joint_level(*, isolated: bool = False, deadline_s: float | None = DEADLINE_S, **kwargs: Any) -> gymnasium.Env:
    """A `JointEnv`, the same way."""
    return _made(JointEnv, isolated, deadline_s, kwargs)


skill_level.metadata, joint_level.metadata = SkillEnv.metadata, JointEnv.metadata  # gymnasium looks for them here


RENAMED = {"disturbances": "perturbations"}
"""Keywords as they were -> as they are."""


def _made(level: type[WorldEnv], isolated: bool, deadline_s: float | None, kwargs: dict[str, Any]) -> gymnasium.Env:
    for old in RENAMED.keys() & kwargs.keys():
        raise TypeError(f"{old}: is called {RENAMED[old]} now")
    return IsolatedEnv(level, kwargs, deadline_s) if isolated else level(**kwargs)
