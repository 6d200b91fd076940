"""What `gymnasium.make` calls for an id of each level: the environment, here or in a process of its own."""

from __future__ import annotations

from typing import Any

import gymnasium

from envs.isolation.env import DEADLINE_S, IsolatedEnv
from envs.joint_env import JointEnv, WorldEnv
from envs.numeric import NumericEnv
from envs.skill_env import SkillEnv


def skill_level(*, isolated: bool = False, deadline_s: float | None = DEADLINE_S, instruction: bool = True,
                **kwargs: Any) -> gymnasium.Env:
    """A `SkillEnv` of these arguments; isolated: see `IsolatedEnv`, which deadline_s belongs to. instruction: False for
    the environment in numbers, see `NumericEnv`."""
    return _made(SkillEnv, isolated, deadline_s, instruction, kwargs)


def joint_level(*, isolated: bool = False, deadline_s: float | None = DEADLINE_S, instruction: bool = True,
                **kwargs: Any) -> gymnasium.Env:
    """A `JointEnv`, the same way."""
    return _made(JointEnv, isolated, deadline_s, instruction, kwargs)


skill_level.metadata, joint_level.metadata = SkillEnv.metadata, JointEnv.metadata  # gymnasium looks for them here


RENAMED = {"disturbances": "perturbations"}
"""Keywords as they were -> as they are."""


def _made(level: type[WorldEnv], isolated: bool, deadline_s: float | None, instruction: bool, kwargs: dict[str, Any]
          ) -> gymnasium.Env:
    for old in RENAMED.keys() & kwargs.keys():
        raise TypeError(f"{old}: is called {RENAMED[old]} now")
    if isolated and not instruction:
        raise ValueError("instruction=False: expected isolated=False, for things are read from the world's own "
                         "process; a vector environment of processes, such as SubprocVecEnv, isolates as well")
    if isolated:
        return IsolatedEnv(level, kwargs, deadline_s)
    env = level(**kwargs)
    env.made_with = kwargs
    return env if instruction else NumericEnv(env)
