"""A loss that jumps takes the training back, past the batches that it jumped at, to the bit."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from embodied.training import checkpoint
from embodied.training.averaging import Average
from embodied.training.loop import train
from embodied.training.optim import adamw
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


def test_what_jumps_is_gone_back_from_and_its_batches_are_passed_over():
    with pytest.warns(UserWarning, match=r"from step 45 on, at these batches: .*'line 44'.*gone back to step 40, and "
                                         "the 7 batches since are passed over"):
        found = go(Lines(WILD), 60, Rewind(20.0, every=20))
    assert found.rewinds == 1
    wanted = go(Lines(passed_over=range(40, 47)), 60)
    assert torch.equal(found.model.weight, wanted.model.weight) and torch.equal(found.model.bias, wanted.model.bias)
    states = [state.optimizer.state_dict()["state"][0] for state in (found, wanted)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in ("exp_avg", "exp_avg_sq"))


def test_one_hard_batch_is_no_jump():
    assert go(Lines(wild=(44,)), 60, Rewind(20.0, every=20)).rewinds == 0


def test_who_jumps_at_everything_is_told_to_learn_slower():
    with pytest.warns(UserWarning), pytest.raises(SpikeError, match=f"gone back {MOST} times: lower the learning rate"):
        go(Lines(wild=range(44, 400)), 100, Rewind(20.0, every=20))


@pytest.mark.filterwarnings("ignore:step .*the loss was more than")
@pytest.mark.parametrize("killed_after", [30, 43, 47, 55])
def test_a_training_that_went_back_and_was_killed_ends_as_one_that_was_not(tmp_path, killed_after):
    """Whatever it had saved: nothing of the course that was given up is gone on from."""

    class Kill:
        steps = 0

        def step(self, state):
            self.steps += 1
            if self.steps == killed_after:
                raise KeyboardInterrupt

        def end(self, state):
            pass

    def saver(batches):
        saving = checkpoint.Checkpointing(tmp_path, batches, every=20)
        saving.end = lambda state: None  # as a kill would have it
        return saving

    whole = go(Lines(WILD), 60, Average(0.9), Rewind(20.0, every=20))
    batches = Lines(WILD)
    with pytest.raises(KeyboardInterrupt):
        go(batches, 60, Average(0.9), Rewind(20.0, every=20), saver(batches), Kill())
    model, batches = nn.Linear(3, 1), Lines(WILD)
    optimizer = adamw(model, lr=0.05)
    saved = checkpoint.newest_valid(tmp_path)
    start = checkpoint.load(saved, model=model, optimizer=optimizer, batches=batches)
    end = go(batches, 60, Average(0.9), Rewind(20.0, every=20), model=model, optimizer=optimizer, start=start,
             course=checkpoint.course_of(saved))
    assert torch.equal(whole.model.weight, end.model.weight)
    assert torch.equal(whole.course.average["weight"], end.course.average["weight"])
