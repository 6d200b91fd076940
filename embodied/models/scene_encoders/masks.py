"""Masks per object: the whole image, black off one object's mask, through the encoder once for each object.

PaLM-E's object-centric vision transformer (section 4): phi(M_j * I). The object keeps its place in the picture, so no
measured geometry goes with it. N objects, K encoder tokens, C features, Q soft tokens an object, D embedding width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import ProjectorSizes, SegmentEncoder, resized, start_small
from embodied.planning.scene import OBJECTS
from embodied.prompt import Entity

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8


def masked_image(segment: Entity, size: int) -> UInt8[np.ndarray, "S S 3"]:
    """uint8[size, size, 3]: the object's own pixels where its camera sees them, black around them.

    Raises ValueError for a slot that does not say where its crop was cut.
    """
    slot = segment.slot
    left, top, width, height = slot.window
    if width <= 0 or height <= 0:
        raise ValueError("masks: expected a slot that says where its crop was cut (window), got none; perceive anew")
    columns, rows = (np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size
    inside_x, inside_y = (columns >= left) & (columns < left + width), (rows >= top) & (rows < top + height)
    crop, side = resized(slot.crop, len(slot.crop)), len(slot.crop)
    x = ((columns[inside_x] - left) / width * side).astype(int)
    y = ((rows[inside_y] - top) / height * side).astype(int)
    canvas = np.zeros((size, size, 3), np.uint8)
    canvas[np.ix_(inside_y, inside_x)] = crop[np.ix_(y, x)]
    return canvas


class PooledProjector(nn.Module):
    """Tokens float[N, K, C] -> soft tokens float[N, Q, D], by learned attention over where the object stands."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.score = nn.Linear(sizes.vision_width, sizes.soft_tokens, bias=False)
        self.appearance = nn.Linear(sizes.vision_width, sizes.width)
        self.out = nn.Linear(sizes.width, sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: Float[Tensor, "N K C"], geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        shares = self.score(tokens).softmax(dim=1)
        return self.out(F.gelu(self.appearance(torch.einsum("nkq,nkc->nqc", shares, tokens))))


ENCODER = SegmentEncoder(OBJECTS, Entity, PooledProjector, pixels=masked_image)
