"""What a run folder says of itself: its recipe, who trains in it now, and what each stage was trained with.

    recipe.json     settings of the run: another recipe is refused in the same folder
    owner.json      the process that trains here; locked while it lives
    workers.json    stage -> threads and workers
"""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embodied.data.files import sweep_drafts, write_json
from embodied.data.locks import HeldError, Hold
from embodied.training.settings import StageName, TrainSettings, plain


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
    """Nothing. Writes recipe.json, or checks that the run in this folder is the same. ValueError when it is not."""
    path = run_dir / "recipe.json"
    run_dir.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _refuse_another_recipe(run_dir, settings)
    else:
        write_json(path, plain(settings, only_inward=True))


def _refuse_another_recipe(run_dir: Path, settings: TrainSettings) -> None:
    path, wanted = run_dir / "recipe.json", json.loads(json.dumps(plain(settings, only_inward=True)))
    found = json.loads(path.read_text()) if path.exists() else wanted
    changed = [key for key in wanted if found.get(key) != wanted[key]]
    if changed:
        raise ValueError(f"{run_dir}: expected the recipe this folder began with, got another {', '.join(changed)}; "
                         "choose a new run folder or restore those settings")


def note_workers(run_dir: Path, stage: StageName, **now: Any) -> None:
    """Nothing. Remembers what a stage is trained with (threads, world_size); a warning where an earlier one differs.

    A change within a stage is said by `checkpoint.load`.
    """
    path = run_dir / "workers.json"
    run_dir.mkdir(parents=True, exist_ok=True)
    known: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for other, before in known.items():
        changed = [f"{key} {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value]
        if changed and other != stage:
            warnings.warn(f"{run_dir}: {stage} begins with {', '.join(changed)} since {other}: not bit-exact with a "
                          "run that keeps them", stacklevel=2)
    write_json(path, {**known, stage: now})

