"""What a planner says to do first in scenes that it never saw, held against the scripted expert. Nothing moves.

PaLM-E's Language-Table task 1 is such a question.

    python -m scripts.next_steps [--weights board-tiny] [--tasks closest_corner] [--questions 1000] [--split test]

One JSON line a task: the share of first calls that are the expert's to the letter, its 95 % interval, those that were
refused, and the median time of a plan. Where several first calls are right (sorting), this counts one of them alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

import gymnasium

from embodied.agents.shipped import load_agent
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.success import Rate
from embodied.planning.closed_loop import Planner
from envs.interface import DOMAINS, ENV_IDS, SEED_RANGES, Observation

SPOKEN = [task for domain in ("board", "kitchen") for task in DOMAINS[domain]]
"""Tasks whose plans call things by their names, as labels do."""


def main() -> int:
    """0; the figures are printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="board-tiny", help="name of a planner's, or a folder")
    parser.add_argument("--tasks", nargs="+", default=["closest_corner"], choices=sorted(SPOKEN))
    parser.add_argument("--questions", type=int, default=1000, help="scenes of each task")
    parser.add_argument("--split", default="test", choices=sorted(SEED_RANGES))
    asked = parser.parse_args()
    one_thread()
    planner = load_agent(asked.weights, world="board")
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


def figures(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """What the answers come to."""
    right = Rate(sum(answer["is_right"] for answer in answers), len(answers))
    return {"right": round(right.value, 4), "ci95": [round(end, 4) for end in right.ci95], "n": len(answers),
            "refused": sum(answer["is_refused"] for answer in answers),
            "median_s": round(statistics.median(answer["thinking_s"] for answer in answers), 4)}


if __name__ == "__main__":
    sys.exit(main())
