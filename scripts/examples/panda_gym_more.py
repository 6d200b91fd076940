"""Descriptions of three more tasks of panda-gym, as anybody would write them for a benchmark of their own.

    python -m scripts.examples.panda_gym_more --task reach --episodes 200
    python -m scripts.examples.panda_gym_more --task slide --episodes 50
    python -m scripts.examples.panda_gym_more --task flip     # says why it is not played

reach: the goal is the tool's, one `move_to` reaches it. slide: the goal lies beyond the arm, which has to strike the
puck and let it run; the skills push a thing to its place and come to rest there, so most goals are refused as too far.
flip: refused, see `NOT_FLIPPED`. Prints one JSON line: success rate of the expert (ORACLE: it reads the places that
panda-gym shows to any player), its 95 % interval, and how the calls ended. Test seeds.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from embodied.evaluation.success import wilson
from envs.foreign.adapter import ForeignEnv
from envs.foreign.description import TOOL, Reading
from envs.foreign.panda_gym import PandaGym
from envs.interface import SEED_RANGES, Box

NOT_FLIPPED = (
    "flip: panda-gym asks for any orientation of a cube, drawn from all of them, and holds the hand pointing down, at "
    "one angle: turning a cube over takes dropping it against something, again and again. No skill here turns things.")
_POINT_M = 0.04


@dataclass(frozen=True)
class Reach(PandaGym):
    """The tool itself has a goal, and nothing else is there."""

    name: str = "reach"
    skills = ("move_to",)

    def make(self, size_px: int) -> gymnasium.Env:
        return self.built("PandaReachEnv", size_px)

    def read(self, observation: Mapping[str, np.ndarray]) -> Reading:
        tool, goal = (observation[key][:3].astype(np.float64) for key in ("observation", "desired_goal"))
        return Reading(tool, 0.0, {}, {TOOL: Box(tuple(goal.tolist()), (_POINT_M,) * 3)})


@dataclass(frozen=True)
class Slide(PandaGym):
    """A puck on a slippery table, its goal out of reach. The robot takes orders in words."""

    name: str = "slide"
    skills = ("push_to", "push")

    def make(self, size_px: int) -> gymnasium.Env:
        return self.built("PandaSlideEnv", size_px)

    def read(self, observation: Mapping[str, np.ndarray]) -> Reading:
        state, goal = observation["observation"].astype(np.float64), observation["desired_goal"].astype(np.float64)
        puck, place = (Box(tuple(center.tolist()), (0.06, 0.06, 0.03)) for center in (state[6:9], goal))
        return Reading(state[:3], 0.0, {"green puck": puck}, {"green puck": place},
                       sentence="slide the green puck to the green ghost")


DESCRIPTIONS = {"reach": Reach, "slide": Slide}


def play(env: ForeignEnv, seed: int, most_calls: int = 4) -> tuple[bool, list[str]]:
    """Whether the expert reached the goal of a scene, and how its calls ended."""
    env.reset(seed=seed)
    endings: list[str] = []
    while not env.is_success and (plan := env.expert_plan()) and len(endings) < most_calls:
        *_, info = env.step(env.encode(plan[0]))
        endings.append(f"{plan[0].skill} {info['outcome']['status']}: {info['outcome']['reason']}")
    return env.is_success, endings


def main() -> None:
    """Print one JSON line, or why the task is not played."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=[*DESCRIPTIONS, "flip"], required=True)
    parser.add_argument("--episodes", type=int, default=20)
    asked = parser.parse_args()
    if asked.episodes < 1:
        parser.error(f"--episodes: expected at least 1, got {asked.episodes}")
    if asked.task == "flip":
        raise SystemExit(NOT_FLIPPED)
    env = ForeignEnv(DESCRIPTIONS[asked.task](), image_size=64)
    played: list[tuple[bool, list[str]]] = [
        play(env, SEED_RANGES["test"].start + number) for number in range(asked.episodes)]
    env.close()
    wins = sum(is_success for is_success, _ in played)
    print(json.dumps(summary(asked.task, wins, asked.episodes, Counter(e for _, endings in played for e in endings))))


def summary(task: str, wins: int, count: int, endings: Counter[str]) -> dict[str, Any]:
    """What is printed."""
    return {"task": task, "success_rate": round(wins / count, 4), "ci95": [round(v, 4) for v in wilson(wins, count)],
            "n": count, "calls": dict(endings.most_common(5))}


if __name__ == "__main__":
    main()
