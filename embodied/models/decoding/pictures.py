"""What pictures became, kept between looks: a crop that is seen again, number for number, is not encoded again.

N pictures, Q soft tokens a picture, D width.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from embodied.models.decoding.cache import ROWS

if TYPE_CHECKING:
    from jaxtyping import Float

MOST_KEPT, MOST_BYTES = 512, 16 * 2**20

See = Callable[[Tensor, Tensor], Tensor]
"""Soft tokens float[N, Q, D] of pictures and their geometry: `see` of a model."""


class SoftTokens:
    """The soft tokens of the last pictures, by what was shown. May be asked from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, see: See, pixels: Float[Tensor, "N 3 S S"], geometry: Float[Tensor, "N G"]
           ) -> Float[Tensor, "N Q D"]:
        """Soft tokens of pictures, those that are new from `see`, at least ROWS at once so that they round as
        they would beside the others."""
        names = [_name(*picture) for picture in zip(pixels.cpu(), geometry.cpu(), strict=True)]
        with self._lock:
            known = {name: self._kept[name] for name in names if name in self._kept}
        new = [place for place, name in enumerate(names) if name not in known]
        if new:
            asked = (new * ROWS)[:max(len(new), ROWS)]
            for place, tokens in zip(new, see(pixels[asked], geometry[asked]), strict=False):
                known[names[place]] = tokens
        self._keep({name: known[name] for name in names})
        return torch.stack([known[name] for name in names])

    def _keep(self, seen: dict[bytes, Tensor]) -> None:
        with self._lock:
            for name, tokens in seen.items():
                self._kept[name] = tokens.clone() if tokens._base is not None else tokens
                self._kept.move_to_end(name)
            most = min(MOST_KEPT, max(1, MOST_BYTES // max(1, next(iter(self._kept.values())).nbytes)))
            while len(self._kept) > most:
                self._kept.popitem(last=False)


def _name(pixels: Float[Tensor, "3 S S"], geometry: Float[Tensor, " G"]) -> bytes:
    """What tells pictures apart: a hash of every number of them."""
    found = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=16)
    found.update(geometry.numpy().tobytes())
    return found.digest()
