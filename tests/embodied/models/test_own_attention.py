"""Attention by pattern says what dense attention says under the same mask, written out here place by place, and does
not compute what nobody sees."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from embodied.models.own_decoder import attention
from embodied.models.own_decoder.attention import Places, alibi_slopes, attend
from embodied.models.own_decoder.patterns import Pattern
from embodied.training.roofline import products_of

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
PATTERNS = {
    "dense": Pattern("dense"), "window1": Pattern("sliding_window", window=1),
    "window7": Pattern("sliding_window", window=7), "window64": Pattern("sliding_window", window=64),
    "window200": Pattern("sliding_window", window=200),
    "local": Pattern("block_sparse", block=16, local=2), "strided": Pattern("block_sparse", block=8, local=1, stride=3),
    "global": Pattern("block_sparse", block=32, local=1, first=1),
    "all": Pattern("block_sparse", block=5, local=3, stride=4, first=2)}
HEADS, KEY_HEADS, SIZE = 4, 2, 8


def seen_by_hand(pattern: Pattern, query: int, key: int) -> bool:
    """Whether a token sees another, as the papers have it."""
    if key > query:
        return False
    if pattern.kind == "sliding_window":
        return query - key < pattern.window
    mine, other = query // pattern.block, key // pattern.block
    is_summary = bool(pattern.stride) and other % pattern.stride == pattern.stride - 1
    return pattern.kind == "dense" or mine - other < pattern.local or other < pattern.first or is_summary


@cache
def mask_of(pattern: Pattern, length: int) -> Tensor:
    return torch.tensor([[seen_by_hand(pattern, i, j) for j in range(length)] for i in range(length)])


def reference(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, slopes: tuple[float, ...] | None) -> Tensor:
    """Every score, then the mask."""
    key, value = (part.repeat_interleave(query.shape[1] // part.shape[1], dim=1) for part in (key, value))
    scores = query @ key.mT / query.shape[-1] ** 0.5
    if slopes is not None:
        places = torch.arange(query.shape[2])
        scores = scores - torch.tensor(slopes)[:, None, None] * (places[:, None] - places).abs()
    return scores.masked_fill(~mask, float("-inf")).softmax(dim=-1) @ value


def states(length: int, rows: int = 2) -> list[Tensor]:
    chance = torch.Generator().manual_seed(length)
    return [torch.randn(rows, heads, length, SIZE, generator=chance).requires_grad_()
            for heads in (HEADS, KEY_HEADS, KEY_HEADS)]


@pytest.fixture(params=[True, False], ids=["stretches", "mask"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of `attend`, whatever the length."""
    monkeypatch.setattr(attention, "SHORT", 0 if request.param else 10_000)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("slopes", [None, alibi_slopes(HEADS)], ids=["plain", "alibi"])
@pytest.mark.parametrize("name", PATTERNS)
def test_sparse_is_dense_under_its_mask(name: str, slopes: tuple[float, ...] | None):
    """Outputs and gradients, with shared heads of keys, at a length that nothing divides."""
    pattern, length = PATTERNS[name], 150
    mine, theirs = states(length), states(length)
    out = attend(*mine, Places(0), pattern, slopes)
    expected = reference(*theirs, mask_of(pattern, length), slopes)
    torch.testing.assert_close(out, expected, **CLOSE)
    pull = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
    (out * pull).sum().backward()
    (expected * pull).sum().backward()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, **CLOSE)


@pytest.mark.parametrize("pattern", [Pattern("sliding_window", window=300), Pattern("block_sparse", block=64, local=5),
                                     Pattern("block_sparse", block=64, local=1, stride=1),
                                     Pattern("block_sparse", block=50, local=1, first=6)], ids=str)
def test_what_leaves_nothing_out_is_dense_attention(pattern: Pattern):
    query, key, value = states(300)
    dense = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(attend(query, key, value, Places(0), pattern), dense, atol=1e-6, rtol=1e-5)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("name", PATTERNS)
def test_no_token_sees_the_future_or_beyond_its_pattern(name: str):
    """What a token gathers has no gradient of the values that it does not see, and some of each that it sees."""
    pattern, length = PATTERNS[name], 100
    query, key, value = states(length, rows=1)
    out = attend(query, key, value, Places(0), pattern)
    for place in (0, 6, 31, 32, 99):
        [grad] = torch.autograd.grad(out[0, :, place].sum(), value, retain_graph=True)
        expected = torch.tensor([seen_by_hand(pattern, place, other) for other in range(length)])
        assert torch.equal((grad[0] != 0).any(dim=-1).all(dim=0), expected)
        assert torch.equal((grad[0] != 0).any(dim=-1).any(dim=0), expected)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("name", PATTERNS)
def test_the_last_queries_alone_get_what_they_get_among_all(name: str):
    """As over a cache, which may hold no more of the past than a window."""
    pattern, (query, key, value) = PATTERNS[name], states(150)
    whole = attend(query, key, value, Places(0), pattern, alibi_slopes(HEADS))
    for count in (1, 3, 70):
        kept = min(pattern.window + count - 1, 150) if pattern.kind == "sliding_window" else 150
        some = attend(query[:, :, -count:], key[:, :, -kept:], value[:, :, -kept:], Places(150 - count), pattern,
                      alibi_slopes(HEADS))
        torch.testing.assert_close(some, whole[:, :, -count:], **CLOSE)


@pytest.mark.parametrize("name", PATTERNS)
def test_spans_hold_all_that_is_seen_and_little_else(name: str):
    pattern, length = PATTERNS[name], 150
    mask = mask_of(pattern, length)
    for start in range(0, length, pattern.rows):
        stop = min(start + pattern.rows, length)
        spans = pattern.spans(start, stop)
        assert all(low < high for low, high in spans) and all(a[1] < b[0] for a, b in pairwise(spans))
        looked = torch.zeros(length, dtype=torch.bool)
        for low, high in spans:
            looked[low:high] = True
        assert torch.equal(mask[start:stop].any(dim=0), looked)


def test_what_nobody_sees_is_not_computed():
    """Products forward and back at 1,024 tokens, beside those with all of the past."""
    def flops(pattern: Pattern, slopes: tuple[float, ...] | None = None) -> int:
        query, key, value = (part[:1] for part in states(1024))
        return products_of(lambda: attend(query, key, value, Places(0), pattern, slopes).sum().backward()).flops

    past = 7 * 2 * HEADS * SIZE * 1024 * (1024 + Pattern("dense").rows) // 2  # two products there, five back
    assert flops(Pattern("dense"), alibi_slopes(HEADS)) == past
    assert flops(Pattern("sliding_window", window=64)) < 0.34 * past
    assert flops(Pattern("block_sparse", block=64, local=2)) < 0.23 * past


def test_shares_of_attention_are_not_kept_for_the_way_back():
    kept: dict[int, int] = {}

    def note(one: Tensor) -> Tensor:
        kept[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
        return one

    query, key, value = states(512)
    with saved_tensors_hooks(note, lambda one: one):
        out = attend(query, key, value, Places(0), Pattern("sliding_window", window=16))
    assert out.requires_grad and sum(kept.values()) <= 2 * 4 * (query.numel() + key.numel() + value.numel())


def test_slopes_are_those_of_the_paper():
    assert alibi_slopes(8) == pytest.approx([2 ** -i for i in range(1, 9)])
    assert alibi_slopes(4) == pytest.approx([0.25, 0.0625, 0.015625, 0.00390625])
    assert alibi_slopes(16)[:2] == pytest.approx([2 ** -0.5, 0.5])
    assert alibi_slopes(12) == pytest.approx([*alibi_slopes(8), *alibi_slopes(16)[0::2][:4]])
    assert alibi_slopes(1) == pytest.approx([2 ** -8])
