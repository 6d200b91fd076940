"""AdamW in parameter groups and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn


def adamw(model: nn.Module, *, lr: float, weight_decay: float = 0.01, betas: tuple[float, float] = (0.9, 0.98),
          lr_scale: Mapping[str, float] | None = None) -> torch.optim.AdamW:
    """AdamW over the trainable parameters: matrices decay, vectors do not.

    lr: the highest learning rate. weight_decay: share of a weight that a step takes away, times its learning rate.
    betas: factors by which the means of the gradient and of its square fade each step. lr_scale: name prefix -> factor
    on the learning rate of the parameters below it.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((decay, _scale(name, lr_scale or {})), []).append(parameter)
    if not groups:
        raise ValueError("adamw: expected a trainable parameter, got none; unfreeze something")
    listed = [{"params": p, "weight_decay": decay, "lr": lr * scale, "peak_lr": lr * scale}
              for (decay, scale), p in groups.items()]
    return torch.optim.AdamW(listed, lr=lr, betas=betas, eps=1e-8, fused=True)


def _scale(name: str, lr_scale: Mapping[str, float]) -> float:
    return next((factor for prefix, factor in lr_scale.items() if name.startswith(prefix)), 1.0)


class WarmupCosine:
    """Learning rate of step s (0-based): linear to the peak over `warmup_steps`, then a half cosine to its `floor`."""

    def __init__(self, *, steps: int, warmup_steps: int, floor: float = 0.05):
        self.steps, self.warmup_steps, self.floor = steps, warmup_steps, floor

    def factor(self, step: int) -> float:
        """Factor on the peak learning rate at a step, 0-based: above 0, at most 1."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        done = min((step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1), 1.0)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))

    def __call__(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """The factor just set on every group; a pure function of the step, so there is no state to resume."""
        factor = self.factor(step)
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        return factor
