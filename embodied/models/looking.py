"""Looks of scenes that remember: what finds things in an observation without having learned to, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from embodied.models import furniture, pieces
from embodied.planning.memory import Look
from envs.interface import Observation


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks, and what is known of its looks.

    version: raise it with any change to what is looked for or taken for one thing, or datasets go on with the slots of
    before. off_m: a slot whose middle is further than this from that of every thing shows none of them.
    """

    look: Callable[[Observation], Look]
    version: int
    off_m: float


EYES: Mapping[str, Eyes] = MappingProxyType({
    "furniture": Eyes(furniture.look, 1, 0.09),  # seen from one side: the measured middle is up to half a thing off
    "pieces": Eyes(pieces.look, 1, 0.03),
})
"""Name that a scene calls its eyes by (`SceneEncoder.eyes`) -> them."""
