"""A small training for `scripts.kills`: started as a person would, watched from outside, compared with another."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO, Protocol

from embodied.data.files import sha256_of, write_json
from embodied.training import checkpoint
from scripts.kill_cluster import Cluster

STAGE = "pretrain"
SMALL = {"text.is_filtered": "false", "text.held_out_percent": 30, "length": 64, "batch_size": 4, "warmup_steps": 4,
         "validate_every": 10, "ema_decay": 0.9}
SIZES = {"vocab_size": 512, "language.width": 128, "language.depth": 2, "language.heads": 2, "language.mlp": 256}
WARM = ("embodied.training.recipe", "embodied.training.language_stage", "embodied.evaluation.curve", "torch._dynamo",
        "torch.utils.tensorboard", "transformers.models.llama.modeling_llama", "hydra")
"""Modules that a training needs."""
LIMIT_S = 300.0
"""Within which a command ends, or it hangs."""
MARK = "KILLED_RUN"
"""Environment variable of all that a command starts itself."""
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
    is_warm: bool
    victims: tuple[str, ...]

    @property
    def name(self) -> str:
        kind = f"ray{self.workers}-{self.cluster}" if self.workers > 1 else "local"
        return kind + "-warm" * self.is_warm + "-busy" * self.is_busy

    def words(self, run: Path, address: str | None) -> list[str]:
        """The command's, after `embodied`."""
        ray = [f"distributed=ray distributed.num_workers={self.workers} distributed.address={address or 'null'}"]
        return ["train", "experiment=pretrain_lm",
                f"stage.{STAGE}.text.folders=[{self.folder / 'texts'}]", "threads=1", "log_every=1",
                f"hydra.run.dir={run}", f"stage.{STAGE}.steps={self.steps}",
                f"stage.{STAGE}.save_every={self.save_every}",
                *(f"stage.{STAGE}.{key}={value}" for key, value in SMALL.items()),
                *(f"size.{key}={value}" for key, value in SIZES.items()), *(ray[0].split() * (self.workers > 1))]


class Process(Protocol):
    """Of a command: as of subprocess.Popen."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


class Forked:
    """The command in a fork of this process, which has imported all that it needs and has never learned anything: it
    begins after a second instead of ten."""

    def __init__(self, words: list[str], out: BinaryIO, environment: Mapping[str, str]) -> None:
        for name in WARM:
            importlib.import_module(name)
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._be(words, out, environment)

    def _be(self, words: list[str], out: BinaryIO, environment: Mapping[str, str]) -> None:
        code = 1
        try:
            os.setsid()
            for place in (1, 2):
                os.dup2(out.fileno(), place)
            os.environ.update(environment)
            from embodied.cli.main import main

            code = main(words)
        finally:
            os._exit(code)

    def poll(self) -> int | None:
        if self.returncode is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (LIMIT_S if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("embodied train", until)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        os.kill(self.pid, sig)


@dataclass
class Run:
    """A training that was started, seen from outside."""

    folder: Path
    is_ray: bool
    process: Process | None = None
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
    environment = os.environ | cluster.environment | {MARK: str(folder)}
    with open(folder.with_suffix(".out"), "ab") as out:
        words = asked.words(folder, cluster.address)
        run.process = Forked(words, out, environment) if asked.is_warm else subprocess.Popen(
            [sys.executable, "-m", "embodied.cli.main", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, env=environment)
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


def waited(run: Run) -> int | None:
    """The exit code of a command; None where it did not end in time."""
    assert run.process is not None
    try:
        return run.process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(run.process.pid, signal.SIGKILL)
        return None
