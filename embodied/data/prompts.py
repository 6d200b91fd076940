"""Prompts as plain values and arrays: what a model read at a moment, to be read again by it or by another one.

JSON says the order of a prompt's segments and their numbers; pictures and vectors stand beside it in safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from embodied.data.files import write_whole
from embodied.prompt import Entity, Image, Prompt, Segment, Slot, State, Text
from envs.interface import Box

_PIXELS = ("crop", "pixels", "vector")
"""Fields that are arrays: they are told beside the others."""


def write_prompts(path: Path, prompts: Mapping[str, Prompt]) -> None:
    """Publish prompts, by name, as one safetensors file, whole or not at all."""
    told, arrays = {}, {}
    for name, prompt in prompts.items():
        told[name] = [_told(segment) for segment in prompt.segments]
        for place, segment in enumerate(prompt.segments):
            if (array := _array(segment)) is not None:
                arrays[f"{name}/{place}"] = np.ascontiguousarray(array)
    write_whole(path, save(arrays, {"prompts": json.dumps(told)}))


def read_prompts(path: Path) -> dict[str, Prompt]:
    """The prompts of a file, by name. ValueError, naming the file, where it is none, OSError where it is not there."""
    try:
        with safe_open(path, "np") as content:
            told = json.loads((content.metadata() or {})["prompts"])
            names = set(content.keys())
            return {name: Prompt(tuple(
                _segment(values, content.get_tensor(key) if (key := f"{name}/{place}") in names else None)
                for place, values in enumerate(segments))) for name, segments in told.items()}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected prompts as `write_prompts` writes them, got what cannot be read: "
                         f"{error}") from error


def _told(segment: Segment) -> dict[str, Any]:
    """The kind of a segment, and its values without its array."""
    values = asdict(segment.slot) | {"index": segment.index} if isinstance(segment, Entity) else asdict(segment)
    return {"kind": type(segment).__name__, **{key: value for key, value in values.items() if key not in _PIXELS}}


def _array(segment: Segment) -> np.ndarray | None:
    if isinstance(segment, Entity):
        return segment.slot.crop
    return segment.pixels if isinstance(segment, Image) else segment.vector if isinstance(segment, State) else None


def _segment(values: Mapping[str, Any], array: np.ndarray | None) -> Segment:
    kind, values = values["kind"], {key: value for key, value in values.items() if key != "kind"}
    if kind == "Text":
        return Text(**values)
    if array is None:
        raise ValueError(f"a {kind} has no array")
    if kind == "Entity":
        return _entity(array, **values)
    if kind not in ("Image", "State"):
        raise ValueError(f"expected Text, Image, Entity or State, got {kind}")
    return Image(pixels=array, **values) if kind == "Image" else State(array)


def _entity(crop: np.ndarray, index: int, box: Mapping[str, Any], pixel: list[int], window: list[float],
            **values: Any) -> Entity:
    slot = Slot(crop, Box(tuple(box["center"]), tuple(box["size"]), box["yaw"]), **values)
    return Entity(index, replace(slot, pixel=tuple(pixel), window=tuple(window)))
