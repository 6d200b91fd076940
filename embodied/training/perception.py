"""What finds objects for the planner's training: the trained segmenter, or the simulator's masks, for whole images, of
which only the answers need objects, and for true_state."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from embodied.agents.shipped import weights_folder
from embodied.data.detections import Detector, ViewDetections
from embodied.data.episodes import View
from embodied.models.checkpoint_checks import read_json
from embodied.models.configuration import PalmEConfig, SegmenterConfig
from embodied.models.folder import check_folder
from embodied.models.looking import EYES, Eyes
from embodied.models.scene import best_matches, perceive, true_slots
from embodied.models.segmenter_files import load_segmenter
from embodied.planning.perception import order_largest, without_distractors
from embodied.prompt import Slot
from embodied.training.stage import SEGMENTER
from envs.world.floorplan import PLACES

if TYPE_CHECKING:
    from embodied.training.settings import ModelSettings, TrainSettings


def segmenter_config(model: ModelSettings) -> SegmenterConfig:
    """What the run's segmenter is set to."""
    return SegmenterConfig(**model.segmenter)


def config_of(folder: Path) -> PalmEConfig:
    """The configuration of a checkpoint, whose folder is checked; its weights are not read."""
    check_folder(folder)
    return PalmEConfig.from_dict(read_json(folder / "config.json"))


def taken_over(settings: TrainSettings) -> tuple[str, str] | None:
    """(setting, weights) that the run takes its segmenter from, such as ("stage.segmenter.weights", "shipped"); None
    where it trains one, or has none."""
    for name, stage in settings.stages.items():
        if SEGMENTER in settings.stage(name).gives and (weights := getattr(stage, "weights", None)) is not None:
            return f"stage.{name}.weights", weights
    return None


def check_segmenter(whose: str, found: SegmenterConfig | None, settings: TrainSettings) -> None:
    """Raise ValueError where the segmenter of a checkpoint (None: it has none) is not set to what the run's will be:
    its sizes, its workspace, and how it makes objects of votes. whose: the setting that named the checkpoint."""
    if taken := taken_over(settings):
        setting, weights = taken
        wanted, what = config_of(weights_folder(weights)).segmenter_config, f"like that of {setting}={weights}"
    else:
        wanted = segmenter_config(settings.model)
        what = f"of size.segmenter={dict(settings.model.segmenter)}"
    if wanted is None:
        raise ValueError(f"{setting}={weights}: expected a planner with a segmenter, got one without; choose another")
    if found is None or _sizes(found) != _sizes(wanted):
        got = "none" if found is None else ", ".join(
            f"{key}={value}" for key, value in _sizes(found).items() if value != _sizes(wanted)[key])
        raise ValueError(f"{whose}: expected a segmenter {what}, got {got}; choose that, or null for a new planner")


def _sizes(config: SegmenterConfig) -> dict[str, Any]:
    return {key: value for key, value in config.to_dict().items() if key != "dtype"}


def detector_of(folder: Path) -> str:
    """A name that changes with the weights."""
    files = (folder / "segmenter.safetensors").read_bytes() + (folder / "segmenter.json").read_bytes()
    return hashlib.sha256(files).hexdigest()[:16]


def make_detector(folder: str) -> Detector:
    """The trained detector: what it finds in a view, and the true name of each slot. Built once in each worker."""
    torch.set_num_threads(1)
    segmenter = load_segmenter(Path(folder))
    return lambda view: name_slots(perceive(segmenter, view.observation), view)


def make_perfect_detector() -> Detector:
    """PRIVILEGED: where the simulator's masks say that things are."""
    return lambda view: name_slots(true_slots(view.observation, view.masks, view.poses), view)


def look_detector(eyes: str) -> str:
    """The name under which looks of eyes of `embodied.models.looking` are kept."""
    return f"{eyes}-{EYES[eyes].version}"


def make_look_detector(eyes: str) -> Detector:
    """What such eyes see in a view, and the true name of each slot."""
    return partial(name_look, EYES[eyes])


def name_look(eyes: Eyes, view: View) -> ViewDetections:
    """What is seen, each slot with the thing whose middle is nearest to the slot's."""
    seen = eyes.look(view.observation)
    slots = seen.slots or ()
    standing = [i for i, name in enumerate(view.names) if name != view.held]
    if not slots or not standing:
        return ViewDetections(slots, (None,) * len(slots), seen)
    true = _in_frame_of(seen.place, view.poses[standing, :3])
    apart_m = np.linalg.norm(true[None] - np.array([slot.box.center for slot in slots])[:, None], axis=2)
    rows, columns = linear_sum_assignment(np.minimum(apart_m, eyes.off_m))
    names: list[str | None] = [None] * len(slots)
    for row, column in zip(rows, columns, strict=True):
        names[row] = view.names[standing[column]] if apart_m[row, column] < eyes.off_m else None
    return ViewDetections(slots, tuple(names), seen)


def _in_frame_of(place: str | None, points: np.ndarray) -> np.ndarray:
    """Points float[N, 3] in the frame of a piece of furniture; as they are where it is none."""
    if place not in PLACES:
        return points
    furniture = PLACES[place]
    return np.concatenate([furniture.to_own(points[:, :2]), points[:, 2:] - furniture.top_z_m], axis=1)


def name_slots(slots: list[Slot], view: View) -> ViewDetections:
    """The slots in the order of the prompt, each with the entity that it shows."""
    ordered = order_largest(without_distractors(slots))
    standing = [i for i, name in enumerate(view.names) if name != view.held]
    found = best_matches(ordered, [view.names[i] for i in standing], view.poses[standing])
    names: list[str | None] = [None] * len(ordered)
    for name, place in found.items():
        names[place] = name
    return ViewDetections(ordered, tuple(names))
