"""A table of painted squares with the manners of the skill-level environment: quick, exact, and no physics at all."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from envs.interface import Box, Camera, Referent, SkillCall
from envs.skills.signatures import TABLETOP

SIZE_PX = 48
COLORS = {"red": (220, 30, 30), "green": (30, 160, 40), "blue": (30, 40, 210), "yellow": (240, 220, 30)}
FOCAL_PX, HEIGHT_M, TABLE_M, BLOCK_M = 48 / 0.9, 1.0, 1.0, 0.08


class FakeTable(gymnasium.Env):
    """Two blocks and two bowls; the instruction is always to put the first block in the first bowl."""

    action_space = gymnasium.spaces.Dict({})
    observation_space = gymnasium.spaces.Dict({})
    renderer = "painted"

    def __init__(self, labels: int = 0, image_size: int = SIZE_PX, hang_on: int = -1, crash_on: int = -1):
        self.labels, self.image_size, self.hang_on, self.crash_on = labels, image_size, hang_on, crash_on

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        colors = self.np_random.permutation(sorted(COLORS))
        self.names = [f"{colors[0]} block", f"{colors[1]} block", f"{colors[2]} bowl", f"{colors[3]} bowl"]
        cells = self.np_random.permutation(9)[:4]
        self.places = {n: np.array([0.43 + 0.12 * (c // 3), -0.2 + 0.2 * (c % 3), 0.02])
                       for n, c in zip(self.names, cells, strict=True)}
        self.held: str | None = None
        self.calls = 0
        if seed == self.crash_on:
            raise RuntimeError("the table broke")
        while seed == self.hang_on:
            pass
        return self._observe(), self._info()

    def step(self, action: SkillCall):
        name = action.arguments[0].words
        self.calls += 1
        is_done = self._apply(action.skill, name)
        outcome = {"status": "done" if is_done else "failed", "duration_s": 1.0,
                   "reason": "" if is_done else "the gripper closed on nothing"}
        info = self._info() | {"outcome": outcome}
        return self._observe(), 0.0, self._is_solved(), self.calls >= 20, info

    def _apply(self, skill: str, name: str) -> bool:
        if skill == "pick":
            if name.endswith("bowl"):
                return False
            self.held = name
            return True
        offset = {"place_in": (0, 0, 0.02), "place_on": (0, 0, 0.05), "put_down_beside": (0.03, 0.09, 0)}[skill]
        self.places[self.held] = self.places[name] + np.array(offset)
        self.held = None
        return True

    def _is_solved(self) -> bool:
        block, bowl = self.names[0], self.names[2]
        return self.held is None and np.allclose(self.places[block][:2], self.places[bowl][:2])

    def encode(self, call: SkillCall) -> SkillCall:
        return call

    def expert_plan(self) -> list[SkillCall]:
        return [SkillCall(s, (Referent(n, box=Box(tuple(self.places[n]), (BLOCK_M,) * 3)),)) for s, n in self._wanted()]

    def _wanted(self) -> list[list[str]]:
        block, bowl = self.names[0], self.names[2]
        if self._is_solved():
            return []
        if self.held is None:
            return [["pick", block], ["place_in", bowl]]
        placing = ["place_in", bowl]
        return [placing] if self.held == block else [["put_down_beside", bowl], ["pick", block], placing]

    def _info(self) -> dict[str, Any]:
        is_solved = self._is_solved()
        info: dict[str, Any] = {"is_success": is_solved, "progress": float(is_solved), "task": "put_in_bowl"}
        if self.labels:
            info["labels"] = {"masks": {c: self._paint()[2] for c in ("front", "top")}, "names": list(self.names),
                              "poses": np.array([self._pose(n) for n in self.names], np.float32), "held": self.held,
                              "asks": self._queries()}
        return info

    def _queries(self) -> list[dict[str, Any]]:
        block, other, bowl, _ = self.names
        first = {"task": "put_in_bowl", "instruction": f"put the {block} in the {bowl}", "calls": self._wanted(),
                 "any_order": False, "refusal": None, "about": [block, bowl]}
        refusal = {"task": "put_in_bowl", "instruction": "put the pink block away", "calls": [], "any_order": False,
                   "refusal": "I see no pink block", "about": []}
        pairs = [["pick", block], ["place_in", bowl], ["pick", other], ["place_in", bowl]]
        both = {"task": "sort", "instruction": "sort the blocks", "calls": pairs, "any_order": True, "refusal": None,
                "about": []}
        return [first, refusal, *([both] if self.held is None else [])]

    def _pose(self, name: str) -> list[float]:
        place = self.places[name] if name != self.held else np.array([0.3, 0.0, 0.6])
        return [*place, 0, 0, 0, 1, BLOCK_M, BLOCK_M, 0.04]

    def _camera(self) -> Camera:
        middle = self.image_size / 2
        intrinsics = np.array([[FOCAL_PX * self.image_size / SIZE_PX, 0, middle],
                               [0, FOCAL_PX * self.image_size / SIZE_PX, middle], [0, 0, 1.0]])
        pose = np.array([[0, -1, 0, 0.55], [-1, 0, 0, 0.0], [0, 0, -1, HEIGHT_M], [0, 0, 0, 1.0]])
        return Camera(intrinsics, pose)

    def _paint(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rgb = np.full((self.image_size, self.image_size, 3), 90, np.uint8)
        depth = np.full((self.image_size, self.image_size), HEIGHT_M, np.float32)
        mask = np.full((self.image_size, self.image_size), -1, np.int16)
        half = round(BLOCK_M / 2 * FOCAL_PX * self.image_size / SIZE_PX / HEIGHT_M)
        for i, name in sorted(enumerate(self.names), key=lambda e: self.places[e[1]][2]):
            if name != self.held:
                column, row = self._camera().project(self.places[name]).astype(int)
                area = (slice(max(row - half, 0), row + half), slice(max(column - half, 0), column + half))
                rgb[area], mask[area] = COLORS[name.split()[0]], i
                depth[area] = HEIGHT_M - self.places[name][2] - 0.02
        return rgb, depth, mask

    def _observe(self) -> dict[str, Any]:
        rgb, depth, _ = self._paint()
        camera = {"intrinsics": self._camera().intrinsics, "pose": self._camera().pose}
        names = ("front", "top")
        return {"rgb": {c: rgb for c in names}, "depth": {c: depth for c in names},
                "cameras": {c: camera for c in names},
                "joint_pos": np.zeros(9), "tool_pose": np.array([0.3, 0, 0.6, 1, 0, 0, 0]),
                "gripper_width_m": np.array([0.08 if self.held is None else 0.04]),
                "time_s": np.array([float(self.calls)]),
                "instruction": f"put the {self.names[0]} in the {self.names[2]}"}


assert set(TABLETOP.skills) >= {"pick", "place_in", "place_on", "put_down_beside"}
ID = "tests.embodied.data.fake_env:Fake/Table-v0"
gymnasium.register(id="Fake/Table-v0", entry_point="tests.embodied.data.fake_env:FakeTable", disable_env_checker=True,
                   order_enforce=False)
