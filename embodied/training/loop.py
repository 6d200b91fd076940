"""The one training loop. It reads any iterable of batches and knows no task, no disk and no cluster: hooks do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

B = TypeVar("B", contravariant=True)


class Objective(Protocol[B]):
    def __call__(self, model: nn.Module, batch: B) -> tuple[Tensor, Mapping[str, Tensor]]: ...  # scalar loss, metrics


@dataclass(slots=True)
class TrainState(Generic[B]):
    """Where a training stands; hooks read it after every step and may ask it to stop."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    steps: int
    step: int = 0  # steps taken
    loss: float = float("nan")
    grad_norm: float = float("nan")
    lr: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    skipped: int = 0  # steps dropped for a loss or gradient that was not finite
    wait_s: float = 0.0  # of this step, spent waiting for its batch
    step_s: float = 0.0
    stop: str | None = None  # why to stop early


class Hook(Protocol):
    def step(self, state: TrainState[Any]) -> None: ...  # after each step
    def end(self, state: TrainState[Any]) -> None: ...  # once, however training ended


class NonFiniteError(RuntimeError):
    """Too many steps in a row had a loss or gradient that is not finite; the message names their batches."""


def train(model: nn.Module, batches: Iterable[B], objective: Objective[B], optimizer: torch.optim.Optimizer, *,
          steps: int, start: int = 0, hooks: Sequence[Hook] = (), schedule: Callable[..., float] | None = None,
          clip_norm: float = 1.0, max_bad_steps: int = 5) -> TrainState[B]:
    """The last state, after steps `start` .. `steps` - 1. NonFiniteError after `max_bad_steps` bad ones in a row."""
    state = TrainState(model, optimizer, steps, step=start)
    bad: list[Any] = []
    model.train()
    stream = iter(batches)
    try:
        while state.step < steps and not state.stop:
            batch = _next(stream, state)
            if schedule is not None:
                schedule(optimizer, state.step)
            is_good = _take_step(state, batch, objective, clip_norm)
            bad = [] if is_good else [*bad, getattr(batch, "ids", None)]
            if len(bad) >= max_bad_steps:
                raise NonFiniteError(f"step {state.step}: {len(bad)} steps in a row had a loss or gradient that is not "
                                     f"finite; lower the learning rate or inspect these batches: {bad}")
            for hook in hooks:
                hook.step(state)
    finally:
        for hook in hooks:
            hook.end(state)
    return state


def _next(stream: Any, state: TrainState[Any]) -> Any:
    began = time.perf_counter()
    batch = next(stream)
    state.wait_s = time.perf_counter() - began
    return batch


def _take_step(state: TrainState[B], batch: B, objective: Objective[B], clip_norm: float) -> bool:
    """Whether the step was taken; a bad one leaves the weights and the optimiser as they were."""
    began = time.perf_counter()
    state.optimizer.zero_grad(set_to_none=True)
    loss, metrics = objective(state.model, batch)
    # A loss that is not finite is made to poison every gradient, so that all ranks of a job skip the same step.
    poison = torch.where(torch.isfinite(loss.detach()), 1.0, float("nan"))
    (loss * poison).backward()
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm)
    is_good = bool(torch.isfinite(norm))
    if is_good:
        state.optimizer.step()
    state.step += 1
    state.skipped += not is_good
    state.loss, state.grad_norm, state.lr = float(loss.detach()), float(norm), state.optimizer.param_groups[0]["lr"]
    state.metrics = {name: float(value.detach()) for name, value in metrics.items()}
    state.step_s = time.perf_counter() - began
    return is_good


def set_threads(threads: int | None) -> int:
    """Torch threads now in use; None keeps what torch chose. One process: all cores; one of several: one."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()
