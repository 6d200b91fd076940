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

if TYPE_CHECKING:
    from jaxtyping import Bool, Complex, Float, Int

FAMILIES = ("llama", "qwen2", "mistral")
"""Decoders of these layers: norm, rotary attention, norm, gated network."""


def why_not_packable(decoder: nn.Module) -> str | None:
    """None where `packed_states` can do the decoder's work; else what stands in the way."""
    config = decoder.config
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
    seen = _attend(layer, states, layout)
    if wanted is not None:
        seen, states = seen.index_select(0, wanted), states.index_select(0, wanted)
    states = _plus(states, layer.self_attn.o_proj, seen)
    pair = _products([layer.mlp.gate_proj, layer.mlp.up_proj], states, layer.post_attention_layernorm)
    return _plus(states, layer.mlp.down_proj, _Gated.apply(pair))


def _attend(layer: nn.Module, states: Float[Tensor, "P D"], layout: Layout) -> Float[Tensor, "P wide"]:
    """What each token reads from those before it and from itself."""
    attention, size = layer.self_attn, layer.self_attn.head_dim
    linears = [attention.q_proj, attention.k_proj, attention.v_proj]
    counts = tuple(linear.out_features // size for linear in linears)
    joint = _products(linears, states, layer.input_layernorm)
    heads = _Heads.apply(joint, layout, counts)
    if layout.shape[1] <= SHORT and counts[0] == counts[1]:
        seen = _ShortAttention.apply(heads, layout.later, attention.scaling).permute(1, 2, 0, 3)
    else:
        query, key, value = (part.transpose(0, 1) for part in heads.split(counts))
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=attention.scaling,
                                              enable_gqa=counts[0] != counts[1]).transpose(1, 2)
    return seen.reshape(layout.shape[0] * layout.shape[1], -1).index_select(0, layout.tokens)


def _products(linears: Sequence[nn.Module], states: Float[Tensor, "P D"], norm: nn.Module) -> Float[Tensor, "P wide"]:
    """The outputs of several layers that read the same normed states, side by side."""
    learned = [linear.weight for linear in linears if type(linear) is nn.Linear and linear.weight.requires_grad]
    if len(learned) == len(linears) and norm.weight.requires_grad:
        biases = [linear.bias for linear in linears if linear.bias is not None]
        weight = torch.cat(learned) * norm.weight  # a norm's weights cost nothing where they scale these
        return F.linear(_Normed.apply(states, norm.variance_epsilon), weight, torch.cat(biases) if biases else None)
    normed = _normed(norm, states)
    if len(learned) == len(linears):
        return torch.cat([linear(normed) for linear in linears], dim=-1)
    return _frozen_products(linears, normed)


def _frozen_products(linears: Sequence[nn.Module], states: Float[Tensor, "P D"]) -> Float[Tensor, "P wide"]:
    """The outputs of several frozen layers, with their adapters, side by side."""
    adapters = [adapter_of(linear) for linear in linears]
    if any(_base(linear).weight.requires_grad for linear in linears):
        return torch.cat([linear(states) for linear in linears], dim=-1)
    downs, ups = [a.down for a in adapters if a], [a.up for a in adapters if a]
    plan = tuple((_base(linear).weight, _base(linear).bias, a.scale if a else None)
                 for linear, a in zip(linears, adapters, strict=True))
    return _Adapted.apply(states, plan, *downs, *ups)


def _plus(states: Float[Tensor, "P D"], linear: nn.Module, inputs: Float[Tensor, "P wide"]) -> Float[Tensor, "P D"]:
    """The states and a layer's output."""
    if type(linear) is not nn.Linear or not linear.weight.requires_grad:
        return states + _frozen_products([linear], inputs)
    summed = torch.addmm(states, inputs, linear.weight.mT)
    return summed if linear.bias is None else summed + linear.bias


def _normed(norm: nn.Module, states: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
    return _Normed.apply(states, norm.variance_epsilon) * norm.weight


@dataclass(frozen=True, slots=True)
class Adapter:
    """Of a frozen product x W': + scale (x down') up'."""

    down: Float[Tensor, "r D"]
    up: Float[Tensor, "wide r"]
    scale: float


def _base(linear: nn.Module) -> nn.Module:
    return getattr(linear, "base_layer", linear)


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
    """Padded queries, keys and values by head, the first two turned by their token's rotary angles.

    The two halves of a head stand number by number afterwards: as those of queries and keys do so alike, their products
    are what they were. Padding holds whatever: it stands after all that is read.
    """

    @staticmethod
    def forward(ctx: Any, joint: Float[Tensor, "P wide"], layout: Layout, counts: tuple[int, int, int]
                ) -> Float[Tensor, "heads B T d"]:
        ctx.layout, ctx.turned = layout, counts[0] + counts[1]
        rows = joint.index_select(0, layout.sources).view(*layout.shape, sum(counts), -1).permute(2, 0, 1, 3)
        out = torch.empty_like(rows, memory_format=torch.contiguous_format)
        first, second = rows[:ctx.turned].chunk(2, dim=-1)
        pairs = torch.view_as_complex(out[:ctx.turned].unflatten(-1, (-1, 2)))
        torch.mul(torch.complex(first, second), layout.turns, out=pairs)
        out[ctx.turned:] = rows[ctx.turned:]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "heads B T d"]) -> tuple[Float[Tensor, "P wide"], None, None]:
        layout, turned = ctx.layout, ctx.turned
        pairs = torch.view_as_complex(grad[:turned].contiguous().unflatten(-1, (-1, 2))) * layout.turns.conj()
        rows = grad.new_empty(*layout.shape, len(grad), grad.shape[-1])
        first, second = rows.permute(2, 0, 1, 3)[:turned].chunk(2, dim=-1)
        first.copy_(pairs.real), second.copy_(pairs.imag)
        rows.permute(2, 0, 1, 3)[turned:] = grad[turned:]
        return rows.flatten(0, 1).flatten(1).index_select(0, layout.tokens), None, None


class _ShortAttention(torch.autograd.Function):
    """Causal attention of short sentences: softmax(scale q k' + later) v by batched products."""

    @staticmethod
    def forward(ctx: Any, heads: Float[Tensor, "heads B T d"], later: Float[Tensor, "T T"], scale: float
                ) -> Float[Tensor, "H B T d"]:
        query, key, value = (part.flatten(0, 1) for part in heads.chunk(3))
        shares = torch.baddbmm(later, query, key.mT, alpha=scale)
        torch.softmax(shares, dim=-1, out=shares)
        ctx.save_for_backward(heads, shares)
        ctx.scale = scale
        return torch.bmm(shares, value).view(-1, *heads.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "H B T d"]) -> tuple[Float[Tensor, "heads B T d"], None, None]:
        heads, shares = ctx.saved_tensors
        query, key, value = (part.flatten(0, 1) for part in heads.chunk(3))
        out = torch.empty_like(heads)
        to_query, to_key, to_value = (part.flatten(0, 1) for part in out.chunk(3))
        grad = grad.flatten(0, 1)
        torch.bmm(shares.mT, grad, out=to_value)
        inner = torch.bmm(grad, value.mT)
        torch.ops.aten._softmax_backward_data.out(inner, shares, -1, inner.dtype, grad_input=inner)
        torch.bmm(inner, key, out=to_query)
        torch.bmm(inner.mT, query, out=to_key)
        to_query *= ctx.scale
        to_key *= ctx.scale
        return out, None, None


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


class _Adapted(torch.autograd.Function):
    """Several frozen products of the same states, each with its low-rank adapter if it has one, side by side.

    Beside the gradient of the states only those of the adapters are computed, and no result is written twice.
    """

    @staticmethod
    def forward(ctx: Any, states: Float[Tensor, "P D"], plan: tuple, *adapters: Float[Tensor, "_ _"]
                ) -> Float[Tensor, "P wide"]:
        half = len(adapters) // 2
        downs, ups = adapters[:half], adapters[half:]
        out = states.new_empty(len(states), sum(len(weight) for weight, _, _ in plan))
        low = states @ torch.cat(downs).mT if downs else states.new_empty(len(states), 0)
        for part, (weight, bias, rank, up, scale), few in _parts(plan, ups, out, low):
            torch.mm(states, weight.mT, out=part)
            if bias is not None:
                part += bias
            if rank:
                part.addmm_(few, up.mT, alpha=scale)
        ctx.plan, ctx.count = plan, half
        ctx.save_for_backward(states, low, *adapters)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Float[Tensor, "P wide"]) -> tuple[Tensor | None, ...]:
        states, low, *adapters = ctx.saved_tensors
        downs, ups = adapters[:ctx.count], adapters[ctx.count:]
        low_grad, out, up_grads = torch.empty_like(low), None, []
        pieces = zip(_parts(ctx.plan, ups, grad, low), _parts(ctx.plan, ups, grad, low_grad), strict=True)
        for (part, (weight, _, rank, up, scale), few), (_, _, few_grad) in pieces:
            out = part @ weight if out is None else out.addmm_(part, weight)
            if rank:
                torch.mm(part, up * scale, out=few_grad)
                up_grads.append((part.mT @ few).mul_(scale))
        if downs:
            out.addmm_(low_grad, torch.cat(downs))
            down_grads = (low_grad.mT @ states).split([len(down) for down in downs])
            return out, None, *down_grads, *up_grads
        return out, None


def _parts(plan: tuple, ups: Sequence[Tensor], wide: Tensor, low: Tensor):
    """For each product: its columns of `wide`, (weight, bias, rank, up, scale), and its columns of `low`."""
    column = place = used = 0
    for weight, bias, scale in plan:
        up = ups[used] if scale is not None else None
        rank = 0 if up is None else up.shape[1]
        yield wide[:, column:column + len(weight)], (weight, bias, rank, up, scale), low[:, place:place + rank]
        column, place, used = column + len(weight), place + rank, used + (up is not None)
