"""What the trained eyes see in every view of a dataset, made once and kept beside it.

A planner that learns from its own eyes' mistakes is not surprised by them later. The file is named after the eyes
(a hash of their weights), so that other eyes never read it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.dataset import Dataset, episode_path
from embodied.data.episodes import View, read_episode
from embodied.data.files import write_whole
from embodied.data.pool import Result, map_seeds
from embodied.prompt import Slot
from envs.interface import Box


@dataclass(frozen=True, slots=True)
class Sight:
    """The slots of one view, in the order of the prompt, and the true name of each (None: nothing that exists)."""

    slots: tuple[Slot, ...]
    names: tuple[str | None, ...]


See = Callable[[View], Sight]
Sights = Mapping[tuple[int, int], Sight]
"""(seed, place of the view) -> what was seen in it."""


def see_dataset(dataset: Dataset, eyes: str, make_see: Callable[..., See], kwargs: Mapping[str, Any], *, workers: int,
                map_seeds: Callable[..., Iterable[Result]] = map_seeds) -> dict[tuple[int, int], Sight]:
    """Sights of every view, from `perceived/<eyes>.npz` where that is whole, else looked at now and kept there.

    make_see(**kwargs) builds the eyes in each worker. Raises ValueError when a view cannot be looked at.
    """
    path = dataset.path / "perceived" / f"{eyes}.npz"
    known = _load(path)
    if known is not None and {seed for seed, _ in known} >= set(dataset.seeds):
        return known
    sights = dict(known or {})
    missing = sorted(set(dataset.seeds) - {seed for seed, _ in sights})
    job = {"folder": str(dataset.path), "make_see": make_see, "kwargs": dict(kwargs)}
    for result in map_seeds(make_looker, job, missing, workers=workers):
        if result.error is not None:
            raise ValueError(f"episode {result.seed}: expected to be looked at, got {result.error}")
        sights |= {(result.seed, place): sight for place, sight in enumerate(result.value)}
    path.parent.mkdir(exist_ok=True)
    write_whole(path, _pack(sights))
    return sights


def make_looker(folder: str, make_see: Callable[..., See], kwargs: Mapping[str, Any]) -> Callable[[int], list[Sight]]:
    """The function that looks at every view of the episode of a seed."""
    see = make_see(**kwargs)

    def look(seed: int) -> list[Sight]:
        return [finite(see(view)) for view in read_episode(episode_path(Path(folder), seed)).views]

    return look


def finite(sight: Sight) -> Sight:
    """The sight itself. Raises ValueError where a slot was measured to be nowhere, or of no size."""
    for place, slot in enumerate(sight.slots):
        if not np.isfinite(slot.box.as_vector()).all():
            raise ValueError(f"slot {place + 1}: expected a finite box, got {slot.box}; train the segmenter anew")
    return sight


def _pack(sights: Sights) -> bytes:
    slots = [slot for sight in sights.values() for slot in sight.slots]
    notes = [[seed, place, list(sight.names)] for (seed, place), sight in sights.items()]
    rest = [[s.camera, *map(int, s.pixel), int(s.area_px), *s.window] for s in slots]
    buffer = io.BytesIO()
    np.savez(buffer, crops=np.stack([s.crop for s in slots]) if slots else np.zeros((0, 1, 1, 3), np.uint8),
             boxes=np.array([s.box.as_vector() for s in slots], np.float32).reshape(-1, 7),
             notes=np.frombuffer(json.dumps([notes, rest]).encode(), np.uint8))
    return buffer.getvalue()


def _load(path: Path) -> dict[tuple[int, int], Sight] | None:
    """What `_pack` wrote; None when it is absent or damaged (it can be made again)."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as members:
            crops, boxes, text = members["crops"], members["boxes"], members["notes"].tobytes()
        notes, rest = json.loads(text)
    except Exception:  # zip, json and numpy each have their own words for damage
        return None
    if not np.isfinite(boxes).all():
        return None
    slots = [Slot(crop, Box.from_vector(box), camera, (column, row), area, *([tuple(window)] if window else []))
             for crop, box, (camera, column, row, area, *window) in zip(crops, boxes, rest, strict=True)]
    return _cut(slots, notes)


def _cut(slots: Sequence[Slot], notes: Sequence[Any]) -> dict[tuple[int, int], Sight]:
    sights, start = {}, 0
    for seed, place, names in notes:
        sights[seed, place] = Sight(tuple(slots[start:start + len(names)]), tuple(names))
        start += len(names)
    return sights
