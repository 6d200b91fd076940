"""A benchmark whose hand cannot rise: a point in a plane that shoves discs about, in numpy."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from envs.foreign.description import Reading
from envs.interface import Box
from tests.envs.foreign.plain import Plain

NAMES = ("red disc", "blue disc")
_TOUCH_M = 0.03
_Z_M = 0.02


class FlatEnv(gymnasium.Env):
    """action: float64[2], motion in metres. The goal is the red disc's place."""

    def __init__(self) -> None:
        vector = gymnasium.spaces.Box(-9.0, 9.0, (2,), np.float64)
        self.observation_space = gymnasium.spaces.Dict({
            "hand": vector, "discs": gymnasium.spaces.Box(-9.0, 9.0, (2, 2), np.float64), "goal": vector})
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        super().reset(seed=seed)
        self.hand, self.goal = np.array([0.2, 0.0]), np.array([0.15, 0.0])
        self.discs = np.array([[0.0, 0.0], [0.08, 0.1]]) + self.np_random.uniform(-0.02, 0.02, (2, 2))
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        assert self.action_space.contains(action) and np.linalg.norm(action) < 0.021
        self.hand = self.hand + action
        for place, disc in enumerate(self.discs):
            away = disc - self.hand
            if (distance := float(np.linalg.norm(away))) < _TOUCH_M:
                self.discs[place] = self.hand + away / max(distance, 1e-9) * _TOUCH_M
        is_success = bool(np.linalg.norm(self.discs[0] - self.goal) < 0.02)
        return self._observe(), 0.0, False, False, {"is_success": is_success}

    def _observe(self) -> dict[str, Any]:
        return {"hand": self.hand.copy(), "discs": self.discs.copy(), "goal": self.goal.copy()}

    def render(self) -> np.ndarray:
        return np.full((8, 8, 3), 90, np.uint8)


class Flat(Plain):
    """Its description: everything on one height, orders in the benchmark's own words."""

    name, skills, can_rise, steps_past_success, stride_m = "flat", ("push_to", "move_to", "push"), False, True, 0.02
    height_m, sentence = _Z_M, "the red disc has to go home"

    def make(self, size_px: int) -> gymnasium.Env:
        return FlatEnv()

    def read(self, observation: dict[str, np.ndarray]) -> Reading:
        boxes = [Box((*at.tolist(), _Z_M), (0.03,) * 3) for at in (*observation["discs"], observation["goal"])]
        goal = Box((*boxes[2].center[:2], self.height_m), boxes[2].size)
        return Reading(np.array([*observation["hand"], _Z_M]), 0.0, dict(zip(NAMES, boxes[:2], strict=True)),
                       {NAMES[0]: goal}, sentence=self.sentence)

    def action(self, reading: Reading, motion_m: np.ndarray, width_m: float) -> np.ndarray:
        assert abs(motion_m[2]) < 1e-9, "it cannot rise"
        return motion_m[:2].astype(np.float64)
