"""Gymnasium spaces of the observations that both levels share."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils.shared_memory import read_from_shared_memory, write_to_shared_memory

MAX_INSTRUCTION_CHARACTERS = 20_000
_FAR_M = 10.0


class AnyText(spaces.Text):
    """Text of any script: people type what they like, and it is the planner that refuses, not the space."""

    def __init__(self) -> None:
        super().__init__(MAX_INSTRUCTION_CHARACTERS, min_length=0, charset=string.printable)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length


class _LiveTexts(Sequence):
    """The texts that now lie in shared memory. AsyncVectorEnv reads a space once and copies what it got at each step,
    which for gymnasium's own Text is the text of before the first reset, for ever."""

    def __init__(self, memory: np.ndarray) -> None:
        self._memory = memory  # int32[N, characters], code points, ended by 0

    def __len__(self) -> int:
        return len(self._memory)

    def __getitem__(self, index: int) -> str:
        codes = self._memory[index]
        length = int(np.argmax(codes == 0)) if (codes == 0).any() else len(codes)
        return "".join(map(chr, codes[:length]))

    def __deepcopy__(self, memo: dict) -> tuple[str, ...]:
        return tuple(self)


@read_from_shared_memory.register(AnyText)
def _read(space: AnyText, shared_memory: Any, n: int = 1) -> _LiveTexts:
    return _LiveTexts(np.frombuffer(shared_memory.get_obj(), dtype=np.int32).reshape(n, space.max_length))


@write_to_shared_memory.register(AnyText)
def _write(space: AnyText, index: int, values: str, shared_memory: Any) -> None:
    memory = np.frombuffer(shared_memory.get_obj(), dtype=np.int32).reshape(-1, space.max_length)
    codes = [ord(character) for character in values][: space.max_length]
    memory[index, : len(codes)] = codes
    memory[index, len(codes):][:1] = 0


def observation_space(camera_names: tuple[str, ...], image_size: int, joints: int,
                      entity_names: tuple[str, ...] = ()) -> spaces.Dict:
    """The Dict space that `Observation.from_dict` reads; without camera names, proprioception and instruction only.

    joints: how many the robot has. entity_names: of the privileged sensor; none leaves it out.
    """
    shape = (image_size, image_size)
    calibration = spaces.Dict({"intrinsics": _box(0.0, 1e5, (3, 3)), "pose": _box(-_FAR_M, _FAR_M, (4, 4))})
    parts: dict[str, spaces.Space] = {
        "joint_pos": _box(-_FAR_M, _FAR_M, (joints,)), "tool_pose": _box(-_FAR_M, _FAR_M, (7,)),
        "gripper_width_m": _box(-0.01, 0.1, (1,)), "time_s": _box(0.0, 1e6, (1,)), "instruction": AnyText()}
    if camera_names:
        parts["rgb"] = spaces.Dict({name: spaces.Box(0, 255, (*shape, 3), np.uint8) for name in camera_names})
        parts["depth"] = spaces.Dict({name: _box(0.0, _FAR_M, shape, np.float32) for name in camera_names})
        parts["cameras"] = spaces.Dict({name: calibration for name in camera_names})
    if entity_names:
        parts["entities"] = spaces.Dict({n: _box(-1e3, 1e3, (10,), np.float32) for n in entity_names})
    return spaces.Dict(parts)


def _box(low: float, high: float, shape: tuple[int, ...], dtype: Any = np.float64) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)
