"""Going back where the loss jumps, and past the batches that it jumped at: what the large language models' runs did by
hand (PaLM, Chowdhery et al. 2022, arXiv 2204.02311, section 5.1), here from what the process itself remembers.

All ranks hear the same mean loss, and so go back together.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from embodied.training.loop import LATEST, Course, TrainState, copied, learned_parameters, put_values

WINDOW, FEWEST = 64, 16
"""Losses whose median a loss is held against, and how few of them say nothing yet."""
IN_A_ROW = 3
"""Steps of a jump: a single hard batch is none."""
MOST = 5
"""Times that a training may go back; what jumps more often has a learning rate too high for it."""


class SpikeError(ValueError):
    """The loss jumped again and again; the message names the batches."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where a training stood: what learned, the optimiser's state, and what was remembered of the course."""

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    course: Course


class Rewind:
    """Takes a training back to its last good moment when the loss is above `ratio` times the median of the last ones,
    a few steps in a row. Its batches go on: those of the jump, and those between, are not learned from again.

    A moment is kept every `every` steps, as checkpoints are, in this process's memory: as much as what learns, its
    average and its optimiser take. While a loss is above that, for fewer steps yet, nothing is saved, and a training
    that is stopped then ends at the moment. The last steps are judged too, but for one or two of a jump that would go
    on. Stands before what measures, logs and saves. SpikeError after MOST times.
    """

    def __init__(self, ratio: float, *, every: int) -> None:
        self.ratio, self.every = ratio, every
        self.since = 0  # batches after the moment
        self.moment: _Moment | None = None

    def begin(self, state: TrainState[Any]) -> None:
        self.moment = _moment(state)

    def step(self, state: TrainState[Any]) -> None:
        is_due = state.step % self.every == 0
        if state.placement.is_ahead and state.step % LATEST and not is_due and state.step < state.steps:
            return  # a device that works on by itself is waited for now and then, by all ranks at the same steps
        self._listen(state)
        if len(state.jump) >= IN_A_ROW:
            self._go_back(state)
        elif is_due and not state.jump:
            self.moment, self.since = _moment(state), 0

    def _listen(self, state: TrainState[Any]) -> None:
        """Takes in what steps told since the last time."""
        state.settle()
        told = list(state.heard)
        state.heard.clear()
        for step, loss, ids in told:
            self._hear(state, step, loss, ids)

    def _hear(self, state: TrainState[Any], step: int, loss: float, ids: Any) -> None:
        losses = state.course.losses
        self.since += 1
        if len(losses) >= FEWEST and loss > self.ratio * statistics.median(losses):
            state.jump.append((step, ids))
        elif len(state.jump) < IN_A_ROW:
            state.jump.clear()
            losses[:] = [*losses, loss][-WINDOW:]

    def _go_back(self, state: TrainState[Any]) -> None:
        median, rewinds = statistics.median(state.course.losses), state.course.rewinds
        said = (f"the loss was more than {self.ratio:g} times its median {median:.3g} from step {state.jump[0][0]} on, "
                f"at these batches: {[ids for _, ids in state.jump]}")
        if rewinds >= MOST:
            raise SpikeError(f"{said}; it has gone back {MOST} times: train with a lower learning rate, in a new run "
                             "folder")
        _put_back(state, self.moment)
        state.course.rewinds, state.went_back = rewinds + 1, True
        state.note(f"{said}; gone back to step {self.moment.step}, and the {self.since} batches since are passed over")
        self.since = 0

    def end(self, state: TrainState[Any]) -> None:
        self._listen(state)
        if state.jump and self.moment is not None and state.step < state.steps and not state.is_enough:
            _put_back(state, self.moment)
        self.moment = None


def _moment(state: TrainState[Any]) -> _Moment:
    course = state.course
    average = None if course.average is None else copied(course.average.items())
    return _Moment(state.step, copied(learned_parameters(state)), copy.deepcopy(state.optimizer.state_dict()),
                   replace(course, average=average, losses=list(course.losses)))


def _put_back(state: TrainState[Any], moment: _Moment) -> None:
    put_values(state, moment.weights)
    state.optimizer.load_state_dict(copy.deepcopy(moment.optimizer))
    average = moment.course.average
    state.course.average = None if average is None else copied(average.items())
    state.course.losses = list(moment.course.losses)
    state.step = moment.step
    state.jump.clear()
