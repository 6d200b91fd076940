"""A whole image: the encoder's grid of tokens, averaged to a coarser (or the same) square grid of soft tokens.

N pictures, K encoder tokens, C encoder features, Q soft tokens a picture, D embedding width.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import ProjectorSizes, SegmentEncoder, image_of, start_small
from embodied.planning.scene import WHOLE_IMAGE
from embodied.prompt import Image

if TYPE_CHECKING:
    from jaxtyping import Float


class GridProjector(nn.Module):
    """Tokens float[N, K, C] of a square grid -> soft tokens float[N, Q, D]; geometry is not read."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.side = math.isqrt(sizes.soft_tokens)
        self.appearance = nn.Linear(sizes.vision_width, sizes.width)
        self.place = nn.Parameter(torch.randn(sizes.soft_tokens, sizes.width) * 0.02)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"], geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        side = math.isqrt(tokens.shape[1])
        grid = tokens.mT.unflatten(2, (side, side))
        pooled = F.adaptive_avg_pool2d(grid, self.side).flatten(2).mT
        return self.out(F.gelu(self.appearance(pooled) + self.place))


ENCODER = SegmentEncoder(WHOLE_IMAGE, Image, GridProjector, pixels=image_of, is_square=True)
