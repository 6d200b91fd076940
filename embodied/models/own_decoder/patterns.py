"""Who attends to whom: dense, a sliding window, or blocks (Sparse Transformer, arXiv 1904.10509, section 4).

T queries, S keys. Departures from the Sparse Transformer: its two patterns, local stretches and "fixed" summaries (the
last cells of each stretch), are one head's here instead of two heads', over whole blocks of tokens; `first` is of later
work (BigBird, arXiv 2007.14062).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Bool, Int
    from torch import Tensor

AT_ONCE = 128
"""Queries whose keys are looked up at once: more of them see more keys than they need, fewer make products small."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """kind: "dense", "sliding_window" of `window` tokens, or "block_sparse": in blocks of `block` tokens each token
    sees the last `local` blocks, its own among them, the last of each `stride` blocks (0: none) and the `first` ones.
    Nobody sees what is later."""

    kind: str
    window: int = 0
    block: int = 1
    local: int = 0
    stride: int = 0
    first: int = 0

    def sees(self, query: Int[Tensor, "*rows T 1"], key: Int[Tensor, "*rows 1 S"]) -> Bool[Tensor, "*rows T S"]:
        """bool[..., T, S]: which positions of keys those of queries see; int64 both, counted from 0."""
        is_past = key <= query
        if self.kind == "dense":
            return is_past
        if self.kind == "sliding_window":
            return is_past & (key > query - self.window)
        block = key // self.block
        is_seen = (query // self.block - block < self.local) | (block < self.first)
        if self.stride:
            is_seen = is_seen | ((block + 1) % self.stride == 0)
        return is_past & is_seen

    @property
    def rows(self) -> int:
        """Queries, one after another, whose keys are best looked up at once: whole blocks where there are some."""
        return AT_ONCE if self.kind != "block_sparse" else max(AT_ONCE // 2 // self.block, 1) * self.block

    def spans(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Stretches [from, to) of positions of keys, in order, outside of which no query of [start, stop) sees any."""
        if self.kind == "dense":
            return [(0, stop)]
        if self.kind == "sliding_window":
            return [(max(start - self.window + 1, 0), stop)]
        near = max(start // self.block - self.local + 1, 0)
        spans: list[tuple[int, int]] = []
        for block in (*self._far(near), near):
            begin, end = block * self.block, stop if block == near else (block + 1) * self.block
            is_next = spans and spans[-1][1] == begin
            spans[len(spans) - bool(is_next):] = [(spans[-1][0] if is_next else begin, end)]
        return spans

    def _far(self, near: int) -> list[int]:
        """Blocks before block `near` that are seen from afar."""
        return [block for block in range(near)
                if block < self.first or (self.stride and (block + 1) % self.stride == 0)]
