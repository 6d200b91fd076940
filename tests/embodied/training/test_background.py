"""Checkpoints that are written beside training: the same bits, whole or absent, said where a disk is full."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
import torch

from embodied.data.files import sha256_of
from embodied.training import checkpoint, contents
from embodied.training.background import Background
from embodied.training.loop import train
from embodied.training.optim import Schedule
from tests.embodied.training.test_checkpoint import full, objective, parts, resume


class Held:
    """Keeps a folder from being written until training is some steps on."""

    def __init__(self, monkeypatch, until: int):
        self.until, self.may_write, self.write, self.waited = until, threading.Event(), contents.Contents.write, []
        monkeypatch.setattr(contents.Contents, "write", lambda taken, folder: self._write(taken, folder))

    def _write(self, taken, folder):
        self.waited.append(self.may_write.wait(30))
        self.write(taken, folder)

    def step(self, state):
        if state.step >= self.until:
            self.may_write.set()

    def end(self, state):
        self.may_write.set()


def go(made, folder, steps, start=0, every=2, others=(), in_background=True):
    model, optimizer, batches = made
    saver = checkpoint.Checkpointing(folder, batches, every=every, keep=9, in_background=in_background)
    return train(model, batches, objective, optimizer, steps=steps, start=start, hooks=[saver, *others],
                 schedule=Schedule(steps=4, warmup_steps=1))


def test_what_is_written_three_steps_later_is_of_its_step(tmp_path, monkeypatch):
    go(parts(), tmp_path / "before", 9, every=4, in_background=False)
    torch.manual_seed(3)
    held = Held(monkeypatch, until=7)
    go(parts(), tmp_path / "beside", 9, every=4, others=[held])
    assert held.waited == [True] * 3
    found = [{file.relative_to(tmp_path / side): sha256_of(file) for file in (tmp_path / side).rglob("*.*")}
             for side in ("before", "beside")]
    assert found[0] == found[1] and len(found[0]) == 3 * len([*checkpoint.FILES, "manifest.json"])


def test_the_end_of_training_waits_and_what_was_saved_is_gone_on_from(tmp_path):
    go(parts(), tmp_path, 4)
    assert [path.name for path in checkpoint.saved_in(tmp_path)] == ["step_00000002", "step_00000004"]
    assert resume(parts(), tmp_path) == 4


def test_a_full_disk_is_said_and_survived_beside_training_too(tmp_path, monkeypatch):
    made = parts()
    go(made, tmp_path, 2)
    monkeypatch.setattr(contents, "save_file", full)
    with pytest.warns(UserWarning, match=r"No space left.*MB.*untouched"):
        assert go(made, tmp_path, 4, start=2).step == 4
    assert checkpoint.newest_valid(tmp_path).name == "step_00000002" and not list(tmp_path.glob(".*"))


def test_work_whose_result_nobody_asked_for_is_not_lost_for_more():
    background = Background()
    background.begin(lambda: 3)
    with pytest.raises(RuntimeError, match="result of the work before"):
        background.begin(lambda: 4)
    assert background.result() == 3 and background.is_done
    background.begin(lambda: [][0])
    with pytest.raises(IndexError):
        background.result()


@pytest.mark.slow
def test_a_kill_while_a_thread_writes_leaves_the_one_before_and_the_end_is_the_same(tmp_path):
    """Killed five times in the middle of a save, a training ends with the weights of one that nobody disturbed."""
    steps, rng = 12, np.random.default_rng(0)
    whole = heavy()
    go(whole, tmp_path / "whole", steps, every=2)
    ended = 0
    for trial in range(5):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            _train_and_tell(tmp_path / "killed", steps, theirs)
        os.close(theirs)
        os.read(ours, 1)
        time.sleep(rng.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ours)
        assert all(checkpoint.is_valid(path) for path in checkpoint.saved_in(tmp_path / "killed")), trial
        ended = max([0, *(checkpoint.step_of(path) for path in checkpoint.saved_in(tmp_path / "killed"))])
    assert ended < steps, "killed in the middle, not after it"
    resumed = heavy()
    start = resume(resumed, tmp_path / "killed") if ended else 0
    go(resumed, tmp_path / "killed", steps, start=start)
    for (name, one), other in zip(whole[0].state_dict().items(), resumed[0].state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def heavy():
    """A training whose saves take a while."""
    made = parts()
    made[0].register_buffer("ballast", torch.arange(4_000_000, dtype=torch.float32))
    return made


def _train_and_tell(folder, steps, pipe):
    """In a fork: go on, and say so when the second save of it begins to be written."""
    torch.set_num_threads(1)
    write, seen = contents.Contents.write, []

    def telling(taken, draft):
        seen.append(draft)
        if len(seen) == 2:
            os.write(pipe, b".")
        write(taken, draft)

    contents.Contents.write = telling
    made = heavy()
    newest = checkpoint.newest_valid(folder)
    go(made, folder, steps, start=resume(made, folder) if newest else 0)
    os.write(pipe, b"e")
    time.sleep(60)
