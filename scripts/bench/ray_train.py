"""What Ray costs a training, and how long a two-worker job takes from its command to its result.

    python -m scripts.bench.ray_train --quick        # one JSON line a figure; three minutes on two idle cores
    python -m scripts.bench.ray_train --only steps   # or small, or smoke: one of the three parts

"steps": the tiny planner's stage sft, batches of 32, one torch thread a process: `local` is this command's way without
Ray, `ray1` and `ray2` are jobs of one and two Ray workers, `plain2` two processes over gloo that run what the workers
run, without Ray. "small": the same of a planner of SmolLM2-135M's width and depth (random weights, all of them learn),
batches of 4, `local` and `ray1`. Each run is a process of its own, and starts anew in a copy of one prepared folder;
rounds take the runs in turn, forwards and backwards. `step_s` is the median of a step of the slowest worker, from the
end of one to the end of the next, the first three left out, and nothing saved; `cpu_s` is the processor time of all
workers in it, which others on the machine disturb less (that of Ray's own processes is not in it). Ratios are geometric
means over the rounds, with a 95 % interval: `ray2_over_ray1` is how many times as fast two Ray workers are as one,
`ray2_over_plain2` and `ray1_over_local` how many times as long a step takes with Ray as without. `start_s` is from a
run's command until its first step has ended.
"smoke": seconds of `embodied train experiment=smoke distributed=ray distributed.num_workers=2`, its dataset collected
before, and of the same without Ray.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embodied.compat import guard_torchvision
from embodied.data.parents import end_with
from scripts.bench.rollout import interval

guard_torchvision()

STAGE, WARMING = "sft", 3
PARTS = ("steps", "small", "smoke")
SIDES = {"steps": ("local", "ray1", "plain2", "ray2"), "small": ("local", "ray1")}
SIZES = {"steps": ["size=tiny", f"stage.{STAGE}.batch_size=32"], "small": ["size=small", f"stage.{STAGE}.batch_size=4"]}
RATIOS = {"ray2_over_ray1": ("ray1", "ray2"), "ray2_over_plain2": ("ray2", "plain2"),
          "ray1_over_local": ("ray1", "local")}
"""Name -> whose seconds are divided by whose."""
CLI = (sys.executable, "-m", "embodied.cli.main")


class Clock:
    """A hook that notes when each step ended, and the processor time of this process then."""

    def __init__(self, path: Path) -> None:
        self.path, self.ends = path, []

    def step(self, state: Any) -> None:
        state.settle()
        self.ends.append((time.time(), time.process_time()))
        if state.step == state.steps:
            self.path.write_text(json.dumps(self.ends))

    def end(self, state: Any) -> None:
        """All is written."""


def settings_of(part: str, dataset: Path, steps: int) -> Any:
    """The recipe of a part, one thread a process, nothing saved or measured before its last step."""
    from embodied.cli.configs import config_dir
    from embodied.cli.overrides import compose
    from embodied.cli.train import Settings, recipe
    from embodied.typed import read

    words = ["experiment=tabletop_tiny", *SIZES[part], f"data.folder={dataset}", "threads=1", "workers=0",
             "stage.segmenter.weights=shipped", f"stage.{STAGE}.steps={steps}", f"stage.{STAGE}.save_every={10**6}",
             f"stage.{STAGE}.validate_every={10**6}"]
    return recipe(read(Settings, compose(config_dir(), "train", words), ""))


def prepare(part: str, dataset: Path, steps: int, folder: Path) -> None:
    """Make what a run of the part begins with: the planner before its first step, and what was seen."""
    from embodied.training.recipe import start_stage
    from embodied.training.run_folder import RunFolder

    run = RunFolder(folder, settings_of(part, dataset, steps))
    for name in run.settings.stages:
        start_stage(run, name)


def be_side(side: str, part: str, dataset: Path, steps: int, folder: Path) -> None:
    """Train, as one of the sides does; every process leaves a clock in the folder. Ends with the bench."""
    end_with(os.getppid())
    settings = settings_of(part, dataset, steps)
    if side == "local":
        from embodied.training.recipe import run_stage

        run_stage(settings, STAGE, folder, hooks=[Clock(folder / "clock_0.json")])
    elif side == "plain2":
        from scripts.bench.layouts import on_ranks

        on_ranks(2, lambda rank: plain_worker(settings, folder, rank, 2))
    else:
        from embodied.distributed import launch

        launch.train_worker = timed_worker
        launch.launch(settings, STAGE, folder, num_workers=int(side[-1]))


def plain_worker(settings: Any, folder: Path, rank: int, size: int) -> dict[str, float]:
    """What `launch.train_worker` does, but for what it says to Ray."""
    from embodied.training.parallel.divided import place
    from embodied.training.parallel.layout import Layout
    from embodied.training.placement import CPU
    from embodied.training.run_folder import RunFolder

    placement = place(Layout(), CPU, rank, size, settings.precision, settings.stages[STAGE].accumulate)
    job = settings.stage(STAGE).prepare(RunFolder(folder, settings), placement)
    job.train([*job.listeners(), Clock(folder / f"clock_{rank}.json")])
    return {}


def timed_worker(loop_config: dict[str, Any]) -> None:
    """`launch.train_worker` with a clock."""
    import ray.train

    from embodied.distributed import launch

    logs, rank = launch._logs, ray.train.get_context().get_world_rank()
    launch._logs = lambda *given: [*logs(*given), Clock(Path(loop_config["run_dir"]) / f"clock_{rank}.json")]
    launch.train_worker(loop_config)


def play(side: str, part: str, dataset: Path, steps: int, prepared: Path) -> dict[str, float]:
    """What a run of a side took. RuntimeError where it ends otherwise than well."""
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place) / "run", Path(place) / "said.txt"
        shutil.copytree(prepared, folder)
        began_s = time.time()
        with log.open("w") as said:
            ended = subprocess.run([sys.executable, "-m", "scripts.bench.ray_train", "--side", side, "--only", part,
                                    "--dataset", str(dataset), "--steps", str(steps), "--folder", str(folder)],
                                   stdout=said, stderr=subprocess.STDOUT, env=_environment(), check=False)
        if ended.returncode:
            raise RuntimeError(f"{side}: expected a run that ends well, got exit code {ended.returncode}: "
                               f"{log.read_text()[-2000:]}")
        return read_clocks([json.loads(path.read_text()) for path in sorted(folder.glob("clock_*.json"))], began_s)


def read_clocks(clocks: Sequence[Sequence[tuple[float, float]]], began_s: float) -> dict[str, float]:
    """Seconds of a step, of the processor in it, and until the first one had ended. clocks: of each process, (when,
    processor time until then) of each step's end."""
    steps = [[(after[0] - before[0], after[1] - before[1]) for before, after in zip(ends[WARMING - 1:], ends[WARMING:],
                                                                                    strict=False)] for ends in clocks]
    return {"step_s": statistics.median(max(one[0] for one in together) for together in zip(*steps, strict=True)),
            "cpu_s": statistics.median(sum(one[1] for one in together) for together in zip(*steps, strict=True)),
            "start_s": max(ends[0][0] for ends in clocks) - began_s}


def bench_steps(part: str, dataset: Path, steps: int, rounds: int, folder: Path) -> None:
    """Print the lines of "steps" or "small"."""
    prepared = folder / part
    prepare(part, dataset, steps, prepared)
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES[part]}
    for number in range(rounds):
        for side in SIDES[part][::-1 if number % 2 else 1]:
            found[side].append(play(side, part, dataset, steps, prepared))
            print(f"{part}, round {number}, {side}: {found[side][-1]}", file=sys.stderr, flush=True)
    for side, runs in found.items():
        say(part, side=side, **{key: round(statistics.median(run[key] for run in runs), 4) for key in runs[0]})
    for name, (above, below) in RATIOS.items():
        if above in found and below in found:
            for key in ("step_s", "cpu_s"):
                ratio, within = interval([a[key] / b[key] for a, b in zip(found[above], found[below], strict=True)])
                say(part, ratio=name, of=key, value=ratio, interval=within, rounds=rounds)


def bench_smoke(rounds: int, folder: Path) -> None:
    """Print the line of "smoke"."""
    dataset = f"data.folder={folder / 'smoke'}"
    _command("collect", "data=smoke", dataset, "workers=1", folder=folder)
    ways = {"ray2": ("distributed=ray", "distributed.num_workers=2"), "local": ()}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, words in ways.items():
            began_s = time.perf_counter()
            _command("train", "experiment=smoke", dataset, *words, f"hydra.run.dir={folder / f'{way}{number}'}",
                     folder=folder)
            taken[way].append(time.perf_counter() - began_s)
    say("smoke", **{f"{way}_s": round(statistics.median(of), 1) for way, of in taken.items()},
        ray2_longest_s=round(max(taken["ray2"]), 1), rounds=rounds)


def _command(*words: str, folder: Path) -> None:
    ended = subprocess.run([*CLI, *words], cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"embodied {words[0]}: expected exit code 0, got {ended.returncode}: {ended.stderr[-2000:]}")


def _environment() -> dict[str, str]:
    """That of this process, whatever a run's own folder: the project comes from here."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def say(what: str, **found: Any) -> None:
    print(json.dumps({"what": what, **found, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}),
          flush=True)


def main() -> None:
    """Print a line for every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, and fewer steps")
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    parser.add_argument("--rounds", type=int, help="3; of the small planner 2, of smoke 2")
    parser.add_argument("--steps", type=int, help="of a run; 40, of the small planner 10")
    parser.add_argument("--dataset", type=Path, help="a collected dataset; else a few still scenes are made")
    parser.add_argument("--side", choices=SIDES["steps"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        be_side(asked.side, asked.only, asked.dataset, asked.steps, asked.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        folder, parts = Path(place), [asked.only] if asked.only else PARTS
        dataset = asked.dataset or folder / "dataset"
        if asked.dataset is None and {*parts} != {"smoke"}:
            from embodied.data.collect import CollectSpec, collect

            collect(CollectSpec(), dataset, episodes=24, executed_fraction=0.0, workers=0)
        for part in parts:
            if part == "smoke":
                bench_smoke(asked.rounds or (1 if asked.quick else 2), folder)
                continue
            usual = {"steps": (12, 40), "small": (6, 10)}[part][not asked.quick]
            usual_rounds = {"steps": 3, "small": 2}[part]
            bench_steps(part, dataset, asked.steps or usual, asked.rounds or (1 if asked.quick else usual_rounds),
                        folder)


if __name__ == "__main__":
    main()
