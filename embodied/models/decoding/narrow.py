"""Small models a few tokens at a time, in numpy: torch's own cost of a call is then many times that of the arithmetic.

T tokens read at once, S tokens so far, D width, H heads of queries, K heads of keys, E numbers a head. On one row, in
float32, on a CPU; the cache's memory is shared, weights are copied. A pass of the tiny planner takes a third of what
it takes in torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from embodied.models.decoding.cache import KeyValues, Reading

if TYPE_CHECKING:
    from jaxtyping import Float

MOST_TOKENS = 8
LARGEST = 2**19
"""Numbers of a layer's largest weights up to which this pays: what costs beyond is the reading of the weights."""


class NarrowDecoder:
    """The arithmetic of `RotaryDecoder`, for small layers."""

    def __init__(self, base: nn.Module, size: int) -> None:
        """size: E."""
        config = base.config
        self._size, self._heads, self._key_heads = size, config.num_attention_heads, config.num_key_value_heads
        self._layers = [_Layer(layer) for layer in base.layers]
        self._norm = _numbers(base.norm.weight)
        self._epsilon = np.float32(base.norm.variance_epsilon)

    def __call__(self, embeds: Float[np.ndarray, "T D"], cache: KeyValues, reading: Reading,
                 rotation: tuple[Float[np.ndarray, "T 1 E"], Float[np.ndarray, "T 1 E"]]) -> Float[np.ndarray, "T D"]:
        """Last hidden states. rotation: cosines and sines, the first half of the sines negative."""
        hidden, mask = embeds, _mask(reading)
        for number, layer in enumerate(self._layers):
            states = layer.states(self._even(hidden, layer.before))
            stores = [store[number][0].numpy() for store in (cache.keys, cache.values)]
            hidden = hidden + layer.out(self._attend(states, stores, reading, rotation, mask, layer.scale))
            gates = layer.gates(self._even(hidden, layer.between))
            half = gates.shape[1] // 2
            hidden = hidden + layer.down(_bent(gates[:, :half]) * gates[:, half:])
        return self._even(hidden, self._norm)

    def _even(self, hidden: Float[np.ndarray, "T D"], weight: Float[np.ndarray, " D"]) -> Float[np.ndarray, "T D"]:
        """Root-mean-square norm."""
        mean = np.einsum("td,td->t", hidden, hidden)[:, None] / np.float32(hidden.shape[1])
        return hidden * (1 / np.sqrt(mean + self._epsilon)) * weight

    def _attend(self, states: Float[np.ndarray, "T N"], stores: Sequence[Float[np.ndarray, "K places E"]],
                reading: Reading, rotation: tuple[np.ndarray, np.ndarray], mask: np.ndarray | None, scale: np.float32
                ) -> Float[np.ndarray, "T HE"]:
        """What each token gathers, its own keys and values kept first."""
        width, heads, key_heads = len(states), self._heads, self._key_heads
        parts = states.reshape(width, -1, self._size)
        both = _turned(parts[:, :heads + key_heads], *rotation)
        keys, values = (store[:, :reading.reach] for store in stores)
        keys[:, reading.start:] = both[:, heads:].transpose(1, 0, 2)
        values[:, reading.start:] = parts[:, heads + key_heads:].transpose(1, 0, 2)
        queries = (both[:, :heads] * scale).transpose(1, 0, 2).reshape(key_heads, -1, self._size)
        scores = queries @ keys.transpose(0, 2, 1)
        if mask is not None:
            scores.reshape(heads, width, -1)[...] += mask
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return (weights @ values).reshape(heads, width, -1).transpose(1, 0, 2).reshape(width, -1)


class _Layer:
    """One layer's weights."""

    def __init__(self, layer: nn.Module) -> None:
        queries, keys, values, out, gate, up, down = _linears(layer)
        self.before, self.between = (_numbers(norm.weight) for norm in _norms(layer))
        self.states, self.out = _Linear(queries, keys, values), _Linear(out)
        self.gates, self.down = _Linear(gate, up), _Linear(down)
        self.scale = np.float32(layer.self_attn.scaling)


class _Linear:
    """Linear layers that read the same thing, as one: a copy of their weights, inputs first, which products of a few
    tokens read up to eight times as fast as the transposed original."""

    def __init__(self, *layers: nn.Linear) -> None:
        self._weight = np.ascontiguousarray(np.concatenate([_numbers(layer.weight) for layer in layers]).T)
        self._bias = None if layers[0].bias is None else np.concatenate([_numbers(layer.bias) for layer in layers])

    def __call__(self, inputs: Float[np.ndarray, "T N"]) -> Float[np.ndarray, "T M"]:
        out = inputs @ self._weight
        return out if self._bias is None else out + self._bias


def is_narrow(base: nn.Module) -> bool:
    """Whether a model of `RotaryDecoder`'s families is small enough, and plain: no adapters, gates of SiLU."""
    return base.config.hidden_act == "silu" and all(
        all(map(_is_small, _linears(layer))) and not any(list(norm.children()) for norm in _norms(layer))
        for layer in base.layers)


def _is_small(linear: nn.Module) -> bool:
    return (type(linear) is nn.Linear and linear.weight.device.type == "cpu" and linear.weight.dtype == torch.float32
            and linear.weight.numel() <= LARGEST)


def _norms(layer: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Before the attention, and between it and the gates."""
    return layer.input_layernorm, layer.post_attention_layernorm


def _linears(layer: nn.Module) -> tuple[nn.Module, ...]:
    """Queries, keys, values, what is made of those; gate, up, down."""
    attention, mlp = layer.self_attn, layer.mlp
    return (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj, mlp.gate_proj, mlp.up_proj,
            mlp.down_proj)


def _numbers(weight: Tensor) -> np.ndarray:
    """The weight's own memory."""
    return weight.detach().numpy()


def _mask(reading: Reading) -> Float[np.ndarray, "T S"] | None:
    """What is added to the scores: nothing where a token looks, minus infinity elsewhere."""
    if reading.width == 1:
        return None
    is_seen = np.arange(reading.reach) <= reading.start + np.arange(reading.width)[:, None]
    return np.where(is_seen, np.float32(0), np.float32(-np.inf))


def _bent(gate: np.ndarray) -> np.ndarray:
    """SiLU; a gate so far below zero that its exponential is infinite is shut."""
    with np.errstate(over="ignore"):
        return gate / (1 + np.exp(-gate))


def _turned(heads: Float[np.ndarray, "T N E"], cos: np.ndarray, sin: np.ndarray) -> Float[np.ndarray, "T N E"]:
    """Rotary embedding, halves of a head turned against each other."""
    half = heads.shape[-1] // 2
    turned = heads * cos
    turned[..., :half] += heads[..., half:] * sin[..., :half]
    turned[..., half:] += heads[..., :half] * sin[..., half:]
    return turned
