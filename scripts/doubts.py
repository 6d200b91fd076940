"""What a planner's own judgement of its calls is worth at work: each episode is played twice, with it and without.

    python -m scripts.doubts [--weights tamp-tiny] [--task TampBuild] [--episodes 60] [--perturbations 1.0]

One JSON line: episodes that end well and calls that were made, both ways. Scenes of validation seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence

import gymnasium

from embodied.agents.language_agent import LanguageAgent
from embodied.agents.shipped import load_agent
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.planning.closed_loop import Step, run
from embodied.planning.language import Plan
from envs.interface import SEED_RANGES, Observation, Transition


class Undoubting:
    """The same planner, which takes its controller's word for everything."""

    def __init__(self, planner: LanguageAgent) -> None:
        self._planner = planner

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition]) -> Plan:
        """What the planner would do next."""
        return self._planner.plan(instruction, observation, history)


def main() -> int:
    """0; the figures are printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="tamp-tiny", help="of a planner that answers questions")
    parser.add_argument("--task", default="TampBuild", help="environment, without embodied/ and version")
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--perturbations", type=float, default=1.0, help="share of calls that something happens in")
    asked = parser.parse_args()
    one_thread()
    planner = load_agent(asked.weights)
    env = gymnasium.make(f"envs:embodied/{asked.task}-v0", perturbations=asked.perturbations)
    found: Counter[str] = Counter()
    with progress("episodes", asked.episodes, sys.stderr) as advance:
        for seed in SEED_RANGES["validation"][:asked.episodes]:
            for name, player in (("judging", planner), ("taking_its_word", Undoubting(planner))):
                found.update(figures(name, list(run(env, player, seed=seed))))
            advance()
    print(json.dumps({"episodes": asked.episodes, **found}))
    return 0


def figures(name: str, steps: Sequence[Step]) -> Counter[str]:
    """What an episode counts for."""
    made = sum(step.transition is not None for step in steps)
    return Counter({f"{name}_ends_well": int(bool(steps[-1].is_success)), f"{name}_calls": made})


if __name__ == "__main__":
    sys.exit(main())
