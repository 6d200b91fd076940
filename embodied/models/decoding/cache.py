"""Keys and values of what was read so far, in memory that is there from the start.

L layers, B rows, H heads of keys, S places, E numbers a head, T tokens read at once. Every row begins at place 0 and
has its own length: no row is moved for the sake of a longer neighbour, so what it reads is what it reads alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int64


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the tokens of one forward pass stand. Those beyond a row's own are padding: they are written to places that
    nothing which counts looks at, and that the next tokens take."""

    start: int | None  # of all rows, where it is one and the same
    places: Int64[Tensor, "B T"]
    stop: int  # one past the last place that any row has
    mask: Bool[Tensor, "B 1 T S"] | None  # True where a token looks; None for one token that looks at all there is


class KeyValues:
    """What a decoder has read. keys, values: float[L, B, H, S, E]; lengths: tokens of each row."""

    def __init__(self, layers: int, rows: int, heads: int, places: int, size: int, like: Tensor) -> None:
        """like: a tensor of the type and device that keys have."""
        # Zeros, not anything: a weight of 0 times what is by chance no number would be none either.
        self.keys, self.values = (torch.zeros(layers, rows, heads, places, size, dtype=like.dtype, device=like.device)
                                  for _ in range(2))
        self.lengths = [0] * rows

    def reading(self, width: int) -> Reading:
        """Where the next `width` tokens of each row go, and what they look at: all before them, and themselves."""
        device, same = self.keys.device, len(set(self.lengths)) == 1
        stop = max(self.lengths) + width
        starts = torch.tensor(self.lengths, device=device)
        places = starts[:, None] + torch.arange(width, device=device)
        mask = None
        if width > 1 or not same:
            mask = torch.arange(stop, device=device) <= places[..., None]
        return Reading(self.lengths[0] if same else None, places, stop, None if mask is None else mask[:, None])

    def write(self, layer: int, keys: Float[Tensor, "B H T E"], values: Float[Tensor, "B H T E"], reading: Reading
              ) -> tuple[Float[Tensor, "B H S E"], Float[Tensor, "B H S E"]]:
        """Keeps keys and values of new tokens; returns those of all tokens so far."""
        kept = self.keys[layer], self.values[layer]
        for store, new in zip(kept, (keys, values), strict=True):
            if reading.start is not None:
                store[:, :, reading.start:reading.stop].copy_(new)
            else:
                rows = torch.arange(len(new), device=new.device)[:, None]
                store[rows, :, reading.places] = new.transpose(1, 2)
        return kept[0][:, :, :reading.stop], kept[1][:, :, :reading.stop]

    def put(self, row: int, begin: Float[Tensor, "2 L H P E"]) -> None:
        """Takes a beginning that was read before as the row's own."""
        length = begin.shape[3]
        self.keys[:, row, :, :length], self.values[:, row, :, :length] = begin[0], begin[1]
        self.lengths[row] = length

    def beginning(self, row: int, length: int) -> Float[Tensor, "2 L H P E"]:
        """A copy of a row's first `length` keys and values."""
        return torch.stack([self.keys[:, row, :, :length], self.values[:, row, :, :length]])


class StockCache:
    """The same as models of transformers ask for it: `past_key_values` of one forward pass."""

    is_compileable = False

    def __init__(self, cache: KeyValues, reading: Reading) -> None:
        self._cache, self._reading = cache, reading

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
               ) -> Sequence[Tensor]:
        return self._cache.write(layer_idx, key_states, value_states, self._reading)

    def get_seq_length(self, *_: Any) -> int:
        return self._reading.start or 0
