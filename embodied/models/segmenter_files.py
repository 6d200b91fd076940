"""A segmenter alone, in a folder: segmenter.json and segmenter.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from safetensors.torch import save as serialize

from embodied.data.files import write_json, write_whole
from embodied.models.configuration import SegmenterConfig
from embodied.models.segmenter import ObjectSegmenter


def save_segmenter(segmenter: ObjectSegmenter, config: Mapping[str, Any], folder: Path) -> None:
    """Publish the weights, then the configuration: a folder with `segmenter.json` is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "segmenter.safetensors", serialize(segmenter.state_dict()))
    write_json(folder / "segmenter.json", dict(config))


def load_segmenter(folder: Path) -> ObjectSegmenter:
    """The segmenter of a folder, in evaluation mode."""
    segmenter = ObjectSegmenter(SegmenterConfig(**json.loads((folder / "segmenter.json").read_text("utf-8"))))
    segmenter.load_state_dict(load_file(folder / "segmenter.safetensors"))
    return segmenter.eval().requires_grad_(False)
