"""Going back where the loss jumps, and past the batches that it jumped at: what the large language models' runs did by
hand (PaLM, Chowdhery et al. 2022, arXiv 2204.02311, section 5.1), here from what the process itself remembers.

All ranks hear the same mean loss, and so go back together.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from embodied.training.loop import TrainState, learned_parameters

WINDOW, FEWEST = 64, 16
"""Losses whose median a loss is held against, and how few of them say nothing yet."""
IN_A_ROW = 3
"""Steps of a jump: a single hard batch is none."""
MOST = 5
"""Times that a training may go back; what jumps more often has a learning rate too high for it."""


class SpikeError(RuntimeError):
    """The loss jumped again and again; the message names the batches."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where a training stood: what learned, its average and the optimiser's state."""

    step: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor] | None
    losses: list[float]
    optimizer: dict[str, Any]


class Rewind:
    """Takes a training back to its last good moment when the loss is above `ratio` times the median of the last ones,
    a few steps in a row. Its batches go on: those of the jump, and those between, are not learned from again.

    A moment is kept every `every` steps, with the checkpoints, in this process's memory: as much as what learns and its
    optimiser take. Stands before what saves. SpikeError after MOST times.
    """

    def __init__(self, ratio: float, *, every: int) -> None:
        self.ratio, self.every = ratio, every
        self.jump: list[tuple[int, Any]] = []  # step and batch
        self.since = 0  # batches after the moment
        self.moment: _Moment | None = None

    def begin(self, state: TrainState[Any]) -> None:
        self.moment = _moment(state)

    def step(self, state: TrainState[Any]) -> None:
        for step, loss, ids in _taken(state):
            self._hear(step, loss, ids, state.course.losses)
        if len(self.jump) >= IN_A_ROW:
            self._go_back(state)
        elif state.step % self.every == 0 and not self.jump:
            self.moment, self.since = _moment(state), 0

    def _hear(self, step: int, loss: float, ids: Any, losses: list[float]) -> None:
        self.since += 1
        if len(losses) >= FEWEST and loss > self.ratio * statistics.median(losses):
            self.jump.append((step, ids))
            return
        self.jump = []
        losses[:] = [*losses, loss][-WINDOW:]

    def _go_back(self, state: TrainState[Any]) -> None:
        median = statistics.median(state.course.losses)
        said = (f"the loss was more than {self.ratio:g} times its median {median:.3g} from step {self.jump[0][0]} on, "
                f"at these batches: {[ids for _, ids in self.jump]}")
        if state.rewinds >= MOST:
            raise SpikeError(f"{said}; it has gone back {MOST} times: lower the learning rate")
        state.rewinds += 1
        _put_back(state, self.moment)
        state.note(f"{said}; gone back to step {self.moment.step}, and the {self.since} batches since are passed over")
        self.jump, self.since = [], 0

    def end(self, state: TrainState[Any]) -> None:
        self.moment = None


def _taken(state: TrainState[Any]) -> list[tuple[int, float, Any]]:
    """What steps told since the last look."""
    state.settle()
    told = list(state.heard)
    state.heard.clear()
    return told


def _moment(state: TrainState[Any]) -> _Moment:
    weights = {name: p.detach().clone() for name, p in learned_parameters(state)}
    average = state.course.average
    average = None if average is None else {name: value.clone() for name, value in average.items()}
    return _Moment(state.step, weights, average, list(state.course.losses),
                   copy.deepcopy(state.optimizer.state_dict()))


def _put_back(state: TrainState[Any], moment: _Moment) -> None:
    with torch.no_grad():
        for name, parameter in learned_parameters(state):
            parameter.copy_(moment.weights[name])
    state.optimizer.load_state_dict(copy.deepcopy(moment.optimizer))
    average = moment.average
    state.course.average = None if average is None else {name: value.clone() for name, value in average.items()}
    state.course.losses = list(moment.losses)
    state.step = moment.step
