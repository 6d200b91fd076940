"""Eyes by name: a segmenter alone, which comes with the package or lies in a folder, or that of a whole model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.agents.backends.looks import Looks
from embodied.agents.backends.plain import eyes_for, look
from embodied.agents.scene_state import Perceive
from embodied.agents.shipped import load_agent, weights_folder
from embodied.models.folder import MANIFEST, WEIGHTS, check_folder, verify_manifest
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
        segmenter = eyes_for(observation, self.segmenter)
        return self._looks.of(observation, id(segmenter), lambda: look(segmenter, observation))


def load_eyes(name: str | Path) -> Perceive:
    """What finds objects by shipped eyes, a segmenter's folder, or shipped weights or a folder of a model that has one.
    Raises ValueError or CheckpointError where there are none."""
    folder = eyes_folder(name)
    if not (folder / CARD).is_file():
        return load_agent(name).backend.perceive
    check_eyes(name)
    from embodied.models.segmenter_files import load_segmenter

    return Eyes(load_segmenter(folder)).perceive


def check_eyes(name: str | Path) -> None:
    """Raises ValueError or CheckpointError for eyes that are missing, incomplete or altered."""
    folder = eyes_folder(name)
    if not (folder / CARD).is_file():
        check_folder(folder)
    elif (folder / MANIFEST).is_file():
        verify_manifest(folder)


def eyes_folder(name: str | Path) -> Path:
    """The folder of eyes by name or path."""
    alone = (path for path in (Path(name), WEIGHTS / name) if (path / CARD).is_file())
    return next(alone, None) or weights_folder(name)


def true_eyes(labels: Mapping[float, Mapping[str, Any]]) -> Perceive:
    """PRIVILEGED: what finds objects by the simulator's masks. labels: time of an observation, s -> its labels, with
    masks int16[H, W] a camera and poses float[M, 10]. Raises KeyError for an observation of another time."""
    from embodied.models.scene import true_slots

    def perceive(observation: Observation) -> list[Slot]:
        known = labels[observation.time_s]
        return true_slots(observation, known["masks"], np.asarray(known["poses"], np.float32).reshape(-1, 10))

    return perceive


class Seeing:
    """A backend that sees by other eyes."""

    def __init__(self, backend: object, perceive: Perceive) -> None:
        self._backend, self.perceive = backend, perceive

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)
