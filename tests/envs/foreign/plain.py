"""A benchmark that could be anybody's: a point hand over a table, one disc, in numpy; coordinates in decimetres."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from envs.foreign.description import Reading
from envs.interface import Box

_SIZE = (0.03, 0.03, 0.03)


class PlainEnv(gymnasium.Env):
    """action: float64[4], motion in decimetres and 1 to close or 0 to open. The goal is the disc's place."""

    def __init__(self, size_px: int) -> None:
        vector = gymnasium.spaces.Box(-9.0, 9.0, (3,), np.float64)
        self.observation_space = gymnasium.spaces.Dict({
            "observation": gymnasium.spaces.Box(-9.0, 9.0, (4,), np.float64), "achieved_goal": vector,
            "desired_goal": vector})
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float64)
        self._size_px, self.steps, self.spoil = size_px, 0, None

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        super().reset(seed=seed)
        self.hand, self.is_closed, self.has_disc = np.array([0.0, 0.0, 2.0]), False, False
        self.disc = np.array([*self.np_random.uniform(-1, 1, 2), 0.15])
        self.goal = np.array([*self.np_random.uniform(-1, 1, 2), 0.15])
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        assert self.action_space.contains(action) and action.dtype == np.float64
        self.steps += 1
        closes = bool(action[3] > 0.5)
        if closes and not self.is_closed:
            self.has_disc = bool(np.linalg.norm(self.hand - self.disc) < 0.1)
        self.is_closed, self.has_disc = closes, self.has_disc and closes
        self.hand = self.hand + action[:3]
        self.disc = self.hand.copy() if self.has_disc else np.array([*self.disc[:2], 0.15])
        is_success = bool(np.linalg.norm(self.disc - self.goal) < 0.1 and not self.has_disc)
        return self._observe(), 0.0, is_success, False, {"is_success": is_success}

    def _observe(self) -> dict[str, Any]:
        width = 0.3 if self.has_disc else 0.0 if self.is_closed else 0.8
        seen = {"observation": np.array([*self.hand, width]), "achieved_goal": self.disc.copy(),
                "desired_goal": self.goal.copy()}
        return self.spoil(seen) if self.spoil is not None else seen

    def render(self) -> np.ndarray:
        """A picture that is neither square nor of the size that was asked for."""
        picture = np.full((30, 40, 3), 90, np.uint8)
        picture[15 + int(10 * self.disc[0]), 20 + int(10 * self.disc[1])] = 255
        return picture


class Plain:
    """Its description."""

    name, skills, hz, stride_m = "plain", ("pick", "place_at"), 10.0, 0.03
    area_m, camera_name = ((-0.1, 0.1), (-0.1, 0.1)), "overhead"
    tool_quaternion, steps_past_success, can_rise = (0.0, 0.0, 0.0, 1.0), False, True

    def make(self, size_px: int) -> gymnasium.Env:
        return PlainEnv(size_px)

    def read(self, observation: dict[str, np.ndarray]) -> Reading:
        tool, disc, goal = (observation[key][:3] / 10 for key in ("observation", "achieved_goal", "desired_goal"))
        return Reading(tool, float(observation["observation"][3] / 10), {"disc": Box(tuple(disc), _SIZE)},
                       {"disc": Box(tuple(goal), _SIZE)})

    def action(self, reading: Reading, motion_m: np.ndarray, width_m: float) -> np.ndarray:
        return np.array([*motion_m * 10, float(width_m < 0.02)])

    def camera(self, height: int, width: int) -> None:
        return None
