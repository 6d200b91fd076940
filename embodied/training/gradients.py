"""Gradients as ranks make them one: averaged, in messages of a bounded size, and laid out as their parameters are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

BUCKET = 2**23
"""Numbers of a message in which gradients are averaged, at most, but for one that has more itself: 32 MB."""


def average_gradients(parameters: Sequence[nn.Parameter], ranks: int, group: Any = None) -> None:
    """Average the gradients over the ranks of a group, in messages of BUCKET numbers; one that no rank has stays
    absent. Every rank of it must call this with the same parameters. Of a DTensor its part on this rank is averaged."""
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        if bucket and sum(p.numel() for p in bucket) + parameter.numel() > BUCKET:
            _average(bucket, ranks, group)
            bucket = []
        bucket.append(parameter)
    if bucket:
        _average(bucket, ranks, group)


def _average(parameters: Sequence[nn.Parameter], ranks: int, group: Any) -> None:
    here = [None if p.grad is None else local_of(p.grad) for p in parameters]
    shapes = [local_of(p.detach()) for p in parameters]
    there = torch.tensor([grad is not None for grad in here], dtype=torch.float32, device=shapes[0].device)
    joined = torch.cat([there, *(torch.zeros_like(p).flatten() if grad is None else grad.flatten()
                                 for p, grad in zip(shapes, here, strict=True))])
    distributed.all_reduce(joined, group=group)
    there, *means = joined.div_(ranks).split([len(here), *(p.numel() for p in shapes)])
    for parameter, grad, is_there, mean in zip(parameters, here, there.tolist(), means, strict=True):
        if grad is not None:
            grad.copy_(mean.view_as(grad))
        elif is_there:
            parameter.grad = laid_as(parameter, mean.view_as(parameter))


def local_of(value: Tensor) -> Tensor:
    """float[*any]: the part that this rank has of a DTensor, value float[*any]; other tensors as they are."""
    return value.to_local() if isinstance(value, DTensor) else value


def laid_as(parameter: nn.Parameter, grad: Tensor) -> Tensor:
    """The gradient, grad float[*any], its numbers in memory in the order of the parameter's: the fused AdamW goes by
    that order, whatever the strides say. `Tensor.backward` sees to it, `torch.autograd.grad` does not."""
    return grad if grad.stride() == parameter.stride() else torch.empty_like(parameter).copy_(grad)
