"""The scene in words or in a marked picture: what a chat model is told of what the cameras measured."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from embodied.agents.prompting.library import quote
from embodied.agents.sight import Sight
from embodied.planning.language import object_names
from embodied.planning.percept import LOOKING_CAMERA, WIDE_M, Percept, supports
from embodied.prompt import Slot
from envs.interface import Observation

MASKED = 12
"""Brightest channel (of 255) of what the mask left out of a crop, with play for its resampled rim."""
GREY_SATURATION = 0.25
"""Below this the colour of a pixel is white, grey or black."""
HUES = ((16.0, "red"), (41.0, "orange"), (70.0, "yellow"), (160.0, "green"), (205.0, "cyan"), (260.0, "blue"),
        (320.0, "purple"), (345.0, "pink"), (360.0, "red"))
"""Upper ends of hues in degrees and their English words."""

PICTURE_PX = 576
"""Width of the picture shown to a model: marks can be read, and it costs few tokens."""


def describe_scene(sight: Sight) -> str:
    """The scene as lines of text; metres in the robot's frame."""
    slots, lines = sight.percept.slots, []
    names = object_names(len(slots))
    for name, slot, base in zip(names, slots, supports(slots), strict=True):
        resting = "the table" if base is None else names[base]
        lines.append(f"- {name}: {quote(looks_of(slot))}, {_measures(slot)}, on {resting}")
    return "\n".join([_AXES, *(lines or ["- nothing is in sight"]), hand_sentence(sight)])


def mark_scene(sight: Sight) -> str:
    """The scene of who looks at the picture: names alone."""
    names = ", ".join(object_names(len(sight.percept.slots))) or "none"
    return f"Scene: the picture, in which each object's name is written over it: {names}.\n{hand_sentence(sight)}"


_AXES = "Scene (metres; x away from the robot, y to its left, z up from the table):"


def hand_sentence(sight: Sight) -> str:
    """What the hand holds, in words."""
    if not sight.is_holding:
        return "The hand is empty."
    return f"The hand holds: {quote('something' if sight.held is None else looks_of(sight.held))}."


def _measures(slot: Slot) -> str:
    (x, y, z), (width, depth, height) = slot.box.center, slot.box.size
    return f"size {width:.2f} x {depth:.2f} x {height:.2f}, at x {x:.2f} y {y:.2f} z {z:.2f}"


def looks_of(slot: Slot) -> str:
    """Colour and kind of what a slot shows: "red block"."""
    return f"{color_of(slot.crop)} {kind_of(slot)}"


def kind_of(slot: Slot) -> str:
    """"bowl" for what is wide and flat, "block" for what a hand could grasp, "thing" for the rest; by its box alone."""
    (width, depth, height), narrow = slot.box.size, min(slot.box.size)
    if min(width, depth) > WIDE_M > height:
        return "bowl"
    return "block" if max(width, depth) < WIDE_M and narrow > 0 and max(slot.box.size) < 3 * narrow else "thing"


def color_of(crop: np.ndarray) -> str:
    """The colour word of most pixels of a masked crop uint8[S, S, 3]; "dark" where nothing is bright enough to tell.

    Pixels vote one by one, for a crop may show a strip of a neighbour too.
    """
    pixels = crop.reshape(-1, 3).astype(np.float64)
    pixels = pixels[pixels.max(axis=1) > MASKED]
    if len(pixels) == 0:
        return "dark"
    words, votes = np.unique(_color_words(pixels), return_counts=True)
    return str(words[votes.argmax()])


def _color_words(pixels: np.ndarray) -> np.ndarray:
    """str[P]: the colour word of each pixel float64[P, 3]."""
    red, green, blue = pixels.T
    top, span = pixels.max(axis=1), np.ptp(pixels, axis=1)
    turned = [(green - blue) / np.maximum(span, 1) % 6, (blue - red) / np.maximum(span, 1) + 2,
              (red - green) / np.maximum(span, 1) + 4]
    hue = 60 * np.select([top == red, top == green], turned[:2], turned[2])
    named = np.array([word for _, word in HUES])[np.searchsorted([end for end, _ in HUES], hue).clip(max=len(HUES) - 1)]
    grey = np.select([top > 100, top > 45], ["white", "grey"], "black")
    return np.where(span < GREY_SATURATION * top, grey, named)


def without_parts(slots: Sequence[Slot]) -> list[Slot]:
    """The slots but those that are a part of another: a bowl's floor or rim, taken for a thing of its own."""
    bases = supports(slots)
    return [slot for slot, base in zip(slots, bases, strict=True)
            if base is None or kind_of(slot) == "block" or kind_of(slots[base]) != "bowl"
            or color_of(slot.crop) != color_of(slots[base].crop)]


def picture_url(percept: Percept, observation: Observation) -> str:
    """A data URL: PNG of the front camera, each object's name written where it stands."""
    camera, pixels = observation.cameras[LOOKING_CAMERA], observation.rgb[LOOKING_CAMERA]
    scale = max(1, PICTURE_PX // pixels.shape[1])
    shown = PillowImage.fromarray(pixels).resize((pixels.shape[1] * scale, pixels.shape[0] * scale))
    draw = ImageDraw.Draw(shown)
    for name, slot in zip(object_names(len(percept.slots)), percept.slots, strict=True):
        place = camera.project(np.array([*slot.box.center[:2], slot.box.top_z_m])) * scale
        if np.isfinite(place).all():
            _mark(draw, name, place)
    stream = io.BytesIO()
    shown.save(stream, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _mark(draw: ImageDraw.ImageDraw, name: str, place: Sequence[float]) -> None:
    """A name in white on black at a pixel (column, row)."""
    column, row = float(place[0]), float(place[1])
    box = draw.textbbox((column, row), name, anchor="mm")
    draw.rectangle((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2), fill="black")
    draw.text((column, row), name, fill="white", anchor="mm")
