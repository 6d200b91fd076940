"""The world of a session, in a process of its own: whether its physics lives, and since when it owes an answer."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from embodied.serving.planners import PRIVILEGED
from envs.isolation.env import PhysicsCrashError

HANG_S = 60.0
"""A world that shows no sign of life for so long, while it should, is ended."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a session was asked for."""

    task: str
    domain: str
    seed: int
    planner: str
    speed: float  # simulated seconds per second; 0: as fast as possible
    robot: str | None = None
    require: tuple[str, ...] = ()
    record_fps: int = 5
    lease_ttl_s: float = 10.0

    @property
    def planning(self) -> dict[str, Any]:
        """Who plans, and whether by what no robot can sense: part of what is told of a session and of its recording."""
        return {"planner": self.planner, "privileged": self.planner in PRIVILEGED}


class World:
    """The world's process, what it said of itself, and since when it owes an answer."""

    def __init__(self) -> None:
        self.env: Any = None
        self.facts: dict[str, Any] = {}
        self.raw: Mapping[str, Any] | None = None  # the last observation
        self.called_s: float | None = None  # monotonic
        self.is_crashed = False

    def reset(self, **how: Any) -> tuple[Any, dict[str, Any]]:
        """Begins anew, whatever has crashed."""
        answer = self._timed(self.env.reset)(**how)
        self.is_crashed = False
        return answer

    def step(self, action: Mapping[str, Any]) -> tuple[Any, ...]:
        answer = self._timed(self.env.step)(action)
        self.raw = answer[0]
        self.is_crashed = self.is_crashed or "crash" in answer[4]
        return answer

    def snapshot(self) -> Any:
        """A moment to go back to, with what was seen at it."""
        return self._timed(self.env.snapshot)(), self.raw

    def restore(self, kept: Any) -> None:
        moment, raw = kept
        self._timed(self.env.restore)(moment)
        self.raw = raw

    def end_if_hung(self, sign_s: float) -> None:
        """Ends a process that owes an answer and has shown no sign of life for HANG_S. sign_s: its last one."""
        called_s = self.called_s
        if called_s is not None and time.monotonic() - max(called_s, sign_s) > HANG_S:
            self.kill()

    def kill(self) -> None:
        """Ends the process at once, whatever it does; harmless where there is none."""
        pid = getattr(self.env, "pid", None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def __getattr__(self, name: str) -> Any:
        if self.env is None or name.startswith("_"):
            raise AttributeError(f"expected an open world, got none to ask for {name!r}")
        part = getattr(self.env, name)
        return self._timed(part) if callable(part) else part

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.called_s = time.monotonic()
            try:
                return call(*args, **kwargs)
            except PhysicsCrashError:
                self.is_crashed = True
                raise
            finally:
                self.called_s = None

        return timed
