"""How much memory each process of a layout needs, before anything is trained.

Weights, gradients and AdamW's two averages are counted; what layers keep for the way back is read off a forward pass on
torch's meta device, which computes shapes and no numbers. Memory arithmetic after ZeRO (Rajbhandari et al. 2020,
section 3) and Korthikanti et al. 2022. Not counted: the process itself, what allocators waste, and batches.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedConfig

from embodied.training.gradients import BUCKET
from embodied.training.parallel.layout import Layout
from embodied.training.parallel.tensor import cut_names

if TYPE_CHECKING:
    from jaxtyping import Shaped

WHOLE = Layout()
FLOAT = 4  # bytes of a number; weights are float32 in any case
ADAM = 2 * FLOAT  # bytes that AdamW keeps of a parameter
PROBE = 4099
"""Tokens of which it is read off what a layer keeps: as many as no width of a model, so that shares of attention, which
are of tokens by tokens, and which kernels do not keep, are known by their shape."""
LOGITS = 3  # copies of the graded logits, float32: themselves, their log-probabilities, the gradient


@dataclass(frozen=True, slots=True)
class Work:
    """What one process learns from in a step: `batch` sentences of `length` tokens each, `graded` of which are asked
    for; in `parts`, one after another."""

    batch: int
    length: int
    graded: int
    parts: int = 1
    is_checkpointed: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What one process needs, by what for."""

    weights: float  # bytes, as all that follows
    gradients: float  # bytes
    optimizer: float  # bytes
    activations: float  # bytes
    logits: float  # bytes
    messages: float  # bytes: copies of gradients on their way to other processes
    buckets: float  # bytes: those of them that are there all the time, as DDP has them
    gathered: float  # bytes: weights of other processes, while a layer computes
    earlier: float  # bytes: gradients of parts that came before, while a part is learned from

    @property
    def peak(self) -> float:
        """The most bytes at a time: gradients take the room that activations leave on the way back."""
        computing = self.activations + self.logits + self.gathered + self.earlier + self.buckets
        return self.weights + self.optimizer + max(computing, self.gradients + self.messages)

    def in_mb(self) -> dict[str, float]:
        """Megabytes (10^6 bytes) by what for, and the peak."""
        named = {one.name: getattr(self, one.name) / 1e6 for one in fields(self)}
        return {**named, "peak": self.peak / 1e6}


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a decoder's arithmetic matters: numbers in each layer (`active`: those that multiply each token, `cut`:
    those that tensor parallelism divides), and in all the rest."""

    layers: int
    numbers: int
    active: int
    cut: int
    rest: int
    words: int
    width: int
    kept: float  # bytes that one process keeps of a token and a layer for the way back


def shape_of(config: PreTrainedConfig, layout: Layout = WHOLE) -> Shape:
    """The shape of a language model, built on the meta device, as a process of a layout sees it. ValueError for one
    that cannot be divided."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    if not hasattr(model.base_model, "layers") or not hasattr(model.base_model, "rotary_emb"):
        raise ValueError(f"expected a decoder of Llama's, Qwen's or Mistral's kind, got one of {config.model_type}, of "
                         "which nothing can be said beforehand")
    layer = model.base_model.layers[0]
    names = cut_names(model.base_model, [layer])
    cut = sum(p.numel() for name in names for p in layer.get_submodule(name).parameters())
    layers, numbers = len(model.base_model.layers), sum(p.numel() for p in layer.parameters())
    rest = sum(p.numel() for p in model.parameters()) - layers * numbers
    kept = (_kept_by_layer(config) / layout.tensor if layout.sequence
            else _kept_by_layer(_part_of(config, layout.tensor)))
    return Shape(layers, numbers, _active(layer, config), cut, rest, config.vocab_size, config.hidden_size, kept)


def _active(layer: nn.Module, config: PreTrainedConfig) -> int:
    """Numbers of a layer that multiply a token: of a mixture, those of as many experts as it is given to."""
    matrices = {name: p.numel() for name, p in layer.named_parameters() if p.ndim > 1}
    experts = sum(count for name, count in matrices.items() if ".experts." in name)
    count = getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None) or 1
    unused = 1 - getattr(config, "num_experts_per_tok", count) / count if experts else 0.0
    return sum(matrices.values()) - round(experts * unused)


def _kept_by_layer(config: PreTrainedConfig) -> float:
    """Bytes of a token."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return (_kept(model, 2) - _kept(model, 1)) / PROBE


def _part_of(config: PreTrainedConfig, ranks: int) -> PreTrainedConfig:
    """What a decoder would be of which each layer is what one of so many processes computes."""
    part = copy.deepcopy(config)
    part.head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    is_mixture = any(getattr(config, name, None) for name in ("num_local_experts", "num_experts"))
    for name in ("num_attention_heads", "num_key_value_heads", *["intermediate_size"] * (not is_mixture)):
        setattr(part, name, max(getattr(config, name) // ranks, 1))
    return part


def _kept(model: nn.Module, layers: int) -> float:
    """Bytes that a forward pass of the first layers keeps of PROBE tokens for the way back, on the meta device."""
    found: dict[Any, int] = {}
    own = {p.untyped_storage()._cdata for p in model.parameters()}

    def note(kept: Shaped[torch.Tensor, "*any"]) -> Shaped[torch.Tensor, "*any"]:
        storage = kept.untyped_storage()
        if storage._cdata not in own and kept.shape[-2:] != (PROBE, PROBE):  # kernels keep no shares of attention
            found[storage._cdata] = storage.nbytes()
        kept_alive.append(kept)
        return kept

    kept_alive: list[Any] = []
    decoder, places = model.base_model, torch.arange(PROBE, device="meta")[None]
    states = torch.empty(1, PROBE, model.config.hidden_size, device="meta", requires_grad=True)
    turns = decoder.rotary_emb(states, places)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        for layer in decoder.layers[:layers]:
            states = layer(states, attention_mask=None, position_ids=places, position_embeddings=turns)
    return sum(found.values())


def need(shape: Shape, layout: Layout, work: Work) -> Need:
    """What one process needs under a layout of as many processes as it says."""
    data, mine = layout.data or 1, -(-shape.layers // layout.pipeline)
    numbers = mine * (shape.cut / layout.tensor + shape.numbers - shape.cut)
    weights = numbers / (data if layout.zero >= 2 else 1) + shape.rest  # zero 2: whole ones are gathered
    gradients = numbers / (data if layout.zero >= 2 else 1) + shape.rest
    remembered = {0: numbers + shape.rest, 1: (numbers + shape.rest) / data}.get(
        layout.zero, numbers / data + shape.rest)
    tokens = work.batch * work.length / work.parts
    at_once = mine * tokens * (work.parts if layout.pipeline > 1 else 1)
    states = shape.width * FLOAT
    activations = (at_once * states + tokens * shape.kept) if work.is_checkpointed else at_once * shape.kept
    whole = numbers + shape.rest
    sent = whole if layout.is_plain else 2 * min(max(BUCKET, shape.words * shape.width), whole)  # as much on the way
    gathered = {2: numbers, 3: 2 * numbers / mine}.get(layout.zero, 0.0)
    return Need(FLOAT * weights, FLOAT * gradients, ADAM * remembered, activations,
                LOGITS * FLOAT * shape.words * work.graded / work.parts, FLOAT * sent if data > 1 else 0.0,
                FLOAT * whole if data > 1 and layout.is_plain else 0.0,
                FLOAT * gathered, FLOAT * gradients if work.parts > 1 else 0.0)
