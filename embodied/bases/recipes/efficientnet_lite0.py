"""EfficientNet-Lite0 as a PyTorch file of before 2020, written as timm's `tf_efficientnet_lite0`, tensor by tensor.

Both list the same 296 tensors in the same order under other names. The file is a pickle, which is read as a list of
instructions and never run (`pickletools`): it says how long each tensor is, where its numbers stand, and in which order
(kernels lie as TensorFlow had them).
"""

from __future__ import annotations

import json
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import timm
import torch
from safetensors.torch import save_file

from embodied.bases.catalogue import BaseError

ARCHITECTURE = "tf_efficientnet_lite0"
_HEADS = 3  # pickles before that of the tensors: magic number, version, byte order
_TYPES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}


@dataclass(frozen=True, slots=True)
class _Stored:
    key: str
    kind: np.dtype
    count: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # numbers


def convert(path: Path, folder: Path) -> None:
    """Write the model. BaseError where the file's tensors are not those of the architecture."""
    model = timm.create_model(ARCHITECTURE, pretrained=False)
    names, numbers = model.state_dict(), read_tensors(path)
    if [n.shape for n in numbers] != [tuple(tensor.shape) for tensor in names.values()]:
        raise BaseError(f"{path.name}: expected the {len(names)} tensors of {ARCHITECTURE}, got {len(numbers)} of "
                        "other sizes")
    weights = {name: torch.from_numpy(array) for name, array in zip(names, numbers, strict=True)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architecture": ARCHITECTURE, "num_classes": 1000, "num_features": 1280, "pretrained_cfg": {
        "architecture": ARCHITECTURE, "input_size": [3, 224, 224], "mean": [0.5] * 3, "std": [0.5] * 3,
        "interpolation": "bicubic", "num_classes": 1000, "classifier": "classifier", "first_conv": "conv_stem"}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def read_tensors(path: Path) -> list[np.ndarray]:
    """The tensors, in the order in which the file lists them."""
    with path.open("rb") as file:
        for _ in range(_HEADS):
            _skip(file)
        listed = list(_stored(file))
        _skip(file)  # the keys of the storages, in the order in which they follow: that of the alphabet
        numbers = {}
        for stored in sorted(listed, key=lambda s: s.key):
            numbers[stored.key] = _read(file, stored)
    return [numbers[stored.key] for stored in listed]


def _read(file: BinaryIO, stored: _Stored) -> np.ndarray:
    size = stored.count * stored.kind.itemsize
    if int.from_bytes(file.read(8), "little") != stored.count or len(content := file.read(size)) != size:
        raise BaseError(f"{file.name}: truncated, or of another form than PyTorch wrote before 1.6")
    strides = [stride * stored.kind.itemsize for stride in stored.strides]
    flat = np.frombuffer(content, stored.kind)
    return np.lib.stride_tricks.as_strided(flat, stored.shape, strides).copy(order="C")


def _skip(file: BinaryIO) -> None:
    for _ in pickletools.genops(file):
        pass


def _stored(file: BinaryIO) -> Iterator[_Stored]:
    """Each tensor of the next pickle: ("storage", type, key, place, count, None), the mark of a persistent id, then the
    whole numbers of offset, shape and strides, up to whether it needs a gradient."""
    said: list[object] = []
    memo: dict[int, object] = {}
    begun = 0
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "BINPERSID":
            begun = len(said)
        elif opcode.name == "NEWFALSE" and begun:
            yield _tensor(said[:begun], said[begun:])
            begun = 0
        elif opcode.name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = said[-1] if said else None
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            said.append(memo.get(argument))
        elif argument is not None:
            said.append(argument)


def _tensor(before: list[object], after: list[object]) -> _Stored:
    """before: what was said up to the persistent id; after: offset, shape and strides, flat."""
    place = len(before) - 1 - before[::-1].index("storage")
    kind, key, _, count = before[place + 1:place + 5]
    numbers = [number for number in after if isinstance(number, int)]
    rank = (len(numbers) - 1) // 2
    shape, strides = tuple(numbers[1:1 + rank]), tuple(numbers[1 + rank:])
    is_whole = len(shape) == len(strides) and 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) == count
    if kind not in _TYPES or numbers[0] != 0 or not is_whole or min(strides, default=1) < 1:
        raise BaseError(f"storage {key}: expected one whole tensor of {' or '.join(_TYPES)}, got {kind} {shape}")
    return _Stored(str(key), _TYPES[str(kind)], int(str(count)), shape, strides)
