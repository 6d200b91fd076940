"""EfficientNet-Lite0 as a PyTorch file of before 2020, written as timm's `tf_efficientnet_lite0`, tensor by tensor.

Both list the same 296 tensors in the same order under other names.
"""

from __future__ import annotations

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

from embodied.bases.catalogue import BaseError
from embodied.bases.pickles import read_old

ARCHITECTURE = "tf_efficientnet_lite0"


def convert(path: Path, folder: Path) -> None:
    """Write the model. BaseError where the file's tensors are not those of the architecture."""
    model = timm.create_model(ARCHITECTURE, pretrained=False)
    names, numbers = model.state_dict(), read_old(path)
    if [n.shape for n in numbers] != [tuple(tensor.shape) for tensor in names.values()]:
        raise BaseError(f"{path.name}: expected the {len(names)} tensors of {ARCHITECTURE}, got {len(numbers)} of "
                        "other sizes")
    weights = {name: torch.from_numpy(array) for name, array in zip(names, numbers, strict=True)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architecture": ARCHITECTURE, "num_classes": 1000, "num_features": 1280, "pretrained_cfg": {
        "architecture": ARCHITECTURE, "input_size": [3, 224, 224], "mean": [0.5] * 3, "std": [0.5] * 3,
        "interpolation": "bicubic", "num_classes": 1000, "classifier": "classifier", "first_conv": "conv_stem"}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
