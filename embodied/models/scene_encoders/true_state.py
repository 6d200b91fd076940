"""PRIVILEGED state vectors: those of `state`, of objects where the simulator's masks say that they are (PaLM-E, section
4, "state estimation", whose State rows read the ground truth). An upper bound for what finds objects by itself.
"""

from __future__ import annotations

from dataclasses import replace

from embodied.models.scene_encoders import state

ENCODER = replace(state.ENCODER, is_privileged=True)
