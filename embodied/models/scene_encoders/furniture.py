"""Object slots of what a robot that drives about remembers of the furniture before which it stood: crops and boxes, as
`slots` has them, which depth alone finds (`embodied.models.furniture`), and nobody points at: plans go by names.
"""

from __future__ import annotations

from dataclasses import replace

from embodied.models.scene_encoders import slots
from embodied.planning.scene import FURNITURE

ENCODER = replace(slots.ENCODER, scene=FURNITURE)
