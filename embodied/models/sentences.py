"""Prompts written as transformers' processors take them: a text with a placeholder for each picture, and the pictures.

What a program passes as `text` is its own sentence, placeholders and all. A person's words belong into a `Prompt`,
whose texts never become placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from embodied.models.tokens import PLACEHOLDERS, SLOT_TOKENS
from embodied.prompt import Entity, Image, Prompt, Segment, Slot, Text

_PLACES = re.compile("(" + "|".join(map(re.escape, PLACEHOLDERS)) + ")")


def prompts_given(prompts: Sequence[Prompt] | None, text: str | Sequence[str] | None, images: Any,
                  picture: type[Entity] | type[Image]) -> list[Prompt]:
    """The prompts, or those that text and images make. Raises ValueError unless exactly one of both was given."""
    if (prompts is None) == (text is None):
        raise ValueError(f"processor: expected prompts, or text and images, got {'both' if prompts else 'neither'}")
    return list(prompts) if text is None else prompts_from(text, images, picture)


def prompts_from(text: str | Sequence[str], images: Any, picture: type[Entity] | type[Image]) -> list[Prompt]:
    """One prompt a text. images: for one text a picture or a list of them, for several a list for each, reading order.

    Pictures are whole images (Pillow, or uint8[H, W, 3]) at `<image>` for `Image`, and measured objects
    (`Slot`) at `<obj_1>`, `<obj_2>`, ... for `Entity`. Raises ValueError where they are others, or too many or
    few.
    """
    texts = [text] if isinstance(text, str) else list(text)
    if isinstance(text, str) or images is None:
        images = [images] * len(texts)
    rows = [_listed(row) for row in images]
    if len(rows) != len(texts):
        raise ValueError(f"images: expected a list for each of {len(texts)} texts, got {len(rows)}")
    return [_prompt(text, row, picture) for text, row in zip(texts, rows, strict=True)]


def _listed(images: Any) -> list[Any]:
    if images is None:
        return []
    return list(images) if isinstance(images, list | tuple) else [images]


def _prompt(text: str, images: Sequence[Any], picture: type[Entity] | type[Image]) -> Prompt:
    words = _PLACES.split(text)
    places = words[1::2]
    if len(places) != len(images):
        mark = "<image>" if picture is Image else "<obj_1>, <obj_2>, ..."
        raise ValueError(f"images: expected {len(places)}, one for each placeholder in {text[:60]!r}, got "
                         f"{len(images)}; write {mark} where a picture stands")
    segments: list[Segment] = [Text(words[0])]
    for place, image, after in zip(places, images, words[2::2], strict=True):
        segments += [_picture(place, image, picture), Text(after)]
    return Prompt(tuple(segments))


def _picture(place: str, image: Any, picture: type[Entity] | type[Image]) -> Entity | Image:
    if picture is Entity:
        if not isinstance(image, Slot) or place not in SLOT_TOKENS:
            raise ValueError(f"images: expected measured objects (Slot) at <obj_1>, <obj_2>, ..., got "
                             f"{type(image).__name__} at {place}; embodied.models.perceive finds them in RGB-D views")
        return Entity(SLOT_TOKENS.index(place) + 1, image)
    if place in SLOT_TOKENS or isinstance(image, Slot):
        raise ValueError(f"images: expected whole images at <image>, got {type(image).__name__} at {place}")
    pixels = image.convert("RGB") if isinstance(image, PillowImage.Image) else image
    return Image("image", np.asarray(pixels))
