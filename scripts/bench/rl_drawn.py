"""What a planner draws at the first moment of scenes, by task: in how many of them the judge of words lets an answer
pass whole, and after how many calls those fell that it turned down before that one.

    python -m scripts.bench.rl_drawn tabletop-few RUN/model                  # 100 scenes each; a JSON line a task

Scenes are those of experiment=grpo_tabletop, of the training split, from --first on; nothing is carried out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict

import gymnasium

from embodied.agents.shipped import load_agent
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from envs.interface import SEED_RANGES, Observation
from scripts.bench.rl import settings_of


def drawn(weights: str, seeds: range, count: int) -> dict[str, list[tuple[bool, Counter[int]]]]:
    """By task, of each scene whether an answer passed, and of how many others so many calls stood."""
    settings = settings_of(["experiment=grpo_tabletop"], 1)[1]
    env = gymnasium.make(settings.env_id, **settings.env).unwrapped
    agent = load_agent(weights, temperature=settings.temperature, draws=count)
    found: dict[str, list[tuple[bool, Counter[int]]]] = defaultdict(list)
    with progress("scenes", len(seeds), sys.stderr) as advance:
        for seed in seeds:
            raw, info = env.reset(seed=seed)
            plan = agent.plan(raw["instruction"], Observation.from_dict(raw), seed=0)
            fallen = [one.stood for one in plan.samples if one.stood is not None]
            found[info["task"]].append((len(fallen) < len(plan.samples), Counter(fallen)))
            advance()
    env.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="planners, by shipped name or folder")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--first", type=int, default=300_000, help="of the training split")
    parser.add_argument("--draws", type=int, default=12, help="answers of a scene")
    asked = parser.parse_args()
    one_thread()
    for weights in asked.weights:
        found = drawn(weights, SEED_RANGES["train"][asked.first:asked.first + asked.scenes], asked.draws)
        for task, told in sorted(found.items()):
            fell = sum((counts for _, counts in told), Counter())
            shares = {str(calls): round(fell[calls] / fell.total(), 3) for calls in sorted(fell)}
            print(json.dumps({"weights": weights, "task": task, "scenes": len(told), "passed": sum(
                is_passed for is_passed, _ in told), "fell": fell.total(), "fell_after": shares}), flush=True)


if __name__ == "__main__":
    main()
