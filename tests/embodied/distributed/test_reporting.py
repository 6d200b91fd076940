"""What a worker reports to Ray: whole checkpoints of their steps, and none where a rank could not write its files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import ray.train
from pyarrow.fs import LocalFileSystem

from embodied.distributed.reporting import Report
from embodied.training import checkpoint, contents
from embodied.training.contents import Whole
from embodied.training.loop import train
from embodied.training.placement import Replicated
from tests.embodied.training.test_checkpoint import objective, parts


class OneCouldNot(Replicated):
    """One of two ranks, the other of which never gets anything done."""

    def mean(self, values):
        return values / 2


def reported(monkeypatch, placement=None, in_background=False, steps=6):
    """(step of the numbers, step of the checkpoint or None) of all reports of a training that saves every 2 steps."""
    told, folders = [], []

    def report(numbers, checkpoint, checkpoint_upload_fn, **_):
        folder = None if checkpoint is None else Path(checkpoint.path)
        folders.append(folder)
        told.append((numbers["step"], None if folder is None else checkpoint_upload_fn(checkpoint, "checkpoint_1")))

    class Storage:
        storage_filesystem = LocalFileSystem()
        experiment_fs_path = "/nowhere"

        def build_checkpoint_path_from_name(self, name):
            return name

    def uploaded(saved, name, storage):
        checkpoint.verify(Path(saved.path))
        return checkpoint.step_of(Path(saved.path))

    monkeypatch.setattr("embodied.distributed.reporting.uploaded", uploaded)
    monkeypatch.setattr(ray.train, "report", report)
    monkeypatch.setattr(ray.train, "get_context", lambda: SimpleNamespace(get_storage=Storage))
    model, optimizer, batches = parts()
    job = SimpleNamespace(placement=placement or Replicated(), batches=batches,
                          settings=SimpleNamespace(save_every=2, keep=2))
    hook = Report(job, Whole(Replicated()), in_background=in_background)
    train(model, batches, objective, optimizer, steps=steps, hooks=[hook])
    assert not any(folder.exists() for folder in [*filter(None, folders), hook.folder])
    return told


@pytest.mark.parametrize("in_background", [False, True])
def test_each_save_is_reported_with_the_whole_checkpoint_of_its_step(monkeypatch, in_background):
    assert reported(monkeypatch, in_background=in_background) == [(2, 2), (4, 4), (6, 6)]
    assert reported(monkeypatch, in_background=in_background, steps=3) == [(2, 2), (3, 3)]


@pytest.mark.parametrize("in_background", [False, True])
def test_none_is_where_another_rank_could_not_write(monkeypatch, in_background):
    assert reported(monkeypatch, OneCouldNot(), in_background) == [(2, None), (4, None), (6, None)]


def test_a_full_disk_is_said_and_training_goes_on(monkeypatch, capfd):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(contents, "save_file", full)
    assert reported(monkeypatch) == [(2, None), (4, None), (6, None)]
    assert "no checkpoint of step 4: [Errno 28] No space left on device; free some space" in capfd.readouterr().err
