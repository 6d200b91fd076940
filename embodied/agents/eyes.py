"""Eyes by name: a segmenter alone, which comes with the package or lies in a folder, or that of a whole model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embodied.agents.backends.looks import Looks
from embodied.agents.scene_state import Perceive
from embodied.agents.shipped import WEIGHTS, load_agent
from embodied.prompt import Slot
from envs.interface import Observation

if TYPE_CHECKING:
    from embodied.models.segmenter import ObjectSegmenter

CARD = "segmenter.json"
"""A folder that has it holds a segmenter alone."""


class Eyes:
    """What finds objects by a segmenter; the last observations are looked at once."""

    def __init__(self, segmenter: ObjectSegmenter) -> None:
        self.segmenter, self._looks = segmenter, Looks()

    def perceive(self, observation: Observation) -> list[Slot]:
        """The objects in sight. Raises ValueError for images that do not fit the segmenter."""
        from embodied.models.scene import perceive

        return self._looks.of(observation, id(self.segmenter), lambda: perceive(self.segmenter, observation))


def load_eyes(name: str | Path) -> Perceive:
    """What finds objects by shipped eyes, a segmenter's folder, or shipped weights or a folder of a model that has one.
    Raises ValueError or CheckpointError where there are none."""
    folder = next((path for path in (Path(name), WEIGHTS / name) if (path / CARD).is_file()), None)
    if folder is None:
        return load_agent(name).backend.perceive
    from embodied.models.segmenter_files import load_segmenter

    return Eyes(load_segmenter(folder)).perceive
