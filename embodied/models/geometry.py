"""A measured box as the numbers that the projector reads, all of order 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from embodied.prompt import Slot

if TYPE_CHECKING:
    from jaxtyping import Float32

GEOMETRY_SIZE = 11
"""Numbers a slot: x, y, z of the centre, size x, y, z, top, bottom, sin and cos of 4 yaw, area."""

ORIGIN_M = (0.55, 0.0, 0.0)
PLANE_UNIT_M = 0.35
HEIGHT_UNIT_M = 0.10
AREA_UNIT_PX = 1000.0


def geometry_vector(slot: Slot) -> Float32[np.ndarray, " 11"]:
    """float32[GEOMETRY_SIZE] in the order above; 4 yaw, because a square looks the same each quarter turn."""
    box = slot.box
    return np.array([
        (box.center[0] - ORIGIN_M[0]) / PLANE_UNIT_M, (box.center[1] - ORIGIN_M[1]) / PLANE_UNIT_M,
        box.center[2] / HEIGHT_UNIT_M, *(side / HEIGHT_UNIT_M for side in box.size),
        box.top_z_m / HEIGHT_UNIT_M, box.bottom_z_m / HEIGHT_UNIT_M,
        math.sin(4 * box.yaw), math.cos(4 * box.yaw), slot.area_px / AREA_UNIT_PX], dtype=np.float32)
