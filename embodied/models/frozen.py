"""Products of frozen weights, with low-rank adapters beside them, as training wants them: several that read the same
states at once, and nothing for the way back but the gradients of the states and of the adapters.

Weights that never change are laid out once as the library behind the products (oneDNN) wants them, side by side, for
the way there and for the way back: products of a few hundred tokens, which wait for weights to be laid out, then take
0.8 of their time. The copies take twice the room of the weights.

P tokens, D width, r rank.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

if TYPE_CHECKING:
    from jaxtyping import Float

MOST_COPIED = 2**28
"""Numbers of frozen weights in all of which copies are kept: 2 GB of copies; the others are read as they lie."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Of a frozen product x W': + scale (x down') up'."""

    down: Float[Tensor, "r D"]
    up: Float[Tensor, "wide r"]
    scale: float


_IS_ROUNDED = ContextVar("is_rounded", default=False)


@cache
def can_round() -> bool:
    """Whether this CPU, as torch was built for it, multiplies bfloat16 as `rounded_products` needs it."""
    try:
        torch.ops.mkldnn._reorder_linear_weight(torch.zeros(1, 1, dtype=torch.bfloat16), None)
    except RuntimeError:  # it says which instructions it lacks
        return False
    return True


@contextmanager
def rounded_products() -> Iterator[None]:
    """Within the block, and in this thread, frozen products are of numbers rounded to bfloat16, and so is what comes of
    them; adapters, and all that is not a product, stay in float32. Twice as fast on CPUs that multiply bfloat16; only
    where `can_round`."""
    before = _IS_ROUNDED.set(True)
    try:
        yield
    finally:
        _IS_ROUNDED.reset(before)


def frozen_products(linears: Sequence[nn.Linear], adapters: Sequence[Adapter | None], states: Float[Tensor, "P D"], *,
                    is_exact: bool = False) -> Float[Tensor, "P wide"]:
    """What frozen layers say of the same states, each with its adapter, side by side. All in float32 on a CPU, but for
    `rounded_products`, which `is_exact` heeds not."""
    pieces = _pieces(linears, adapters)
    there = [adapter for adapter in adapters if adapter is not None]
    stack = _stack(linears, is_rounded=_IS_ROUNDED.get() and not is_exact)
    return _Frozen.apply(states, stack, pieces, *(a.down for a in there), *(a.up for a in there))


def is_frozen(linear: nn.Module, states: Float[Tensor, "P D"]) -> bool:
    """Whether `frozen_products` can be had of a layer in a step of training: a plain one that does not learn, in
    float32 on a CPU."""
    return (type(linear) is nn.Linear and not linear.weight.requires_grad and torch.is_grad_enabled()
            and states.dtype == linear.weight.dtype == torch.float32 and states.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu"))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where an adapter stands among several: its columns of what all say, and of what all lower."""

    columns: slice
    ranks: slice
    scale: float


def _pieces(linears: Sequence[nn.Linear], adapters: Sequence[Adapter | None]) -> list[_Piece]:
    """Of each layer that has an adapter."""
    found, column, rank = [], 0, 0
    for linear, adapter in zip(linears, adapters, strict=True):
        if adapter is not None:
            found.append(_Piece(slice(column, column + linear.out_features), slice(rank, rank + len(adapter.down)),
                                adapter.scale))
            rank += len(adapter.down)
        column += linear.out_features
    return found


class _Frozen(torch.autograd.Function):
    """The products and what adapters add to them. No result is written twice."""

    @staticmethod
    def forward(ctx: Any, states: Float[Tensor, "P D"], stack: _Stack, pieces: Sequence[_Piece],
                *adapters: Float[Tensor, "_ _"]) -> Float[Tensor, "P wide"]:
        ctx.stack, ctx.pieces, out = stack, pieces, stack.there(states)
        if pieces:
            downs, ups = adapters[:len(pieces)], adapters[len(pieces):]
            low = states @ torch.cat(downs).mT
            for piece, up in zip(pieces, ups, strict=True):
                out[:, piece.columns].addmm_(low[:, piece.ranks], up.mT, alpha=piece.scale)
            ctx.save_for_backward(states, low, *adapters)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "P wide"]) -> tuple[Tensor | None, ...]:
        out = ctx.stack.back(grad)
        if not ctx.pieces:
            return out, None, None
        states, low, *adapters = ctx.saved_tensors
        downs, ups = adapters[:len(ctx.pieces)], adapters[len(ctx.pieces):]
        low_grad, up_grads = torch.empty_like(low), []
        for piece, up in zip(ctx.pieces, ups, strict=True):
            part = grad[:, piece.columns]
            torch.mm(part, up * piece.scale, out=low_grad[:, piece.ranks])
            up_grads.append((low[:, piece.ranks].mT @ part).mul_(piece.scale).mT)  # the other way takes twice as long
        out.addmm_(low_grad, torch.cat(downs))
        down_grads = (low_grad.mT @ states).split([len(down) for down in downs])
        return out, None, None, *down_grads, *up_grads


class _Stack(Protocol):
    """Frozen weights float[wide, D], side by side."""

    def there(self, states: Float[Tensor, "P D"]) -> Float[Tensor, "P wide"]: ...
    def back(self, grad: Float[Tensor, "P wide"]) -> Float[Tensor, "P D"]: ...


class _AsTheyLie:
    """Weights that are read where they are."""

    def __init__(self, linears: Sequence[nn.Linear]):
        self.weights, self.biases = [linear.weight for linear in linears], [linear.bias for linear in linears]
        self.widths = [len(weight) for weight in self.weights]

    def there(self, states: Float[Tensor, "P D"]) -> Float[Tensor, "P wide"]:
        out = states.new_empty(len(states), sum(self.widths))
        for part, weight, bias in zip(out.split(self.widths, dim=-1), self.weights, self.biases, strict=True):
            torch.mm(states, weight.mT, out=part)
            if bias is not None:
                part += bias
        return out

    def back(self, grad: Float[Tensor, "P wide"]) -> Float[Tensor, "P D"]:
        first, *others = zip(grad.split(self.widths, dim=-1), self.weights, strict=True)
        out = torch.mm(*first)
        for part, weight in others:
            out.addmm_(part, weight)
        return out


class _LaidOut:
    """Copies of weights, as oneDNN wants them, of the type that products are computed in."""

    def __init__(self, linears: Sequence[nn.Linear], dtype: torch.dtype = torch.float32):
        joint, bias = side_by_side(linears)
        self.numbers, self._dtype, self._bias = joint.numel(), dtype, None if bias is None else bias.to(dtype)
        self._there = torch.ops.mkldnn._reorder_linear_weight(joint.to(dtype), None)
        self._back = torch.ops.mkldnn._reorder_linear_weight(joint.mT.to(dtype).contiguous(), None)

    def there(self, states: Float[Tensor, "P D"]) -> Float[Tensor, "P wide"]:
        return laid_out_product(states.to(self._dtype), self._there, self._bias).to(states.dtype)

    def back(self, grad: Float[Tensor, "P wide"]) -> Float[Tensor, "P D"]:
        return laid_out_product(grad.to(self._dtype), self._back).to(grad.dtype)


def side_by_side(linears: Sequence[nn.Linear]) -> tuple[Float[Tensor, "wide D"], Float[Tensor, " wide"] | None]:
    """One weight and bias that say what layers say of the same states, side by side; no bias where none has one."""
    weight = torch.cat([linear.weight.detach() for linear in linears])
    if all(linear.bias is None for linear in linears):
        return weight, None
    return weight, torch.cat([weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias.detach()
                              for linear in linears])


def laid_out_product(states: Float[Tensor, "P D"], weight: Tensor, bias: Tensor | None = None
                     ) -> Float[Tensor, "P wide"]:
    """x W' + b of a weight float[wide, D] that `_reorder_linear_weight` laid out."""
    return torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")


class _Shelf:
    """The copies that are kept, for as long as their first weight lives, and what they were made of."""

    def __init__(self) -> None:
        self._kept: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._lock = threading.Lock()

    def stack(self, linears: Sequence[nn.Linear], *, is_rounded: bool) -> _Stack:
        key = [is_rounded, *(_mark(tensor) for linear in linears for tensor in (linear.weight, linear.bias)
                             if tensor is not None)]
        with self._lock:  # threads of a team ask for the same ones
            found = self._kept.get(linears[0].weight)
            if found is None or found[0] != key:
                dtype = torch.bfloat16 if is_rounded else torch.float32
                found = self._kept[linears[0].weight] = key, self._make(linears, dtype)
        return found[1]

    def _make(self, linears: Sequence[nn.Linear], dtype: torch.dtype) -> _Stack:
        numbers = sum(linear.weight.numel() for linear in linears)
        numbers += sum(stack.numbers for _, stack in self._kept.values() if isinstance(stack, _LaidOut))
        return _LaidOut(linears, dtype) if numbers <= MOST_COPIED else _AsTheyLie(linears)


def _mark(tensor: Tensor) -> tuple[int, int, float]:
    """What is another one when a tensor was written to: its last number too, for whoever writes to `.data`, as adapters
    do that are merged, leaves the version as it was."""
    return tensor.data_ptr(), tensor._version, tensor.detach().flatten()[-1].item()


_SHELF = _Shelf()


def _stack(linears: Sequence[nn.Linear], *, is_rounded: bool) -> _Stack:
    if not torch.backends.mkldnn.is_available():
        return _AsTheyLie(linears)
    return _SHELF.stack(linears, is_rounded=is_rounded)
