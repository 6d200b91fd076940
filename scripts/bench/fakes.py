"""Training on a device that is not there: torch's fake tensors, which have shapes and types and no numbers.

    python -m scripts.bench.gpu --fake

A build of torch without CUDA aborts where anything is to learn on a fake CUDA device, so these are on torch's device
for backends of others (PrivateUse1), here called `fake`. What autocast does on CUDA is told to it for the operators
that take a decoder's time; all others keep their type.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.library import Library, fallthrough_kernel
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, PreTrainedConfig

from embodied.data.batches import Batch
from embodied.training.loop import train
from embodied.training.optim import adamw
from embodied.training.placement import Replicated
from scripts.bench.layouts import words

NAME, KEY = "fake", "AutocastPrivateUse1"
ROUNDED = ("linear", "matmul", "scaled_dot_product_attention")
"""Operators whose float32 numbers autocast rounds first."""


class _Module(_DummyBackendModule):
    """What torch.autocast asks of a device."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


def _rounded(operator: Any) -> Callable[..., Tensor]:
    """An operator of numbers in bfloat16."""

    def run(*values: Any, **named: Any) -> Tensor:
        rounded = [value.bfloat16() if isinstance(value, Tensor) and value.dtype == torch.float32 else value
                   for value in values]
        with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, KEY))):
            return operator(*rounded, **named)

    return run


@contextmanager
def fake_device() -> Iterator[torch.device]:
    """The device, which stands until the process ends, and within the block only tensors that are fake."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        _setup_privateuseone_for_python_backend(NAME, _Module())
    every, known = Library("_", "IMPL"), Library("aten", "IMPL")
    every.fallback(fallthrough_kernel, KEY)
    for name in ROUNDED:
        known.impl(name, _rounded(getattr(torch.ops.aten, name).default), KEY)
    with FakeTensorMode():
        yield torch.device(NAME, 0)


def on_device(config: PreTrainedConfig, device: torch.device) -> nn.Module:
    """A language model, its tensors made on a fake device."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    made: dict[int, nn.Parameter] = {}  # two names may share one
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is not None:
                if id(value) not in made:
                    made[id(value)] = nn.Parameter(torch.empty(value.shape, device=device))
                module._parameters[name] = made[id(value)]
        for name, value in module._buffers.items():
            if value is not None:
                module._buffers[name] = torch.empty(value.shape, dtype=value.dtype, device=device)
    return model


@dataclass(eq=False, slots=True)
class _Steps:
    """A hook that counts the steps that were taken, and the types of what the loss was computed of."""

    taken: int = 0

    def step(self, state: Any) -> None:
        self.taken = state.step

    def end(self, state: Any) -> None:
        """Nothing is open."""


def fake_steps(config: PreTrainedConfig, batch: int, length: int, steps: int = 2) -> dict[str, Any]:
    """What steps of our loop do on a fake device: how many were taken, floating-point operations of one by operator,
    the type of the logits, and what ended it."""
    began_s, count, seen = time.perf_counter(), _Steps(), set()
    with fake_device() as device:
        model = on_device(config, device)
        model.lm_head.register_forward_hook(lambda _, __, logits: seen.add(str(logits.dtype)))
        ids = torch.empty((batch, length + 1), dtype=torch.long, device=device)
        ended = "the last step"
        with FlopCounterMode(display=False) as counter:
            try:
                train(model, repeat(Batch(0, (), {"input_ids": ids})), words, adamw(model, lr=1e-4), steps=steps,
                      hooks=[count], placement=Replicated(device, precision=torch.bfloat16))
            except DataDependentOutputException as error:
                ended = f"a number was read: {error.func}"
    found = {str(name): flops / max(count.taken, 1) for name, flops in counter.get_flop_counts()["Global"].items()}
    return {"steps": count.taken, "flops": found, "logits": sorted(seen), "ended": ended,
            "seconds": round(time.perf_counter() - began_s, 1)}
