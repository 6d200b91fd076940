"""What a layer of a Llama-type decoder consists of, under one name each: for whoever does its arithmetic in another way
than transformers does."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Layer:
    """Norm, rotary attention, norm, gated network."""

    before: nn.Module
    readers: tuple[nn.Module, nn.Module, nn.Module]  # queries, keys, values
    out: nn.Module
    between: nn.Module
    gates: tuple[nn.Module, nn.Module]  # what opens, what passes
    down: nn.Module
    head_size: int  # numbers of a head
    scale: float  # of the likeness of queries and keys

    @property
    def heads(self) -> tuple[int, int]:
        """How many of queries, and of keys."""
        return tuple(linear.out_features // self.head_size for linear in self.readers[:2])


def layer_of(layer: nn.Module) -> Layer:
    """The parts of a layer of transformers of the families of `packed.FAMILIES`."""
    attention, mlp = layer.self_attn, layer.mlp
    return Layer(layer.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj), attention.o_proj,
                 layer.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj), mlp.down_proj, attention.head_dim,
                 attention.scaling)
