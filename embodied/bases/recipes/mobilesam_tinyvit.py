"""The image encoder of MobileSAM as timm's `tiny_vit_5m_224`, tensor by tensor, up to its third stage.

Both list the same tensors in the same order under other names. The fourth stage does not shrink the picture in
MobileSAM, which timm's does: it is left out, so that nobody takes it for what it was.
"""

from __future__ import annotations

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

from embodied.bases.catalogue import BaseError
from embodied.bases.pickles import read_zip

ARCHITECTURE, STAGES, CHANNELS = "tiny_vit_5m_224", 3, 160
_PART = "image_encoder."
_OTHERS = ("head.", "neck.")  # of the part: what timm's has no room for


def convert(path: Path, folder: Path) -> None:
    """Write the model. BaseError where the file's tensors are not those of the architecture."""
    model = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0)
    named = {name.removeprefix(_PART): array for name, array in read_zip(path).items() if name.startswith(_PART)}
    arrays = [array for name, array in named.items() if not name.startswith(_OTHERS)]
    names = model.state_dict()
    if [array.shape for array in arrays] != [tuple(tensor.shape) for tensor in names.values()]:
        raise BaseError(f"{path.name}: expected the {len(names)} tensors of {ARCHITECTURE}, got {len(arrays)} or some "
                        "of other sizes")
    left_out = (f"stages.{STAGES}.", "head.")
    weights = {name: torch.from_numpy(array) for name, array in zip(names, arrays, strict=True)
               if not name.startswith(left_out)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architecture": ARCHITECTURE, "num_classes": 0, "num_features": CHANNELS, "levels": STAGES,
              "pretrained_cfg": {"architecture": ARCHITECTURE, "input_size": [3, 224, 224], "num_classes": 0,
                                 "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
                                 "interpolation": "bicubic", "first_conv": "patch_embed.conv1.conv"}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
