"""How values travel between a world's process and its owner: by the pipe, large arrays through shared memory."""

from __future__ import annotations

import mmap
import os
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK_BYTES = 64 << 20
"""Of shared memory; pages are taken only as they are written, and what does not fit goes by the pipe."""
_LEAST_BYTES = 16 << 10  # smaller arrays are as quick by the pipe
_KINDS = "biufc"


@dataclass(frozen=True, slots=True)
class Parked:
    """Stands in a message for an array that lies in the block."""

    offset: int
    shape: tuple[int, ...]
    dtype: str


class Block:
    """Memory that two processes see. It has no name, so nothing is left of it when both are gone, however they end."""

    def __init__(self, handle: int, size_bytes: int) -> None:
        """handle: of an open file, which the block closes."""
        self._memory = mmap.mmap(handle, size_bytes)
        self.handle, self.size_bytes = handle, size_bytes
        self._closed = weakref.finalize(self, os.close, handle)

    @classmethod
    def make(cls, size_bytes: int = BLOCK_BYTES) -> Block | None:
        """A new one; None where the system has no nameless memory, or none left: all goes by the pipe then."""
        if not hasattr(os, "memfd_create"):
            return None
        handle = os.memfd_create("embodied-world")
        try:
            os.ftruncate(handle, size_bytes)
            return cls(handle, size_bytes)
        except (OSError, ValueError):
            os.close(handle)
            return None

    def close(self) -> None:
        """Gives it up on this side; harmless when repeated."""
        self._memory.close()
        self._closed()

    def array(self, parked: Parked) -> np.ndarray:
        """The array at that place, in the block itself."""
        count = int(np.prod(parked.shape, dtype=np.int64))
        return np.frombuffer(self._memory, np.dtype(parked.dtype), count, parked.offset).reshape(parked.shape)


def pack(value: Any, block: Block | None) -> Any:
    """The value with its large arrays laid into the block, in dicts, lists and tuples of any depth. The next call
    writes over them."""
    if block is None:
        return value
    used = 0

    def walk(part: Any) -> Any:
        nonlocal used
        if isinstance(part, np.ndarray):
            if part.dtype.kind not in _KINDS or not _LEAST_BYTES <= part.nbytes <= block.size_bytes - used:
                return part
            parked = Parked(used, part.shape, part.dtype.str)
            block.array(parked)[...] = part
            used += -(-part.nbytes // 64) * 64  # the next one is aligned
            return parked
        return _rebuilt(part, walk)

    return walk(value)


def unpack(value: Any, block: Block | None) -> Any:
    """What `pack` was given, every array a copy of the caller's own."""
    if isinstance(value, Parked):
        return block.array(value).copy()
    return _rebuilt(value, lambda part: unpack(part, block))


def _rebuilt(part: Any, walk: Any) -> Any:
    """A plain dict, list or tuple of walked parts; anything else as it is."""
    if type(part) is dict:
        return {key: walk(inner) for key, inner in part.items()}
    return type(part)(map(walk, part)) if type(part) in (list, tuple) else part
