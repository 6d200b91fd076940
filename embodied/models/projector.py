"""From what the encoder sees to soft tokens in the language model's embedding space (PaLM-E, section 4: psi).

N pictures, K encoder tokens, C encoder features, G geometry numbers, Q soft tokens a picture, D embedding width.
Departures from the paper: an object's tokens come from learned pooling of its crop together with its measured geometry
(the paper's object slots carry no metric pose); soft tokens start as small as word embeddings (`scale`), because random
features thirty times longer than words drown the words for the first thousand steps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WAVES = 5
"""Octaves of the geometry's Fourier features: the shortest resolves about 5 mm in height and 2 cm in the plane."""


def waves(geometry: Tensor) -> Tensor:
    """float[N, G * (1 + 2 * WAVES)]: the numbers and their sines and cosines, one octave apart."""
    octaves = math.pi * 2.0 ** torch.arange(WAVES, device=geometry.device, dtype=geometry.dtype)
    angles = (geometry[..., None] * octaves).flatten(1)
    return torch.cat([geometry, angles.sin(), angles.cos()], dim=-1)


class SlotProjector(nn.Module):
    """Tokens float[N, K, C] and geometry float[N, G] -> soft tokens float[N, Q, D]."""

    def __init__(self, vision_width: int, geometry_size: int, width: int, language_width: int, soft_tokens: int,
                 scale: float):
        super().__init__()
        self.score = nn.Linear(vision_width, soft_tokens, bias=False)  # softmax over tokens ignores a bias
        self.appearance = nn.Linear(vision_width, width)
        self.place = nn.Linear(geometry_size * (1 + 2 * WAVES), width)
        self.mix = nn.Linear(width, width)
        self.out = nn.Linear(width, language_width)
        _start_small(self.out, scale)

    def forward(self, tokens: Tensor, geometry: Tensor) -> Tensor:
        shares = self.score(tokens).softmax(dim=1)
        seen = torch.einsum("nkq,nkc->nqc", shares, tokens)
        hidden = F.gelu(self.appearance(seen) + self.place(waves(geometry))[:, None])
        return self.out(F.gelu(self.mix(hidden)) + hidden)


class GridProjector(nn.Module):
    """Tokens float[N, K, C] of a square grid -> soft tokens float[N, Q, D] of a coarser (or the same) square grid."""

    def __init__(self, vision_width: int, width: int, language_width: int, soft_tokens: int, scale: float):
        super().__init__()
        self.side = math.isqrt(soft_tokens)
        self.appearance = nn.Linear(vision_width, width)
        self.place = nn.Parameter(torch.randn(soft_tokens, width) * 0.02)
        self.out = nn.Linear(width, language_width)
        _start_small(self.out, scale)

    def forward(self, tokens: Tensor, geometry: Tensor) -> Tensor:
        side = math.isqrt(tokens.shape[1])
        grid = tokens.mT.unflatten(2, (side, side))
        pooled = F.adaptive_avg_pool2d(grid, self.side).flatten(2).mT
        return self.out(F.gelu(self.appearance(pooled) + self.place))


def _start_small(layer: nn.Linear, scale: float) -> None:
    nn.init.normal_(layer.weight, std=scale / math.sqrt(layer.in_features))
    nn.init.zeros_(layer.bias)
