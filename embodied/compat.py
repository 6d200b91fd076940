"""The one guard that runs before torchvision, timm or transformers are imported.

A CPU build of torch beside a torchvision built for CUDA cannot load torchvision's compiled operators, so that
`import torchvision` stops at a fake-tensor registration: "operator torchvision::nms does not exist"
(pytorch/vision#9085). Registering the two schemas first is enough for everything but calling those operators.
`import embodied` has it run right before torchvision is.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Literal

Pairing = Literal["sound", "guarded", "absent"]

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries = []  # torch.library handles: the schemas live as long as these do


@cache
def guard_torchvision() -> Pairing:
    """How torch and torchvision fit: "sound" (left untouched), "guarded" (schemas registered) or "absent"."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return "absent"
    if _operators_load(Path(spec.origin).parent):
        return "sound"
    _register_schemas()
    return "guarded"


def _operators_load(folder: Path) -> bool:
    """Whether torchvision's own compiled operators load beside this torch (as torchvision.extension tries to)."""
    import torch

    libraries = sorted(folder.glob("_C*.so")) + sorted(folder.glob("_C*.pyd"))
    try:
        for library in libraries:
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


def _register_schemas() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)
