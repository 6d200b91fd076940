"""A whole image: the encoder's grid of tokens, averaged to a coarser (or the same) square grid of soft tokens.

N pictures, K encoder tokens, C encoder features, Q soft tokens a picture, D embedding width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import ProjectorSizes, SegmentEncoder, image_of, pooled, start_small
from embodied.planning.scene import WHOLE_IMAGE
from embodied.prompt import Image

if TYPE_CHECKING:
    from jaxtyping import Float


class GridProjector(nn.Module):
    """Tokens float[N, K, C] of a square grid -> soft tokens float[N, Q, D]; geometry is not read."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.appearance = nn.Linear(sizes.vision_width, sizes.width)
        self.place = nn.Parameter(torch.randn(sizes.soft_tokens, sizes.width) * 0.02)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"], geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        return self.out(F.gelu(self.appearance(pooled(tokens, len(self.place))) + self.place))


ENCODER = SegmentEncoder(WHOLE_IMAGE, Image, GridProjector, pixels=image_of, is_square=True)
