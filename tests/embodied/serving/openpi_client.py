"""A client of openpi's wire format, written from that format alone, with the robot that it drives."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import gymnasium
import msgpack
import numpy as np
from websockets.sync.client import connect

from envs.interface import SEED_RANGES

ENV_ID = "envs:embodied/PutInBowlJoint-v0"
PATIENCE_PERIODS = 1200


def as_map(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    raise TypeError(type(value).__name__)


def as_array(value: dict) -> Any:
    if b"__ndarray__" in value:
        return np.ndarray(buffer=value[b"data"], dtype=np.dtype(value[b"dtype"]), shape=value[b"shape"])
    return value


def pack(value: Any) -> bytes:
    return msgpack.packb(value, default=as_map)


def unpack(message: bytes) -> Any:
    return msgpack.unpackb(message, object_hook=as_array)


class PolicyClient:
    """openpi's `WebsocketClientPolicy`, in short."""

    def __init__(self, url: str) -> None:
        self._open = ExitStack()
        self.socket = self._open.enter_context(connect(url, compression=None, max_size=None))
        self.metadata = unpack(self.socket.recv())

    def infer(self, observation: dict[str, Any]) -> dict[str, Any]:
        self.socket.send(pack(observation))
        answer = self.socket.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return unpack(answer)

    def close(self) -> None:
        self._open.close()


def flat(raw: dict[str, Any], prompt: str | None = None) -> dict[str, Any]:
    """A gymnasium observation under the keys of the wire."""
    message = {"prompt": prompt or raw["instruction"]}
    for key in ("joint_pos", "tool_pose", "gripper_width_m", "time_s"):
        message[f"observation/{key}"] = raw[key]
    for name in raw["rgb"]:
        message |= {f"observation/rgb/{name}": raw["rgb"][name], f"observation/depth/{name}": raw["depth"][name]}
        message |= {f"observation/cameras/{name}/{part}": raw["cameras"][name][part] for part in ("intrinsics", "pose")}
    return message


def drive(client: PolicyClient, env: gymnasium.Env, number: int, used: int = 10) -> dict[str, Any]:
    """How an episode of the test split went. used: actions of each chunk that are carried out before the next."""
    raw, info = env.reset(seed=SEED_RANGES["test"][number])
    periods, answer = 0, {"end": ""}
    while not info["is_success"] and not answer["end"] and periods < PATIENCE_PERIODS:
        answer = client.infer(flat(raw))
        for action in answer["actions"][:used]:
            raw, _, is_over, _, info = env.step(action)
            periods += 1
            if is_over:
                break
    return {"is_success": bool(info["is_success"]), "end": answer["end"], "periods": periods,
            "instruction": raw["instruction"]}
