"""Where everything of a run stands, and what the folder says of itself.

    recipe.json, owner.json, workers.json   settings of the run, the process that trains here now (locked while it
                                            lives), stage -> what it was trained with
    STAGE/checkpoints, log.jsonl, tensorboard
    STAGE/replay.safetensors                texts that the base wrote for it, and what it says of them
    segmenter/segmenter.*                   the trained segmenter
    start/                                  the planner before its first step
    examples.json                           how many queries of the dataset were taught, and how many left out why
    STAGE/model/                            the planner after a stage that others go on from
    understand/start/, understand/model/    the model that writes goals, before its first step and trained
    model/                                  the result: `embodied.models.loading.load(run / "model")`
"""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embodied.data.files import sweep_drafts, write_json
from embodied.data.locks import HeldError, Hold
from embodied.data.pool import Result, Workers, map_seeds, open_pool
from embodied.training import old_runs
from embodied.training.settings import OUTWARD, TrainSettings, plain, read_settings
from embodied.training.stage import PLANNER
from embodied.typed import SettingError

MapSeeds = Callable[..., Iterable[Result]]
"""`embodied.data.pool.map_seeds`, or the same on other workers."""
OpenWorkers = Callable[..., Workers]
"""`embodied.data.pool.open_pool`, or the same on other workers."""


@dataclass(frozen=True)
class RunFolder:
    """A run: its settings, and where its stages find what earlier ones made."""

    path: Path
    settings: TrainSettings
    map_seeds: MapSeeds = field(default=map_seeds, repr=False)  # who looks at the dataset
    open_workers: OpenWorkers = field(default=open_pool, repr=False)  # who plays

    def check(self) -> None:
        """Raise ValueError, before anything is begun, for a list of stages that cannot work, or what one of them is to
        begin with and cannot."""
        self.settings.check_needs()
        for name in self.settings.worked():
            self.settings.stage(name).check(self)

    def of(self, stage: str) -> Path:
        """The folder of a stage's checkpoints and logs."""
        return self.path / stage

    def checkpoints(self, stage: str) -> Path:
        return self.of(stage) / "checkpoints"

    @property
    def detector(self) -> Path:
        """The folder of the trained segmenter."""
        return self.path / "segmenter"

    @property
    def start(self) -> Path:
        """The folder of the planner before its first step."""
        return self.path / "start"

    def replay(self, stage: str) -> Path:
        """The file of texts that the run's base wrote for a stage, before it learned anything."""
        return self.of(stage) / "replay.safetensors"

    @property
    def examples_card(self) -> Path:
        """What the queries of the dataset became, see `embodied.data.teaching`."""
        return self.path / "examples.json"

    @property
    def model(self) -> Path:
        """The folder of the trained planner."""
        return self.path / "model"

    def planner_before(self, stage: str) -> Path:
        """The folder of the planner that a stage begins with."""
        makers = self._planner_stages()
        earlier = makers[:makers.index(stage)]
        return self.planner_after(earlier[-1]) if earlier else self.start

    def planner_after(self, stage: str) -> Path:
        """The folder of the planner that a stage publishes: the run's result, if no later stage goes on from it."""
        return self.model if self._planner_stages()[-1] == stage else self.of(stage) / "model"

    def mind(self, stage: str) -> Path:
        """The folder of the model that a stage publishes which writes goals for people's words."""
        return self.of(stage) / "model"

    def mind_before(self, stage: str) -> Path:
        """The same before its first step."""
        return self.of(stage) / "start"

    def _planner_stages(self) -> list[str]:
        return [name for name in self.settings.stages if PLANNER in self.settings.stage(name).gives]


class OccupiedError(ValueError):
    """Somebody trains in this folder; the message names the process."""


@contextmanager
def owned(run_dir: Path, wanted: TrainSettings | None = None) -> Iterator[None]:
    """The folder, made where there is none, for this process alone; drafts that killed trainings left are swept.

    Raises OccupiedError, at once, while another process trains in it, ValueError where it began with another recipe
    than `wanted`; what it holds is then as it was.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / "owner.json"
    try:
        hold = Hold.own(path, is_made=True)
    except HeldError as error:
        raise OccupiedError(f"{run_dir}: expected a run folder that nobody trains in, got one in which {_owner(path)} "
                            "trains; wait for it or stop it, or choose another folder") from error
    with hold:
        if wanted is not None:
            _refuse_another_recipe(run_dir, wanted)
        # In place: a renamed file would not be the locked one.
        path.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(),
                                    "since": time.strftime("%Y-%m-%dT%H:%M:%S%z")}))
        sweep_drafts(run_dir, is_deep=True)
        yield


def _owner(path: Path) -> str:
    """Who wrote the file, in words."""
    try:
        facts = json.loads(path.read_text())
        return f"process {facts['pid']} of {facts['host']} (since {facts['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun
        return "another process"


def claim(run_dir: Path, settings: TrainSettings) -> None:
    """Write recipe.json, or check that the run in this folder is the same, and bring a folder of the earlier form into
    the present one. ValueError when it is another run.
    """
    path = run_dir / "recipe.json"
    run_dir.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _refuse_another_recipe(run_dir, settings)
        old_runs.renew(run_dir)
    else:
        write_json(path, plain(settings, only_inward=True))


def _refuse_another_recipe(run_dir: Path, settings: TrainSettings) -> None:
    path, wanted = run_dir / "recipe.json", json.loads(json.dumps(plain(settings, only_inward=True)))
    found = _in_full(json.loads(path.read_text()), settings) if path.exists() else wanted
    changed = [key for key in wanted if found.get(key) != wanted[key]]
    if not changed and list(found["stages"]) != list(wanted["stages"]):
        changed = ["order of stages"]
    if changed:
        raise ValueError(f"{run_dir}: expected the recipe this folder began with, got another {', '.join(changed)}; "
                         "choose a new run folder or restore those settings")


def _in_full(recipe: Mapping[str, Any], settings: TrainSettings) -> dict[str, Any]:
    """The recipe of a folder with what it does not tell: settings that came later are at what they stand for."""
    found, now = old_runs.present_form(recipe), plain(settings)
    try:
        read = read_settings({**{key: now[key] for key in OUTWARD}, **found})
    except SettingError:
        return found
    return json.loads(json.dumps(plain(read, only_inward=True)))


def note_workers(run_dir: Path, stage: str, **now: Any) -> None:
    """Remember what a stage is trained with (threads, world_size, device); warn where an earlier stage had another.

    A change within a stage is said by `checkpoint.load`.
    """
    path = run_dir / "workers.json"
    run_dir.mkdir(parents=True, exist_ok=True)
    known: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for other, before in known.items():
        changed = [f"{key} {before[key]} -> {value}" for key, value in now.items() if before.get(key, value) != value]
        if changed and other != stage:
            warnings.warn(f"{run_dir}: {stage} begins with {', '.join(changed)} since {other}: not bit-exact with a "
                          "run that keeps them", stacklevel=2)
    write_json(path, {**known, stage: now})

