"""What data-parallel ranks tell each other so that a batch shared out between them is learned from as one batch.

Data-parallel training averages the gradients of its ranks. A rank's mean over its own tokens, averaged again, is a mean
of means: it gives a token of a rank with few of them more weight. So a rank divides its *sums* by its share of the
counts of the whole batch; the average over the ranks is then the whole batch's mean, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, distributed


def _ranks() -> int:
    """How many ranks train together; 1 where no process group was made."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def share(*counts: Tensor) -> Tensor:
    """float32[len(counts)]: each count summed over all ranks and divided by their number; every rank must call it."""
    return mean_over_ranks(torch.stack([count.float() for count in counts]))


def mean_over_ranks(values: Tensor) -> Tensor:
    """The values averaged over all ranks; themselves where there is one rank. Every rank must call it."""
    ranks = _ranks()
    if ranks == 1:
        return values
    values = values.clone()
    distributed.all_reduce(values)
    return values / ranks


def metrics_of_all(metrics: Mapping[str, Tensor]) -> dict[str, float]:
    """Each metric averaged over all ranks, which must hold the same ones; every rank must call it."""
    if not metrics:
        return {}
    values = mean_over_ranks(torch.stack([value.detach().double() for value in metrics.values()]))
    return dict(zip(metrics, values.tolist(), strict=True))
