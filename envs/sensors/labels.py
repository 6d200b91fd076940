"""Which pixel shows what. PRIVILEGED: training labels and judging only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.world.images import NO_BODY, Picture
from envs.world.world import World


def masks(pictures: Mapping[str, Picture], world: World, held: str | None) -> dict[str, np.ndarray]:
    """Camera name -> int16[H, W]: index into world.names(); -1 for background, robot and the held object."""
    names = world.names()
    indices = {body: index for body, index in world.body_indices().items() if names[index] != held}
    table = np.full(max([*indices, *(int(p.bodies.max()) for p in pictures.values()), 0]) + 1, -1, dtype=np.int16)
    table[list(indices)] = list(indices.values())
    return {name: np.where(p.bodies == NO_BODY, np.int16(-1), table[p.bodies]) for name, p in pictures.items()}
