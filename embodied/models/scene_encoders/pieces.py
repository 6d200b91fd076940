"""Object slots of what lies on a pushing board: crops and boxes, as `slots` has them, which depth and colour alone find
(`embodied.models.pieces`), and nobody points at: plans speak to a low-level policy, by names.
"""

from __future__ import annotations

from dataclasses import replace

from embodied.models.scene_encoders import slots
from embodied.planning.scene import BOARD

ENCODER = replace(slots.ENCODER, scene=BOARD)
