"""The exponential moving average of what learns: validated, and left in the model at the end, in place of the last
step's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from embodied.training.loop import TrainState, copied, learned_parameters, put_values


class Average:
    """Keeps a_t = d_t a_(t-1) + (1 - d_t) w_t of the weights w_t of step t, with d_t = min(decay, (1 + t) / (10 + t)):
    the first steps, which know nothing, are soon forgotten. Stands before `Validation`. Checkpoints hold it."""

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def step(self, state: TrainState[Any]) -> None:
        kept = min(self.decay, (1 + state.step) / (10 + state.step))
        if state.course.average is None:
            state.course.average = copied(learned_parameters(state))
        with torch.no_grad():
            for name, parameter in learned_parameters(state):
                state.course.average[name].lerp_(parameter, 1 - kept)

    def end(self, state: TrainState[Any]) -> None:
        pass


class LeaveAverage:
    """Puts the average into the model after the last step. Stands between what measures and what saves."""

    def step(self, state: TrainState[Any]) -> None:
        if state.course.average is not None and state.step == state.steps:
            put_values(state, state.course.average)
            state.note("the weights are the average over the steps", is_loud=False)

    def end(self, state: TrainState[Any]) -> None:
        pass


@contextmanager
def averaged(state: TrainState[Any]) -> Iterator[None]:
    """The model with its averaged weights in it, where there are some; as it was afterwards."""
    if state.course.average is None:
        yield
        return
    own = copied(learned_parameters(state))
    put_values(state, state.course.average)
    try:
        yield
    finally:
        put_values(state, own)
