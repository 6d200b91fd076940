"""Kills a small training at random points, again and again: does the same command go on, and does it end the same?

    python -m scripts.kills --trials 30                                  # one process
    python -m scripts.kills --trials 30 --busy                           # beside two processes that only compute
    python -m scripts.kills --trials 30 --warm                           # in less time
    python -m scripts.kills --workers 2 --trials 30                      # a Ray job, a cluster of its own each time
    python -m scripts.kills --workers 2 --trials 30 --cluster standing   # one cluster for all of them
    python -m scripts.kills --workers 2 --trials 3 --cluster nodes       # a cluster of three nodes here loses one

Each trial starts `embodied train` in a run folder of its own, watches that folder from outside, sends SIGKILL in a
phase (start: before the first step; step: at one; save: while a checkpoint is a draft; report: while Ray hears of one)
after a random part of the time that this phase took undisturbed, reads every checkpoint that stands there, and gives
the same command again until it ends. What is compared with an undisturbed run: SHA-256 of the model, and of the last
checkpoint. A JSON line a trial is added to FOLDER/NAME.jsonl (trials that stand there are not made again), a summary is
printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from embodied.data.progress import progress
from scripts.kill_cluster import Cluster, Owned, Standing, bearing, end
from scripts.kill_run import MARK, Asked, Run, Undisturbed, start, undisturbed, waited

TEXTS = Path(__file__).resolve().parent.parent / "docs"
WITHIN = ("worker", "node")
"""Victims that Ray puts another in the place of: the command goes on by itself."""
VICTIMS = ("command", "all", *WITHIN, "SIGTERM", "SIGINT")
PHASES = {1: ("step", "save", "start", "save", "step", "save"), 2: ("step", "save", "report", "save", "step", "start")}
"""By trials, of one process and of several."""
OUTLIVES_S = 10.0
"""How long something of a command may live on."""
MOST_TRIES = 3


def approach(run: Run, phase: str, at: int, asked: Asked) -> bool:
    """Wait for the step before a phase. Whether it came before the command ended."""
    return run.until(lambda: run.step() >= (at if phase == "step" else at - at % asked.save_every))


def arrive(run: Run, phase: str, draw: random.Random, whole: Undisturbed) -> bool:
    """Wait for a random moment of a phase, after `approach`. Whether it came before the command ended."""
    is_there, before = True, set(run.published())
    if phase == "save":
        is_there = run.until(lambda: bool(run.drafts()))
    elif phase == "report":
        is_there = run.until(lambda: bool(set(run.published()) - before))
    most_s = {"start": whole.first_s, "step": whole.step_s, "save": 0.4 * whole.save_s, "report": whole.report_s}
    moment_s = time.monotonic() + draw.uniform(0, most_s[phase])
    is_there = is_there and run.until(lambda: time.monotonic() > moment_s or (phase == "start" and run.step() > 0))
    return is_there and not run.is_over()


def aim(run: Run, victim: str, cluster: Cluster, draw: random.Random) -> list[int]:
    """Ids of the processes that are to end beside the command, if that is to."""
    assert run.process is not None
    if victim == "worker":
        workers = cluster.workers(run.process.pid)
        return [draw.choice(workers)] if workers else []
    if victim == "node":
        return cluster.a_node(draw)
    return cluster.jobs(run.process.pid) if victim == "all" else []


def kill(run: Run, victim: str, aimed: list[int]) -> None:
    """SIGKILL for those, and for the command with its process group; or the signal that is named, for the command
    alone. It is waited for."""
    assert run.process is not None
    for pid in aimed:
        end(pid)
    if victim in signal.Signals.__members__:
        run.process.send_signal(signal.Signals[victim])
        waited(run)
    elif victim not in WITHIN:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.killpg(run.process.pid, signal.SIGKILL)
        end(run.process.pid)  # a fork that has no group of its own yet
        run.process.wait()


def killed(asked: Asked, run: Run, phase: str, victim: str, draw: random.Random, whole: Undisturbed,
           cluster: Cluster) -> dict[str, Any]:
    """Kill it at a random moment of a phase. What then stands there."""
    at = draw.randrange(1, asked.steps)
    if phase == "start":
        if victim in WITHIN:
            run.until(lambda: bool(cluster.workers(run.process.pid)))  # before there is none to kill
        is_there = arrive(run, phase, draw, whole)
        aimed = aim(run, victim, cluster, draw)
    else:  # to look for the processes takes longer than some phases
        is_there = approach(run, phase, at, asked)
        aimed = aim(run, victim, cluster, draw)
        is_there = arrive(run, phase, draw, whole) and is_there
    began_s = time.monotonic()
    kill(run, victim, aimed)
    return {"phase": phase, "victim": victim, "was_there": is_there, "killed_at": run.step(),
            "took_s": round(time.monotonic() - began_s, 1), "drafts": len(run.drafts()),
            "published": len(run.published()), "unreadable": run.unreadable()}


def trial(asked: Asked, number: int, whole: Undisturbed, cluster: Cluster) -> dict[str, Any]:
    """Kill a training once and let it end. What came of it."""
    draw = random.Random(f"{asked.seed} {asked.name} {number}")
    phases = PHASES[min(asked.workers, 2)]
    phase, victim = phases[number % len(phases)], draw.choice(asked.victims)
    folder = asked.folder / f"{asked.name}-{number:03d}"
    shutil.rmtree(folder, ignore_errors=True)
    run, began_s = start(asked, folder, cluster), time.monotonic()
    seen = killed(asked, run, phase, victim, draw, whole, cluster)
    begun = len(run.starts())
    tries, code = ended(asked, run, cluster, is_gone=victim not in WITHIN)
    said = {"trial": number} | seen | outcome(run, whole, code, run.starts()[begun:], seen["killed_at"]) | {
        "tries": tries, "seconds": round(time.monotonic() - began_s, 1)}
    cluster.mend()
    if is_good(said, asked):
        shutil.rmtree(folder)
        folder.with_suffix(".out").unlink()
    return said


def outcome(run: Run, whole: Undisturbed, code: int | None, resumed: list[int], killed: int) -> dict[str, Any]:
    """What stands there at the end, beside what the undisturbed training left."""
    until = time.monotonic() + OUTLIVES_S
    while (alive := bearing(f"{MARK}={run.folder}")) and time.monotonic() < until:
        time.sleep(0.1)
    return {"code": code, "resumed_at": resumed, "lost": max(killed - resumed[0], 0) if resumed else 0,
            "is_equal": code == 0 and run.digests() == whole.digests, "drafts_after": len(run.drafts()),
            "unreadable_after": run.unreadable(), "outlived": len(alive)}


def ended(asked: Asked, run: Run, cluster: Cluster, *, is_gone: bool) -> tuple[int, int | None]:
    """How often the command was given again, and its last exit code; None where it did not end in time."""
    tries, code = 0, None if is_gone else waited(run)
    while code != 0 and tries < MOST_TRIES:
        tries += 1
        code = waited(start(asked, run.folder, cluster))
        if code is None:
            break
    return tries, code


def is_good(said: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a killed training did all that it must."""
    is_whole = not said["unreadable"] and not said["unreadable_after"] and not said["drafts_after"]
    is_gone = not said.get("outlived")
    return said["code"] == 0 and said["is_equal"] and is_whole and is_gone and said["lost"] <= asked.save_every


def summary(asked: Asked, made: list[dict[str, Any]]) -> dict[str, Any]:
    """What all trials came to, in a line."""
    return {"name": asked.name, "trials": len(made), "good": sum(is_good(said, asked) for said in made),
            "resumed": sum(said["code"] == 0 for said in made), "bit_identical": sum(said["is_equal"] for said in made),
            "unreadable": sum(len(said["unreadable"]) + len(said["unreadable_after"]) for said in made),
            "most_steps_lost": max((said["lost"] for said in made), default=0), "save_every": asked.save_every,
            "with_a_draft": sum(said["drafts"] > 0 for said in made),
            "outlived": sum(said.get("outlived", 0) for said in made),
            "slowest_end_s": max((said["took_s"] for said in made if said["victim"].startswith("SIG")), default=None),
            "most_tries": max((said["tries"] for said in made), default=0),
            "phases": {name: sum(said["phase"] == name and said["was_there"] for said in made)
                       for name in ("start", "step", "save", "report")},
            "victims": {name: sum(said["victim"] == name for said in made) for name in asked.victims}}


_BUSY = "import os; owner = os.getppid()\nwhile os.getppid() == owner: sum(range(100000))"


@contextmanager
def busy(count: int = 2) -> Iterator[None]:
    """Processes that only compute, beside what is done within; they end with this one, however it ends."""
    others = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def run_trials(asked: Asked) -> dict[str, Any]:
    """Make the trials that do not stand in the folder yet. Their summary."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    texts = asked.folder / "texts"
    if not texts.exists():
        texts.mkdir()
        for name in ("robots.md", "kitchen.md", "walk.md", "worlds.md"):
            shutil.copy(TEXTS / name, texts)
    results = asked.folder / f"{asked.name}.jsonl"
    made = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    known = {said["trial"] for said in made}
    todo = [number for number in range(asked.trials) if number not in known]
    with _cluster(asked) as cluster, progress(asked.name, len(todo)) as advance:
        whole = undisturbed(asked, cluster)
        with busy() if asked.is_busy else nullcontext():
            for number in todo:
                made.append(trial(asked, number, whole, cluster))
                with results.open("a") as file:
                    file.write(json.dumps(made[-1]) + "\n")
                advance()
    return summary(asked, made)


def _cluster(asked: Asked) -> Any:
    if asked.workers == 1 or asked.cluster == "own":
        return nullcontext(Owned())
    return Standing(asked.workers, has_nodes=asked.cluster == "nodes")


def main(words: list[str] | None = None) -> int:
    """0 where every trial did what it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("outputs/kills"))
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="of a Ray job; 1: one process, without Ray")
    parser.add_argument("--cluster", choices=("own", "standing", "nodes"), default="own")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, help="one is drawn a trial; all: the command and all "
                        "that Ray runs for it; SIGTERM, SIGINT: the command is asked to end")
    parser.add_argument("--busy", action="store_true", help="two processes compute beside it")
    parser.add_argument("--warm", action="store_true", help="forks of this process instead of new ones, without Ray")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--save-every", type=int, default=5)
    said = parser.parse_args(words)
    of_ray = ("node",) if said.cluster == "nodes" else ("command", "worker", "all")
    usual = of_ray if said.workers > 1 else ("command",)
    if said.warm and said.workers > 1:
        parser.error("--warm: expected --workers 1, for Ray starts processes of its own")
    result = run_trials(Asked(said.folder.resolve(), said.trials, said.seed, said.workers, said.cluster, said.busy,
                              said.steps, said.save_every, said.warm, tuple(said.victims or usual)))
    print(json.dumps(result), flush=True)
    return 0 if result["good"] == result["trials"] else 1


if __name__ == "__main__":
    sys.exit(main())
