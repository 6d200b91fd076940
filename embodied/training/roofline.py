"""How long a step's matrix products take by themselves: what its speed is a share of, on this machine at this hour.

Products are those that the model's layers ask for, forward and backward, by their shapes; each is timed alone on new
numbers. The fused attention of a library is left out, so that its time counts against the step.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from embodied.models.frozen import laid_out_product

_aten = torch.ops.aten
PRODUCTS = {_aten.mm: 0, _aten.addmm: 1, _aten.addmm_: 1, _aten.bmm: 0, _aten.baddbmm: 1}
"""Operator -> place of the first of its two factors."""
LAID_OUT = torch.ops.mkldnn._linear_pointwise
"""Of a weight float[N, K] that was laid out before (`embodied.models.frozen`), where torch was built with it."""

Shape = tuple[int, ...]


class ProductCounter(TorchDispatchMode):
    """Counts the products within it by the shapes of their factors, and the floating-point operations that they take;
    only those of the thread that entered it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[Shape, Shape, bool]] = Counter()  # of both factors; whether the second was laid out

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = PRODUCTS.get(func.overloadpacket)
        if first is not None:
            self.found[tuple(args[first].shape), tuple(args[first + 1].shape), False] += 1
        elif func.overloadpacket is LAID_OUT:
            self.found[tuple(args[0].shape), tuple(args[1].shape)[::-1], True] += 1
        elif func.overloadpacket in (_aten.convolution, _aten.convolution_backward):
            self._count_convolution(func, args)
        return func(*args, **(kwargs or {}))

    def _count_convolution(self, func: Any, args: Any) -> None:
        """Of patches that do not overlap, which are a product; of others nothing."""
        is_backward = func.overloadpacket is _aten.convolution_backward
        images, weight = args[1:3] if is_backward else args[:2]
        stride = args[4] if is_backward else args[3]
        if list(stride) == list(weight.shape[2:]):
            rows = images.numel() // weight[0].numel()
            there, back = ((rows, weight[0].numel()), (weight[0].numel(), len(weight))), (len(weight), rows)
            self.found[(back, there[0], False) if is_backward else (*there, False)] += 1

    @property
    def flops(self) -> int:
        """Of all of them."""
        return sum(count * 2 * _volume(*shapes) for (*shapes, _), count in self.found.items())


def products_of(step: Callable[[], object]) -> ProductCounter:
    """The products of a step of training, forward and backward."""
    with ProductCounter() as counter:
        step()
    return counter


def products_s(counter: ProductCounter, *, rounds: int = 5) -> float:
    """CPU seconds of this thread that the counted products take alone, each as often as it was asked for: the median of
    some rounds after one that warms up."""
    products = [(_product(*kind), count) for kind, count in counter.found.items()]
    times = []
    for _ in range(rounds + 1):
        began_s = time.thread_time()
        for product, count in products:
            for _ in range(count):
                product()
        times.append(time.thread_time() - began_s)
    return statistics.median(times[1:])


def _product(first: Shape, second: Shape, is_laid_out: bool) -> Callable[[], Tensor]:
    """One product of new numbers, as it was asked for."""
    if not is_laid_out:
        return partial(torch.matmul, torch.randn(first), torch.randn(second))
    weight = torch.ops.mkldnn._reorder_linear_weight(torch.randn(second[::-1]), None)
    return partial(laid_out_product, torch.randn(first), weight)


def _volume(first: Shape, second: Shape) -> int:
    return torch.Size(first).numel() * second[-1]
