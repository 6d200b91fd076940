"""Gymnasium spaces of the observations that both levels share."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from gymnasium import spaces

from envs.tasks.scene import COLORS, KINDS

MAX_INSTRUCTION_CHARACTERS = 20_000
ENTITY_NAMES = tuple(f"{color} {kind}" for kind in KINDS for color in COLORS)
_FAR_M = 10.0


class AnyText(spaces.Text):
    """Text of any script: people type what they like, and it is the planner that refuses, not the space."""

    def __init__(self) -> None:
        super().__init__(MAX_INSTRUCTION_CHARACTERS, min_length=0, charset=string.printable)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def character_index(self, char: str) -> np.int32:
        return super().character_index(char if char in self.character_set else "?")


def observation_space(camera_names: tuple[str, ...], image_size: int, is_privileged: bool) -> spaces.Dict:
    """The Dict space that `Observation.from_dict` reads. No camera names: proprioception and instruction only."""
    shape = (image_size, image_size)
    calibration = spaces.Dict({"intrinsics": _box(0.0, 1e5, (3, 3)), "pose": _box(-_FAR_M, _FAR_M, (4, 4))})
    parts: dict[str, spaces.Space] = {
        "rgb": spaces.Dict({name: spaces.Box(0, 255, (*shape, 3), np.uint8) for name in camera_names}),
        "depth": spaces.Dict({name: _box(0.0, _FAR_M, shape, np.float32) for name in camera_names}),
        "cameras": spaces.Dict({name: calibration for name in camera_names}),
        "joint_pos": _box(-4.0, 4.0, (9,)), "tool_pose": _box(-2.0, 2.0, (7,)),
        "gripper_width_m": _box(-0.01, 0.1, (1,)), "time_s": _box(0.0, 1e6, (1,)), "instruction": AnyText()}
    if is_privileged:
        parts["entities"] = spaces.Dict({n: _box(-1e3, 1e3, (10,), np.float32) for n in ENTITY_NAMES})
    return spaces.Dict(parts)


def _box(low: float, high: float, shape: tuple[int, ...], dtype: Any = np.float64) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)
