"""The placement of a model that is divided between processes, by any `Layout`; what it saves, whole or in parts, is the
undivided model's, so that a training goes on under another layout, or alone.

Departures from ZeRO and FSDP: what is no layer of the decoder (embeddings, pictures, heads) is held whole by every
process, for objectives read it beside the model's own forward pass; and gradients of it are averaged after the way
back, not during it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from embodied.data.batches import Shares
from embodied.training.gradients import average_gradients, local_of
from embodied.training.parallel import pipeline, sharded, tensor, whole
from embodied.training.parallel.layout import Layout
from embodied.training.parts import known, mean_counts
from embodied.training.placement import (
    Lesson,
    Replicated,
    State,
    arithmetic_of,
    mean_lesson,
    mean_over_ranks,
    one_of_many,
    poisoned,
    refuse_odd_parts,
)
from embodied.training.team import why_not_shared

if TYPE_CHECKING:
    from jaxtyping import Float

DATA, TENSOR, PIPELINE = "data", "tensor", "pipeline"


@dataclass(frozen=True, kw_only=True)
class Divided(Replicated):
    """One of the processes of a layout. `place` makes one."""

    layout: Layout
    mesh: DeviceMesh
    rank: int
    order: list[str] = field(default_factory=list)  # of what learns in the whole model, as an optimiser counts it
    own: set[int] = field(default_factory=set)  # ids of the parameters of this process's layers

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model, of which this process has its part of the decoder's layers. ValueError for one that cannot be
        divided so."""
        if self.layout.pipeline > 1:
            refuse_in_line(model, self.layout.pipeline)
        model = model.to(self.device)
        self.order[:] = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        if not self.layout.divides_layers or (decoder := decoder_of(model)) is None:
            return model
        decoder.is_divided = True
        layers: Sequence[nn.Module] = list(decoder.layers)
        if self.layout.pipeline > 1:
            layers = pipeline.divide(decoder, self._line(), self.arithmetic).mine
        if self.layout.tensor > 1:
            tensor.divide(decoder, list(layers), self.mesh[TENSOR], is_sequence=self.layout.sequence)
        if self.layout.zero > 1:
            self._shard(decoder, layers)
        self.own.update(id(parameter) for layer in layers for parameter in layer.parameters())
        return model

    def _shard(self, decoder: nn.Module, layers: Sequence[nn.Module]) -> None:
        """Have FSDP gather each layer when it computes; the decoder, of which it holds nothing else, ties them into
        one, so that no layer's messages stay until all layers are through."""
        chosen = {"mesh": self.mesh[DATA], "reshard_after_forward": self.layout.zero == 3}
        for layer in layers:
            fully_shard(layer, **chosen)
        own = {p for layer in layers for p in layer.parameters()}
        fully_shard(decoder, ignored_params={p for p in decoder.parameters() if p not in own}, **chosen)

    def _line(self) -> pipeline.Line:
        mesh = self.mesh[PIPELINE]
        return pipeline.Line(tuple(mesh.mesh.tolist()), mesh.get_local_rank(), mesh.get_group())

    def unwrap(self, model: nn.Module) -> nn.Module:
        """The model, of which FSDP has put what it gathered for a forward pass away again."""
        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()
        return model

    def shares(self, model: nn.Module, batch_size: int) -> int:
        if self.layout.pipeline == 1 or decoder_of(model) is None:
            return super().shares(model, batch_size)
        return refuse_odd_parts(batch_size, self.layout.parts, "micro_batches")

    def learn(self, objective: Callable[..., Any], model: nn.Module, batch: Any, parameters: Sequence[nn.Parameter]
              ) -> Lesson:
        if self.layout.pipeline > 1 and decoder_of(model) is not None:
            lesson = self._learn_in_line(objective, model, batch)
        else:
            lesson = super().learn(objective, model, batch, parameters)
        self._settle(parameters)
        return lesson

    def _learn_in_line(self, objective: Callable[..., Any], model: nn.Module, batch: Any) -> Lesson:
        parts = batch.parts if isinstance(batch, Shares) else [batch]
        with known(mean_over_ranks(mean_counts(objective, model, parts).to(self.device))):
            told = pipeline.learn(decoder_of(model).layers[0], partial(self._look, objective, model), parts,
                                  lambda loss: poisoned(loss) / len(parts))
        return mean_lesson([Lesson(loss, metrics, 0.0, 0.0) for loss, metrics in told])

    def _settle(self, parameters: Sequence[nn.Parameter]) -> None:
        """Make the gradients of all processes one: FSDP has seen to what it shards."""
        for parameter in parameters:
            grad = parameter.grad
            if isinstance(grad, DTensor) and grad.placements != parameter.placements:
                parameter.grad = grad.redistribute(placements=parameter.placements)
        if self.layout.data == 1:
            return
        sharded = self.layout.zero > 1
        average_gradients([p for p in parameters if not (sharded and id(p) in self.own)], self.layout.data,
                          self.mesh[DATA].get_group())

    def optimizer(self, whole: torch.optim.Optimizer) -> torch.optim.Optimizer:
        if self.layout.zero != 1:
            return whole
        with warnings.catch_warnings():  # other optimisers beside it are compiled as torch itself says not to
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch.distributed.optim import ZeroRedundancyOptimizer

        chosen = {key: value for key, value in whole.defaults.items() if key in ("lr", "betas", "eps", "fused")}
        return ZeroRedundancyOptimizer(whole.param_groups, type(whole), self.mesh[DATA].get_group(), **chosen)

    def clip(self, parameters: Sequence[nn.Parameter], longest: float) -> Float[Tensor, ""]:
        squares = [self._square(p) for p in parameters if p.grad is not None]
        total = torch.stack([torch.zeros((), dtype=torch.float64, device=self.device), *squares]).sum()
        distributed.all_reduce(total)
        length = total.sqrt().float()
        for parameter in parameters:
            if parameter.grad is not None:
                local_of(parameter.grad).mul_((longest / (length + 1e-6)).clamp(max=1.0))
        return length

    def _square(self, parameter: nn.Parameter) -> Float[Tensor, ""]:
        """The squared length of a gradient, over the number of processes that have the same part of it."""
        copies = self.layout.data * self.layout.tensor * self.layout.pipeline
        if id(parameter) in self.own:
            copies //= self.layout.pipeline
        if isinstance(parameter, DTensor):
            for size, placed in zip(parameter.device_mesh.shape, parameter.placements, strict=True):
                copies //= 1 if placed.is_replicate() else size
        return local_of(parameter.grad).double().square().sum() / copies

    def state(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
        model = self.unwrap(model)
        is_one = self.layout.tensor == 1 or self.mesh[TENSOR].get_local_rank() == 0
        is_first = self.layout.data == 1 or self.data_rank == 0
        weights, memory = whole.gather(model, optimizer, _renamed(model), self.order, gives=is_one and is_first,
                                       gives_optimizer=is_one and (is_first or self.layout.zero == 1))
        return State(weights, memory, self.random_of_device())

    def held(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> sharded.Held:
        """What this process alone has of what `state` gives; every process must call it."""
        model = self.unwrap(model)
        return sharded.held(model, optimizer, _renamed(model), self.order)

    def restore(self, state: State, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        whole.scatter(state.weights, state.optimizer, self.unwrap(model), optimizer, _renamed(model), self.order)
        self.put_random_of_device(state.device_random)

    def facts(self) -> dict[str, Any]:
        return super().facts() | {"world_size": self.mesh.size(), "layout": self.layout.name}


def place(layout: Layout, device: torch.device, rank: int, size: int, precision: str = "float32", accumulate: int = 1
          ) -> Replicated:
    """The placement of one of `size` processes, whose process group stands; the rest as of `placement.one_of_many`.
    SettingError where so many cannot be laid out so."""
    layout = layout.over(size)
    if layout.is_plain:
        return one_of_many(device, rank, size, precision, accumulate)
    sizes = {PIPELINE: layout.pipeline, DATA: layout.data, TENSOR: layout.tensor}
    mesh = init_device_mesh(device.type, tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    return Divided(device, mesh[DATA].get_local_rank(), layout.data, accumulate=accumulate, layout=layout, mesh=mesh,
                   rank=rank, **arithmetic_of(precision, device))


def refuse_in_line(model: nn.Module, processes: int) -> None:
    """Raise ValueError for a model that a pipeline would not save whole, or whose processes would drift apart."""
    reason = None
    if getattr(model, "_borrowed", None):
        reason = "one that stands on a base"
    config = getattr(getattr(model, "language", model), "config", None)
    if why_not_shared(model) or getattr(config, "attention_dropout", 0):
        reason = "one whose layers drop out, each process's otherwise"
    if reason is not None:
        raise ValueError(f"parallel.pipeline={processes}: expected a model that every process computes alike around "
                         f"its layers, got {reason}; choose pipeline=1")


def decoder_of(model: nn.Module) -> nn.Module | None:
    """The part of a planner, or of a language model alone, that has the layers; None of a model without language, such
    as a segmenter, which every process holds whole. ValueError for a language model that cannot be divided."""
    decoder = getattr(getattr(model, "language", model), "base_model", None)
    if decoder is None:
        return None
    if not isinstance(getattr(decoder, "layers", None), nn.ModuleList) or not hasattr(decoder, "norm"):
        raise ValueError(f"parallel: expected a decoder with layers and a norm after them, got a "
                         f"{type(decoder).__name__}; choose tensor=1, pipeline=1 and zero=0 or 1")
    return decoder


def _renamed(model: nn.Module) -> Callable[[str], str]:
    """The name of a tensor in the undivided model, by its name here."""
    layers = next((module for module in model.modules() if isinstance(module, pipeline.Layers)), None)
    if layers is None:
        return lambda name: name
    mine = re.compile(r"\blayers\.0\.mine\.(\d+)")
    return lambda name: mine.sub(lambda found: f"layers.{layers.first + int(found[1])}", name)
