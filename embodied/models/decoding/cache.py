"""Keys and values of what was read so far, in memory that is there from the start.

L layers, B rows, H heads of keys, S places, E numbers a head, T tokens read at once. Every row begins at place 0 and
has its own length: no row is moved for the sake of a longer neighbour, so what it reads is what it reads alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int64


EVEN = 16
"""Places are looked over in lots of so many at once; what is left over is added up in another order."""
ROWS = 4
"""Fewer tokens are multiplied by other code, which rounds otherwise."""


class Reading:
    """Where the next tokens of one forward pass stand. Those beyond a row's own are padding: they are written to places
    that nothing which counts looks at, and that the next tokens take."""

    def __init__(self, lengths: Sequence[int], width: int, device: torch.device, is_prompt: bool) -> None:
        """lengths: tokens that each row has. width: T. is_prompt: whether it is of prompts, which are read the same way
        whatever their length, so that a beginning is the same numbers in all of them."""
        self._lengths, self.width, self._device, self.is_prompt = list(lengths), width, device, is_prompt
        self.start: int | None = lengths[0] if len(set(lengths)) == 1 else None
        """Of all rows, where it is one and the same."""
        self.reach = _rounded(max(lengths) + width, EVEN) if is_prompt else max(lengths) + width
        """Places that are looked over: those that any row has; of prompts, up to an even number, the rest unseen."""

    @cached_property
    def places(self) -> Int64[Tensor, "B T"]:
        """Where each token goes."""
        return torch.tensor(self._lengths, device=self._device)[:, None] + torch.arange(self.width, device=self._device)

    @cached_property
    def mask(self) -> Bool[Tensor, "B 1 T S"] | None:
        """True where a token looks: at all before it, and at itself. None for one token that looks at all there is."""
        if self.start is None:
            return (torch.arange(self.reach, device=self._device) <= self.places[..., None])[:, None]
        if self.width == 1 and not self.is_prompt:
            return None
        seen = torch.ones(self.width, self.reach, dtype=torch.bool, device=self._device).tril(self.start)
        return seen.expand(len(self._lengths), 1, -1, -1)


class KeyValues:
    """What a decoder has read. keys, values: L times float[B, H, S, E]; lengths: tokens of each row."""

    def __init__(self, layers: int, rows: int, heads: int, places: int, size: int, like: Tensor) -> None:
        """like: a tensor of the type and device that keys have."""
        # Zeros, not anything: a weight of 0 times what is by chance no number would be none either.
        self._states = torch.zeros(2, layers, rows, heads, places, size, dtype=like.dtype, device=like.device)
        self.keys, self.values = (part.unbind(0) for part in self._states.unbind(0))
        self.lengths = [0] * rows

    def reading(self, width: int, *, is_prompt: bool) -> Reading:
        """Where the next `width` tokens of each row go, and what they look at."""
        return Reading(self.lengths, width, self._states.device, is_prompt)

    def write(self, layer: int, keys: Float[Tensor, "B H T E"], values: Float[Tensor, "B H T E"], reading: Reading
              ) -> tuple[Float[Tensor, "B H S E"], Float[Tensor, "B H S E"]]:
        """Keeps keys and values of new tokens; returns those of all tokens so far."""
        return (_written(self.keys[layer], keys, reading), _written(self.values[layer], values, reading))

    def put(self, row: int, begin: Float[Tensor, "2 L H P E"]) -> None:
        """Takes a beginning that was read before as the row's own."""
        length = begin.shape[3]
        self._states[:, :, row, :, :length] = begin
        self.lengths[row] = length

    def beginning(self, row: int, length: int) -> Float[Tensor, "2 L H P E"]:
        """A copy of a row's first `length` keys and values."""
        return self._states[:, :, row, :, :length].clone()


def _written(store: Float[Tensor, "B H S E"], new: Float[Tensor, "B H T E"], reading: Reading
             ) -> Float[Tensor, "B H reached E"]:
    """The part of a layer's store that was written so far, the new tokens among it."""
    if reading.start is not None:
        store.narrow(2, reading.start, reading.width).copy_(new)
    else:
        store[torch.arange(len(new), device=new.device)[:, None], :, reading.places] = new.transpose(1, 2)
    return store.narrow(2, 0, reading.reach)


def padded_width(tokens: int) -> int:
    """How many tokens a prompt is read as, so that what they give does not hang on how many they are."""
    return _rounded(tokens, ROWS)


def most_places(tokens: int) -> int:
    """Places for so many tokens and the padding of prompts."""
    return _rounded(tokens + ROWS, EVEN)


def _rounded(number: int, lot: int) -> int:
    return -(-number // lot) * lot


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
