"""Is a base what it was? Its files by their hashes, then what it says by numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.bases.cache import MANIFEST, check_files, weights_sha256
from embodied.bases.catalogue import BASES, Known

OUTPUT_TOLERANCE = 2e-3
"""Of a logit: other versions of torch and other processors add in another order."""
PERPLEXITY_TOLERANCE = 2e-3
"""Of a perplexity, as a share of it."""
CHANCE_FACTOR = 4.0
"""A language model whose perplexity on Python's licence is so many times its count of words reads with a tokenizer that
is not its own: one that knew nothing would have once that count."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    is_right: bool
    detail: str


def verify(folder: Path, role: str = "language") -> Iterator[Check]:
    """What is found of a base's folder, check by check: its manifest's files and numbers where it has a manifest, the
    catalogue's numbers where it is of the catalogue. BaseError for files that are missing or altered, or parts that do
    not fit each other."""
    from embodied.bases.numbers import of_folder

    known: list[tuple[str, Known]] = []
    if (folder / MANIFEST).is_file():
        manifest = check_files(folder)
        role = manifest.role
        yield Check("files", True, f"{len(manifest.files)} files, SHA-256 as in {MANIFEST}")
        known += [("at its conversion", _known(manifest.numbers))]
        known += [("the catalogue", BASES[manifest.name].known)] if manifest.name in BASES else []
    yield Check("weights", True, f"SHA-256 over the tensors {weights_sha256(folder)[:16]}")
    found = of_folder(folder, role)
    for where, numbers in known:
        yield from _compared(found, numbers, where)
    if role == "language":
        yield from _of_language(folder, found)


def _of_language(folder: Path, found: Mapping[str, Any]) -> Iterator[Check]:
    words = json.loads((folder / "config.json").read_text())["vocab_size"]
    yield Check("round trip", found["round_trip"], "texts come back from their tokens" if found["round_trip"] else
                "some text does not come back from its tokens")
    is_better = found["perplexity"] < CHANCE_FACTOR * words
    yield Check("reads", is_better, f"perplexity {found['perplexity']:.2f} of Python's licence" + (
        "" if is_better else f", worse than chance ({words:,}): the tokenizer is another model's"))


def _known(numbers: Mapping[str, Any]) -> Known:
    return Known(tuple(numbers.get("output", ())), numbers.get("perplexity"), tuple(numbers.get("token_ids", ())))


def _compared(found: Mapping[str, Any], known: Known, where: str) -> Iterator[Check]:
    """What was found beside what is known; nothing where nothing is."""
    if known.output:
        worst = max((abs(a - b) for a, b in zip(found["output"], known.output, strict=False)), default=math.inf)
        yield Check(f"outputs ({where})", worst <= OUTPUT_TOLERANCE, f"differ by at most {worst:.1e}")
    if known.perplexity is not None:
        off = abs(found["perplexity"] / known.perplexity - 1)
        yield Check(f"perplexity ({where})", off <= PERPLEXITY_TOLERANCE,
                    f"{found['perplexity']:.4f}, expected {known.perplexity:.4f}")
    if known.token_ids:
        is_same = tuple(found["token_ids"]) == known.token_ids
        yield Check(f"tokens ({where})", is_same, "spaces and digits are split as the model learned" if is_same else
                    f"expected {list(known.token_ids)}, got {found['token_ids']}: the digits pre-tokeniser is missing")
