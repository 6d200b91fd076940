"""Made-up scenes, observations and a toy environment that obeys every call: what planning is tested with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from embodied.prompt import Slot
from envs.interface import Box, Camera, Observation, Outcome, Referent, SkillCall, Transition
from envs.skills.signatures import TABLETOP

EMPTY_HAND_M, FULL_HAND_M = 0.08, 0.04


def slot(x: float = 0.5, y: float = 0.0, top_m: float = 0.04, area_px: int = 100) -> Slot:
    """A block-like slot whose crop's brightness tells it apart."""
    crop = np.full((8, 8, 3), int(100 * (x + y)) % 256, dtype=np.uint8)
    return Slot(crop, Box((x, y, top_m / 2), (0.04, 0.04, top_m)), pixel=(int(100 * x), 7), area_px=area_px)


def colored(plain: Slot, rgb: tuple[int, int, int]) -> Slot:
    """The slot in a colour."""
    return replace(plain, crop=np.full((8, 8, 3), rgb, dtype=np.uint8))


def bowl(plain: Slot) -> Slot:
    """The slot as wide and flat as a bowl."""
    return replace(plain, box=Box(plain.box.center, (0.13, 0.13, 0.04)))


def raw_observation(width_m: float = EMPTY_HAND_M, time_s: float = 0.0) -> dict[str, Any]:
    """What a skill-level environment returns, 8 x 8 pixels."""
    rgb = {name: np.zeros((8, 8, 3), dtype=np.uint8) for name in ("front", "top")}
    depth = {name: np.ones((8, 8), dtype=np.float32) for name in rgb}
    cameras = {name: {"intrinsics": np.eye(3), "pose": np.eye(4)} for name in rgb}
    return {"rgb": rgb, "depth": depth, "cameras": cameras, "joint_pos": np.zeros(9), "tool_pose": np.zeros(7),
            "gripper_width_m": np.array([width_m]), "time_s": np.array([time_s]), "instruction": "stack the blocks"}


def observation(width_m: float = EMPTY_HAND_M, time_s: float = 0.0) -> Observation:
    raw = raw_observation(width_m, time_s)
    cameras = {name: Camera(np.eye(3), np.eye(4)) for name in raw["rgb"]}
    return Observation(raw["rgb"], raw["depth"], cameras, raw["joint_pos"], raw["tool_pose"], width_m, time_s)


def transition(skill: str, target: Slot | None = None, *, status: str = "done", reason: str = "",
               width_m: float = EMPTY_HAND_M) -> Transition:
    arguments = () if target is None else (Referent("obj_1", box=target.box),)
    return Transition(observation(), SkillCall(skill, arguments), Outcome(status, reason, 1.0), observation(width_m),
                      0.0, False, False)


class ToyEnv(gymnasium.Env):
    """Obeys calls: outcomes come from `script` (status per call, then "done"), success after `goal` releases."""

    def __init__(self, script: tuple[str, ...] = (), goal: int = 1, spoil: dict[int, Any] | None = None) -> None:
        self.script, self.goal, self.spoil = script, goal, spoil or {}
        self.calls: list[SkillCall] = []
        self.observation_space, self.action_space = gymnasium.spaces.Dict({}), gymnasium.spaces.Dict({})

    def encode(self, call: SkillCall) -> dict[str, Any]:
        assert call.skill in TABLETOP.skills
        return {"call": call}

    def expert_plan(self) -> list[SkillCall]:
        return [SkillCall("pick", (Referent("red block"),)), SkillCall("place_in", (Referent("blue bowl"),))]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.calls, self.releases, self.options = [], 0, options
        return self._spoilt(raw_observation()), {"is_success": False, "progress": 0.0, "task": "toy"}

    def step(self, action: dict[str, Any]):
        self.calls.append(action["call"])
        status = self.script[len(self.calls) - 1] if len(self.calls) <= len(self.script) else "done"
        is_release = action["call"].skill not in ("pick", "home")
        self.releases += is_release and status == "done"
        progress = min(1.0, self.releases / self.goal)
        info = {"is_success": progress == 1.0, "progress": progress, "task": "toy",
                "outcome": {"status": status, "reason": "the gripper closed on nothing", "duration_s": 2.0}}
        width_m = FULL_HAND_M if action["call"].skill == "pick" and status == "done" else EMPTY_HAND_M
        raw = self._spoilt(raw_observation(width_m, float(len(self.calls))))
        return raw, 0.0, progress == 1.0, False, info

    def _spoilt(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, **self.spoil.get(len(self.calls), {})}
