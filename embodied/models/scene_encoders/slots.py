"""Object slots: each object's masked crop, pooled by learned attention, together with its measured geometry.

N pictures, K encoder tokens, C encoder features, G geometry numbers, Q soft tokens a picture, D embedding width.
Departure from the paper (PaLM-E, section 4): its object slots carry no metric pose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import WAVES, ProjectorSizes, SegmentEncoder, crop_of, geometry_of, start_small, waves
from embodied.models.geometry import GEOMETRY_SIZE
from embodied.planning.scene import OBJECTS
from embodied.prompt import Entity

if TYPE_CHECKING:
    from jaxtyping import Float


class SlotProjector(nn.Module):
    """Tokens float[N, K, C] and geometry float[N, G] -> soft tokens float[N, Q, D]."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.score = nn.Linear(sizes.vision_width, sizes.soft_tokens, bias=False)  # softmax over tokens ignores a bias
        self.appearance = nn.Linear(sizes.vision_width, sizes.width)
        self.place = nn.Linear(sizes.geometry_size * (1 + 2 * WAVES), sizes.width)
        self.mix = nn.Linear(sizes.width, sizes.width)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"], geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        shares = self.score(tokens).softmax(dim=1)
        seen = torch.einsum("nkq,nkc->nqc", shares, tokens)
        hidden = F.gelu(self.appearance(seen) + self.place(waves(geometry))[:, None])
        return self.out(F.gelu(self.mix(hidden)) + hidden)


ENCODER = SegmentEncoder(OBJECTS, Entity, SlotProjector, pixels=crop_of, geometry=geometry_of,
                         geometry_size=GEOMETRY_SIZE)
