"""A training that dies at any place: what stands on its disk is readable, and the same command ends the same.

By default a training is ended at stated places, and what was on its disk at that moment is gone on from: that is what
SIGKILL leaves. With -m slow the command itself is killed, see `scripts.kills`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from embodied.data import files
from embodied.data.files import sha256_of
from embodied.training import checkpoint, contents, loop
from scripts.kills import main
from tests.embodied.training.test_checkpoint import go, parts, resume

STEPS, EVERY = 9, 2


class Died(BaseException):
    """Where a training was killed."""


class Death:
    """In the place of a call: copies the folder as it is, and ends the training, before the given one of its calls."""

    def __init__(self, call: Callable[..., Any], number: int, folder: Path, found: Path) -> None:
        self.call, self.left, self.folder, self.found = call, number, folder, found

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            shutil.copytree(self.folder, self.found)
            raise Died
        return self.call(*arguments, **more)


class HalfRemoved(Death):
    """The same when one of the files of an older checkpoint has been removed."""

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        weights = arguments[0] / "model.safetensors"
        self.left = 2
        if weights.exists():
            weights.unlink()
            self.left = 1
        return super().__call__(*arguments, **more)


PLACES = {
    "in the first step": (loop, "_step_where_finite", 1, 0),
    "between gradient and optimizer": (loop, "_step_where_finite", 6, 4),
    "in the first save": (contents, "write_whole", 1, 0),
    "between two files of a save": (contents, "save_file", 6, 4),
    "before the manifest": (contents, "write_json", 3, 4),
    "before the rename": (files, "put_back", 3, 2),
    "after the rename": (checkpoint, "verify", 4, 4),
    "while an older one is removed": (files.shutil, "rmtree", 0, 6),
    "in the last save": (contents, "write_json", 5, 8),
}
"""Place -> what ends it there, before which of its calls, and the step that is gone on from."""


def train(folder: Path) -> int:
    """What a stage does: go on from the newest whole checkpoint, or begin. The step that it began with."""
    folder.mkdir(exist_ok=True)
    made = parts()
    start = resume(made, folder) if checkpoint.newest_valid(folder) else 0
    go(made, folder, STEPS, start=start, every=EVERY)
    return start


def digests(folder: Path) -> list[str]:
    return [sha256_of(checkpoint.newest_valid(folder) / name) for name in checkpoint.FILES[:2]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    train(folder)
    return digests(folder)


@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_training_dies_it_ends_the_same(undisturbed, tmp_path, monkeypatch, place):
    room, name, number, expected = PLACES[place]
    kind = Death if number else HalfRemoved
    with monkeypatch.context() as dying, pytest.raises(Died):
        (tmp_path / "dead").mkdir()
        dying.setattr(room, name, kind(getattr(room, name), number, tmp_path / "dead", tmp_path / "found"))
        train(tmp_path / "dead")
    found = tmp_path / "found"
    assert all(checkpoint.is_valid(path) for path in checkpoint.saved_in(found))
    torch.manual_seed(99)
    assert train(found) == expected
    assert digests(found) == undisturbed and not list(found.glob(".*"))


@pytest.mark.slow
def test_a_command_that_is_killed_goes_on_and_ends_the_same(tmp_path):
    assert main(["--folder", str(tmp_path), "--trials", "10"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--workers", "2"]], ids=["local", "ray"])
def test_a_command_that_is_asked_to_end_does_and_goes_on(tmp_path, more):
    """Row 49."""
    words = ["--folder", str(tmp_path), "--trials", "3", "--steps", "12", "--save-every", "4"]
    assert main([*words, *more, "--victims", "SIGTERM", "SIGINT"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "command", "all"])
def test_a_ray_job_of_which_something_is_killed_goes_on_and_ends_the_same(tmp_path, victim):
    words = ["--folder", str(tmp_path), "--workers", "2", "--steps", "12", "--save-every", "4"]
    assert main([*words, "--trials", "2", "--victims", victim]) == 0


@pytest.mark.slow
def test_a_ray_job_that_loses_a_node_goes_on_and_ends_the_same(tmp_path):
    words = ["--folder", str(tmp_path), "--workers", "2", "--steps", "12", "--save-every", "4", "--cluster", "nodes"]
    assert main([*words, "--trials", "1"]) == 0
