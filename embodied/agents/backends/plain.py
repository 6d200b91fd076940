"""Who sees an observation: a model's own segmenter, or where no depth was measured the shipped one that needs none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from embodied.models.folder import WEIGHTS, verify_manifest
from embodied.prompt import Slot
from envs.interface import Observation, PlainView

if TYPE_CHECKING:
    from embodied.models.segmenter import ObjectSegmenter

PLAIN = WEIGHTS / "eyes-plain"


def look(segmenter: ObjectSegmenter, observation: Observation) -> list[Slot]:
    """What a segmenter finds. Raises ValueError for images that do not fit it."""
    from embodied.models.scene import perceive

    return perceive(segmenter, observation)


def eyes_for(observation: Observation, own: ObjectSegmenter) -> ObjectSegmenter:
    """The segmenter that is to see an observation. Raises CheckpointError where the shipped one is missing or
    altered."""
    return plain_eyes() if isinstance(observation, PlainView) and not own.config.is_flat else own


@cache
def plain_eyes() -> ObjectSegmenter:
    """The shipped segmenter that sees by colors alone, loaded once a process."""
    from embodied.models.segmenter_files import load_segmenter

    verify_manifest(PLAIN)
    return load_segmenter(PLAIN)
