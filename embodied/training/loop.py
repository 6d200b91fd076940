"""The one training loop. It reads any iterable of batches and knows no task, no disk, no device and no cluster: hooks
and the placement do.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from embodied.training.placement import Placement, Replicated

LARGEST_CLIP = 1000.0
"""A step whose gradient is clipped by more than this factor is as good as thrown away, which is said."""

OUT_OF_BATCHES = "the end of its batches"
"""Why a training stopped whose batches were fewer than its steps."""

B = TypeVar("B", contravariant=True)
B_co = TypeVar("B_co", covariant=True)


class Objective(Protocol[B]):
    def __call__(self, model: nn.Module, batch: B) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss and metrics by name, scalars all, of this rank's share of a batch."""
        ...


@dataclass(slots=True)
class TrainState(Generic[B]):
    """Where a training stands; hooks read it after every step and may ask it to stop."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    steps: int
    step: int = 0  # steps taken
    placement: Placement = field(default_factory=Replicated)
    loss: float = float("nan")  # mean over all ranks, of the last step as all below
    grad_norm: float = float("nan")  # length of the whole gradient before it was clipped, loss per unit of weights
    lr: float = 0.0  # learning rate of the first group of parameters, its factor of the schedule included
    metrics: dict[str, float] = field(default_factory=dict)  # mean over all ranks, as the objective names them
    skipped: int = 0  # steps dropped for a loss or gradient that was not finite
    hard_clips: int = 0  # steps whose gradient was clipped by more than LARGEST_CLIP
    notes: list[str] = field(default_factory=list)  # what a person should know, in the order it happened
    failing: set[Any] = field(default_factory=set)  # logs that could not write when last asked
    wait_s: float = 0.0  # of this step, spent waiting for its batch
    step_s: float = 0.0  # without that
    spent: dict[str, float] = field(default_factory=dict)  # parts of it: forward, backward, optimizer
    tokens: int = 0  # of this rank's part of the batch, without padding
    products_share: float | None = None  # of step_s, what its matrix products take alone; None: not known (yet)
    stop: str | None = None  # why to stop early
    is_enough: bool = False  # a hook found that more steps would teach nothing: the training is over


class BatchStream(Protocol[B_co]):
    """Batches, endless or not, whose place can be saved and gone back to: read from disk, or made by the live model."""

    def __iter__(self) -> Iterator[B_co]: ...
    def state_dict(self) -> dict[str, Any]: ...  # JSON values: where the next batch is
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...  # ValueError where it is of other data


class Hook(Protocol):
    """What listens to training. Where `is_log` is set and true, an OSError (a full disk) is said and survived."""

    def step(self, state: TrainState[Any]) -> None: ...  # after each step
    def end(self, state: TrainState[Any]) -> None: ...  # once, however training ended


class NonFiniteError(RuntimeError):
    """Too many steps in a row had a loss or gradient that is not finite; the message names their batches."""


def train(model: nn.Module, batches: Iterable[B], objective: Objective[B], optimizer: torch.optim.Optimizer, *,
          steps: int, start: int = 0, hooks: Sequence[Hook] = (), schedule: Callable[..., float] | None = None,
          clip_norm: float = 1.0, max_bad_steps: int = 5, placement: Placement | None = None,
          within: Callable[[B], AbstractContextManager[Any]] = nullcontext) -> TrainState[B]:
    """The last state, after steps `start` .. `steps` - 1, or fewer where batches end or a hook says so: see `stop`.

    schedule: sets the learning rates of (optimizer, step) and returns their factor; None: they stay. clip_norm: the
    longest that a step's gradient may be, loss per unit of weights; longer ones are scaled down by a factor.
    placement: where the model was wrapped; None: on the CPU, alone. within: gives the context in which a batch is
    learned from. NonFiniteError after `max_bad_steps` bad ones in a row. Every hook's `end` is called, whatever
    happened.
    """
    state = TrainState(model, optimizer, steps, step=start, placement=placement or Replicated())
    bad: list[Any] = []
    model.train()
    stream = iter(batches)
    with ExitStack() as ends:
        for hook in reversed(hooks):
            ends.callback(_tell, hook, hook.end, state)
        while state.step < steps and not state.stop and not state.is_enough:
            batch = _next(stream, state)
            if batch is _THE_END:
                state.stop = OUT_OF_BATCHES
                break
            if schedule is not None:
                schedule(optimizer, state.step)
            with within(batch):
                is_good = _take_step(state, batch, objective, clip_norm)
            bad = [] if is_good else [*bad, getattr(batch, "ids", None)]
            if len(bad) >= max_bad_steps:
                raise NonFiniteError(f"step {state.step}: {len(bad)} steps in a row had a loss or gradient that is not "
                                     f"finite; lower the learning rate or inspect these batches: {bad}")
            for hook in hooks:
                _tell(hook, hook.step, state)
    return state


_THE_END = object()


def _next(stream: Any, state: TrainState[Any]) -> Any:
    """The next batch, _THE_END where there is none."""
    began = time.perf_counter()
    batch = next(stream, _THE_END)
    state.wait_s, state.tokens = time.perf_counter() - began, getattr(batch, "tokens", 0)
    return batch


def _tell(hook: Hook, call: Callable[[TrainState[Any]], None], state: TrainState[Any]) -> None:
    """Call a hook. A log that cannot write keeps nothing from those after it: they may be what saves the training."""
    try:
        call(state)
        state.failing.discard(hook)
    except OSError as error:
        if not getattr(hook, "is_log", False):
            raise
        if hook not in state.failing:
            state.failing.add(hook)
            _note(state, f"{type(hook).__name__} cannot write ({error}); training goes on without it")


def _note(state: TrainState[Any], text: str, *, is_loud: bool = True) -> None:
    state.notes.append(f"step {state.step}: {text}")
    if is_loud:
        warnings.warn(state.notes[-1], stacklevel=4)


def _take_step(state: TrainState[B], batch: B, objective: Objective[B], clip_norm: float) -> bool:
    """Whether the step was taken; a bad one leaves the weights and the optimiser as they were."""
    began_s = time.perf_counter()
    state.optimizer.zero_grad(set_to_none=True)
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    lesson = state.placement.learn(objective, state.model, batch, parameters)
    learned_s = time.perf_counter()
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm)
    is_good = bool(torch.isfinite(norm))
    if is_good:
        state.optimizer.step()
    optimizer_s = time.perf_counter() - learned_s
    state.step += 1
    state.skipped += not is_good
    state.loss, state.grad_norm = float(state.placement.mean(lesson.loss)), float(norm)
    state.lr, state.metrics = state.optimizer.param_groups[0]["lr"], _of_all(lesson.metrics, state.placement)
    if is_good and state.grad_norm > LARGEST_CLIP * clip_norm:
        state.hard_clips += 1
        _note(state, f"the gradient's norm {state.grad_norm:.3g} was clipped to {clip_norm:g}, more than "
                     f"{LARGEST_CLIP:,.0f} times less: the step taught next to nothing", is_loud=state.hard_clips == 1)
    state.step_s = time.perf_counter() - began_s
    state.spent = {"forward_s": lesson.forward_s, "backward_s": lesson.backward_s, "optimizer_s": optimizer_s}
    return is_good


def _of_all(metrics: Mapping[str, Tensor], placement: Placement) -> dict[str, float]:
    """Each metric averaged over all ranks, which must hold the same ones."""
    if not metrics:
        return {}
    values = placement.mean(torch.stack([value.detach().double() for value in metrics.values()]))
    return dict(zip(metrics, values.tolist(), strict=True))
