"""A loss that jumps takes the training back, past the batches that it jumped at, to the bit."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from torch import nn

from embodied.training import checkpoint
from embodied.training.averaging import Average
from embodied.training.hooks import JsonlLog, KeepBest, Validation
from embodied.training.loop import train
from embodied.training.optim import adamw
from embodied.training.placement import Replicated
from embodied.training.rewinding import MOST, Rewind, SpikeError
from tests.embodied.training.test_loop import Line, a_model, squares


class Lines:
    """Batches whose place is known; those of `wild` steps have targets that nothing explains."""

    def __init__(self, wild=(), passed_over=()):
        self.wild, self.passed_over, self.place = wild, passed_over, 0

    def __iter__(self):
        for place in itertools.count(self.place):
            self.place = place + 1
            if place in self.passed_over:
                continue
            x = torch.randn(8, 3, generator=torch.Generator().manual_seed(place))
            scale = 50.0 if place in self.wild else 1.0
            yield Line((f"line {place}",), x, scale * x.sum(dim=1, keepdim=True))

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


def go(batches, steps, *hooks, model=None, optimizer=None, **options):
    model = model or a_model()
    return train(model, batches, squares, optimizer or adamw(model, lr=0.05), steps=steps, hooks=hooks, **options)


WILD = range(44, 47)


def test_what_jumps_is_gone_back_from_and_its_batches_are_passed_over(tmp_path):
    log, measured = JsonlLog(tmp_path / "log.jsonl", every=1), []
    validation = Validation(lambda model: measured.append(1) or {"loss": 1.0}, every=20)
    with pytest.warns(UserWarning, match=r"from step 45 on, at these batches: .*'line 44'.*gone back to step 40, and "
                                         "the 7 batches since are passed over"):
        found = go(Lines(WILD), 60, Rewind(20.0, every=20), validation, log)
    assert found.course.rewinds == 1 and len(measured) == 3, "step 40 is measured once"
    wanted = go(Lines(passed_over=range(40, 47)), 60)
    assert torch.equal(found.model.weight, wanted.model.weight) and torch.equal(found.model.bias, wanted.model.bias)
    states = [state.optimizer.state_dict()["state"][0] for state in (found, wanted)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in ("exp_avg", "exp_avg_sq"))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    rows = [line for line in lines if "loss" in line]
    assert [line["step"] for line in rows] == list(range(1, 61)) and max(line["loss"] for line in rows[20:]) < 50
    assert sum("gone back" in line.get("note", "") for line in lines) == 1


@pytest.mark.filterwarnings("ignore:step .*the loss was more than")
def test_each_jump_is_told_of_though_it_goes_back_to_the_same_step(tmp_path):
    go(Lines({*range(44, 47), *range(50, 53)}), 60, Rewind(20.0, every=20), JsonlLog(tmp_path / "log.jsonl", every=1))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sum("gone back to step 40" in line.get("note", "") for line in lines) == 2
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 61))


def test_one_hard_batch_is_no_jump():
    assert go(Lines(wild=(44,)), 60, Rewind(20.0, every=20)).course.rewinds == 0


@pytest.mark.filterwarnings("ignore:step .*the loss was more than")
def test_who_jumps_at_everything_is_told_to_learn_slower_and_keeps_what_was_good(tmp_path):
    batches = Lines(wild=range(44, 400))
    saver = checkpoint.Checkpointing(tmp_path, batches, every=20)
    with pytest.raises(SpikeError, match=f"gone back {MOST} times: train with a lower learning rate, in a new run"):
        go(batches, 100, Rewind(20.0, every=20), saver)
    newest = checkpoint.newest_valid(tmp_path)
    assert newest.name == "step_00000040" and checkpoint.course_of(newest).rewinds == MOST
    batches = Lines(wild=range(44, 400))
    model, start, course = resumed(newest, batches)
    with pytest.raises(SpikeError):  # who runs it again is not given as many tries again
        go(batches, 100, Rewind(20.0, every=20), model=model[0], optimizer=model[1], start=start, course=course)


def resumed(saved, batches):
    model = nn.Linear(3, 1)
    optimizer = adamw(model, lr=0.05)
    start = checkpoint.load(saved, model=model, optimizer=optimizer, batches=batches)
    return (model, optimizer), start, checkpoint.course_of(saved)


@pytest.mark.filterwarnings("ignore:step .*the loss was more than")
@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize(("wild", "killed_after"), [
    (WILD, 30), (WILD, 43), (WILD, 46), (WILD, 47), (WILD, 55), (range(38, 41), 40), (range(38, 41), 41),
    (range(38, 41), 45), (range(36, 39), 50)])
def test_a_training_that_went_back_and_was_killed_ends_as_one_that_was_not(tmp_path, wild, killed_after, keep):
    """Wherever the kill and the saves, at steps 20 and 40, fall: nothing of what was given up is gone on from."""

    class Kill:
        steps, saves = 0, True

        def step(self, state):
            self.steps += 1
            if self.steps == killed_after:
                raise KeyboardInterrupt

        def end(self, state):
            pass

    def saver(batches):
        saving = checkpoint.Checkpointing(tmp_path, batches, every=20, keep=keep)
        saving.end = lambda state: None  # as a kill would have it
        return saving

    whole = go(Lines(wild), 60, Average(0.9), Rewind(20.0, every=20))
    batches = Lines(wild)
    with pytest.raises(KeyboardInterrupt):
        go(batches, 60, Average(0.9), Rewind(20.0, every=20), saver(batches), Kill())
    batches = Lines(wild)
    (model, optimizer), start, course = resumed(checkpoint.newest_valid(tmp_path), batches)
    end = go(batches, 60, Average(0.9), Rewind(20.0, every=20), model=model, optimizer=optimizer, start=start,
             course=course)
    assert whole.course.rewinds == 1 == end.course.rewinds
    assert torch.equal(whole.model.weight, end.model.weight)
    assert torch.equal(whole.course.average["weight"], end.course.average["weight"])


def test_who_stops_in_a_jump_stands_where_it_was_good(tmp_path):
    class Stop:
        def step(self, state):
            state.stop = "SIGTERM" if state.step == 46 else None

        def end(self, state):
            pass

    batches = Lines(WILD)
    state = go(batches, 60, Rewind(20.0, every=20), Stop(), checkpoint.Checkpointing(tmp_path, batches, every=20))
    assert state.step == 40 and checkpoint.newest_valid(tmp_path).name == "step_00000040"
    good = go(Lines(), 40)
    assert torch.equal(state.model.weight, good.model.weight)


def test_ranks_go_back_at_the_same_step_whatever_else_listens(tmp_path):
    """On a device that works on by itself: a log that asks for losses at other steps changes nothing."""

    class Ahead(Replicated):
        is_ahead = True

    with pytest.warns(UserWarning, match="gone back to step 40"):
        ends = [go(Lines(WILD), 60, Rewind(20.0, every=20), *logs, placement=Ahead())
                for logs in ((), (JsonlLog(tmp_path / "log.jsonl", every=3),))]
    assert torch.equal(ends[0].model.weight, ends[1].model.weight) and ends[0].course.rewinds == 1
    assert torch.equal(ends[0].model.weight, go(Lines(passed_over=range(40, 48)), 60).model.weight), "heard at step 48"


@pytest.mark.filterwarnings("ignore:step .*the loss was more than")
def test_the_best_is_kept_though_a_hard_batch_came_last():
    losses = iter((1.0, 2.0, 2.0))
    keep = KeepBest(patience=2)
    validation = Validation(lambda model: {"loss": next(losses)}, every=15)
    state = go(Lines((44,)), 60, Rewind(20.0, every=20), validation, keep)
    assert state.step == 45 and keep.best.step == 15
    assert torch.equal(state.model.weight, go(Lines(), 15).model.weight)


def test_a_jump_at_the_very_end_is_gone_back_from():
    with pytest.warns(UserWarning, match="gone back to step 40"):
        state = go(Lines(range(57, 60)), 60, Rewind(20.0, every=20))
    assert state.step == 60 and state.loss < 10
