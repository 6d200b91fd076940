"""panda-gym 3.0.7: a Panda at a table with one or two cubes. The worked example of docs/foreign.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from envs.foreign.adapter import ForeignEnv
from envs.foreign.description import Reading
from envs.interface import Box, Camera

_CUBE_M = 0.04
_WIDEST_M = 0.08
_STEP_M = 0.05  # of the tool, for 1.0 in the action
_FINGER_STEP_M = 0.2  # of the width between the fingers, for 1.0 in the action
_OBJECT_NUMBERS = 12  # of each object in "observation": position, Euler angles, velocities
_VIEW = {"render_target_position": np.array([-0.05, 0.0, 0.05]), "render_distance": 0.75, "render_yaw": 60.0,
         "render_pitch": -35.0, "render_roll": 0}
_FIELD_OF_VIEW_RAD = np.pi / 3

_TASKS = {"pick_and_place": ("PandaPickAndPlaceEnv", ("green cube",), True),
          "stack": ("PandaStackEnv", ("blue cube", "green cube"), True),
          "push": ("PandaPushEnv", ("green cube",), False)}
"""Task -> panda-gym's class, what its objects look like, whether the fingers can move."""


def make_env(task: str, **kwargs: Any) -> ForeignEnv:
    """The skill-level environment of a task of panda-gym."""
    return ForeignEnv(PandaGym(task), **kwargs)


@dataclass(frozen=True)
class PandaGym:
    """How panda-gym's observations and actions read in our words; its world frame is ours already."""

    name: str
    hz = 25.0
    stride_m = 0.04
    area_m = ((-0.14, 0.14), (-0.14, 0.14))
    camera_name = "front"
    tool_quaternion = (1.0, 0.0, 0.0, 0.0)
    steps_past_success = True  # its step() looks at nothing but the action
    can_rise = True

    @property
    def skills(self) -> tuple[str, ...]:
        return ("pick", "place_at", "place_on", "push_to") if _TASKS[self.name][2] else ("push_to",)

    def make(self, size_px: int) -> gymnasium.Env:
        return self.built(_TASKS[self.name][0], size_px)

    def built(self, kind: str, size_px: int) -> gymnasium.Env:
        """A new environment of one of panda-gym's classes, by name."""
        try:
            import panda_gym.envs as benchmark
        except ImportError as missing:
            raise ImportError(f"panda_gym: expected panda-gym 3.0.7 to be installed, got {missing}; "
                              f"pip install 'embodied[foreign]'") from missing
        return getattr(benchmark, kind)(render_mode="rgb_array", renderer="Tiny", render_width=size_px,
                                        render_height=size_px, **_VIEW)

    def read(self, observation: Mapping[str, np.ndarray]) -> Reading:
        _, names, has_fingers = _TASKS[self.name]
        state = observation["observation"].astype(np.float64)
        things = state[7 if has_fingers else 6:].reshape(len(names), _OBJECT_NUMBERS)
        goals = observation["desired_goal"].astype(np.float64).reshape(len(names), 3)
        return Reading(tool_m=state[:3], width_m=float(state[6]) if has_fingers else 0.0,
                       objects={name: _cube(t[:3], t[5]) for name, t in zip(names, things, strict=True)},
                       goals={name: _cube(goal) for name, goal in zip(names, goals, strict=True)})

    def action(self, reading: Reading, motion_m: np.ndarray, width_m: float) -> np.ndarray:
        parts = [motion_m / _STEP_M]
        if "pick" in self.skills:  # else the fingers cannot move
            parts.append([(min(width_m, _WIDEST_M) - reading.width_m) / _FINGER_STEP_M])
        return np.clip(np.concatenate(parts), -1.0, 1.0).astype(np.float32)

    def camera(self, height: int, width: int) -> Camera:
        yaw, pitch = np.deg2rad([_VIEW["render_yaw"], _VIEW["render_pitch"]])
        right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        forward = np.array([-np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        pose[:3, 3] = _VIEW["render_target_position"] - _VIEW["render_distance"] * forward
        focal = height / 2 / np.tan(_FIELD_OF_VIEW_RAD / 2)
        return Camera(np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]), pose)


def _cube(center: np.ndarray, yaw_rad: float = 0.0) -> Box:
    """A cube of theirs; a quarter turn of it looks like none."""
    yaw = (float(yaw_rad) + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return Box(tuple(float(v) for v in center), (_CUBE_M,) * 3, yaw)
