"""What the trained segmenter finds in every view of a dataset, made once and kept beside it.

A planner that learns from its own segmenter's mistakes is not surprised by them later. The file is named after a hash
of the segmenter's weights and the version of what makes slots of its votes, so that what another one saw is never read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.dataset import Dataset, read_seed
from embodied.data.episodes import View
from embodied.data.files import write_whole
from embodied.data.pool import Result, map_seeds
from embodied.data.progress import progress
from embodied.planning.memory import Look
from embodied.prompt import Slot
from envs.interface import Box

SLOTS_VERSION = 3
"""Of what is made of the same votes: raise it with any change to the crops or boxes of `embodied.models.scene`, or
datasets go on with the slots of before. 2: a crop leaves out what lies beside its box. 3: pictures at one pitch, groups
in each other are one, what floats is none."""


@dataclass(frozen=True, slots=True)
class ViewDetections:
    """The slots of one view, in the order of the prompt, and the true name of each (None: nothing that exists)."""

    slots: tuple[Slot, ...]
    names: tuple[str | None, ...]
    look: Look | None = None  # of eyes that scenes remember by: where the robot stands now


Detector = Callable[[View], ViewDetections]
Detections = Mapping[tuple[int, int], ViewDetections]
"""(seed, place of the view) -> what was seen in it."""


def detect_dataset(dataset: Dataset, detector: str, make_detector: Callable[..., Detector], kwargs: Mapping[str, Any],
                   *, workers: int,
                   map_seeds: Callable[..., Iterable[Result]] = map_seeds) -> dict[tuple[int, int], ViewDetections]:
    """Detections of every view, from `perceived_path` where that is whole, else looked at now and kept there.

    make_detector(**kwargs) builds the segmenter in each worker. Raises ValueError when a view cannot be looked at.
    """
    path = perceived_path(dataset, detector)
    known = _load(path)
    if known is not None and {seed for seed, _ in known} >= set(dataset.seeds):
        return known
    detections = dict(known or {})
    missing = sorted(set(dataset.seeds) - {seed for seed, _ in detections})
    job = {"folder": str(dataset.path), "make_detector": make_detector, "kwargs": dict(kwargs)}
    with progress("look", len(missing)) as looked:
        for result in map_seeds(make_episode_detector, job, missing, workers=workers):
            if result.error is not None:
                raise ValueError(f"episode {result.seed}: expected to be looked at, got {result.error}")
            detections |= {(result.seed, place): detected for place, detected in enumerate(result.value)}
            looked()
    path.parent.mkdir(exist_ok=True)
    write_whole(path, _pack(detections))
    return detections


def perceived_path(dataset: Dataset, detector: str) -> Path:
    """Where what a detector finds in a dataset is kept."""
    return dataset.path / "perceived" / f"{detector}-{SLOTS_VERSION}.npz"


def make_episode_detector(folder: str, make_detector: Callable[..., Detector],
                          kwargs: Mapping[str, Any]) -> Callable[[int], list[ViewDetections]]:
    """The function that looks at every view of the episode of a seed."""
    detect = make_detector(**kwargs)

    def detect_episode(seed: int) -> list[ViewDetections]:
        return [finite(detect(view)) for view in read_seed(Path(folder), seed).views]

    return detect_episode


def finite(detected: ViewDetections) -> ViewDetections:
    """The detections as they are. Raises ValueError where a slot was measured to be nowhere, or of no size."""
    for place, slot in enumerate(detected.slots):
        if not np.isfinite(slot.box.as_vector()).all():
            raise ValueError(f"slot {place + 1}: expected a finite box, got {slot.box}; train the segmenter anew")
    return detected


_FACTS = 8
"""Of a slot beside crop and box: camera, column, row, area_px, and the four of its window."""


def _pack(detections: Detections) -> bytes:
    slots = [slot for detected in detections.values() for slot in detected.slots]
    notes = [[seed, place, list(detected.names), *([] if detected.look is None else [_told(detected.look)])]
             for (seed, place), detected in detections.items()]
    rest = [[s.camera, *map(int, s.pixel), int(s.area_px), *s.window] for s in slots]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, crops=np.stack([s.crop for s in slots]) if slots else np.zeros((0, 1, 1, 3), np.uint8),
             boxes=np.array([s.box.as_vector() for s in slots], np.float32).reshape(-1, 7),
             notes=np.frombuffer(json.dumps([notes, rest]).encode(), np.uint8))
    return buffer.getvalue()


def _told(look: Look) -> list[Any]:
    """A look without its slots, which are kept with all others."""
    return [look.place, look.slots is not None, look.is_open, list(look.span_m)]


def _load(path: Path) -> dict[tuple[int, int], ViewDetections] | None:
    """What `_pack` wrote; None when it is absent, damaged, or of before slots had a window: it can be made again."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as members:
            crops, boxes, text = members["crops"], members["boxes"], members["notes"].tobytes()
        notes, rest = json.loads(text)
    except Exception:  # zip, json and numpy each have their own words for damage
        return None
    if not np.isfinite(boxes).all() or any(len(facts) != _FACTS for facts in rest):
        return None
    slots = [Slot(crop, Box.from_vector(box), camera, (column, row), area, tuple(window))
             for crop, box, (camera, column, row, area, *window) in zip(crops, boxes, rest, strict=True)]
    return _cut(slots, notes)


def _cut(slots: Sequence[Slot], notes: Sequence[Any]) -> dict[tuple[int, int], ViewDetections]:
    detections, start = {}, 0
    for seed, place, names, *looks in notes:
        mine = tuple(slots[start:start + len(names)])
        look = None
        if looks:
            [[where, is_seen, is_open, span_m]] = looks
            mine = tuple(replace(slot, place=where) for slot in mine)
            look = Look(where, mine if is_seen else None, is_open, tuple(span_m))
        detections[seed, place] = ViewDetections(mine, tuple(names), look)
        start += len(names)
    return detections
