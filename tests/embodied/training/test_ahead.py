"""A device that code runs ahead of is not waited for: what steps told is fetched when a log asks, and a bad step is
dropped by the device itself. The device here is the CPU, and what is read from it is counted."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from embodied.training import checkpoint
from embodied.training.checkpoint import Checkpointing
from embodied.training.contents import Beside
from embodied.training.hooks import JsonlLog, KeepBest, ProgressBar, TensorBoard, Validation
from embodied.training.loop import LATEST, NonFiniteError, train
from embodied.training.optim import Schedule, adamw
from embodied.training.placement import Replicated
from tests.embodied.training.test_loop import Watch, a_model, lines, squares

aten = torch.ops.aten
READS = (aten._local_scalar_dense, aten.nonzero)
"""What gives numbers, or shapes, that the device has to have computed first."""


class Ahead(Replicated):
    """Says that it is ahead, as a GPU is."""

    is_ahead = True


class Reads(TorchDispatchMode):
    """Counts, by the step in which it happens, what would wait for a device; a hook, so that it knows the step."""

    def __init__(self):
        super().__init__()
        self.step_number, self.found = 1, Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in READS:
            self.found[self.step_number] += 1
        return func(*args, **(kwargs or {}))

    def step(self, state):
        self.step_number = state.step + 1

    def end(self, state):
        pass


def followed(placement, steps, bad=(), hooks=(), clip_norm=1.0, **options):
    """(state, weights after each step)."""
    model, weights = a_model(), []
    optimizer = adamw(model, lr=0.05)
    state = train(model, lines(bad), squares, optimizer, steps=steps, clip_norm=clip_norm,
                  hooks=[Watch(weights), *hooks], placement=placement,
                  schedule=Schedule(steps=steps, warmup_steps=2), **options)
    return state, weights


def test_nothing_is_read_between_the_steps_that_are_logged(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "tolist", lambda values: [value.item() for value in values])  # counted so
    logs = [JsonlLog(tmp_path / "log.jsonl", every=5), TensorBoard(tmp_path, every=5), ProgressBar("ahead", every=5)]
    with Reads() as reads:
        followed(Ahead(), 12, hooks=[*logs, KeepBest(3), reads])
    assert set(reads.found) == {5, 10, 12}
    with Reads() as reads:
        followed(Replicated(), 12, hooks=[*logs[1:], reads])
    assert set(reads.found) == set(range(1, 13))


@pytest.mark.parametrize("bad", [(), (0,), (3, 4)])
def test_steps_and_what_is_said_of_them_are_the_same(bad, tmp_path):
    expected, there = followed(Replicated(), 20, bad, [JsonlLog(tmp_path / "there.jsonl", every=6)])
    found, here = followed(Ahead(), 20, bad, [JsonlLog(tmp_path / "here.jsonl", every=6)])
    assert all(torch.equal(a, b) for a, b in zip(there, here, strict=True))
    assert (found.skipped, found.loss, found.metrics) == (len(bad), expected.loss, expected.metrics)
    for before, after in zip(expected.optimizer.state_dict()["state"].values(),
                             found.optimizer.state_dict()["state"].values(), strict=True):
        assert all(torch.equal(before[name], after[name]) for name in before)
    said, told = (steps_of(tmp_path / name) for name in ("there.jsonl", "here.jsonl"))
    assert [{k: row[k] for k in ("step", "loss", "grad_norm", "lr", "skipped", "rms")} for row in said] == [
        {k: row[k] for k in ("step", "loss", "grad_norm", "lr", "skipped", "rms")} for row in told]
    assert all("forward_s" in row for row in said) and not any("forward_s" in row for row in told)


def steps_of(path):
    return [row for row in map(json.loads, path.read_text().splitlines()) if "loss" in row]


def test_bad_steps_in_a_row_are_named_a_few_steps_later_also_where_good_ones_follow():
    model = a_model()
    with pytest.raises(NonFiniteError, match=r"3 steps in a row.*line 1.*line 2.*line 3") as raised:
        train(model, lines({1, 2, 3}), squares, adamw(model, lr=0.05), steps=100, max_bad_steps=3, placement=Ahead())
    assert f"step {LATEST}" in str(raised.value) and "line 4" not in str(raised.value)
    assert torch.isfinite(model.weight).all()


def test_bad_steps_at_the_end_are_named_too():
    model = a_model()
    with pytest.raises(NonFiniteError, match=r"line 1.*line 2"):
        train(model, lines({1, 2}), squares, adamw(model, lr=0.05), steps=3, max_bad_steps=2, placement=Ahead())


def test_a_clipped_gradient_is_said_of_its_own_step():
    def loud(model, batch):
        return (1e6 if batch.ids == ("line 2",) else 1.0) * squares(model, batch)[0], {}

    model = a_model()
    with pytest.warns(UserWarning, match="step 3: the gradient's norm"):
        state = train(model, lines(), loud, adamw(model, lr=1e-3), steps=6, clip_norm=100.0, placement=Ahead())
    assert state.hard_clips == 1


@pytest.mark.parametrize("hook", ["measures", "saves"])
def test_times_are_means_since_the_last_fetch_without_what_hooks_take(hook, tmp_path, monkeypatch):
    model = a_model()

    def slow(*args, **kwargs):
        time.sleep(1.0)
        return {"loss": 2.0}

    monkeypatch.setattr(Checkpointing, "_keep", slow)
    monkeypatch.setattr(checkpoint, "beside", lambda *_: Beside({}, {}))
    hooks = {"measures": Validation(slow, every=2), "saves": Checkpointing(tmp_path, lines(), every=2)}
    state = train(model, lines(), squares, adamw(model, lr=1e-3), steps=3, hooks=[hooks[hook]], placement=Ahead())
    assert 0 < state.step_s < 0.3 and not state.untold


def test_an_optimiser_that_cannot_drop_a_step_is_waited_for():
    model = nn.Linear(3, 1)
    state = train(model, lines({1}), squares, torch.optim.SGD(model.parameters(), lr=0.1), steps=3, placement=Ahead())
    assert state.skipped == 1 and torch.isfinite(model.weight).all() and "forward_s" in state.spent
