"""Products of a few tokens with weights, which take as long as the weights take to be read.

B rows, T tokens, D width. Libraries read large weights as a model has them at 7 to 11 GB/s for fewer than eight tokens
(fp32, AVX2), and lay them out anew for more; laid out once as oneDNN wants them, one to six tokens read them at 19, and
a hundred take 0.7 of the time. What a token gives is then the same bits beside however many others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.frozen import laid_out_product, side_by_side
from embodied.models.packed import adapter_of, fault_of_adapters

if TYPE_CHECKING:
    from jaxtyping import Float

LARGE = 2**17
"""Numbers of a weight matrix from which on its reading is what a product of few tokens waits for."""
MOST_LAID_OUT = 2**28
"""Numbers of weights of which a copy is laid out: 1 GB. Those of a larger model are read as they lie."""
FEWEST = 4
"""Tokens that laid out weights are multiplied by at least: fewer take longer, and one is rounded otherwise."""


def can_be_laid_out(model: nn.Module) -> bool:
    """Whether there is room for a copy of a model's large weights, and a library that reads it."""
    large = [part.weight.numel() for part in model.modules() if type(part) is nn.Linear and is_large(part.weight)]
    return torch.backends.mkldnn.is_available() and 0 < sum(large) <= MOST_LAID_OUT


def product(parts: Sequence[nn.Module], *, lays_out: bool
            ) -> Callable[[Float[Tensor, "B T D"]], Float[Tensor, "B T N"]]:
    """What linear layers say of the same states, side by side: of copies of their weights where those are small and
    plain, or large and may be laid out (lays_out); else by the layers themselves."""
    parts = [_bare(part) for part in parts]
    is_plain = all(type(part) is nn.Linear for part in parts)
    are_large = is_plain and any(is_large(part.weight) for part in parts)
    if not is_plain or (are_large and not lays_out):
        return lambda states: torch.cat([project(part, states) for part in parts], dim=-1)
    weight, bias = side_by_side(parts)
    return _LaidOut(weight, bias) if are_large else lambda states: F.linear(states, weight, bias)


class _LaidOut:
    """A copy of a weight float[N, D], as oneDNN wants it."""

    def __init__(self, weight: Float[Tensor, "N D"], bias: Float[Tensor, " N"] | None) -> None:
        self._weight, self._bias = torch.ops.mkldnn._reorder_linear_weight(weight, None), bias

    def __call__(self, states: Float[Tensor, "B T D"]) -> Float[Tensor, "B T N"]:
        rows = states.flatten(0, -2)
        count = len(rows)
        if count < FEWEST:
            rows = F.pad(rows, (0, 0, 0, FEWEST - count))
        out = laid_out_product(rows, self._weight, self._bias)
        return out[:count].view(*states.shape[:-1], -1)


def _bare(part: nn.Module) -> nn.Module:
    """A layer without what stands around it and says nothing: adapters that were merged, or are off."""
    if hasattr(type(part), "merged_adapters") and fault_of_adapters(part) is None and adapter_of(part) is None:
        return part.base_layer
    return part


def project(layer: nn.Module, inputs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T N"]:
    """What a linear layer says of a few tokens: as the layer itself, which is slow for fewer than four.

    The libraries behind `nn.Linear` read large weights at 11 GB/s for one token and are slower still for two and three
    (fp32, AVX2). The same product the other way round, weights first, reads them at 17 GB/s for two to four tokens, so
    that two cost 0.6 times what one does. A plain low-rank adapter is added here, without what peft does around it.
    """
    if hasattr(type(layer), "merged_adapters") and fault_of_adapters(layer) is None:
        adapter, out = adapter_of(layer), project(layer.base_layer, inputs)
        return out if adapter is None else out + adapter.scale * (inputs @ adapter.down.mT @ adapter.up.mT)
    count = inputs.shape[:-1].numel()
    if count > 4 or type(layer) is not nn.Linear or not is_large(layer.weight):
        return layer(inputs)
    if count > 2 and layer.in_features > layer.out_features:
        return layer(inputs)
    rows = inputs.reshape(count, -1)
    rows = rows.expand(2, -1).contiguous() if count == 1 else rows.contiguous()  # rows, or the product takes 5 times
    out = torch.mm(layer.weight, rows.T).T[:count].contiguous().view(*inputs.shape[:-1], -1)
    return out if layer.bias is None else out + layer.bias


def is_large(weight: Tensor) -> bool:
    return weight.numel() > LARGE and weight.dtype == torch.float32 and weight.device.type == "cpu"
