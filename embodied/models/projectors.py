"""Projectors by name, in the place of an encoder's own: what is between the vision tower and the language model.

N pictures, K encoder tokens, C encoder features, G geometry numbers, Q soft tokens a picture, D embedding width.
PaLM-E's is affine (section 3); `mlp` is LLaVA-1.5's (arXiv 2310.03744), `perceiver` Flamingo's resampler (arXiv
2204.14198, section 3.1.1). Departure: what was measured of an object, as waves, goes beside what the tower saw of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import WAVES, ProjectorSizes, SegmentEncoder, pooled, start_small, waves

if TYPE_CHECKING:
    from jaxtyping import Float

OWN = "own"
"""The projector that the scene encoder itself declares."""
_HEADS, _ROUNDS = 4, 2  # of the perceiver


def make_projector(name: str, encoder: SegmentEncoder, sizes: ProjectorSizes) -> nn.Module:
    """The module of a known name, which takes tokens float[N, K, C] (or None) and geometry float[N, G]."""
    return encoder.make_projector(sizes) if name == OWN else _PROJECTORS[name](sizes)


class _Projector(nn.Module):
    """What the tower saw and what was measured, side by side."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.soft_tokens = sizes.soft_tokens
        self.width = sizes.vision_width + sizes.geometry_size * (1 + 2 * WAVES)

    def beside(self, tokens: Float[Tensor, "N K C"] | None, geometry: Float[Tensor, "N G"]
               ) -> Float[Tensor, "N Q wide"]:
        """float[N, Q, C + waves]: each part of the picture with what was measured of the whole."""
        measured = waves(geometry)[:, None].expand(-1, self.soft_tokens, -1)
        return measured if tokens is None else torch.cat([pooled(tokens, self.soft_tokens), measured], dim=2)


class LinearProjector(_Projector):
    """One affine map of the tower's tokens, pooled, and of the geometry."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__(sizes)
        self.out = nn.Linear(self.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"] | None, geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        return self.out(self.beside(tokens, geometry))


class MlpProjector(_Projector):
    """The same through one hidden layer."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__(sizes)
        self.hidden = nn.Linear(self.width, sizes.width)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"] | None, geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        return self.out(F.gelu(self.hidden(self.beside(tokens, geometry))))


class PerceiverProjector(nn.Module):
    """Learned queries, one a soft token, that attend to the tower's tokens and to one of what was measured."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(sizes.soft_tokens, sizes.width) * 0.02)
        self.seen = nn.Linear(sizes.vision_width, sizes.width) if sizes.vision_width else None
        self.measured = nn.Linear(sizes.geometry_size * (1 + 2 * WAVES), sizes.width) if sizes.geometry_size else None
        self.rounds = nn.ModuleList(_Round(sizes.width) for _ in range(_ROUNDS))
        self.norm = nn.LayerNorm(sizes.width)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"] | None, geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        read = [*([] if self.seen is None else [self.seen(tokens)]),
                *([] if self.measured is None else [self.measured(waves(geometry))[:, None]])]
        context = torch.cat(read, dim=1)
        latents = self.queries.expand(len(context), -1, -1)
        for one in self.rounds:
            latents = one(latents, context)
        return self.out(self.norm(latents))


class _Round(nn.Module):
    """Queries attend to the context and to each other, then each is worked on alone."""

    def __init__(self, width: int):
        super().__init__()
        self.before, self.context, self.between = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, _HEADS, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, latents: Float[Tensor, "N Q W"], context: Float[Tensor, "N K W"]) -> Float[Tensor, "N Q W"]:
        asking = self.before(latents)
        read = torch.cat([self.context(context), asking], dim=1)
        latents = latents + self.attention(asking, read, read, need_weights=False)[0]
        return latents + self.mlp(self.between(latents))


_PROJECTORS: Mapping[str, Callable[[ProjectorSizes], nn.Module]] = MappingProxyType(
    {"linear": LinearProjector, "mlp": MlpProjector, "perceiver": PerceiverProjector})
