"""What was read, prompts and answers, kept between looks: keys, values and hidden states of beginnings that come again.

L layers, H heads of keys, P places, E numbers a head, D width. A beginning is known by what was read, embeddings float
for float, pictures among them: nothing that differs is ever shared, whoever asks. What is shared is what reading it
again would give: of prompts to the bit where products of four tokens and more round alike, as they do on CPUs with AVX2
(see `cache.padded_width`), and within rounding elsewhere, as of answers, which are read a few tokens at a time.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

if TYPE_CHECKING:
    from jaxtyping import Float

MOST_KEPT, MOST_BYTES = 8, 128 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """embeds: float[P, D], what was read; states: float[2, L, H, P, E], keys and values; hidden: float[P, D]."""

    embeds: Float[Tensor, "P D"]
    states: Float[Tensor, "2 L H P E"]
    hidden: Float[Tensor, "P D"]

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for part in (self.embeds, self.states, self.hidden))

    def common(self, embeds: Float[Tensor, "T D"]) -> int:
        """How many of the first tokens are the same; of another type or on another device, none."""
        if (embeds.device, embeds.dtype) != (self.embeds.device, self.embeds.dtype):
            return 0
        length = min(len(embeds), len(self.embeds))
        is_same = (embeds[:length] == self.embeds[:length]).all(dim=-1)
        return length if bool(is_same.all()) else int(is_same.int().argmin())

    def cut(self, length: int) -> Beginning:
        return Beginning(self.embeds[:length], self.states[:, :, :, :length], self.hidden[:length])


class Prefixes:
    """The last few prompts, of one state of the weights. May be asked from several threads."""

    def __init__(self) -> None:
        self._kept: list[Beginning] = []  # asked for longest ago first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        return sum(known.bytes for known in self._kept)

    def find(self, embeds: Float[Tensor, "T D"]) -> Beginning | None:
        """The longest known beginning of a prompt, all of it maybe; None where there is none."""
        with self._lock:
            lengths = [known.common(embeds) for known in self._kept]
            longest = max(lengths, default=0)
            if longest <= 0:
                return None
            known = self._kept.pop(lengths.index(longest))
            self._kept.append(known)
        return known.cut(longest)

    def keep(self, beginning: Beginning) -> None:
        """Remember what was read and is not known whole, in place of what it begins with; those that were asked for
        longest ago make room."""
        length = len(beginning.embeds)
        with self._lock:
            common = [known.common(beginning.embeds) for known in self._kept]
            if beginning.bytes > MOST_BYTES or length in common:
                return
            self._kept = [known for known, same in zip(self._kept, common, strict=True) if same < len(known.embeds)]
            self._kept.append(beginning)
            while len(self) > MOST_KEPT or self.bytes > MOST_BYTES:
                self._kept.pop(0)


_steps = itertools.count()
_last_step = next(_steps)


def _note_step(*_: Any) -> None:
    global _last_step
    _last_step = next(_steps)


register_optimizer_step_post_hook(_note_step)  # fused optimisers change weights and do not count it as a version


def state_of(model: nn.Module) -> Hashable:
    """A value that changes with the weights, in place or not, with any optimiser's step, with adapters put on or off,
    and with who watches. None: cannot be told."""
    found: list[Hashable] = [_last_step]
    waiting = [model]
    try:
        while waiting:
            module = waiting.pop()
            waiting += module._modules.values()
            found += [(id(p), p.data_ptr(), p._version) for p in module._parameters.values() if p is not None]
            if hasattr(type(module), "merged_adapters"):
                found.append((str(module.active_adapters), module.disable_adapters, str(module.merged_adapters)))
            found.append((id(module), module.training, len(module._forward_hooks), len(module._forward_pre_hooks)))
    except RuntimeError:  # weights made in inference mode count no versions
        return None
    return tuple(found)
