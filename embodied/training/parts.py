"""Parts of a batch that one process learns from one after another as from the whole: gradient accumulation, and the
micro-batches of a pipeline.

A part's loss is a sum over what the whole batch has of tokens (see `placement.share`), which must be known before the
first part is learned from. So the objective is asked for each part's counts first: it says them before it has the model
compute anything, and goes no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from jaxtyping import Float32

_KNOWN: ContextVar[Any] = ContextVar("known", default=None)
_ASKING = object()


class _CountedError(Exception):
    """Ends an objective that has said its counts."""


def mean_counts(objective: Callable[..., Any], model: nn.Module, parts: Sequence[Any]
                ) -> Float32[torch.Tensor, " counts"]:
    """float32[counts]: what the objective has `placement.share` divide, a mean over the parts. ValueError for an
    objective that shares nothing: parts of its own means would not add up to the whole."""
    told = [_counts(objective, model, part) for part in parts]
    return torch.stack(told).mean(dim=0)


@torch.no_grad()
def _counts(objective: Callable[..., Any], model: nn.Module, part: Any) -> Float32[torch.Tensor, " counts"]:
    before = _KNOWN.set(_ASKING)
    try:
        objective(model, part)
    except _CountedError as said:
        return said.args[0]
    finally:
        _KNOWN.reset(before)
    raise ValueError(f"{objective}: expected an objective that divides its sums by placement.share(counts), so that "
                     "parts of a batch add up, got one that does not; learn from whole batches: accumulate=1, "
                     "parallel.pipeline=1")


@contextmanager
def known(counts: Float32[torch.Tensor, " counts"]) -> Iterator[None]:
    """Within the block an objective is told these counts, float32[counts], whatever its part has."""
    before = _KNOWN.set(counts)
    try:
        yield
    finally:
        _KNOWN.reset(before)


def said_before(counts: Float32[torch.Tensor, " counts"]) -> Float32[torch.Tensor, " counts"] | None:
    """float32[counts] that are known for all parts; None where a batch is learned from whole. Ends, for
    `mean_counts`, the objective that asks."""
    told = _KNOWN.get()
    if told is _ASKING:
        raise _CountedError(counts)
    return told
