"""State vectors: what was measured of each object, through a small network; no pixels (PaLM-E, section 4, "state").

N objects, G numbers of a state, Q soft tokens an object, D embedding width. The state is the measured box and the mean
colour of the crop: nothing privileged, unless whoever perceives reads the simulator's masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.encoding import WAVES, ProjectorSizes, SegmentEncoder, geometry_of, start_small, waves
from embodied.models.geometry import GEOMETRY_SIZE
from embodied.planning.scene import OBJECTS
from embodied.prompt import Entity

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

STATE_SIZE = GEOMETRY_SIZE + 3


def state_of(segment: Entity) -> Float32[np.ndarray, " G"]:
    """float32[STATE_SIZE]: measured geometry, then mean red, green and blue of the object's own pixels, -1 to 1."""
    crop = segment.slot.crop.reshape(-1, 3)
    own = crop[crop.any(axis=1)]
    color = own.mean(axis=0) / 127.5 - 1.0 if len(own) else np.zeros(3)
    return np.concatenate([geometry_of(segment), color]).astype(np.float32)


class StateProjector(nn.Module):
    """States float[N, G] -> soft tokens float[N, Q, D]; there are no encoder tokens."""

    def __init__(self, sizes: ProjectorSizes):
        super().__init__()
        self.soft_tokens = sizes.soft_tokens
        self.state = nn.Linear(sizes.geometry_size * (1 + 2 * WAVES), sizes.width)
        self.mix = nn.Linear(sizes.width, sizes.width)
        self.out = nn.Linear(sizes.width, sizes.soft_tokens * sizes.language_width)
        start_small(self.out, sizes.scale)

    def forward(self, tokens: None, geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N Q D"]:
        hidden = F.gelu(self.state(waves(geometry)))
        return self.out(F.gelu(self.mix(hidden)) + hidden).unflatten(1, (self.soft_tokens, -1))


ENCODER = SegmentEncoder(OBJECTS, Entity, StateProjector, geometry=state_of, geometry_size=STATE_SIZE)
