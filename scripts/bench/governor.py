"""What smooth motions and the safety governor cost: one JSON line a task, for motions as ever and for governed ones.

    python scripts/bench/governor.py --episodes 25                          # the table's five tasks
    python scripts/bench/governor.py --domain kitchen --episodes 5
    python scripts/bench/governor.py --task stack --robot xarm6 --episodes 50

The expert plays the same test seeds both ways. `success`, simulated `seconds` of an episode, and of the governed ones
the commands that were admitted, limited and refused, and milliseconds that `admit` took. `worst_acceleration`: the
hardest that any joint was told to accelerate, in units of its limit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find another script."""

from embodied.serving.safety import Envelope, Governor  # noqa: E402
from envs.interface import DOMAINS, SEED_RANGES  # noqa: E402

MOST_CALLS = 60


def main() -> None:
    """Print a line for every task and kind of motion."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", choices=list(DOMAINS), default="tabletop")
    parser.add_argument("--task")
    parser.add_argument("--robot")
    parser.add_argument("--episodes", type=int, default=25)
    asked = parser.parse_args()
    for task, env_id in DOMAINS[asked.domain].items():
        for is_governed in (False, True):
            if asked.task in (None, task):
                found = measure(env_id, asked.robot, asked.episodes, is_governed)
                print(json.dumps({"task": task, "governed": is_governed, "episodes": asked.episodes, **found}),
                      flush=True)


def measure(env_id: str, robot: str | None, episodes: int, is_governed: bool) -> dict[str, Any]:
    """How the expert did over the first test seeds."""
    env = gymnasium.make(env_id, image_size=96, robot=robot, smooth=is_governed)
    watch = Watch(env.unwrapped.robot, is_governed)
    env.unwrapped.govern(watch)
    wins, seconds = [], []
    for seed in SEED_RANGES["test"][:episodes]:
        is_success, took_s = play(env, seed)
        wins.append(is_success)
        seconds.append(took_s)
    env.close()
    return {"success": float(np.mean(wins)), "seconds": round(float(np.mean(seconds)), 2), **watch.report()}


def play(env: gymnasium.Env, seed: int) -> tuple[bool, float]:
    """Whether the expert solved a seed, and the simulated seconds of its skills."""
    _, info = env.reset(seed=seed)
    took_s = 0.0
    for _ in range(MOST_CALLS):
        plan = env.unwrapped.expert_plan()
        if info["is_success"] or not plan:
            break
        *_, terminated, truncated, info = env.step(env.unwrapped.encode(plan[0]))
        took_s += info["outcome"]["duration_s"]
        if terminated or truncated:
            break
    return bool(info["is_success"]), took_s


class Watch:
    """A governor that measures another, or that only watches."""

    def __init__(self, robot: Any, is_governed: bool) -> None:
        self._governor = Governor(Envelope.of(robot)) if is_governed else None
        self._speed, self._change = robot.speed_limits(), robot.acceleration_limits()
        self._hz = robot.config.control_hz
        self._last: list[np.ndarray] = []
        self._worst, self._took_s = 0.0, []

    def admit(self, robot: Any, target: np.ndarray) -> np.ndarray:
        """float64[J]: what the governor makes of the target."""
        start = time.perf_counter()
        admitted = self._governor.admit(robot, target) if self._governor else np.asarray(target)
        self._took_s.append(time.perf_counter() - start)
        self._look(robot, admitted)
        return admitted

    def _look(self, robot: Any, admitted: np.ndarray) -> None:
        if not self._last or not np.array_equal(robot.setpoint, self._last[-1]):
            self._last = [robot.setpoint.copy(), robot.setpoint.copy()]
        reach = self._speed / self._hz
        goal = np.clip(admitted, robot.setpoint - reach, robot.setpoint + reach)
        turn = np.abs(goal - 2 * self._last[-1] + self._last[-2]) * self._hz**2
        self._worst = max(self._worst, float((turn / self._change).max()))
        self._last = [self._last[-1], goal]

    def report(self) -> dict[str, Any]:
        """What is printed."""
        found = {"worst_acceleration": round(self._worst, 3)}
        if self._governor is None:
            return found
        took_ms = np.array(self._took_s) * 1e3
        return {**found, **self._governor.counters, "admit_ms": round(float(np.median(took_ms)), 3),
                "admit_p99_ms": round(float(np.percentile(took_ms, 99)), 3)}


if __name__ == "__main__":
    main()
