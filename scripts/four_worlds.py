"""What planners do in each of the four worlds, why they lose, and what a plan costs.

    python -m scripts.four_worlds mind tamp-tiny board-tiny kitchen-tiny [--episodes 200] [--first 0] [--out DIR]
    python -m scripts.four_worlds FOLDER --worlds tabletop board

One JSON line for each of the weights in each world that it plans in: success on the split's seeds with its 95 %
interval, episodes that said "done" where it was not, the losses by what failed, and the time of a plan, median and
95 %, on one thread. Each is played by `embodied rollout`, in DIR/WEIGHTS/WORLD; the same command goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from embodied.agents.minds import mind_folder
from embodied.cli.weights import language_of, worlds_of
from embodied.evaluation.success import Rate
from embodied.planning.declaration import why_not_planned
from envs.interface import DOMAINS, SEED_RANGES
from envs.skills.signatures import LANGUAGES

PLAYED = {
    "tabletop": [],
    "tamp": ["task=tamp", "task.tasks=[grasp,build]", "env.max_objects=5"],
    "board": ["task=board", "max_calls=60"],
    "kitchen": ["task=kitchen", "max_calls=60"],
}
"""World -> how its test is asked for."""
MS_PER_S = 1000.0


def plays(weights: str, world: str) -> bool:
    """Whether weights plan in a world."""
    folder = mind_folder(weights)
    if known := worlds_of(folder):
        return world in known
    return why_not_planned(language_of(folder), LANGUAGES[world]) is None


def played(weights: str, world: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The row of a world. Raises CalledProcessError where it cannot be played."""
    folder = Path(asked.out) / Path(weights).name / world
    command = [sys.executable, "-m", "embodied.cli.main", "rollout", f"weights={weights}", *PLAYED[world], "worlds=0",
               f"split={asked.split}", f"first={asked.first}", f"episodes={asked.episodes}",
               f"hydra.run.dir={folder.resolve()}"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return {"weights": Path(weights).name, "world": world, **row(list(records(folder / "episodes.jsonl")))}


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The episodes of a rollout."""
    for line in path.read_text("utf-8").splitlines()[1:]:
        yield json.loads(line)


def row(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    """What they come to."""
    rate = Rate(sum(e["success"] for e in episodes), len(episodes))
    plan_ms = MS_PER_S * np.array([s for e in episodes for s in e["timings"]["plan_s"]])
    return {"success": round(rate.value, 4), "ci95": [round(end, 4) for end in rate.ci95], "n": rate.episodes,
            "false_done": sum(e["end"] == "done" and not e["success"] for e in episodes),
            "lost_by": dict(Counter(e["attribution"]["component"] for e in episodes if e["attribution"])),
            "plan_ms": round(float(np.median(plan_ms)), 1), "plan_ms_p95": round(float(np.percentile(plan_ms, 95)), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="names of shipped planners or minds, or folders")
    parser.add_argument("--worlds", nargs="+", choices=sorted(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--episodes", type=int, default=200, help="of each")
    parser.add_argument("--first", type=int, default=0, help="of the split's seeds")
    parser.add_argument("--split", choices=sorted(SEED_RANGES), default="test")
    parser.add_argument("--out", default="outputs/four_worlds", help="folder of the rollouts")
    asked = parser.parse_args()
    for weights in asked.weights:
        for world in asked.worlds:
            if plays(weights, world):
                print(json.dumps(played(weights, world, asked)), flush=True)


if __name__ == "__main__":
    main()
