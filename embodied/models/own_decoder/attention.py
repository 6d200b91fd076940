"""Attention of a pattern: computed in stretches of queries over the keys that these see, and over no others.

B examples, H heads of queries, K heads of keys, G = H / K of the former to one of the latter, T queries, S keys, E
numbers a head; t and s of a stretch. What is kept for the way back are queries, keys and values: shares of attention
are computed again there, a stretch at a time, so that memory grows with the length and not with its square.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from embodied.models.own_decoder.patterns import Pattern

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

SHORT = 256
"""Keys up to which a mask over all of them is faster than stretches."""
LEAST = 1e-30
"""Shares up to which what ALiBi leaves of the far past counts for nothing: CPUs multiply smaller numbers slowly."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the tokens of a batch stand. start: position of the first query of every row, where keys stand at the
    positions 0, 1, .. of all rows; None where that is not so, and the rest is read."""

    start: int | None
    queries: Int[Tensor, "B T"] | None = None  # position of each
    keys: Int[Tensor, "B S"] | None = None
    is_key: Bool[Tensor, "B 1 T S"] | None = None  # which keys may be seen, whatever the pattern


@dataclass(frozen=True, slots=True)
class _Rule:
    """What stretches are computed by. start: position of the first query. first: of the first key. slopes: one for
    each head, per token of distance."""

    pattern: Pattern
    slopes: tuple[float, ...] | None
    start: int
    first: int
    scale: float


def attend(query: Float[Tensor, "B H T E"], key: Float[Tensor, "B K S E"], value: Float[Tensor, "B K S E"],
           places: Places, pattern: Pattern, slopes: Sequence[float] | None = None) -> Float[Tensor, "B H T E"]:
    """float[B, H, T, E]: softmax(q k' / sqrt(E) - slope * distance) v over the keys that the pattern lets a query see.

    key, value: the last S of all keys, where places knows of more. slopes: of ALiBi, one a head; None: no bias.
    """
    length, seen, scale = query.shape[2], key.shape[2], query.shape[3] ** -0.5
    first = None if places.start is None else places.start + length - seen
    if first is None or (seen <= SHORT and not _is_causal(pattern, slopes, length, seen)) or not _is_exact(query):
        mask = _mask(query, seen, places, pattern, slopes)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale, enable_gqa=True)
    if _is_causal(pattern, slopes, length, seen):
        return F.scaled_dot_product_attention(query, key, value, is_causal=length > 1, scale=scale, enable_gqa=True)
    rule = _Rule(pattern, None if slopes is None else tuple(slopes), places.start, first, scale)
    grouped = query.unflatten(1, (key.shape[1], -1)).flatten(0, 1)
    return _Stretches.apply(grouped, key.flatten(0, 1), value.flatten(0, 1), rule).view(query.shape)


def alibi_slopes(heads: int) -> tuple[float, ...]:
    """One slope a head, per token of distance: 2^(-8 i / n), i = 1 .. n, for n heads, a power of 2; for other numbers
    those of the power below, and every second of the one above (ALiBi, arXiv 2108.12409, section 3 and its code)."""
    power = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8 * i / power) for i in range(1, power + 1)]
    between = [2.0 ** (-4 * i / power) for i in range(1, 2 * power + 1, 2)]
    return (*slopes, *between[:heads - power])


def _is_causal(pattern: Pattern, slopes: Sequence[float] | None, length: int, seen: int) -> bool:
    """Whether every query sees all before it, as torch's own attention has it."""
    return pattern.kind == "dense" and slopes is None and length in (1, seen)


def _is_exact(query: Tensor) -> bool:
    """Whether stretches are for it: they were measured in float32, and write down their own gradients in it."""
    return query.dtype == torch.float32 and not torch.is_autocast_enabled(query.device.type)


def _mask(query: Float[Tensor, "B H T E"], seen: int, places: Places, pattern: Pattern,
          slopes: Sequence[float] | None) -> Tensor:
    """bool[B or 1, 1, T, S], True where a query sees a key, or float[B or 1, H, T, S] to be added to their likeness."""
    if places.start is None:
        queries, keys = places.queries, places.keys[:, -seen:]
    else:
        end, counts = query.shape[2] + places.start, (query.shape[2], seen)
        queries, keys = (torch.arange(end - count, end, device=query.device)[None] for count in counts)
    allowed = pattern.sees(queries[..., None], keys[:, None])[:, None]
    allowed = allowed if places.is_key is None else allowed & places.is_key[..., -seen:]
    if slopes is None:
        return allowed
    distance = (queries[..., None] - keys[:, None])[:, None]
    bias = -query.new_tensor(slopes)[:, None, None] * distance
    return bias.masked_fill(~allowed, float("-inf"))


class _Stretches(torch.autograd.Function):
    """Attention in stretches of queries; batch and heads of keys are one axis, BK."""

    @staticmethod
    def forward(ctx: Any, query: Float[Tensor, "BK G T E"], key: Float[Tensor, "BK S E"],
                value: Float[Tensor, "BK S E"], rule: _Rule) -> Float[Tensor, "BK G T E"]:
        ctx.save_for_backward(query, key, value)
        ctx.rule = rule
        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        for rows, spans in _stretches(query, rule):
            shares = _shares(_rows(query, rows), _taken(key, spans), _bias(query, rows, spans, rule), rule.scale)
            _rows_of(out, rows).copy_(torch.bmm(shares, _taken(value, spans)).view(_rows_of(out, rows).shape))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "BK G T E"]) -> tuple[Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        to_query, to_key, to_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for rows, spans in _stretches(query, ctx.rule):
            some, keys, back = _rows(query, rows), _taken(key, spans), _rows(grad, rows)
            shares = _shares(some, keys, _bias(query, rows, spans, ctx.rule), ctx.rule.scale)
            _add(to_value, spans, torch.bmm(shares.mT, back))
            inner = torch.bmm(back, _taken(value, spans).mT)
            torch.ops.aten._softmax_backward_data.out(inner, shares, -1, inner.dtype, grad_input=inner)
            inner *= ctx.rule.scale
            _rows_of(to_query, rows).copy_(torch.bmm(inner, keys).view(_rows_of(to_query, rows).shape))
            _add(to_key, spans, torch.bmm(inner.mT, some))
        return to_query, to_key, to_value, None


Span = tuple[int, int]


def _stretches(query: Float[Tensor, "BK G T E"], rule: _Rule) -> Iterator[tuple[Span, list[Span]]]:
    """Rows [from, to) of the queries, and the stretches of the rows of keys that they may see."""
    begin, length = 0, query.shape[2]
    while begin < length:
        end = min(begin + rule.pattern.rows - (rule.start + begin) % rule.pattern.rows, length)
        spans = rule.pattern.spans(rule.start + begin, rule.start + end)
        yield (begin, end), [(max(low - rule.first, 0), high - rule.first) for low, high in spans if high > rule.first]
        begin = end


def _shares(query: Float[Tensor, "BK Gt E"], key: Float[Tensor, "BK s E"], bias: Tensor, scale: float
            ) -> Float[Tensor, "BK Gt s"]:
    if bias.ndim == 2:
        likeness = torch.baddbmm(bias, query, key.mT, alpha=scale)
        return torch.softmax(likeness, dim=-1, out=likeness)
    likeness = bias.baddbmm_(query, key.mT, alpha=scale)
    return F.threshold_(torch.softmax(likeness, dim=-1, out=likeness), LEAST, 0.0)


def _bias(query: Float[Tensor, "BK G T E"], rows: Span, spans: Sequence[Span], rule: _Rule) -> Tensor:
    """float[Gt, s] or float[BK, Gt, s]: -inf where a query does not see a key, what its distance costs elsewhere."""
    kind = {"dtype": query.dtype, "device": query.device}
    places = torch.arange(rule.start + rows[0], rule.start + rows[1], device=query.device)[:, None]
    keys = torch.cat([torch.arange(low, high, device=query.device) for low, high in spans])[None] + rule.first
    hidden, groups = ~rule.pattern.sees(places, keys), query.shape[1]
    if rule.slopes is None:
        return torch.zeros(hidden.shape, **kind).masked_fill_(hidden, float("-inf")).repeat(groups, 1)
    distance = (keys - places).to(query.dtype).masked_fill_(hidden, float("-inf"))  # times slopes above 0
    bias = (torch.tensor(rule.slopes, **kind).view(-1, groups, 1, 1) * distance).flatten(1, 2)
    return bias if len(bias) == len(query) else bias.repeat(len(query) // len(bias), 1, 1)


def _rows_of(states: Float[Tensor, "BK G T E"], rows: Span) -> Float[Tensor, "BK G t E"]:
    return states.narrow(2, rows[0], rows[1] - rows[0])


def _rows(states: Float[Tensor, "BK G T E"], rows: Span) -> Float[Tensor, "BK Gt E"]:
    """Some queries, those of one head after another's."""
    return _rows_of(states, rows).flatten(1, 2)


def _taken(states: Float[Tensor, "BK S E"], spans: Sequence[Span]) -> Float[Tensor, "BK s E"]:
    parts = [states.narrow(1, low, high - low) for low, high in spans]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _add(states: Float[Tensor, "BK S E"], spans: Sequence[Span], more: Float[Tensor, "BK s E"]) -> None:
    for (low, high), part in zip(spans, more.split([high - low for low, high in spans], dim=1), strict=True):
        states.narrow(1, low, high - low).add_(part)
