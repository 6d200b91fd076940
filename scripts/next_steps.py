"""What a planner says to do first in scenes that it never saw, held against the scripted expert. Nothing moves.

PaLM-E's Language-Table task 1 is such a question.

    python -m scripts.next_steps [--weights board-tiny] [--tasks closest_corner] [--questions 1000] [--split test]

    python -m scripts.next_steps --absent [--questions 200]

One JSON line a task: the share of first calls that are the expert's to the letter, its 95 % interval, those that were
refused, and the median time of a plan. Where several first calls are right (sorting), this counts one of them alone.

With --absent, of the board: toys that are not there. One line: the share of instructions that name one which are
refused with "I see no red star", and of those about toys that are all there which are refused.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

import gymnasium
import numpy as np

from embodied.agents.shipped import load_agent
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.success import Rate
from embodied.planning.closed_loop import Planner
from envs.interface import DOMAINS, ENV_IDS, SEED_RANGES, Observation, domain_id
from envs.world.toys import TOY_NAMES

SPOKEN = [task for domain in ("board", "kitchen") for task in DOMAINS[domain]]
"""Tasks whose plans call things by their names, as labels do."""


def main() -> int:
    """0; the figures are printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="board-tiny", help="name of a planner's, or a folder")
    parser.add_argument("--tasks", nargs="+", default=["closest_corner"], choices=sorted(SPOKEN))
    parser.add_argument("--questions", type=int, default=1000, help="scenes of each task")
    parser.add_argument("--split", default="test", choices=sorted(SEED_RANGES))
    parser.add_argument("--absent", action="store_true", help="ask for toys that are not there, in place of tasks")
    asked = parser.parse_args()
    one_thread()
    planner = load_agent(asked.weights, world="board")
    if asked.absent:
        print(json.dumps(absent(planner, SEED_RANGES[asked.split][:asked.questions])), flush=True)
        return 0
    for task in asked.tasks:
        env = gymnasium.make(f"envs:{ENV_IDS[task]}", labels=1)
        answers = []
        with progress(task, asked.questions, sys.stderr) as advance:
            for seed in SEED_RANGES[asked.split][:asked.questions]:
                answers.append(answered(env, planner, seed))
                advance()
        env.close()
        print(json.dumps({"task": task, **figures(answers)}), flush=True)
    return 0


def answered(env: gymnasium.Env, planner: Planner, seed: int) -> dict[str, Any]:
    """Whether the planner's first call in a scene is the expert's."""
    raw, info = env.reset(seed=seed)
    wanted = info["labels"]["asks"][0]["calls"][:1]
    plan = planner.plan(raw["instruction"], Observation.from_dict(raw), ())
    said = [list(call.named) for call in plan.calls[:1]]
    return {"is_right": plan.refusal is None and said == wanted, "is_refused": plan.refusal is not None,
            "thinking_s": plan.thinking_s}


def absent(planner: Planner, seeds: range) -> dict[str, Any]:
    """How truly toys that are not there are refused, one a scene, and how falsely those that are."""
    env, truly, falsely = gymnasium.make(f"envs:{domain_id('board')}", labels=1), 0, 0
    with progress("absent", len(seeds), sys.stderr) as advance:
        for seed in seeds:
            raw, info = env.reset(seed=seed)
            seen, names = Observation.from_dict(raw), info["labels"]["names"]
            rng = np.random.default_rng(seed)
            gone, there, other = (str(rng.choice(some)) for some in ([n for n in TOY_NAMES if n not in names],
                                                                     names[::2], names[1::2]))
            pairs = [(gone, there), (there, gone)]
            [text, present] = [f"push the {a} to the {b}" for a, b in (pairs[seed % 2], (there, other))]
            truly += planner.plan(text, seen, ()).refusal == f"I see no {gone}"
            falsely += planner.plan(present, seen, ()).refusal is not None
            advance()
    env.close()
    rates = {"refused_truly": Rate(truly, len(seeds)), "refused_falsely": Rate(falsely, len(seeds))}
    return {"n": len(seeds)} | {key: [round(value, 4) for value in (rate.value, *rate.ci95)]
                               for key, rate in rates.items()}


def figures(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """What the answers come to."""
    right = Rate(sum(answer["is_right"] for answer in answers), len(answers))
    return {"right": round(right.value, 4), "ci95": [round(end, 4) for end in right.ci95], "n": len(answers),
            "refused": sum(answer["is_refused"] for answer in answers),
            "median_s": round(statistics.median(answer["thinking_s"] for answer in answers), 4)}


if __name__ == "__main__":
    sys.exit(main())
