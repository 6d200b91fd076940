"""Kills a small training at random points, again and again: does the same command go on, and does it end the same?

    python -m scripts.kills --trials 30                                  # one process
    python -m scripts.kills --trials 30 --busy                           # beside two processes that only compute
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
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from embodied.data.files import sha256_of, write_json
from embodied.data.progress import progress
from embodied.training import checkpoint
from scripts.kill_cluster import Cluster, Owned, Standing, bearing

STAGE = "pretrain"
TEXTS = Path(__file__).resolve().parent.parent / "docs"
SMALL = {"text.is_filtered": "false", "text.held_out_percent": 30, "length": 64, "batch_size": 4, "warmup_steps": 4,
         "validate_every": 10, "ema_decay": 0.9}
SIZES = {"vocab_size": 512, "language.width": 128, "language.depth": 2, "language.heads": 2, "language.mlp": 256}
WITHIN = ("worker", "node")
"""Victims that Ray puts another in the place of: the command goes on by itself."""
VICTIMS = ("command", "all", *WITHIN, "SIGTERM", "SIGINT")
PHASES = {1: ("step", "save", "start", "save", "step", "save"), 2: ("step", "save", "report", "save", "step", "start")}
"""By trials, of one process and of several."""
LIMIT_S = 300.0
"""Within which a command ends, or it hangs."""
MARK = "KILLED_RUN"
"""Environment variable of all that a command starts itself."""
OUTLIVES_S = 10.0
"""How long something of it may live on."""
MOST_TRIES = 3
_POLL_S = 0.0005


@dataclass(frozen=True)
class Asked:
    """What is trained, where, and how often it is killed."""

    folder: Path
    trials: int
    seed: int
    workers: int
    cluster: str
    is_busy: bool
    steps: int
    save_every: int
    victims: tuple[str, ...]

    @property
    def name(self) -> str:
        kind = f"ray{self.workers}-{self.cluster}" if self.workers > 1 else "local"
        return kind + "-busy" * self.is_busy

    def command(self, run: Path, address: str | None) -> list[str]:
        ray = [f"distributed=ray distributed.num_workers={self.workers} distributed.address={address or 'null'}"]
        return [sys.executable, "-m", "embodied.cli.main", "train", "experiment=pretrain_lm",
                f"stage.{STAGE}.text.folders=[{self.folder / 'texts'}]", "threads=1", "log_every=1",
                f"hydra.run.dir={run}", f"stage.{STAGE}.steps={self.steps}",
                f"stage.{STAGE}.save_every={self.save_every}",
                *(f"stage.{STAGE}.{key}={value}" for key, value in SMALL.items()),
                *(f"size.{key}={value}" for key, value in SIZES.items()), *(ray[0].split() * (self.workers > 1))]


@dataclass
class Run:
    """A training that was started, seen from outside."""

    folder: Path
    is_ray: bool
    process: subprocess.Popen[bytes] | None = None
    began_s: float = field(default_factory=time.monotonic)

    @property
    def kept(self) -> Path:
        return self.folder / "ray" / STAGE if self.is_ray else self.folder / STAGE / "checkpoints"

    def _log(self, last: int | None = None) -> list[dict[str, Any]]:
        """Lines of the log, or the last few, but for one that is just being written."""
        try:
            with (self.folder / STAGE / "log.jsonl").open("rb") as file:
                if last is not None:
                    file.seek(max(file.seek(0, os.SEEK_END) - last, 0))
                lines = file.read().split(b"\n")[:-1]
        except OSError:
            return []
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def step(self) -> int:
        return max((line["step"] for line in self._log(4096) if "loss" in line), default=0)

    def starts(self) -> list[int]:
        return [line["step"] for line in self._log() if line.get("event") == "start"]

    def drafts(self) -> list[str]:
        return [name for name in self._names() if name.endswith(".draft")]

    def published(self) -> list[str]:
        return [name for name in self._names() if not name.startswith(".") and name.startswith("step_")]

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.kept)
        except OSError:
            return []

    def is_over(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def until(self, is_so: Callable[[], bool]) -> bool:
        """Whether it became so while the command ran."""
        while not is_so():
            if self.is_over() or time.monotonic() > self.began_s + LIMIT_S:
                return False
            time.sleep(_POLL_S)
        return True

    def unreadable(self) -> list[str]:
        """Checkpoints that stand there and do not verify; one that is taken away meanwhile is none."""
        return [name for name in self.published() if not checkpoint.is_valid(self.kept / name) and (
            (self.kept / name).exists())]

    def digests(self) -> dict[str, str]:
        """SHA-256 of what a training leaves, by file. Without the states of two generators that nothing draws from and
        nobody seeds: they are others in each process."""
        last = self.kept / max(self.published())
        files = [self.folder / STAGE / "model" / "model.safetensors", *last.glob("*.safetensors")]
        trainer = json.loads((last / "trainer.json").read_text())
        del trainer["random"]["python"], trainer["random"]["numpy"]
        said = sha256(json.dumps(trainer, sort_keys=True).encode()).hexdigest()
        return {f"{last.name}/trainer.json": said, **{f"{file.parent.name}/{file.name}": sha256_of(file)
                                                      for file in sorted(files)}}


@dataclass(frozen=True)
class Undisturbed:
    """What a training leaves that nobody kills, and the seconds that its phases take."""

    digests: dict[str, str]
    first_s: float  # from the command to the first step
    step_s: float
    save_s: float  # from the draft to the rename
    report_s: float  # from the rename to the next step


def start(asked: Asked, folder: Path, cluster: Cluster) -> Run:
    """The command, started in a process group of its own; what it says goes to FOLDER.out, and what it starts bears
    the folder's name."""
    run = Run(folder, asked.workers > 1)
    with open(folder.with_suffix(".out"), "ab") as out:
        run.process = subprocess.Popen(asked.command(folder, cluster.address), stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=out, start_new_session=True, env=os.environ | cluster.environment | {MARK: str(folder)})
    return run


def undisturbed(asked: Asked, cluster: Cluster) -> Undisturbed:
    """Train once without a kill, and time it; what stands in the folder from before is read."""
    kept = asked.folder / f"{asked.name.removesuffix('-busy')}-undisturbed.json"
    if kept.exists():
        return Undisturbed(**json.loads(kept.read_text()))
    run = start(asked, kept.with_suffix(""), cluster)
    times: dict[str, list[float]] = {"step": [], "draft": [], "saved": []}
    known = {"step": 0, "draft": 0, "saved": 0}
    saved: set[str] = set()
    while not run.is_over():
        saved |= set(run.published())
        for name, now in (("step", run.step()), ("draft", bool(run.drafts())), ("saved", len(saved))):
            if now > known[name]:
                times[name].append(time.monotonic())
            known[name] = now
        time.sleep(_POLL_S)
    if run.process is None or run.process.returncode:
        raise RuntimeError(f"{run.folder}: expected an undisturbed training to end well; see {run.folder}.out")
    pairs = list(zip(times["draft"], times["saved"], strict=False))
    after = [min(t for t in times["step"] if t > at) - at for at in times["saved"][:-1]]
    found = Undisturbed(run.digests(), times["step"][0] - run.began_s,
                        median(b - a for a, b in itertools.pairwise(times["step"])),
                        median(max(b - a, 0.001) for a, b in pairs), median(after or [0.001]))
    write_json(kept, asdict(found))
    return found


def await_phase(run: Run, phase: str, draw: random.Random, whole: Undisturbed, asked: Asked) -> bool:
    """Wait for a random moment of a phase. Whether it came before the command ended."""
    at = draw.randrange(1, asked.steps)
    if phase == "start":
        time.sleep(draw.uniform(0, whole.first_s))
        return not run.is_over()
    if phase == "step":
        is_there = run.until(lambda: run.step() >= at)
        time.sleep(draw.uniform(0, whole.step_s))
        return is_there
    is_there = run.until(lambda: run.step() >= at - at % asked.save_every)
    if phase == "save":
        is_there = is_there and run.until(lambda: bool(run.drafts()))
        time.sleep(draw.uniform(0, 0.8 * whole.save_s))
        return is_there
    before = set(run.published())
    is_there = is_there and run.until(lambda: bool(set(run.published()) - before))
    time.sleep(draw.uniform(0, whole.report_s))
    return is_there


def kill(run: Run, victim: str, cluster: Cluster, draw: random.Random) -> None:
    """SIGKILL for a worker, for a node of a cluster, for the command, or for the command with all that is its; or the
    signal that is named, for the command, which is waited for."""
    assert run.process is not None
    if victim == "worker":
        cluster.kill_worker(run.process.pid, draw)
    elif victim == "node":
        cluster.lose_node(draw)
    elif victim in signal.Signals.__members__:
        run.process.send_signal(signal.Signals[victim])
        waited(run)
    else:
        if victim == "all":
            cluster.kill_jobs(run.process.pid)
        os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()


def trial(asked: Asked, number: int, whole: Undisturbed, cluster: Cluster) -> dict[str, Any]:
    """Kill a training once and let it end. What came of it."""
    draw = random.Random(f"{asked.seed} {asked.name} {number}")
    phases = PHASES[min(asked.workers, 2)]
    phase, victim = phases[number % len(phases)], draw.choice(asked.victims)
    folder = asked.folder / f"{asked.name}-{number:03d}"
    shutil.rmtree(folder, ignore_errors=True)
    run, began_s = start(asked, folder, cluster), time.monotonic()
    if victim in WITHIN and phase == "start":
        run.until(lambda: cluster.has_workers(run.process.pid))  # before there is none to kill
    was_there = await_phase(run, phase, draw, whole, asked)
    killed_s = time.monotonic()
    kill(run, victim, cluster, draw)
    seen = {"trial": number, "phase": phase, "victim": victim, "was_there": was_there, "killed_at": run.step(),
            "took_s": round(time.monotonic() - killed_s, 1), "drafts": len(run.drafts()),
            "published": len(run.published()), "unreadable": run.unreadable()}
    begun = len(run.starts())
    tries, code = ended(asked, run, cluster, is_gone=victim not in WITHIN)
    said = seen | outcome(run, whole, code, run.starts()[begun:], seen["killed_at"]) | {
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


def waited(run: Run) -> int | None:
    assert run.process is not None
    try:
        return run.process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(run.process.pid, signal.SIGKILL)
        return None


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
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--save-every", type=int, default=5)
    said = parser.parse_args(words)
    of_ray = ("node",) if said.cluster == "nodes" else ("command", "worker", "all")
    usual = of_ray if said.workers > 1 else ("command",)
    result = run_trials(Asked(said.folder.resolve(), said.trials, said.seed, said.workers, said.cluster, said.busy,
                              said.steps, said.save_every, tuple(said.victims or usual)))
    print(json.dumps(result), flush=True)
    return 0 if result["good"] == result["trials"] else 1


if __name__ == "__main__":
    sys.exit(main())
