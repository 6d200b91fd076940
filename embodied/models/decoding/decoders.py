"""Language models as the decoding loop runs them: hidden states of the next tokens, given those already read.

B rows, T tokens read at once, S tokens so far, D width, H heads of queries, K heads of keys, E numbers a head.
Two ways to the same numbers: `StockDecoder` calls the model's own forward pass, for every family; `RotaryDecoder` does
the arithmetic of Llama-type layers itself and leaves out what transformers does around each of them, which costs ten
times a small layer's multiplications. It calls the layers' own projections, so adapters and quantised layers take part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaModel
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model

from embodied.models.decoding.cache import KeyValues, Reading, StockCache
from embodied.models.decoding.narrow import MOST_TOKENS, NarrowDecoder, is_narrow
from embodied.models.decoding.products import can_be_laid_out, product
from embodied.models.layers import layer_of
from embodied.models.own_decoder.configuration import OwnDecoderConfig

if TYPE_CHECKING:
    from jaxtyping import Float

_PLAIN = (LlamaModel, Qwen2Model)
_STILL_ROPES = ("default", "linear", "llama3", "yarn")
"""Rotations that do not change with the length of what is read."""


class Decoder(Protocol):
    """float[B, T, D]: last hidden states of the tokens embedded in float[B, T, D], whose keys the cache then holds."""

    def __call__(self, embeds: Float[Tensor, "B T D"], cache: KeyValues, reading: Reading) -> Float[Tensor, "B T D"]:
        ...


def make_decoder(language: PreTrainedModel, *, is_lasting: bool = True) -> Decoder:
    """The fastest way to run a causal language model with the weights that it has now. is_lasting: whether it is for
    more than one answer, so that copies of weights pay."""
    base = language.base_model
    return RotaryDecoder(base, is_lasting=is_lasting) if _is_plain(base) else StockDecoder(base)


def make_cache(language: PreTrainedModel, rows: int, places: int, like: Tensor) -> KeyValues:
    """An empty cache for a causal language model. Raises ValueError for more places than its attention reaches."""
    config = language.config
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if isinstance(config, OwnDecoderConfig):  # looks for itself no further than it may
        window = None
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

    def __init__(self, base: nn.Module, *, is_lasting: bool = True) -> None:
        """is_lasting: as of `make_decoder`."""
        self._base, config = base, base.config
        self._size = _head_size(config)
        self._heads, self._key_heads = config.num_attention_heads, config.num_key_value_heads
        lays_out = is_lasting and can_be_laid_out(base.layers)
        self._layers = [_Layer(layer, lays_out=lays_out) for layer in base.layers]
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
            hidden = hidden + layer.out(seen)
            gate, up = layer.gates(_norm(layer.between, hidden)).chunk(2, dim=-1)
            hidden = hidden + layer.down(layer.bend(gate) * up)
        return _norm(self._base.norm, hidden)

    def _rotation(self, reading: Reading, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the places, the first half of the sines negative: what turns halves is then added."""
        rotations = self._rotations  # which another thread may put shorter ones in place of
        if rotations is None or len(rotations[0]) < reading.reach:
            every = torch.arange(_steps(reading.reach), device=like.device)[None]
            cos, sin = self._base.rotary_emb(like, every)
            half = sin.shape[-1] // 2
            rotations = cos[0, :, None], torch.cat([-sin[0, :, None, :half], sin[0, :, None, half:]], dim=-1)
            self._rotations = rotations
        cos, sin = rotations
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
    """One layer's parts, products of those that read the same thing made one where that pays."""

    def __init__(self, layer: nn.Module, *, lays_out: bool) -> None:
        parts = layer_of(layer)
        self.before, self.between, self.bend, self.scale = parts.before, parts.between, layer.mlp.act_fn, parts.scale
        self.states, self.out, self.gates, self.down = (
            product(linears, lays_out=lays_out) for linears in (parts.readers, [parts.out], parts.gates, [parts.down]))


def _steps(places: int) -> int:
    """The next power of two, 512 at least: how many rotations are worked out at once."""
    return max(512, 1 << (places - 1).bit_length())


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
