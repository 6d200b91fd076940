"""The loop: good steps learn, bad ones change nothing, hooks may stop it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from embodied.data.batches import OnDemand
from embodied.training.hooks import JsonlLog, ProgressBar, StopOnSignals, Validation
from embodied.training.loop import NonFiniteError, train
from embodied.training.optim import Schedule, adamw


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


class Watch:
    """Notes the weights after each step."""

    def __init__(self, weights):
        self.weights = weights

    def step(self, state):
        self.weights.append(state.model.weight.detach().clone())

    def end(self, state):
        pass


def run(model, steps, bad=(), **options):
    return train(model, lines(bad), squares, adamw(model, lr=0.05), steps=steps, **options)


def test_it_learns():
    state = run(a_model(), 200)
    assert state.step == 200 and state.loss < 1e-3 and state.metrics["rms"] == pytest.approx(state.loss**0.5)


def test_a_bad_step_changes_nothing_and_is_counted():
    model, weights = a_model(), []
    state = run(model, 4, bad={2}, hooks=[Watch(weights)])
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
    path = tmp_path / "log.jsonl"
    run(a_model(), 4, hooks=[JsonlLog(path, every=1)])
    path.write_text(path.read_text() + '{"step": 5, "lo')
    run(a_model(), 4, start=2, bad={0}, hooks=[JsonlLog(path, every=1, start=2)])
    read = [json.loads(line) for line in path.read_text().splitlines()]
    assert [e["step"] for e in read if "loss" in e] == [1, 2, 3, 4] and read[2]["loss"] == "nan"


class FullDisk:
    """A file of a disk that is full between two moments; it takes `room` bytes of what is written meanwhile."""

    def __init__(self, file, room=0):
        self.file, self.room, self.is_full = file, room, False

    def write(self, data):
        if not self.is_full:
            return self.file.write(data)
        taken, self.room = data[:self.room], max(self.room - len(data), 0)
        if not taken:
            raise OSError(28, "No space left on device")
        return self.file.write(taken)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


class Between:
    """Fills the disk after the first of two steps and frees it after the second; saves what a checkpoint would."""

    def __init__(self, log, full, free):
        self.log, self.full, self.free, self.saved = log, full, free, []

    def step(self, state):
        self.log.file.is_full = self.full <= state.step < self.free
        self.saved.append(state.step)

    def end(self, state):
        self.saved.append("end")


def events(path, kind):
    return [e for e in map(json.loads, filter(None, path.read_text().splitlines())) if e.get("event") == kind]


@pytest.mark.parametrize("room", [0, 7])
def test_a_full_disk_while_logging_keeps_nothing_from_the_checkpoint(tmp_path, room):
    log = JsonlLog(tmp_path / "log.jsonl", every=1)
    log.file = FullDisk(log.file, room)
    saver = Between(log, full=2, free=4)
    with pytest.warns(UserWarning, match=r"step 3: JsonlLog cannot write.*No space left.*training goes on") as said:
        state = run(a_model(), 6, hooks=[log, saver])
    assert state.step == 6 and saver.saved == [1, 2, 3, 4, 5, 6, "end"] and len(said) == 1
    whole = [line for line in (tmp_path / "log.jsonl").read_text().splitlines() if line.endswith("}")]
    lines = [json.loads(line) for line in whole]
    assert [e["step"] for e in lines if "loss" in e] == [1, 2, 5, 6]
    assert [e["lines"] for e in lines if e.get("event") == "lost"] == [2]
    assert any("JsonlLog cannot write" in e["note"] for e in lines if e.get("event") == "note")


def test_any_log_may_fail_and_a_hook_that_is_none_ends_training_with_every_end_called():
    class Broken:
        def __init__(self, is_log):
            self.is_log, self.ended = is_log, 0

        def step(self, state):
            raise OSError(28, "No space left on device")

        def end(self, state):
            self.ended += 1
            raise OSError(28, "No space left on device")

    saver = Between(SimpleNamespace(file=SimpleNamespace()), 9, 9)
    log = Broken(is_log=True)
    with pytest.warns(UserWarning, match="Broken cannot write"):
        assert run(a_model(), 3, hooks=[log, saver]).step == 3
    assert log.ended == 1 and saver.saved == [1, 2, 3, "end"]
    saver.saved.clear()
    with pytest.raises(OSError, match="No space"):
        run(a_model(), 3, hooks=[Broken(is_log=False), saver])
    assert saver.saved == ["end"]


def test_the_kept_lines_of_a_log_survive_a_disk_that_is_full_when_training_resumes(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    run(a_model(), 3, hooks=[JsonlLog(path, every=1)])
    before = path.read_bytes()
    monkeypatch.setattr("embodied.data.files.os.fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        JsonlLog(path, every=1, start=3)
    assert path.read_bytes() == before


def no_room(_):
    raise OSError(28, "No space left on device")


def test_batches_that_end_end_training_and_say_what_was_done(tmp_path, capsys):
    path, model = tmp_path / "log.jsonl", a_model()
    saver = Between(SimpleNamespace(file=SimpleNamespace()), 9, 9)
    few = list(itertools.islice(lines(), 3))
    hooks = [JsonlLog(path, every=1), ProgressBar("planner"), saver]
    state = train(model, few, squares, adamw(model, lr=0.05), steps=10, hooks=hooks)
    assert state.step == 3 and state.stop == "the end of its batches" and saver.saved == [1, 2, 3, "end"]
    [end] = events(path, "end")
    assert (end["step"], end["steps"], end["stop"]) == (3, 10, "the end of its batches")
    assert "planner: ended by the end of its batches after 3 of 10 steps" in capsys.readouterr().out


def test_a_gradient_that_clipping_throws_away_is_said(tmp_path):
    path, model = tmp_path / "log.jsonl", a_model()

    def loud(model, batch):
        return 1e6 * squares(model, batch)[0], {}

    with pytest.warns(UserWarning, match=r"step 1: the gradient's norm .*e\+06 was clipped to 1.*1,000") as said:
        state = train(model, lines(), loud, adamw(model, lr=1e-3), steps=3, hooks=[JsonlLog(path, every=100)])
    assert len(said) == 1 and state.hard_clips == 3
    assert [e["step"] for e in events(path, "note")] == [1, 2, 3] and events(path, "end")[0]["hard_clips"] == 3


def test_validation_stands_beside_the_metrics_and_leaves_training_mode():
    model = a_model()
    state = run(model, 3, hooks=[Validation(lambda m: {"mode": float(m.training)}, every=10)])
    assert state.measured["validation/mode"] == 0.0 and model.training


def test_warmup_and_cosine_by_hand():
    schedule = Schedule(steps=110, warmup_steps=10, floor=0.1)
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


def test_batches_of_the_live_model_are_made_one_at_a_time_and_go_on_after_a_resumption():
    """Each batch is of the model as it is when the batch is asked for; none is made ahead; seeds follow the step."""
    model, made = a_model(), []

    def make(step):
        made.append((step, model.weight.detach().clone()))
        return next(itertools.islice(lines(), step, None))

    class Weights:
        def __init__(self):
            self.after = []

        def step(self, state):
            self.after.append(model.weight.detach().clone())

        def end(self, state):
            pass

    batches, weights = OnDemand(make), Weights()
    train(model, batches, squares, adamw(model, lr=0.05), steps=3, hooks=[weights])
    assert [step for step, _ in made] == [0, 1, 2]
    assert all(torch.equal(seen, after) for (_, seen), after in zip(made[1:], weights.after, strict=False))
    again = OnDemand(make)
    again.load_state_dict(json.loads(json.dumps(batches.state_dict())))
    train(model, again, squares, adamw(model, lr=0.05), steps=4, start=3)
    assert made[-1][0] == 3
