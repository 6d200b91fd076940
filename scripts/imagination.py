"""What imagining before acting is worth: the same scenes by the likeliest plans, by the likeliest of those drawn, with
a twin, and with a twin that is wrong.

    python -m scripts.imagination --weights tabletop-few --episodes 500 --count 4
    python -m scripts.imagination --kinds greedy twin --episodes 60

One JSON line a kind: success with Wilson's 95 % interval; `more`, points above the likeliest plans on the same scenes,
with the interval of paired differences (bootstrap over scenes, 2,000 draws); seconds of a plan, median and 95 %, on one
thread; and of a twin, how far from what truly followed its predictions of progress were (mean absolute), over plans
of which something was carried out, after the last call that was, and how many of those that it said would have brought
the task to its end by then, or not, did. wrong: everything stands 3 cm off in the twin.
--options '{"perturbations": 0.0}' changes the scenes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch

from embodied.agents.imagining_agent import WEIGHT, ImaginingAgent
from embodied.agents.shipped import load_agent
from embodied.agents.twin import TableTwin
from embodied.data.pool import open_pool
from embodied.evaluation.success import Rate, paired_gain
from embodied.planning.closed_loop import Step, run
from envs.interface import SEED_RANGES

KINDS = ("greedy", "best_of", "twin", "wrong")
WRONG_M = 0.03
HARD = {"min_objects": 4, "max_objects": 6, "perturbations": 0.3}


def make_player(weights: str, kind: str, count: int, temperature: float, weight: float, options: dict[str, Any]) -> Any:
    """What a worker calls with each seed: {"success", "plan_s", "foreseen"}."""
    torch.set_num_threads(1)
    env = gymnasium.make("envs:embodied/Tabletop-v0", **options)
    agent = load_agent(weights, world="tabletop")
    if kind == "greedy":
        return partial(_played, env, agent)
    twin = None if kind == "best_of" else TableTwin(shift_m=(WRONG_M * (kind == "wrong"), 0.0))
    return partial(_played, env, ImaginingAgent(agent, twin, count=count, temperature=temperature,
                                                weight=weight))


def _played(env: gymnasium.Env, agent: Any, seed: int) -> dict[str, Any]:
    steps: list[Step] = []
    predictions: list[tuple[int, tuple[float, ...]]] = []  # place of a plan's first step, progress after each call
    drawn = 0 if isinstance(agent, ImaginingAgent) else None
    for step in run(env, agent, seed=seed, sampling_seed=drawn, max_calls=12):
        imagined = getattr(agent, "imagined", None)
        if step.is_new_plan and imagined is not None and imagined.foresights:
            predictions.append((len(steps), imagined.foresights[imagined.chosen].along))
        steps.append(step)
    foreseen = [pair for place, predicted in predictions for pair in _followed(steps, place, predicted)]
    return {"success": bool(steps[-1].is_success), "foreseen": foreseen,
            "plan_s": [step.plan.thinking_s for step in steps if step.is_new_plan]}


def _followed(steps: list[Step], place: int, predicted: tuple[float, ...]) -> list[tuple[float, float]]:
    """Progress that was predicted after the last call of the plan that began there, before another took its place, and
    the progress there was; nothing where no call of it was carried out."""
    end = next((later for later in range(place + 1, len(steps)) if steps[later].is_new_plan), len(steps))
    made = [step for step in steps[place:end] if step.transition is not None]
    return [(predicted[len(made) - 1], float(made[-1].info["progress"]))] if made else []


def rows(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each kind."""
    seeds = SEED_RANGES[asked.split][asked.first:asked.first + asked.episodes]
    base: np.ndarray | None = None
    for kind in asked.kinds:
        options = {"weights": asked.weights, "kind": kind, "count": asked.count, "temperature": asked.temperature,
                   "weight": asked.weight, "options": {**HARD, **asked.options}}
        with open_pool(make_player, options, workers=asked.workers) as pool:
            found = {result.seed: result.value or {"success": False, "foreseen": [], "plan_s": []}
                     for result in pool.run(seeds)}
        told = np.array([found[seed]["success"] for seed in seeds], float)
        base = told if base is None else base
        yield row(kind, told, base, [found[seed] for seed in seeds])


def row(kind: str, told: np.ndarray, base: np.ndarray, episodes: list[dict[str, Any]]) -> dict[str, Any]:
    """What a kind comes to, beside the first one."""
    rate = Rate(int(told.sum()), len(told))
    more, ends = paired_gain(told, base)
    plan_s = np.array([s for episode in episodes for s in episode["plan_s"]])
    foreseen = [pair for episode in episodes for pair in episode["foreseen"]]
    return {"kind": kind, "success": round(rate.value, 4), "ci95": [round(end, 4) for end in rate.ci95], "n": len(told),
            "more": round(100 * more, 2), "more_ci95": [round(100 * end, 2) for end in ends],
            "plan_s": round(float(np.median(plan_s)), 3), "plan_s_p95": round(float(np.percentile(plan_s, 95)), 3),
            "predictions": len(foreseen), **calibration(foreseen)}


def calibration(foreseen: list[tuple[float, float]]) -> dict[str, Any]:
    """Of pairs (progress that a twin foresaw, progress there was), how far apart they are and how often the task was
    done."""
    if not foreseen:
        return {"missed_by": None}
    told = {"done": [true for said, true in foreseen if said == 1.0], "less": [t for said, t in foreseen if said < 1.0]}
    return {"missed_by": round(float(np.mean([abs(said - true) for said, true in foreseen])), 4),
            **{f"foreseen_{name}": {"n": len(true), "done": sum(one == 1.0 for one in true)}
               for name, true in told.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="tabletop-few")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="others are held to the first")
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="of the split's seeds")
    parser.add_argument("--split", choices=sorted(SEED_RANGES), default="test")
    parser.add_argument("--count", type=int, default=4, help="plans that are drawn, 4 by default")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--weight", type=float, default=WEIGHT, help=f"of the twin's word, {WEIGHT:g} by default")
    parser.add_argument("--options", type=json.loads, default={}, help="keywords of the world, as JSON")
    parser.add_argument("--workers", type=int, default=2)
    for told in rows(parser.parse_args()):
        print(json.dumps(told))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
