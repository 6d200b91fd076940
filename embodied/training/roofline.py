"""How long a step's matrix products take by themselves: what its speed is a share of, on this machine at this hour.

Products are those that the model's layers ask for, forward and backward, by their shapes; each is timed alone on new
numbers. The fused attention of a library is left out, so that its time counts against the step.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
PRODUCTS = {_aten.mm: 0, _aten.addmm: 1, _aten.addmm_: 1, _aten.bmm: 0, _aten.baddbmm: 1}
"""Operator -> place of the first of its two factors."""

Shape = tuple[int, ...]


class ProductCounter(TorchDispatchMode):
    """Counts the products within it by the shapes of their factors, and the floating-point operations that they take;
    only those of the thread that entered it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[Shape, Shape]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = PRODUCTS.get(func.overloadpacket)
        if first is not None:
            self.found[tuple(args[first].shape), tuple(args[first + 1].shape)] += 1
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
            product = (len(weight), rows), (rows, weight[0].numel())
            self.found[product if is_backward else (product[1], (weight[0].numel(), len(weight)))] += 1

    @property
    def flops(self) -> int:
        """Of all of them."""
        return sum(count * 2 * _volume(*shapes) for shapes, count in self.found.items())


def products_of(step: Callable[[], object]) -> ProductCounter:
    """The products of a step of training, forward and backward."""
    with ProductCounter() as counter:
        step()
    return counter


def products_s(counter: ProductCounter, *, rounds: int = 5) -> float:
    """CPU seconds of this thread that the counted products take alone, each as often as it was asked for: the median of
    some rounds after one that warms up."""
    factors = {shapes: [torch.randn(shape) for shape in shapes] for shapes in counter.found}
    times = []
    for _ in range(rounds + 1):
        began_s = time.thread_time()
        for shapes, count in counter.found.items():
            for _ in range(count):
                torch.matmul(*factors[shapes])
        times.append(time.thread_time() - began_s)
    return statistics.median(times[1:])


def _volume(first: Shape, second: Shape) -> int:
    return torch.Size(first).numel() * second[-1]
