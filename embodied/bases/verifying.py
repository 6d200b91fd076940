"""Is a base what it was? Its files by their hashes, then what it says by numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.bases.cache import MANIFEST, check_files, weights_sha256
from embodied.bases.catalogue import BASES, Known

OUTPUT_TOLERANCE = 2e-3
"""Of a number of an output: other versions of torch and other processors add in another order."""
PERPLEXITY_TOLERANCE = 5e-3
"""Of a perplexity, as a share of it; llama.cpp rounds to 8 bits between quantised layers."""
LOG_PROBABILITY_TOLERANCE = 0.25
"""Of a log-probability, natural, for the same reason."""
CHANCE_FACTOR = 4.0
"""A language model whose perplexity on Python's licence is so many times its count of words reads with a tokenizer that
is not its own: one that knew nothing would have once that count."""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    is_right: bool
    detail: str


def verify(folder: Path, role: str) -> Iterator[Check]:
    """What is found of a base's folder, check by check: its manifest's files and numbers where it has a manifest, the
    catalogue's numbers where it is of the catalogue. role: of a folder without a manifest. BaseError for files that are
    missing or altered, or parts that do not fit each other."""
    from embodied.bases.numbers import of_folder

    known: list[Known] = []
    weights = weights_sha256(folder)
    if (folder / MANIFEST).is_file():
        manifest = check_files(folder)
        role = manifest.role
        yield Check("files", True, f"{len(manifest.files)} files, SHA-256 as in {MANIFEST}")
        yield Check("weights", weights == manifest.weights_sha256, f"SHA-256 over the tensors {weights[:16]}")
        known = [_at_conversion(manifest.numbers), *(BASES[manifest.name].known if manifest.name in BASES else ())]
    else:
        yield Check("weights", True, f"can be read; SHA-256 over the tensors {weights[:16]}")
    found = of_folder(folder, role)
    for numbers in known:
        yield from _compared(found, numbers)
    if role == "language":
        yield from _of_language(folder, found)


def _of_language(folder: Path, found: Mapping[str, Any]) -> Iterator[Check]:
    words = json.loads((folder / "config.json").read_text())["vocab_size"]
    yield Check("round trip", found["round_trip"], "texts come back from their tokens" if found["round_trip"] else
                "some text does not come back from its tokens")
    is_better = found["licence_perplexity"] < CHANCE_FACTOR * words
    yield Check("reads", is_better, f"perplexity {found['licence_perplexity']:.2f} of Python's licence" + (
        "" if is_better else f", worse than chance ({words:,}): the tokenizer is another model's"))


def _at_conversion(numbers: Mapping[str, Any]) -> Known:
    return Known("at its conversion", tuple(numbers.get("output", ())), numbers.get("licence_perplexity"),
                 tuple(numbers.get("token_ids", ())), similarities=tuple(numbers.get("similarities", ())))


def _compared(found: Mapping[str, Any], known: Known) -> Iterator[Check]:
    """What was found beside what is known; nothing where nothing is."""
    if known.output:
        yield _near("outputs", known, found["output"], known.output, OUTPUT_TOLERANCE)
    if known.similarities:
        yield _near("similarities", known, found["similarities"], known.similarities, OUTPUT_TOLERANCE)
    if known.likeliest:
        words, scores = zip(*known.likeliest, strict=True)
        ours = dict(found["likeliest"])
        yield _near("likeliest words", known, [ours.get(word, -math.inf) for word in words], scores,
                    LOG_PROBABILITY_TOLERANCE)
    if known.licence_perplexity is not None:
        off = abs(found["licence_perplexity"] / known.licence_perplexity - 1)
        yield Check(f"perplexity ({known.of})", off <= PERPLEXITY_TOLERANCE,
                    f"{found['licence_perplexity']:.4f}, expected {known.licence_perplexity:.4f}")
    if known.token_ids:
        is_same = tuple(found["token_ids"]) == known.token_ids
        yield Check(f"tokens ({known.of})", is_same, "spaces and digits are split as the model learned" if is_same else
                    f"expected {list(known.token_ids)}, got {found['token_ids']}: the digits pre-tokeniser is missing")


def _near(what: str, known: Known, found: Sequence[float], expected: Sequence[float], tolerance: float) -> Check:
    worst = max((abs(a - b) for a, b in zip(found, expected, strict=True)), default=math.inf)
    return Check(f"{what} ({known.of})", worst <= tolerance, f"differ by at most {worst:.1e}")
