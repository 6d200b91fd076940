"""Whether the mind's own word on its success is true: what it says of a goal when it is stopped, by what it sees, held
against the true state.

    python -m scripts.self_report [--scenes 300] [--perturbations 0.3] [--out FILE.json]

Scenes and goals are drawn (`envs.goals.sampling`, validation seeds), the goal is given as it is, so that what is
measured is the looking and not the understanding of words. Something goes wrong in a share of the calls, and each
episode is stopped after a drawn number of calls, so that about half of the goals are unmet. A positive is a failure.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from embodied.agents.mind_agent import MindAgent
from embodied.agents.minds import planner_makers
from embodied.data.files import write_json
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.success import wilson
from embodied.evaluation.understanding.playing import TableWatch
from embodied.planning.closed_loop import run
from embodied.planning.dialogue import Reading
from envs.goals import judge
from envs.goals.language import Goal
from envs.goals.outcome import Task, outcome_of
from envs.goals.sampling import draw
from envs.goals.spelling import write
from envs.interface import SEED_RANGES

_ACTING = dict.fromkeys(("fact", "quantity", "clauses", "negation", "steps"), 1.0)  # kinds of goals that are acted on
_SPARE_CALLS = 3
"""An episode is stopped after none to all calls of its plan and so many more."""


@dataclass(frozen=True, slots=True)
class Told:
    """Understands every text as one goal."""

    goal: Goal

    def understand(self, text: str, before: Any = ()) -> Reading:
        return Reading(self.goal)


def main() -> int:
    """0; the figures are printed, and written where `--out` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--perturbations", type=float, default=0.3)
    parser.add_argument("--weights", default="mind")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    one_thread()
    _, perceive = planner_makers(options.weights)
    env = TableWatch(gymnasium.make("envs:embodied/Tabletop-v0", perturbations=options.perturbations))
    found = []
    with progress("scenes", options.scenes) as played:
        for seed in SEED_RANGES["validation"][200_000:200_000 + options.scenes]:
            found.append(report_on(env, perceive, seed))
            played()
    result = figures([pair for pair in found if pair is not None])
    print(json.dumps(result, indent=2))
    if options.out:
        write_json(options.out, result)
    return 0


def report_on(env: TableWatch, perceive: Any, seed: int) -> tuple[bool, bool] | None:
    """Whether the mind says that a drawn goal holds, and whether it does; None where the mind will not act on it."""
    rng = np.random.default_rng([seed, 0x5E1F])
    drawn = next(d for d in iter(lambda: draw(rng, shares=_ACTING), None)
                 if isinstance(d.outcome, Task) and d.outcome.calls)
    agent = MindAgent(Told(drawn.goal), perceive, language=env.unwrapped.language)
    most = int(rng.integers(1, len(drawn.outcome.calls) + _SPARE_CALLS))
    options = {"scene": drawn.scene, "instruction": write(drawn.goal)}
    *_, last = run(env, agent, seed=seed, options=options, max_calls=most)
    if last.report is None:
        return None
    truth = outcome_of(drawn.goal, env.tables[0])
    return last.report.holds, isinstance(truth, Task) and judge.progress(truth.wanted, env.tables) >= 1.0


def figures(pairs: list[tuple[bool, bool]]) -> dict[str, Any]:
    """Precision and recall of "it failed" among as many failures as successes, the first of each; and of a mind that
    always says so."""
    failures, successes = ([p for p in pairs if p[1] is is_met] for is_met in (False, True))
    half = min(len(failures), len(successes))
    even = failures[:half] + successes[:half]
    caught, claimed = sum(not said and not true for said, true in even), sum(not said for said, _ in even)
    return {"episodes": len(pairs), "failures": len(failures), "compared": len(even),
            "precision": _share(caught, claimed), "recall": _share(caught, half),
            "always_failed": {"precision": 0.5, "recall": 1.0}, "accuracy_of_all": _share(
                sum(said == true for said, true in pairs), len(pairs))}


def _share(count: int, of: int) -> dict[str, Any] | None:
    if not of:
        return None
    return {"rate": round(count / of, 4), "ci95": [round(v, 4) for v in wilson(count, of)], "n": of}


if __name__ == "__main__":
    sys.exit(main())
