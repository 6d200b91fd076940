"""Learning from outcomes, from an undertrained planner to a better one, timed: one JSON line.

    python scripts/bench/rl.py --quick                      # under five minutes on two idle cores
    python scripts/bench/rl.py --minutes 60 --test 200 stage.rl.advantage=forked_states stage.rl.lr=1e-4
    python scripts/bench/rl.py --recipe rejection_tabletop --minutes 55 --test 300 threads=2
    python scripts/bench/rl.py --test 300 --measure tabletop-few RUN/model         # planners on the same scenes
    python scripts/bench/rl.py --test 300 --measure tabletop-few RUN/model --alone  # first answers, nobody judges
    python scripts/bench/rl.py --test 900 --measure tabletop-few RUN/model --unseen RUN

The recipe is experiment=grpo_tabletop, or that of --recipe, from `tabletop-few`, which learned 50 asks of the
tabletop; settings of the command line come on top. `before` and `after`: the test seeds' scenes by the likeliest plans,
with Wilson's 95 % interval. `episodes` and `env_steps` (calls of skills, those of forks among them) are what was
learned from, all of it where a training went on (--out); `seconds` are this process's learning, without validation,
which the bench leaves out; workers share two cores. With --minutes the learning ends at the first iteration that is
over then. `gain`: of the same scenes, after less before, with a 95 % interval by scenes (bootstrap, 2,000 draws). With
--measure nothing is learned: a line for each planner, its gain over the first one beside it; with --unseen RUN on
those of the scenes alone whose task no scene that RUN played had with the same colors in the same order; with --alone
their first answers are carried out as they come, whatever a judge of words would say of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find a script."""

from embodied.compat import guard_torchvision  # noqa: E402

guard_torchvision()

from embodied.agents.rollouts import make_rollouts  # noqa: E402
from embodied.agents.shipped import weights_folder  # noqa: E402
from embodied.cli.configs import config_dir  # noqa: E402
from embodied.cli.overrides import compose  # noqa: E402
from embodied.cli.train import Settings, recipe  # noqa: E402
from embodied.data.pool import open_pool  # noqa: E402
from embodied.evaluation.curve import draw_curves  # noqa: E402
from embodied.evaluation.success import Rate, paired_gain  # noqa: E402
from embodied.planning.named import colors_in  # noqa: E402
from embodied.training.checkpoint import newest_valid, step_of  # noqa: E402
from embodied.training.loop import TrainState  # noqa: E402
from embodied.training.outcomes.policy_stage import played  # noqa: E402
from embodied.training.recipe import finish_stage, run_stage, start_stage  # noqa: E402
from embodied.training.run_folder import RunFolder, claim  # noqa: E402
from embodied.training.stages.rl import RlSettings  # noqa: E402
from embodied.typed import read  # noqa: E402
from envs.interface import SEED_RANGES  # noqa: E402

QUICK = ["stage.rl.scenes=8", "stage.rl.group=6", "stage.rl.updates=2", "stage.rl.steps=10", "stage.rl.save_every=10",
         "stage.rl.validate_every=10", "stage.rl.warmup_steps=0"]
STAGE = "rl"


class Until:
    """Ends the training at the end of an iteration, so many minutes after its first step began; notes how far it
    came."""

    def __init__(self, minutes: float | None, updates: int) -> None:
        self.minutes, self.updates, self.numbers, self.seconds = minutes, updates, {}, 0.0

    def begin(self, state: TrainState[Any]) -> None:
        self.began_s = time.perf_counter()

    def step(self, state: TrainState[Any]) -> None:
        self.numbers = dict(state.metrics)
        is_late = self.minutes is not None and time.perf_counter() - self.began_s > 60 * self.minutes
        state.is_enough = state.is_enough or (is_late and state.step % self.updates == 0)

    def end(self, state: TrainState[Any]) -> None:
        self.seconds = time.perf_counter() - self.began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 test scenes, 5 iterations of 48 episodes")
    parser.add_argument("--minutes", type=float, help="of learning; all steps of the recipe by default")
    parser.add_argument("--test", type=int, default=200, help="test scenes, 200 by default")
    parser.add_argument("--recipe", default="grpo_tabletop", help="of configs/experiment; grpo_tabletop by default")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="run folder, to go on in or to keep; a temporary one by default")
    parser.add_argument("--measure", nargs="+", metavar="WEIGHTS", help="planners that are played, not trained")
    parser.add_argument("--unseen", type=Path, metavar="RUN", help="of --measure: what that run never played, alone")
    parser.add_argument("--alone", action="store_true", help="of --measure: plans as they come, judged by nobody")
    parser.add_argument("settings", nargs="*", help="of the recipe, such as stage.rl.lr=1e-4")
    asked = parser.parse_args()
    given = [f"experiment={asked.recipe}", "stage.rl.validation_scenes=0",
             *(QUICK if asked.quick else ()), *asked.settings]
    if asked.measure:
        settings = settings_of(given, asked.workers)[1]
        seeds = SEED_RANGES["test"][:asked.test]
        agent = {"agent": {"unclear": None}} if asked.alone else {}
        return compare(asked.measure, {**played(settings), **agent},
                       unseen(asked.unseen, seeds) if asked.unseen else seeds, asked.workers)
    seeds = SEED_RANGES["test"][:60 if asked.quick else asked.test]
    with tempfile.TemporaryDirectory() as spare:
        print(json.dumps(measured(asked.out or Path(spare) / "run", given, seeds, asked.minutes, asked.workers)))


def settings_of(given: list[str], workers: int) -> tuple[Settings, RlSettings]:
    """Of the run, and of its stage."""
    values = compose(config_dir(), "train", ["threads=1", f"workers={workers}", *given])
    settings = read(Settings, values)
    return settings, recipe(settings).stages[STAGE]


def measured(folder: Path, given: list[str], seeds: Sequence[int], minutes: float | None, workers: int
             ) -> dict[str, Any]:
    """The line."""
    run = RunFolder(folder.resolve(), recipe(settings_of(given, workers)[0]))
    settings = run.settings.stages[STAGE]
    run.check()
    claim(run.path, run.settings)
    before = successes(str(weights_folder(settings.weights)), played(settings), seeds, workers)
    start_stage(run, STAGE)
    until = Until(minutes, settings.updates)
    finish_stage(run, STAGE, run_stage(run.settings, STAGE, run.path, hooks=[until]))
    if not until.numbers:
        raise SystemExit(f"{folder}: expected steps to take, got a training that is over; choose another --out")
    draw_curves(run.path, [STAGE])
    after = successes(str(run.model), played(settings), seeds, workers)
    return {"before": told(before), "after": told(after), "gain": gain(after, before),
            "episodes": int(until.numbers["rollout/episodes"]), "env_steps": int(until.numbers["rollout/calls"]),
            "seconds": round(until.seconds, 1), "playing_s": round(until.numbers["rollout/seconds"], 1)}


def compare(weights: list[str], how: dict[str, Any], seeds: Sequence[int], workers: int) -> None:
    """Print a line for each planner. how: arguments of `make_rollouts`."""
    first = None
    for one in weights:
        found = successes(str(weights_folder(one)), how, seeds, workers)
        first = found if first is None else first
        print(json.dumps({"weights": one, **told(found), "gain": gain(found, first)}), flush=True)


def unseen(folder: Path, seeds: Sequence[int]) -> list[int]:
    """Those of some scenes whose task came with the same colors, in that order, in none that a run played."""
    settings = read(RlSettings, json.loads((folder / "recipe.json").read_text())["stages"][STAGE])
    last = newest_valid(folder / STAGE / "checkpoints")
    if last is None:
        raise SystemExit(f"--unseen {folder}: expected a run with checkpoints of the stage rl, got none")
    scenes = settings.scenes * (step_of(last) // settings.updates)
    world = gymnasium.make(settings.env_id, **settings.env).unwrapped
    seen = {composition(world, seed) for seed in SEED_RANGES["train"][settings.first_seed:][:scenes]}
    found = [seed for seed in seeds if composition(world, seed) not in seen]
    world.close()
    if not found:
        raise SystemExit(f"--unseen {folder}: it played all of the tasks and colors of {len(seeds)} test scenes; raise "
                         "--test")
    return found


def composition(world: Any, seed: int) -> tuple[str, ...]:
    """The task of a scene, and the colors that its instruction says."""
    seen, info = world.reset(seed=seed)
    return (info["task"], *colors_in(seen["instruction"]))


def successes(weights: str, how: dict[str, Any], seeds: Sequence[int], workers: int) -> np.ndarray:
    """bool[seeds]: of test scenes, by the likeliest plans; an episode that broke is lost."""
    with open_pool(make_rollouts, {"weights": weights, **how}, workers=workers) as pool:
        found = {result.seed: result.value for result in pool.run([-1 - seed for seed in seeds])}
    return np.array([bool((one := found[-1 - seed]) and one.is_success) for seed in seeds])


def told(found: np.ndarray) -> dict[str, Any]:
    rate = Rate(int(found.sum()), len(found))
    return {"success_rate": round(rate.value, 4), "ci95": [round(end, 4) for end in rate.ci95], "n": rate.episodes}


def gain(after: np.ndarray, before: np.ndarray) -> dict[str, Any]:
    """Of the same scenes."""
    value, ends = paired_gain(after, before)
    return {"value": round(value, 4), "ci95": [round(end, 4) for end in ends]}


if __name__ == "__main__":
    main()
