"""Tensors of a checkpoint that are read when they are asked for, and only the part that is: from one file, or from the
files of the processes that each saved their own part (`parallel.sharded`).

    index.json                            {"save": .., "parts": N, "tensors": {KEY: {"shape": .., "pieces": [[part,
                                          where it begins along each axis, its shape], ..]}}}; KEY is model/NAME or
                                          optimizer/NUMBER.SLOT, as the files of a whole checkpoint name them
    part-00001-of-00004.safetensors       KEY -> the piece of that part
    part-00001-of-00004.manifest.json     its SHA-256, and of which save it is
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import EllipsisType
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

INDEX = "index.json"
MODEL_KEY, OPTIMIZER_KEY = "model/", "optimizer/"
Span = tuple[slice, ...]
"""A box of a tensor: from where to where, along each axis."""


def part_name(part: int, parts: int) -> str:
    """The file of one part of a checkpoint."""
    return f"part-{part:05d}-of-{parts:05d}.safetensors"


def manifest_name(part: int, parts: int) -> str:
    """The file that says its SHA-256."""
    return part_name(part, parts).replace(".safetensors", ".manifest.json")


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of a whole tensor that stands in a file. start, shape: along each axis."""

    file: Any  # of safetensors, open
    key: str
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def read(self, where: Span) -> Tensor:
        """float[*any]: a box of it."""
        return self.file.get_slice(self.key)[where] if self.shape else self.file.get_tensor(self.key)


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in files. `stored[...]` reads all of it, `stored[2:4, 0:8]` a box, as of a tensor."""

    shape: torch.Size
    pieces: tuple[Piece, ...]

    def __getitem__(self, where: Span | EllipsisType) -> Tensor:
        box = tuple(slice(0, size) for size in self.shape) if where is ... else where
        if len(self.pieces) == 1 and where is ...:
            return self.pieces[0].read(box)
        found: Tensor | None = None
        for piece in self.pieces:
            both = [slice(max(one.start, begin), min(one.stop, begin + size))
                    for one, begin, size in zip(box, piece.start, piece.shape, strict=True)]
            if all(one.start < one.stop for one in both):
                read = piece.read(tuple(slice(one.start - begin, one.stop - begin)
                                        for one, begin in zip(both, piece.start, strict=True)))
                found = torch.empty([one.stop - one.start for one in box], dtype=read.dtype) if found is None else found
                found[tuple(slice(one.start - all_.start, one.stop - all_.start)
                            for one, all_ in zip(both, box, strict=True))] = read
        return torch.empty([max(one.stop - one.start, 0) for one in box]) if found is None else found


def in_file(path: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file by name."""
    file = _opened(path)
    shapes = {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    return {name: Stored(shape, (Piece(file, name, (0,) * len(shape), tuple(shape)),))
            for name, shape in shapes.items()}


def _opened(path: Path) -> Any:
    return safe_open(str(path), "pt")


def in_parts(folder: Path) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """(weights by name, memory of the optimiser by NUMBER.SLOT) of a checkpoint whose parts stand beside each other.
    ValueError where a tensor is not whole in them."""
    index = json.loads((folder / INDEX).read_text())
    opened = cache(lambda part: _opened(folder / part_name(part, index["parts"])))
    found = {key: _joined(key, said, opened) for key, said in index["tensors"].items()}
    return tuple({key.removeprefix(kind): one for key, one in found.items() if key.startswith(kind)}
                 for kind in (MODEL_KEY, OPTIMIZER_KEY))


def _joined(key: str, said: Mapping[str, Any], opened: Any) -> Stored:
    pieces = tuple(Piece(opened(part), key, tuple(start), tuple(shape)) for part, start, shape in said["pieces"])
    if sum(math.prod(piece.shape) for piece in pieces) != math.prod(said["shape"]):
        raise ValueError(f"{key}: expected pieces that make all of {said['shape']}, got {said['pieces']}")
    return Stored(torch.Size(said["shape"]), pieces)
