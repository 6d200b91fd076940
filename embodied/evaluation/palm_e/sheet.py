"""A sheet of answers drawn at random, each with the picture that it is about, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from embodied.evaluation.palm_e.asking import Asker
from embodied.evaluation.palm_e.rows import Row

SHOWN = 60
"""Answers of a sheet."""
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer. picture: JPEG bytes of the front camera's image."""

    answer: Mapping[str, Any]
    seed: int
    picture: bytes


def draw_sheet(rows: Sequence[Row], records: Mapping[str, Sequence[Mapping[str, Any]]], *, count: int = SHOWN,
               seed: int = 0) -> list[Shown]:
    """`count` answers of some rows, or all where there are fewer, drawn by the seed without regard to what they say.
    Their scenes are set up once more, each once, for the pictures."""
    told = [(row, record["seed"], answer) for row in rows for record in records[row.name] for answer in record["asked"]]
    chosen = [told[place] for place in sorted(np.random.default_rng(seed).permutation(len(told))[:count].tolist())]
    pictures: dict[tuple[str, int], bytes] = {}
    for row in rows:
        with closing(Asker(row.spec)) as asker:
            for number in sorted({number for other, number, _ in chosen if other == row}):
                pictures[row.name, number] = jpeg(asker.picture(number))
    return [Shown(answer, number, pictures[row.name, number]) for row, number, answer in chosen]


def jpeg(image: np.ndarray) -> bytes:
    """The bytes of an image uint8[H, W, 3] as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
