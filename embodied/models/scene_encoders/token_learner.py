"""A whole image in few soft tokens: each is pooled from the encoder's grid by a learned map of its own.

TokenLearner (Ryoo et al. 2021, arXiv 2106.11297, section 2), as PaLM-E puts it on its vision transformer (section 4).
N pictures, K encoder tokens, C encoder features, Q soft tokens a picture, D embedding width. Departure: the maps are
softmaxes over the grid, as in the authors' later code, not sigmoids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import ProjectorSizes, SegmentEncoder, image_of, start_small
from embodied.planning.scene import WHOLE_IMAGE
from embodied.prompt import Image

if TYPE_CHECKING:
    from jaxtyping import Float


class TokenLearnerProjector(nn.Module):
    """Tokens float[N, K, C] -> soft tokens float[N, Q, D]; geometry is not read."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.maps = nn.Sequential(nn.LayerNorm(sizes.vision_width), nn.Linear(sizes.vision_width, sizes.width),
                                  nn.GELU(), nn.Linear(sizes.width, sizes.soft_tokens))
        self.appearance = nn.Linear(sizes.vision_width, sizes.width)
        self.which = nn.Parameter(torch.randn(sizes.soft_tokens, sizes.width) * 0.02)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"], geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        shares = self.maps(tokens).softmax(dim=1)
        pooled = torch.einsum("nkq,nkc->nqc", shares, tokens)
        return self.out(F.gelu(self.appearance(pooled) + self.which))


ENCODER = SegmentEncoder(WHOLE_IMAGE, Image, TokenLearnerProjector, pixels=image_of)
