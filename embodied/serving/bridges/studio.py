"""Where skills are rehearsed for robots elsewhere: one world in a process of its own, made when somebody needs it."""

from __future__ import annotations

import hashlib
import logging
import threading
from typing import Any

import gymnasium
import numpy as np

from envs.interface import TASK_IDS, Observation, Rehearsal, SkillCall

log = logging.getLogger(__name__)

_ENV_ID = f"envs:{TASK_IDS['put_in_bowl']}"  # any task at the table: its robot is asked, never its scene


class StudioError(RuntimeError):
    """The studio's world broke down; the next rehearsal makes a new one."""


class Studio:
    """May be asked from any thread; one rehearsal at a time, of some 30 ms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._env: gymnasium.Env | None = None
        self._facts: dict[str, Any] = {}
        self._is_closed = False

    def facts(self) -> dict[str, Any]:
        """Of the robot: joint_names, joint_low, joint_high, control_hz."""
        with self._lock:
            self._open()
            return self._facts

    def rehearse(self, call: SkillCall, seen: Observation, held: tuple | None) -> Rehearsal:
        """See `SkillEnv.rehearse`. Raises ValueError, StudioError."""
        with self._lock:
            try:
                return self._open().rehearse(call, seen, held)
            except RuntimeError as error:  # its process died or hung
                self._drop()
                log.warning("the studio's world broke down: %s", error)
                raise StudioError("expected a plan of motion, but its simulator broke down; send the observation "
                                  "once more") from None

    def close(self) -> None:
        """Ends the world, for good."""
        with self._lock:
            self._is_closed = True
            self._drop()

    def _open(self) -> Any:
        """The innermost environment of the world."""
        if self._is_closed:
            raise StudioError("expected an open server, it is shutting down")
        if self._env is None:
            self._env = gymnasium.make(_ENV_ID, isolated=True, smooth=True, cameras=[])
            self._facts = self._env.unwrapped.introduce()
        return self._env.unwrapped

    def _drop(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = None


def weights_sha256(backend: Any) -> str | None:
    """sha256 over names, shapes and bytes of the weights that a backend holds; None where they are elsewhere."""
    model = getattr(backend, "model", None)
    if model is None:
        return None
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {list(plain.shape)}\n".encode())
        digest.update(np.ascontiguousarray(plain.flatten().view(torch.uint8).numpy()).data)
    return digest.hexdigest()
