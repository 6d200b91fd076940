"""Looks at a robot's shared memory a thousand times a second, and notes whatever is outside its envelope."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any

import gymnasium
import numpy as np

from embodied.serving.safety.envelope import Envelope
from embodied.serving.shared_state import Telemetry
from tests.embodied.serving.served import Robot

_SAME = 1e-6
_MEASURED = 0.02  # rad or m by which a joint may be carried past where it was told to be
_STEP_S = 0.5  # two looks that are further apart in simulated time, or back, are of different scenes


def envelope_of(env_id: str = "embodied/PutInBowl-v0") -> Envelope:
    """The limits of the robot of an environment."""
    env = gymnasium.make(f"envs:{env_id}")
    try:
        return Envelope.of(env.unwrapped.robot)
    finally:
        env.close()


class Watch:
    """With it, a thread looks until the end; `faults` says what was outside, `looks` how often it saw a new moment."""

    def __init__(self, robot: Robot, envelope: Envelope) -> None:
        self._robot, self._envelope = robot, envelope
        self.faults: list[str] = []
        self.looks = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        before: Telemetry | None = None
        while not self._is_over.is_set():
            told = self._robot.telemetry()
            if told is not None and (before is None or told.time_s != before.time_s):
                self.looks += 1
                self.faults += self._faults(before, told)
                before = told
            time.sleep(0.001)

    def _faults(self, before: Telemetry | None, told: Telemetry) -> list[str]:
        e, found = self._envelope, []
        if (told.setpoint < e.low - _SAME).any() or (told.setpoint > e.high + _SAME).any():
            found.append(f"setpoint {np.round(told.setpoint, 3).tolist()}")
        if (told.joint_pos < e.low - _MEASURED).any() or (told.joint_pos > e.high + _MEASURED).any():
            found.append(f"joints {np.round(told.joint_pos, 3).tolist()}")
        tool, (low, high) = told.tool_pose[:3], np.array(e.workspace)
        if (tool < low - _MEASURED).any() or (tool > high + _MEASURED).any():
            found.append(f"tool at {np.round(tool, 3).tolist()}")
        passed_s = told.time_s - before.time_s if before is not None else -1.0
        if 0 < passed_s < _STEP_S and self._is_too_fast(before, told, passed_s):
            found.append(f"speed {np.round((told.setpoint - before.setpoint) / passed_s, 2).tolist()}")
        return found

    def _is_too_fast(self, before: Telemetry, told: Telemetry, passed_s: float) -> bool:
        way = np.abs(told.setpoint - before.setpoint)
        return bool((way > self._envelope.speed * (passed_s + self._envelope.period_s) + _SAME).any())


def limits(state: dict[str, Any]) -> dict[str, Any]:
    """What of a session's state nobody may change."""
    return {name: state[name] for name in ("joint_low", "joint_high", "control_hz", "speed", "robot", "task", "planner",
                                           "joint_names", "domain")}
