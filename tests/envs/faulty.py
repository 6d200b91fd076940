"""Environments that do what they should not: each action, or the seed of a reset, is one fault."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from envs.skill_env import SkillEnv

SOUND, SEGFAULT, EXIT, HANG, GRIP, RAISE, NAN, DTYPE, KEYS, REWARD = range(10)
"""Actions of `Faulty`. GRIP hangs and keeps Python's lock, as a library does that never comes back."""
CRASHING_SEED, CRASHING_ONCE_SEED = 13, 14


class Faulty(gymnasium.Env):
    """Counts its steps in "count"; "noise" is drawn from the seed."""

    observation_space = gymnasium.spaces.Dict({"count": gymnasium.spaces.Box(0, 1e9, (1,), np.float32),
                                               "noise": gymnasium.spaces.Box(0, 1, (64, 64, 3), np.float64)})
    action_space = gymnasium.spaces.Discrete(10)

    def __init__(self, marker: str = "") -> None:
        """marker: a file that is made when the seed that crashes once has crashed."""
        self._marker, self._count = marker, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        super().reset(seed=seed)
        if seed == CRASHING_SEED or (seed == CRASHING_ONCE_SEED and not os.path.exists(self._marker)):
            Path(self._marker).touch()
            os._exit(3)
        self._count = 0
        return self._observe(), {}

    def step(self, action: int) -> tuple[dict, float, bool, bool, dict]:
        self._count += 1
        seen = self._observe()
        if action == SEGFAULT:
            ctypes.string_at(0)
        elif action == EXIT:
            os._exit(3)
        elif action == HANG:
            time.sleep(1000)
        elif action == GRIP:
            ctypes.PyDLL(None).sleep(1000)
        elif action == RAISE:
            raise RuntimeError("the table broke")
        elif action == NAN:
            seen["noise"][3, 4, 1] = np.nan
        elif action == DTYPE:
            seen["count"] = seen["count"].astype(np.float64)
        elif action == KEYS:
            del seen["noise"]
        return seen, float("nan") if action == REWARD else 1.0, False, False, {}

    def _observe(self) -> dict[str, Any]:
        return {"count": np.array([self._count], np.float32), "noise": self.np_random.random((64, 64, 3))}


class Glutton(SkillEnv):
    """Asks the renderer for a picture of an absurd size at the third step of every episode."""

    def __init__(self, width_px: int, height_px: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._size_px, self._steps = (width_px, height_px), 0

    def reset(self, **kwargs: Any) -> tuple[dict, dict]:
        self._steps = 0
        return super().reset(**kwargs)

    def step(self, action: Any) -> tuple[dict, float, bool, bool, dict]:
        self._steps += 1
        if self._steps == 3:
            self.world.client.getCameraImage(*self._size_px, renderer=self.world.client.ER_TINY_RENDERER)
        return super().step(action)


gymnasium.register(id="Faulty/Faulty-v0", entry_point="tests.envs.faulty:Faulty", disable_env_checker=True)
