"""How long a step's matrix products take by themselves: what its speed is a share of, on this machine at this hour.

Products are those that the model's layers ask for, forward and backward, by their shapes, in float32 on a CPU; each is
timed alone on new numbers. The fused attention of a library is left out, so that its time counts against the step.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from embodied.models.frozen import laid_out_product
from embodied.training.placement import one_thread

if TYPE_CHECKING:
    from embodied.training.loop import TrainState

SHORTEST_S = 5e-4
"""A product is timed over as many repetitions as take this long."""

_aten = torch.ops.aten
PRODUCTS = {_aten.mm: 0, _aten.addmm: 1, _aten.addmm_: 1, _aten.bmm: 0, _aten.baddbmm: 1,
            _aten.baddbmm_: 1}
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
        if first is not None and _is_timed(args[first]):
            self.found[tuple(args[first].shape), tuple(args[first + 1].shape), False] += 1
        elif func.overloadpacket is LAID_OUT and _is_timed(args[0]):
            self.found[tuple(args[0].shape), tuple(args[1].shape)[::-1], True] += 1
        elif func.overloadpacket in (_aten.convolution, _aten.convolution_backward):
            self._count_convolution(func, args)
        return func(*args, **(kwargs or {}))

    def _count_convolution(self, func: Any, args: Any) -> None:
        """Of patches that do not overlap, which are a product; of others nothing."""
        is_backward = func.overloadpacket is _aten.convolution_backward
        images, weight = args[1:3] if is_backward else args[:2]
        stride = args[4] if is_backward else args[3]
        if list(stride) == list(weight.shape[2:]) and _is_timed(images):
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
    """CPU seconds that the counted products take alone in one thread, each as often as it was asked for: the median of
    some rounds of each, after one that warms up. Torch's random numbers are left as they are."""
    with one_thread():
        return sum(count * _seconds(_product(*kind), rounds) for kind, count in counter.found.items())


def _seconds(product: Callable[[], object], rounds: int) -> float:
    """The median of some rounds, each of as many repetitions as can be timed; the first ones warm up."""
    product()
    repetitions = max(1, round(SHORTEST_S / max(_repeated_s(product, 1), 1e-7)))
    return statistics.median(_repeated_s(product, repetitions) for _ in range(rounds)) / repetitions


def _repeated_s(product: Callable[[], object], repetitions: int) -> float:
    began_s = time.thread_time()
    for _ in range(repetitions):
        product()
    return time.thread_time() - began_s


def _product(first: Shape, second: Shape, is_laid_out: bool) -> Callable[[], Tensor]:
    """One product of new numbers, as it was asked for."""
    if not is_laid_out:
        return partial(torch.matmul, torch.full(first, 0.5), torch.full(second, 0.5))
    weight = torch.ops.mkldnn._reorder_linear_weight(torch.full(second[::-1], 0.5), None)
    return partial(laid_out_product, torch.full(first, 0.5), weight)


def _is_timed(factor: Tensor) -> bool:
    """Whether `products_s` knows what a product of such numbers takes."""
    return factor.dtype == torch.float32 and factor.device.type == "cpu"


def _volume(first: Shape, second: Shape) -> int:
    return torch.Size(first).numel() * second[-1]


class Roofline:
    """A hook that says the share of each step's time that its products would take alone in as many threads.

    One step early in the training counts its products, those of the first thread's share of the batch, and what they
    take alone is timed after it, once; later steps need as much for each of their tokens. Nothing is said where
    batches have no tokens, or nothing was counted (a GPU, bfloat16).
    """

    COUNTED = 2
    """Steps before the one that counts: the first ones lay weights out, and find memory."""

    def __init__(self, threads: int, *, shares_batches: bool = False):
        """threads: how many work at a step. shares_batches: whether each learns from a part of its own."""
        self.threads, self.steps, self.shares_batches = threads, 0, shares_batches
        self.counter, self.counted_tokens = ProductCounter(), 0
        self.per_token_s: float | None = None

    def learning(self, batch: Any) -> AbstractContextManager[Any]:
        """The context in which a batch is learned from."""
        if self.steps != self.COUNTED:
            return nullcontext()
        first = getattr(batch, "parts", [batch])[0] if self.shares_batches else batch
        self.counted_tokens = getattr(first, "tokens", 0)
        return self.counter

    def step(self, state: TrainState[Any]) -> None:
        self.steps += 1
        if self.per_token_s is not None:
            state.products_share = self.per_token_s * state.tokens / (state.step_s * self.threads)
        elif self.counted_tokens and self.counter.found:
            self.per_token_s = products_s(self.counter, rounds=1) / self.counted_tokens

    def end(self, state: TrainState[Any]) -> None:
        """Nothing is open."""
