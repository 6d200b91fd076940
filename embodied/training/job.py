"""What one worker trains in one stage: model, batches, objective, optimiser; and how it is validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from embodied.data.batches import Batch, Collate, FirstBatch
from embodied.training import checkpoint
from embodied.training.averaging import Average, LeaveAverage
from embodied.training.hooks import KeepBest, Validation
from embodied.training.loop import OUT_OF_BATCHES, BatchStream, Course, Hook, Objective, TrainState, train
from embodied.training.optim import Schedule, adamw
from embodied.training.placement import Placement
from embodied.training.rewinding import Rewind
from embodied.training.roofline import Roofline
from embodied.training.stage import StageSettings

VALIDATION_BATCHES = 8

Measure = Callable[[nn.Module], Mapping[str, float]]
"""The model as `Placement.unwrap` gives it, in evaluation mode -> its numbers."""

Counts = Callable[[Batch], Mapping[str, float]]
"""A batch -> how much each number of its objective is a mean over, by name; "loss" counts for those without one."""


class OutOfBatchesError(ValueError):
    """A stage's batches ended before its steps did: the same command would end there again."""


@dataclass(slots=True)
class Job:
    """Everything `train` needs for one stage on one worker."""

    settings: StageSettings
    model: nn.Module  # as the placement wrapped it
    batches: BatchStream[Any]
    objective: Objective[Any]
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    placement: Placement
    measure: Measure | None = None
    patience: int | None = None  # measurements without a better one after which it ends
    start: int = 0
    course: Course = field(default_factory=Course)  # of the checkpoint that it goes on from

    def go_on_from(self, saved: Path) -> None:
        """Stand where a checkpoint stands. CheckpointError where it is damaged, or of another model."""
        self.start = checkpoint.load(saved, model=self.model, optimizer=self.optimizer, batches=self.batches,
                                     placement=self.placement)
        self.course = checkpoint.course_of(saved, self.placement.device)

    def train(self, hooks: Sequence[Hook]) -> TrainState[Any]:
        """The last state: after all steps, or stopped by a hook, also before this goes on from there. OutOfBatchesError
        where the batches ended first; what the hooks saved stays."""
        best = self.course.best
        is_enough = best is not None and best.is_final(self.patience)
        facts = self.placement.facts()
        roofline = Roofline(facts["threads"], shares_batches=facts.get("threads_share_batches", False))
        is_counted = "layout" not in facts  # products of DTensors are seen as if they were whole
        state = train(self.model, self.batches, self.objective, self.optimizer, steps=self.settings.steps,
                      start=self.start, hooks=[*[roofline] * is_counted, *hooks], schedule=self.schedule,
                      clip_norm=self.settings.clip_norm, placement=self.placement,
                      within=roofline.learning if is_counted else nullcontext,
                      is_enough=is_enough, course=self.course)
        if state.stop == OUT_OF_BATCHES:
            raise OutOfBatchesError(f"expected batches for {state.steps} steps, they ended after {state.step}; give "
                                    f"the stage more of them, or train with steps={state.step} in a new run folder")
        return state

    def listeners(self) -> list[Hook]:
        """What watches over its course and measures, in their order; to stand before what logs and saves."""
        asked = self.settings
        watching: list[Hook] = [Average(asked.ema_decay)] if asked.ema_decay else []
        if asked.spike_ratio is not None:
            watching.append(Rewind(asked.spike_ratio, every=asked.save_every))
        leaving: list[Hook] = [LeaveAverage()] if asked.ema_decay else []
        if self.measure is None:
            return [*watching, *leaving]
        if self.patience is not None:
            leaving.append(KeepBest(self.patience, self.course.best))
        return [*watching, Validation(self.measure, every=asked.validate_every), *leaving]


def make_job(settings: StageSettings, model: nn.Module, batches: BatchStream[Any], objective: Objective[Any],
             placement: Placement, measure: Measure | None = None, patience: int | None = None) -> Job:
    """The job of a stage: AdamW over what is trainable, by its schedule. model: not wrapped yet. patience: see
    `KeepBest`."""
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    wrapped = placement.wrap(model)
    optimizer = placement.optimizer(adamw(model, lr=settings.lr, weight_decay=settings.weight_decay,
                                          lr_scale=settings.lr_scale))
    schedule = Schedule(steps=settings.steps, warmup_steps=settings.warmup_steps, shape=settings.schedule)
    batches = FirstBatch(batches) if settings.overfit_one_batch else batches
    return Job(settings, wrapped, batches, objective, optimizer, schedule, placement, measure, patience)


def checkpoint_activations(model: nn.Module) -> None:
    """Have the layers of a model's decoder keep what comes into them alone, and compute the rest again on the way back
    (Chen et al. 2016, arXiv 1604.06174). ValueError for a model without a decoder that can."""
    decoder = getattr(model, "language", model)
    if not getattr(decoder, "supports_gradient_checkpointing", False):
        raise ValueError("activation_checkpointing=true: expected a model with a decoder whose layers can be computed "
                         f"again, got a {type(model).__name__}; leave it out")
    name = "activation_checkpointing_enable" if hasattr(decoder, "activation_checkpointing_enable") else (
        "gradient_checkpointing_enable")  # as transformers called it
    getattr(decoder, name)({"use_reentrant": False})


@torch.no_grad()
def validate(model: nn.Module, objective: Objective[Batch], check: Collate, count: int, batch_size: int,
             placement: Placement, counts: Counts) -> dict[str, float]:
    """Loss and metrics over the first `count` held-out examples, at most VALIDATION_BATCHES batches of them; nothing
    when none is held out. Each batch counts for as much as there is of what was graded in it, see `Counts`.
    """
    numbers: dict[str, list[tuple[float, float]]] = {}
    for start in range(0, min(count, VALIDATION_BATCHES * batch_size), batch_size):
        ids, inputs = check(np.arange(start, min(start + batch_size, count)), 0)
        batch = placement.put(Batch(0, tuple(ids), inputs))
        with placement.arithmetic():
            loss, metrics = objective(model, batch)
        weights = counts(batch)
        for name, value in {"loss": loss, **metrics}.items():
            numbers.setdefault(name, []).append((float(value), float(weights.get(name, weights["loss"]))))
    return {name: mean_of_means(pairs) for name, pairs in numbers.items()}


def mean_of_means(pairs: Sequence[tuple[float, float]]) -> float:
    """The mean over everything of pairs (mean, number of what it is a mean over), a unit as they have; 0 for none."""
    total = sum(weight for _, weight in pairs)
    return sum(mean * weight for mean, weight in pairs) / total if total else 0.0
