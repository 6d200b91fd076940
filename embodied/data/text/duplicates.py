"""Copies of texts: equal ones by hash, near ones found by MinHash (Broder 1997; as GPT-3's road, Brown et al. 2020, A)
and then compared."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+")
PERMUTATIONS = 128
"""Numbers of a sketch: what it tells of two texts' likeness is off by 0.035 at 0.8, two times of three."""
_LOOKED_AT = 0.2
"""How much less likeness than is asked for makes a text one that is compared: sketches miss few then."""
SHINGLE = 5
"""Words in a row that two texts have in common or not."""


def fingerprint(text: str) -> str:
    """The same for texts that differ in case, spaces and Unicode forms alone."""
    plain = _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def shingles(text: str) -> set[str]:
    """Every five words in a row, in lower case; of a shorter text its words."""
    words = _WORD.findall(text.casefold())
    if len(words) < SHINGLE:
        return {" ".join(words)}
    return {" ".join(words[i:i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def marks_of(text: str) -> np.ndarray:
    """uint64[N], sorted: a number for each of the `shingles` of a text."""
    rows = [shingle.encode("utf-8", "replace") for shingle in shingles(text)]
    numbers = [int.from_bytes(hashlib.blake2b(row, digest_size=8).digest()) for row in rows]
    return np.unique(np.array(numbers, np.uint64))


class Seen:
    """Which texts were there before, exactly or nearly."""

    def __init__(self, likeness: float = 0.8) -> None:
        """likeness: the share of `shingles` that two texts have in common, of those that either has (Jaccard), from
        which one is a near copy of the other."""
        from datasketch import MinHashLSH

        self.likeness = likeness
        self.prints: dict[str, Hashable] = {}
        self.index = MinHashLSH(threshold=likeness - _LOOKED_AT, num_perm=PERMUTATIONS)
        self.marks: dict[Hashable, np.ndarray] = {}

    def copy_of(self, name: Hashable, text: str) -> tuple[str, Hashable] | None:
        """("exact" or "near", the name of a text that came before); None for a text that is new, which is kept in
        mind under its name."""
        mark = fingerprint(text)
        if mark in self.prints:
            return "exact", self.prints[mark]
        marks, sketch = marks_of(text), _sketch([shingle.encode("utf-8", "replace") for shingle in shingles(text)])
        for other in sorted(self.index.query(sketch), key=str):
            if _likeness(marks, self.marks[other]) >= self.likeness:
                return "near", other
        self.prints[mark], self.marks[name] = name, marks
        self.index.insert(name, sketch)
        return None


def _sketch(rows: Sequence[bytes]) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
    sketch.update_batch(rows)
    return sketch


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """What two sets have in common, of what either has; each sorted."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)
