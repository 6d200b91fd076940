"""AdamW in parameter groups and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from embodied.training.stage import ScheduleName

DECAY_SHARE = 0.2
"""Of the steps after the warm-up, those in which warmup_stable_decay comes down."""


def adamw(model: nn.Module, *, lr: float, weight_decay: float = 0.01, betas: tuple[float, float] = (0.9, 0.98),
          lr_scale: Mapping[str, float] | None = None) -> torch.optim.AdamW:
    """AdamW over the trainable parameters: matrices decay, vectors do not.

    lr: the highest learning rate. weight_decay: share of a weight that a step takes away, times its learning rate.
    betas: factors by which the means of the gradient and of its square fade each step. lr_scale: name prefix -> factor
    on the learning rate of the parameters below it.
    """
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = weight_decay if parameter.ndim >= 2 else 0.0
            is_divided = isinstance(parameter, DTensor)  # which the fused step takes alone
            groups.setdefault((decay, _scale(name, lr_scale or {}), is_divided), []).append(parameter)
    if not groups:
        raise ValueError("adamw: expected a trainable parameter, got none; unfreeze something")
    listed = [{"params": p, "weight_decay": decay, "lr": lr * scale, "peak_lr": lr * scale}
              for (decay, scale, _), p in groups.items()]
    return torch.optim.AdamW(listed, lr=lr, betas=betas, eps=1e-8, fused=True)


def _scale(name: str, lr_scale: Mapping[str, float]) -> float:
    return next((factor for prefix, factor in lr_scale.items() if name.startswith(prefix)), 1.0)


class Schedule:
    """Learning rate of step s (0-based): linear to the peak over `warmup_steps`, then by its shape, see `ScheduleName`:
    cosine and warmup_stable_decay end at `floor` times the peak."""

    def __init__(self, *, steps: int, warmup_steps: int, floor: float = 0.05, shape: ScheduleName = "cosine"):
        self.steps, self.warmup_steps, self.floor, self.shape = steps, warmup_steps, floor, shape

    def factor(self, step: int) -> float:
        """Factor on the peak learning rate at a step, 0-based: above 0, at most 1."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        done = min((step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1), 1.0)
        if self.shape == "inverse_sqrt":
            return math.sqrt(max(self.warmup_steps, 1) / max(step + 1, self.warmup_steps, 1))
        share = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "constant": 1.0,
                 "warmup_stable_decay": min(1.0, (1 - done) / DECAY_SHARE)}[self.shape]
        return self.floor + (1 - self.floor) * share

    def __call__(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """The factor just set on every group; a pure function of the step, so there is no state to resume."""
        factor = self.factor(step)
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        return factor
