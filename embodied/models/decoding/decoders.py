"""Language models as the decoding loop runs them: hidden states of the next tokens, given those already read.

B rows, T tokens read at once, S tokens so far, D width, H heads of queries, K heads of keys, E numbers a head.
Two ways to the same numbers: `StockDecoder` calls the model's own forward pass, for every family; `RotaryDecoder` does
the arithmetic of Llama-type layers itself and leaves out what transformers does around each of them, which costs ten
times a small layer's multiplications. It calls the layers' own projections, so adapters and quantised layers take part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaModel
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from embodied.models.decoding.cache import KeyValues, Reading, StockCache
from embodied.models.decoding.narrow import MOST_TOKENS, NarrowDecoder, is_narrow
from embodied.models.packed import adapter_of, fault_of_adapters

if TYPE_CHECKING:
    from jaxtyping import Float

LARGE = 2**17
"""Numbers of a weight matrix from which on its reading is what a product of few tokens waits for."""
_PLAIN = (LlamaModel, Qwen2Model)
_STILL_ROPES = ("default", "linear", "llama3", "yarn")
"""Rotations that do not change with the length of what is read."""


class Decoder(Protocol):
    """float[B, T, D]: last hidden states of the tokens embedded in float[B, T, D], whose keys the cache then holds."""

    def __call__(self, embeds: Float[Tensor, "B T D"], cache: KeyValues, reading: Reading) -> Float[Tensor, "B T D"]:
        ...


def make_decoder(language: PreTrainedModel) -> Decoder:
    """The fastest way to run a causal language model with the weights that it has now."""
    base = language.base_model
    return RotaryDecoder(base) if _is_plain(base) else StockDecoder(base)


def make_cache(language: PreTrainedModel, rows: int, places: int, like: Tensor) -> KeyValues:
    """An empty cache for a causal language model. Raises ValueError for more places than its attention reaches."""
    config = language.config
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if window is not None and places > window:
        raise ValueError(f"decoding: expected at most {window} tokens, the reach of {config.model_type}'s sliding "
                         f"window, got {places}; ask for shorter answers")
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return KeyValues(config.num_hidden_layers, rows, heads, places, _head_size(config), like)


def _head_size(config: PretrainedConfig) -> int:
    """E."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def _is_plain(base: nn.Module) -> bool:
    """Whether the layers are those that RotaryDecoder knows, and nobody looks into them."""
    if type(base) not in _PLAIN or (base.training and base.config.attention_dropout > 0):
        return False
    config = base.config
    is_full = all(kind == "full_attention" for kind in getattr(config, "layer_types", None) or ())
    is_watched = any(m._forward_hooks or m._forward_pre_hooks for m in base.modules())
    return (is_full and not is_watched and config.rope_parameters["rope_type"] in _STILL_ROPES
            and config._attn_implementation in ("sdpa", "eager"))


class StockDecoder:
    """The forward pass of a model of transformers."""

    def __init__(self, base: nn.Module) -> None:
        self._base, self._most = base, base.config.max_position_embeddings

    def __call__(self, embeds: Float[Tensor, "B T D"], cache: KeyValues, reading: Reading) -> Float[Tensor, "B T D"]:
        mask = reading.mask
        if mask is None:
            mask = embeds.new_ones(len(embeds), 1, 1, reading.reach, dtype=torch.bool)
        if self._base.config._attn_implementation == "eager":  # adds its mask to the scores
            mask = torch.zeros_like(mask, dtype=embeds.dtype).masked_fill(~mask, torch.finfo(embeds.dtype).min)
        return self._base(inputs_embeds=embeds, attention_mask=mask, past_key_values=StockCache(cache, reading),
                          position_ids=reading.places.clamp(max=self._most - 1), use_cache=True).last_hidden_state


class RotaryDecoder:
    """Layers of root-mean-square norms, rotated queries and keys, shared heads of keys, and gated linear units."""

    def __init__(self, base: nn.Module) -> None:
        self._base, config = base, base.config
        self._size = _head_size(config)
        self._heads, self._key_heads = config.num_attention_heads, config.num_key_value_heads
        self._layers = [_Layer(layer) for layer in base.layers]
        self._narrow = NarrowDecoder(base, self._size) if is_narrow(base) else None
        self._rotations: tuple[Float[Tensor, "S 1 E"], Float[Tensor, "S 1 E"]] | None = None

    def __call__(self, embeds: Float[Tensor, "B T D"], cache: KeyValues, reading: Reading) -> Float[Tensor, "B T D"]:
        rotation = self._rotation(reading, embeds)
        if (self._narrow is not None and len(embeds) == 1 and reading.width <= MOST_TOKENS
                and not reading.is_prompt):
            cos, sin = (part.numpy() for part in rotation)
            return torch.from_numpy(self._narrow(embeds[0].numpy(), cache, reading, (cos, sin)))[None]
        hidden, mask = embeds, self._shared(reading.mask)
        for number, layer in enumerate(self._layers):
            seen = self._attend(number, layer, _norm(layer.before, hidden), rotation, mask, cache, reading)
            hidden = hidden + project(layer.out, seen)
            gate, up = layer.gates(_norm(layer.between, hidden))
            hidden = hidden + project(layer.down, layer.bend(gate) * up)
        return _norm(self._base.norm, hidden)

    def _rotation(self, reading: Reading, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the places, the first half of the sines negative: what turns halves is then added."""
        if self._rotations is None or len(self._rotations[0]) < reading.reach:
            every = torch.arange(_steps(reading.reach), device=like.device)[None]
            cos, sin = self._base.rotary_emb(like, every)
            half = sin.shape[-1] // 2
            self._rotations = cos[0, :, None], torch.cat([-sin[0, :, None, :half], sin[0, :, None, half:]], dim=-1)
        cos, sin = self._rotations
        if reading.start is None:
            return cos[reading.places], sin[reading.places]
        return cos.narrow(0, reading.start, reading.width), sin.narrow(0, reading.start, reading.width)

    def _shared(self, mask: Tensor | None) -> Tensor | None:
        """The mask with the queries of a head of keys one after the other, as `_attend` lays them."""
        copies = self._heads // self._key_heads
        return mask if mask is None or copies == 1 else mask.repeat(1, 1, copies, 1)

    def _attend(self, number: int, layer: _Layer, hidden: Float[Tensor, "B T D"], rotation: tuple[Tensor, Tensor],
                mask: Tensor | None, cache: KeyValues, reading: Reading) -> Float[Tensor, "B T HE"]:
        """What each token gathers. Queries that share a head of keys lie side by side, so that no key is copied."""
        rows, width, _ = hidden.shape
        heads, key_heads = self._heads, self._key_heads
        states = layer.states(hidden).view(rows, width, heads + 2 * key_heads, self._size)
        both = _turned(states.narrow(2, 0, heads + key_heads), *rotation).transpose(1, 2)
        keys, values = cache.write(number, both.narrow(1, heads, key_heads),
                                   states.narrow(2, heads + key_heads, key_heads).transpose(1, 2), reading)
        queries = both.narrow(1, 0, heads).reshape(rows, key_heads, -1, self._size)
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=layer.scale)
        return seen.view(rows, heads, width, self._size).transpose(1, 2).reshape(rows, width, -1)


class _Layer:
    """One layer's parts, those that read the same thing made one where they are small."""

    def __init__(self, layer: nn.Module) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before, self.between = layer.input_layernorm, layer.post_attention_layernorm
        self.out, self.down, self.bend, self.scale = attention.o_proj, mlp.down_proj, mlp.act_fn, attention.scaling
        beside = [attention.q_proj, attention.k_proj, attention.v_proj]
        states, gates = _joined(beside), _joined([mlp.gate_proj, mlp.up_proj])
        self.states: Callable[[Tensor], Tensor] = states or (
            lambda hidden: torch.cat([project(part, hidden) for part in beside], dim=-1))
        self.gates: Callable[[Tensor], Sequence[Tensor]] = (
            (lambda hidden: (project(mlp.gate_proj, hidden), project(mlp.up_proj, hidden))) if gates is None
            else lambda hidden: gates(hidden).chunk(2, dim=-1))


def _joined(parts: Sequence[nn.Module]) -> Callable[[Tensor], Tensor] | None:
    """One product in place of several small ones, of copies of their weights; None where they are large or not plain:
    what costs then is the reading of the weights."""
    if any(type(part) is not nn.Linear or _is_large(part.weight) for part in parts):
        return None
    weight = torch.cat([part.weight for part in parts])
    bias = None if parts[0].bias is None else torch.cat([part.bias for part in parts])
    return lambda hidden: F.linear(hidden, weight, bias)


def _steps(places: int) -> int:
    """The next power of two, 512 at least: how many rotations are worked out at once."""
    return max(512, 1 << (places - 1).bit_length())


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
    if count > 4 or type(layer) is not nn.Linear or not _is_large(layer.weight):
        return layer(inputs)
    if count > 2 and layer.in_features > layer.out_features:
        return layer(inputs)
    rows = inputs.reshape(count, -1)
    rows = rows.expand(2, -1).contiguous() if count == 1 else rows.contiguous()  # rows, or the product takes 5 times
    out = torch.mm(layer.weight, rows.T).T[:count].contiguous().view(*inputs.shape[:-1], -1)
    return out if layer.bias is None else out + layer.bias


def _is_large(weight: Tensor) -> bool:
    return weight.numel() > LARGE and weight.dtype == torch.float32 and weight.device.type == "cpu"


def _norm(norm: nn.Module, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
    """As of the models of transformers, in fewer calls."""
    if hidden.dtype != torch.float32:
        return norm(hidden)
    share = (hidden * hidden).mean(-1, keepdim=True).add_(norm.variance_epsilon).rsqrt_()
    return (hidden * share).mul_(norm.weight)


def _turned(heads: Float[Tensor, "B T H E"], cos: Tensor, sin: Tensor) -> Float[Tensor, "B T H E"]:
    """Rotary embedding, halves of a head turned against each other."""
    first, second = heads.chunk(2, dim=-1)
    return torch.addcmul(heads * cos, torch.cat([second, first], dim=-1), sin)
