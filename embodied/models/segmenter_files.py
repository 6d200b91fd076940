"""A segmenter alone, in a folder: segmenter.json and segmenter.safetensors."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file
from safetensors.torch import save as serialize

from embodied.data.files import write_json, write_whole
from embodied.models.configuration import SegmenterConfig
from embodied.models.segmenter import ObjectSegmenter


def save_segmenter(segmenter: ObjectSegmenter, folder: Path) -> None:
    """Publish the weights, then what is set otherwise than by default: a folder with `segmenter.json` is whole."""
    own, usual = segmenter.config.to_dict(), SegmenterConfig().to_dict()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "segmenter.safetensors", serialize(segmenter.state_dict()))
    write_json(folder / "segmenter.json",
               {key: own[key] for key in SegmenterConfig.__annotations__ if own[key] != usual[key]})


def load_segmenter(folder: Path) -> ObjectSegmenter:
    """The segmenter of a folder, in evaluation mode."""
    segmenter = ObjectSegmenter(SegmenterConfig(**json.loads((folder / "segmenter.json").read_text("utf-8"))))
    segmenter.load_state_dict(load_file(folder / "segmenter.safetensors"))
    return segmenter.eval().requires_grad_(False)
