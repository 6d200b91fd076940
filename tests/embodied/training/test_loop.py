"""The loop: good steps learn, bad ones change nothing, hooks may stop it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from embodied.training.hooks import JsonlLog, StopOnSignals, Validation
from embodied.training.loop import NonFiniteError, train
from embodied.training.optim import WarmupCosine, adamw


@dataclass
class Line:
    ids: tuple[str, ...]
    x: torch.Tensor
    y: torch.Tensor


def lines(bad=()):
    for step in itertools.count():
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        y = x.sum(dim=1, keepdim=True) * (float("nan") if step in bad else 1.0)
        yield Line((f"line {step}",), x, y)


def squares(model, batch):
    loss = (model(batch.x) - batch.y).square().mean()
    return loss, {"rms": loss.detach().sqrt()}


def a_model():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def run(model, steps, bad=(), **options):
    return train(model, lines(bad), squares, adamw(model, lr=0.05), steps=steps, **options)


def test_it_learns():
    state = run(a_model(), 200)
    assert state.step == 200 and state.loss < 1e-3 and state.metrics["rms"] == pytest.approx(state.loss**0.5)


def test_a_bad_step_changes_nothing_and_is_counted():
    model, weights = a_model(), []

    class Watch:
        def step(self, state):
            weights.append(model.weight.detach().clone())

        def end(self, state):
            pass

    state = run(model, 4, bad={2}, hooks=[Watch()])
    assert state.skipped == 1 and torch.equal(weights[1], weights[2]) and not torch.equal(weights[2], weights[3])


def test_bad_steps_in_a_row_stop_it_and_name_their_batches():
    ended = []
    model = a_model()

    class Ends:
        def step(self, state):
            pass

        def end(self, state):
            ended.append(state.step)

    with pytest.raises(NonFiniteError, match=r"line 3.*line 4.*line 5"):
        run(model, 10, bad={1, 3, 4, 5}, max_bad_steps=3, hooks=[Ends()])
    assert ended == [6] and torch.isfinite(model.weight).all()


def test_a_signal_stops_after_the_running_step():
    import os
    import signal

    class Terminate:
        def step(self, state):
            if state.step == 3:
                os.kill(os.getpid(), signal.SIGTERM)

        def end(self, state):
            pass

    before = signal.getsignal(signal.SIGTERM)
    state = run(a_model(), 50, hooks=[Terminate(), StopOnSignals()])
    assert state.stop == "SIGTERM" and state.step <= 4 and signal.getsignal(signal.SIGTERM) is before


def test_the_log_resumes_without_repeating_itself(tmp_path):
    import json

    path = tmp_path / "log.jsonl"
    run(a_model(), 4, hooks=[JsonlLog(path, every=1)])
    path.write_text(path.read_text() + '{"step": 5, "lo')
    run(a_model(), 4, start=2, bad={0}, hooks=[JsonlLog(path, every=1, start=2)])
    read = [json.loads(line) for line in path.read_text().splitlines()]
    assert [e["step"] for e in read if "loss" in e] == [1, 2, 3, 4] and read[2]["loss"] == "nan"


def test_validation_joins_the_metrics_and_leaves_training_mode():
    model = a_model()
    state = run(model, 3, hooks=[Validation(lambda m: {"mode": float(m.training)}, every=10)])
    assert state.metrics["validation/mode"] == 0.0 and model.training


def test_warmup_and_cosine_by_hand():
    schedule = WarmupCosine(steps=110, warmup_steps=10, floor=0.1)
    assert schedule.factor(0) == pytest.approx(1 / 11)
    assert schedule.factor(10) == pytest.approx(1.0)
    assert schedule.factor(60) == pytest.approx(0.55)
    assert schedule.factor(110) == pytest.approx(0.1)


def test_vectors_do_not_decay_and_prefixes_scale():
    model = nn.ModuleDict({"eye": nn.Linear(2, 2), "mouth": nn.Linear(2, 2)})
    groups = adamw(model, lr=1.0, weight_decay=0.1, lr_scale={"eye": 0.5}).param_groups
    assert {(g["weight_decay"], g["lr"], len(g["params"])) for g in groups} == {
        (0.1, 0.5, 1), (0.0, 0.5, 1), (0.1, 1.0, 1), (0.0, 1.0, 1)}
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="trainable"):
        adamw(model, lr=1.0)
