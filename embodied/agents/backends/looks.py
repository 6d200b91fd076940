"""What was seen in the last observations: the hand's thing is recalled from the look before it was picked, which a
planner has had already."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from envs.interface import Observation

MOST_KEPT = 8

Seen = TypeVar("Seen")


class Looks:
    """What was seen in the last observations, known by every pixel of them. May be asked from several threads."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """most: observations that are kept."""
        self._most, self._kept = most, OrderedDict[Hashable, Sequence[Any]]()
        self._lock = threading.Lock()

    def of(self, observation: Observation, segmenter: Hashable, perceive: Callable[[], Sequence[Seen]]) -> list[Seen]:
        """The slots of an observation, of `perceive` where they are not known. segmenter: a value that changes with
        what finds them; None keeps nothing."""
        if segmenter is None:
            return list(perceive())
        key = (segmenter, _digest(observation))
        with self._lock:
            known = self._kept.pop(key, None)
        known = perceive() if known is None else known
        with self._lock:
            self._kept[key] = known
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return list(known)


def _digest(observation: Observation) -> bytes:
    """A hash of all that perception reads: the cameras' images, and where they stand."""
    found = hashlib.blake2b(digest_size=16)
    for name, rgb in observation.rgb.items():
        camera = observation.cameras[name]
        for part in (rgb, observation.depth[name], camera.intrinsics, camera.pose):
            found.update(f"{name} {part.dtype} {part.shape}".encode())
            found.update(np.ascontiguousarray(part).tobytes())
    return found.digest()
