"""A run folder: one training at a time, no drafts of the dead, and every change of threads said."""

from __future__ import annotations

import os
import signal

import pytest

from embodied.training.recipe import train_all
from embodied.training.run_folder import OccupiedError, note_workers, owned
from embodied.training.settings import read_settings
from tests.embodied.training.conftest import tiny


def hold_it(folder):
    """A fork that owns the folder until it is killed; its process id."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with owned(folder):
                os.write(theirs, b"x")
                signal.pause()
        finally:
            os._exit(1)
    os.read(ours, 1)
    os.close(ours), os.close(theirs)
    return child


def test_a_second_training_is_refused_by_name_and_a_killed_one_leaves_the_folder_free(tmp_path):
    holder = hold_it(tmp_path)
    draft = tmp_path / "start" / ".config.json.01234567.draft"
    try:
        with pytest.raises(OccupiedError, match=rf"nobody trains in, got one in which process {holder} of .* trains"):
            train_all(read_settings(tiny("no/dataset")), tmp_path)
        assert not (tmp_path / "recipe.json").exists(), "refused before anything is written"
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    draft.parent.mkdir()
    draft.write_bytes(b"half")
    with owned(tmp_path):
        assert not draft.exists()


def test_threads_that_change_between_two_stages_are_said(tmp_path):
    note_workers(tmp_path, "segmenter", threads=1, world_size=1)
    note_workers(tmp_path, "sft", threads=1, world_size=1)
    with pytest.warns(UserWarning, match=r"sft begins with threads 1 -> 2 since segmenter: not bit-exact"):
        note_workers(tmp_path, "sft", threads=2, world_size=1)
    with pytest.warns(UserWarning, match=r"sft begins with world_size 1 -> 2 since segmenter"):
        note_workers(tmp_path, "sft", threads=1, world_size=2)
