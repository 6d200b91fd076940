"""The layers of a Llama-type decoder over the tokens of a batch laid end to end: what training runs in place of
those of transformers, whose weights these are. Equal to them up to rounding, and checked to be.

What it leaves out is work whose result nobody reads: padding takes part in attention alone, and the last layer's output
and feed-forward network are computed where a head will look. What it fuses: products that read the same states, the
weights of a norm with those of the product after it, where both learn, and low-rank adapters with frozen products.

B examples, T tokens, P tokens that are no padding, W of them wanted, D width, H heads of d numbers, K heads of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.frozen import Adapter, frozen_products
from embodied.models.layers import Layer, layer_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Complex, Float, Int

FAMILIES = ("llama", "qwen2", "mistral")
"""Decoders of these layers: norm, rotary attention, norm, gated network."""


def why_not_packable(decoder: nn.Module) -> str | None:
    """None where `packed_states` can do the decoder's work; else what stands in the way."""
    config = decoder.config
    if getattr(decoder, "is_divided", False):
        return "its layers are divided between processes"
    if config.model_type not in FAMILIES:
        return f"its layers are of {config.model_type}, not of {', '.join(FAMILIES)}"
    if (config.rope_parameters or {}).get("rope_type", "default") != "default":
        return "its rotary positions are scaled"
    if config.hidden_act != "silu":
        return f"its activation is {config.hidden_act}"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "its attention slides"
    if config.attention_dropout and decoder.training:
        return "its attention drops out"
    if decoder.device.type != "cpu" or decoder.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return f"it computes in {decoder.dtype} on {decoder.device.type}: this is measured for float32 on a CPU"
    if getattr(decoder, "gradient_checkpointing", False):
        return "its layers are checkpointed"
    return next(filter(None, map(fault_of_adapters, decoder.modules())), None)


def fault_of_adapters(layer: nn.Module) -> str | None:
    """Why what peft put on a layer is more than one plain low-rank adapter; None where it is that or nothing works."""
    if not hasattr(layer, "lora_A") or layer.disable_adapters or layer.merged:
        return None
    names = layer.active_adapters
    if len(names) != 1 or set(names) - set(layer.lora_A):
        return f"its adapters at work are {', '.join(names) or 'none'}, not one of low rank"
    if layer.use_dora.get(names[0]) or names[0] in layer.lora_variant:
        return "its adapters scale what they stand beside (DoRA or the like)"
    if getattr(layer.lora_dropout[names[0]], "p", 0) and layer.training:
        return "its adapters drop out"
    return "its adapters have biases" if layer.lora_bias.get(names[0]) else None


SHORT = 192
"""Tokens of a sentence up to which the shares of attention are kept for the way back: batched products are faster there
than the fused kernel, which computes them again; beyond, they are too much to keep."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the tokens of a batch stand, padded and end to end."""

    shape: tuple[int, int]  # B, T
    tokens: Int[Tensor, " P"]  # place of each token among the B * T
    sources: Int[Tensor, " BT"]  # for each place among the B * T its token among the P; where there is none, any
    wanted: Int[Tensor, " W"]  # place of each wanted token among the P
    turns: Complex[Tensor, "T half"]  # the rotary angle of each place in a sentence, as a number of length one
    later: Float[Tensor, "T T"]  # -inf where a token would look at a later one, else 0


def packed_states(decoder: nn.Module, embeds: Float[Tensor, "B T D"], mask: Int[Tensor, "B T"] | None,
                  wanted: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
    """Last hidden states where they are wanted, zeros elsewhere; what `decoder(inputs_embeds=embeds, ...)` gives there.

    decoder: one that `why_not_packable` finds nothing against. mask: as in transformers, with padding on the right.
    ValueError for padding on the left.
    """
    layout = _layout(decoder, mask, wanted)
    states = embeds.flatten(0, 1).index_select(0, layout.tokens)
    *layers, last = decoder.layers[:decoder.config.num_hidden_layers]
    for layer in layers:
        states = _layer(layer, states, layout)
    states = _normed(decoder.norm, _layer(last, states, layout, layout.wanted))
    return states.new_zeros(wanted.numel(), states.shape[-1]).index_copy(
        0, layout.tokens[layout.wanted], states).view(embeds.shape)


def _layout(decoder: nn.Module, mask: Int[Tensor, "B T"] | None, wanted: Bool[Tensor, "B T"]) -> Layout:
    is_token = torch.ones_like(wanted) if mask is None else mask.bool()
    if bool((is_token[:, 1:] > is_token[:, :-1]).any()):
        raise ValueError("attention_mask: expected padding on the right, got some on the left; make the batch with "
                         "padding_side='right'")
    tokens = torch.where(is_token.flatten())[0]
    sources = torch.zeros(wanted.numel(), dtype=torch.long).index_copy(0, tokens, torch.arange(len(tokens)))
    angles = torch.arange(wanted.shape[1])[:, None] * decoder.rotary_emb.inv_freq.float()
    return Layout(tuple(wanted.shape), tokens, sources, torch.where(wanted.flatten()[tokens])[0],
                  torch.polar(torch.ones_like(angles), angles),
                  torch.full((wanted.shape[1],) * 2, float("-inf")).triu(1))


def _layer(layer: nn.Module, states: Float[Tensor, "P D"], layout: Layout, wanted: Int[Tensor, " W"] | None = None
           ) -> Float[Tensor, "left D"]:
    """One layer, for all tokens or for the wanted ones alone: float[P, D] or float[W, D]."""
    parts = layer_of(layer)
    seen = _attend(parts, states, layout)
    if wanted is not None:
        seen, states = seen.index_select(0, wanted), states.index_select(0, wanted)
    states = _plus(states, parts.out, seen)
    return _plus(states, parts.down, _Gated.apply(_products(parts.gates, states, parts.between)))


def _attend(parts: Layer, states: Float[Tensor, "P D"], layout: Layout) -> Float[Tensor, "P wide"]:
    """What each token reads from those before it and from itself."""
    counts, is_paired = parts.heads, _learn(parts.readers, parts.before)
    joint = _products(parts.readers, states, parts.before, paired=parts.head_size if is_paired else None)
    query, key, value = _Heads.apply(joint, layout, counts, is_paired)
    if layout.shape[1] <= SHORT:
        seen = _ShortAttention.apply(query, key, value, layout.later, parts.scale)
    else:
        query, key, value = query.transpose(0, 1).flatten(1, 2), key.transpose(0, 1), value.transpose(0, 1)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=parts.scale,
                                              enable_gqa=counts[0] != counts[1])
        seen = seen.unflatten(1, (counts[1], -1)).transpose(0, 1)
    seen = seen.permute(1, 3, 0, 2, 4).reshape(layout.shape[0] * layout.shape[1], -1)
    return seen.index_select(0, layout.tokens)


def _learn(linears: Sequence[nn.Module], norm: nn.Module) -> bool:
    """Whether plain layers and the norm before them all learn."""
    return norm.weight.requires_grad and all(type(x) is nn.Linear and x.weight.requires_grad for x in linears)


def _products(linears: Sequence[nn.Module], states: Float[Tensor, "P D"], norm: nn.Module, paired: int | None = None
              ) -> Float[Tensor, "P wide"]:
    """The outputs of several layers that read the same normed states, side by side. paired: numbers of a head, where
    halves of heads are to stand number by number in all outputs but the last layer's; of layers that `_learn`."""
    if not _learn(linears, norm):
        return _frozen_products(linears, _normed(norm, states))
    weights = [(linear.weight, linear.bias) for linear in linears]
    if paired is not None:
        weights[:-1] = [tuple(part if part is None else _halves_paired(part, paired) for part in pair)
                        for pair in weights[:-1]]
    biases = [bias for _, bias in weights if bias is not None]
    weight = torch.cat([weight for weight, _ in weights]) * norm.weight  # which costs nothing where it scales weights
    return F.linear(_Normed.apply(states, norm.variance_epsilon), weight, torch.cat(biases) if biases else None)


def _frozen_products(linears: Sequence[nn.Module], states: Float[Tensor, "P D"]) -> Float[Tensor, "P wide"]:
    """The outputs of several frozen layers, with their adapters, side by side."""
    bases = [getattr(linear, "base_layer", linear) for linear in linears]
    if any(base.weight.requires_grad for base in bases):
        return torch.cat([linear(states) for linear in linears], dim=-1)
    return frozen_products(bases, [adapter_of(linear) for linear in linears], states)


def _plus(states: Float[Tensor, "P D"], linear: nn.Module, inputs: Float[Tensor, "P wide"]) -> Float[Tensor, "P D"]:
    """The states and a layer's output."""
    if type(linear) is not nn.Linear or not linear.weight.requires_grad:
        return states + _frozen_products([linear], inputs)
    summed = torch.addmm(states, inputs, linear.weight.mT)
    return summed if linear.bias is None else summed + linear.bias


def _normed(norm: nn.Module, states: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
    return _Normed.apply(states, norm.variance_epsilon) * norm.weight


def adapter_of(linear: nn.Module) -> Adapter | None:
    """The low-rank adapter that peft put on a layer, None where there is none at work."""
    if not hasattr(linear, "lora_A") or linear.disable_adapters or linear.merged:
        return None
    [name] = linear.active_adapters
    return Adapter(linear.lora_A[name].weight, linear.lora_B[name].weight, float(linear.scaling[name]))


class _Normed(torch.autograd.Function):
    """x / sqrt(mean x^2 + eps) along the last axis."""

    @staticmethod
    def forward(ctx: Any, states: Float[Tensor, "P D"], eps: float) -> Float[Tensor, "P D"]:
        square = torch.linalg.vecdot(states, states)[..., None]
        factor = square.div_(states.shape[-1]).add_(eps).rsqrt_()
        normed = states * factor
        ctx.save_for_backward(normed, factor)
        return normed

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "P D"]) -> tuple[Float[Tensor, "P D"], None]:
        normed, factor = ctx.saved_tensors
        along = torch.linalg.vecdot(grad, normed)[..., None].div_(grad.shape[-1])
        return torch.addcmul(grad, normed, along, value=-1).mul_(factor), None


class _Heads(torch.autograd.Function):
    """Padded queries, keys and values by head of keys, the first two turned by their token's rotary angles.

    The two halves of a head stand number by number afterwards, and where `is_paired` before: as those of queries and
    keys do so alike, their products are what they were. Padding holds whatever: it stands after all that is read.
    """

    @staticmethod
    def forward(ctx: Any, joint: Float[Tensor, "P wide"], layout: Layout, counts: tuple[int, int], is_paired: bool
                ) -> tuple[Float[Tensor, "K B G T d"], Float[Tensor, "K B T d"], Float[Tensor, "K B T d"]]:
        ctx.layout, ctx.counts, ctx.is_paired = layout, counts, is_paired
        rows = joint.index_select(0, layout.sources).view(*layout.shape, counts[0] + 2 * counts[1], -1)
        *turned, values = _by_head(rows, counts)
        out = [part.new_empty(part.shape) for part in turned]
        for part, place in zip(turned, out, strict=True):
            numbers = _pairs(part) if is_paired else torch.complex(*part.chunk(2, dim=-1))
            torch.mul(numbers, layout.turns, out=_pairs(place))
        return *out, values.contiguous()

    @staticmethod
    def backward(ctx: Any, *grads: Float[Tensor, "K B ... T d"]) -> tuple[Float[Tensor, "P wide"], None, None, None]:
        layout, counts, back = ctx.layout, ctx.counts, ctx.layout.turns.conj().resolve_conj()
        rows = grads[0].new_empty(*layout.shape, counts[0] + 2 * counts[1], grads[0].shape[-1])
        *places, values = _by_head(rows, counts)
        for place, grad in zip(places, grads, strict=False):
            if ctx.is_paired:
                torch.mul(_pairs(grad.contiguous()), back, out=_pairs(place))
            else:
                numbers = torch.view_as_real(_pairs(grad.contiguous()) * back)
                place.unflatten(-1, (2, -1)).copy_(numbers.mT)
        values.copy_(grads[2])
        return rows.flatten(0, 1).flatten(1).index_select(0, layout.tokens), None, None, None


def _by_head(rows: Float[Tensor, "B T heads d"], counts: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Views of queries float[K, B, G, T, d], G to a head of keys, and of keys and values float[K, B, T, d]."""
    query, *others = rows.split([counts[0], counts[1], counts[1]], dim=2)
    key, value = (part.permute(2, 0, 1, 3) for part in others)
    return query.unflatten(2, (counts[1], -1)).permute(2, 0, 3, 1, 4), key, value


def _pairs(numbers: Float[Tensor, "... d"]) -> Complex[Tensor, "... half"]:
    """Each two neighbours as one complex number, in place."""
    return torch.view_as_complex(numbers.unflatten(-1, (-1, 2)))


def _halves_paired(weight: Float[Tensor, "wide ..."], size: int) -> Float[Tensor, "wide ..."]:
    """The rows of a weight or bias in an order that puts the halves of each head number by number."""
    return weight.unflatten(0, (-1, 2, size // 2)).transpose(1, 2).flatten(0, 2)


class _ShortAttention(torch.autograd.Function):
    """Causal attention of short sentences: softmax(scale q k' + later) v by batched products, the queries of a head of
    keys one after the other."""

    @staticmethod
    def forward(ctx: Any, query: Float[Tensor, "K B G T d"], key: Float[Tensor, "K B T d"],
                value: Float[Tensor, "K B T d"], later: Float[Tensor, "T T"], scale: float
                ) -> Float[Tensor, "K B G T d"]:
        rows = query.flatten(0, 1).flatten(1, 2)
        shares = torch.baddbmm(later.repeat(query.shape[2], 1), rows, key.flatten(0, 1).mT, alpha=scale)
        torch.softmax(shares, dim=-1, out=shares)
        ctx.save_for_backward(query, key, value, shares)
        ctx.scale = scale
        return torch.bmm(shares, value.flatten(0, 1)).view(query.shape)

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "K B G T d"]) -> tuple[Tensor | None, ...]:
        query, key, value, shares = ctx.saved_tensors
        rows, grad = query.flatten(0, 1).flatten(1, 2), grad.flatten(0, 1).flatten(1, 2)
        to_value = torch.bmm(shares.mT, grad)
        inner = torch.bmm(grad, value.flatten(0, 1).mT)
        torch.ops.aten._softmax_backward_data.out(inner, shares, -1, inner.dtype, grad_input=inner)
        inner *= ctx.scale
        to_query, to_key = torch.bmm(inner, key.flatten(0, 1)), torch.bmm(inner.mT, rows)
        return to_query.view(query.shape), to_key.view(key.shape), to_value.view(value.shape), None, None


class _Gated(torch.autograd.Function):
    """silu(a) * b of a and b side by side."""

    @staticmethod
    def forward(ctx: Any, pair: Float[Tensor, "P pair"]) -> Float[Tensor, "P wide"]:
        gate, up = pair.chunk(2, dim=-1)
        opened = F.silu(gate)
        ctx.save_for_backward(pair, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "P wide"]) -> Float[Tensor, "P pair"]:
        pair, opened = ctx.saved_tensors
        gate, up = pair.chunk(2, dim=-1)
        out = torch.empty_like(pair)
        first, second = out.chunk(2, dim=-1)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=first)
        torch.mul(grad, opened, out=second)
        return out
