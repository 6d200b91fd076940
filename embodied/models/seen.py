"""Features of pictures that eyes which never learn have looked at, so that they look at each once.

N pictures of S x S pixels, K tokens of C features.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

MOST_BYTES = 2**30
"""Of features that are kept; what was seen first stays, for an epoch shows every picture once before any again."""

LOT = 16
"""Pictures that the eyes are shown at once, never more or fewer: libraries choose by their number how they add up, and
what is seen in a picture must not hang on which others were new beside it, or a training that goes on would differ."""

Eyes = Callable[["Float[Tensor, 'N 3 S S']"], "Float[Tensor, 'N K C']"]


class Seen:
    """Features by what a picture shows, to the last bit; several threads may ask."""

    def __init__(self, most_bytes: int = MOST_BYTES):
        self.most_bytes, self.bytes = most_bytes, 0
        self._features: dict[bytes, Tensor] = {}
        self._eyes: Hashable = None
        self._lock = threading.Lock()

    def look(self, eyes: Eyes, pictures: Float[Tensor, "N 3 S S"], version: Hashable) -> Float[Tensor, "N K C"]:
        """What the eyes see in the pictures, on a CPU; they are shown those alone that they have not seen. version:
        another one wherever the eyes are others, or see in other numbers."""
        numbers = pictures.detach().contiguous().view(torch.uint8).numpy()
        keys = [hashlib.blake2b(picture, digest_size=16).digest() for picture in numbers]
        with self._lock:
            if version != self._eyes:
                self._features, self.bytes, self._eyes = {}, 0, version
            known = {key: self._features[key] for key in keys if key in self._features}
        new = {key: row for row, key in enumerate(keys) if key not in known}
        if new:
            fresh = dict(zip(new, _in_lots(eyes, pictures[list(new.values())]), strict=True))
            self._keep(fresh, version)
            known |= fresh
        return torch.stack([known[key] for key in keys])

    def _keep(self, fresh: dict[bytes, Tensor], version: Hashable) -> None:
        with self._lock:
            for key, features in fresh.items():
                size = features.numel() * features.element_size()
                if version == self._eyes and key not in self._features and self.bytes + size <= self.most_bytes:
                    self._features[key] = features.clone()
                    self.bytes += size


@torch.no_grad()
def _in_lots(eyes: Eyes, pictures: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
    """What the eyes see, the last lot filled up with zeros."""
    filled = torch.cat([pictures, pictures.new_zeros(-len(pictures) % LOT, *pictures.shape[1:])])
    return torch.cat([eyes(lot) for lot in filled.split(LOT)])[:len(pictures)]
