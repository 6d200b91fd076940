"""Tensors in PyTorch's own files, which are pickles: read as lists of instructions (`pickletools`) and never run.

The instructions say how long each tensor is, where its numbers stand, and in which order: kernels may lie as TensorFlow
had them.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from embodied.bases.catalogue import BaseError

_HEADS = 3  # pickles before that of the tensors: magic number, version, byte order
_REBUILD = "torch._utils _rebuild_tensor_v2"
_TYPES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}


@dataclass(frozen=True, slots=True)
class _Stored:
    name: str
    key: str
    kind: np.dtype
    count: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # numbers


def read_zip(path: Path) -> dict[str, np.ndarray]:
    """Name -> tensor of a file of PyTorch 1.6 or later, in the order in which it lists them. BaseError for another."""
    try:
        with zipfile.ZipFile(path) as archive:
            [listing] = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            with archive.open(listing) as file:
                listed = list(_stored(io.BytesIO(file.read())))
            place = listing.removesuffix(".pkl")
            return {one.name: _shaped(archive.read(f"{place}/{one.key}"), one, path.name) for one in listed}
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BaseError(f"{path.name}: expected tensors as PyTorch writes them since 1.6, got none ({error})"
                        ) from error


def read_old(path: Path) -> list[np.ndarray]:
    """The tensors of a file of before PyTorch 1.6, in the order in which it lists them."""
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
    if int.from_bytes(file.read(8), "little") != stored.count:
        raise BaseError(f"{file.name}: truncated, or of another form than PyTorch wrote before 1.6")
    return _shaped(file.read(stored.count * stored.kind.itemsize), stored, file.name)


def _shaped(content: bytes, stored: _Stored, where: str) -> np.ndarray:
    """The tensor of a storage's bytes. BaseError for too few."""
    if len(content) < stored.count * stored.kind.itemsize:
        raise BaseError(f"{where}: truncated within storage {stored.key}")
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
    name = next((said for said in reversed(before[:place]) if isinstance(said, str) and said != _REBUILD), "")
    numbers = [number for number in after if isinstance(number, int)]
    rank = (len(numbers) - 1) // 2
    shape, strides = tuple(numbers[1:1 + rank]), tuple(numbers[1 + rank:])
    is_whole = len(shape) == len(strides) and 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) == count
    if kind not in _TYPES or numbers[0] != 0 or not is_whole or min(strides, default=1) < 1:
        raise BaseError(f"storage {key}: expected one whole tensor of {' or '.join(_TYPES)}, got {kind} {shape}")
    return _Stored(name, str(key), _TYPES[str(kind)], int(str(count)), shape, strides)
