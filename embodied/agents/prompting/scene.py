"""The scene in words or in a marked picture: what a chat model is told of what the cameras measured."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from embodied.agents.prompting.library import quote
from embodied.agents.scene_state import SceneState
from embodied.planning.language import object_names
from embodied.planning.looks import looks_of
from embodied.planning.perception import Perception, supports
from embodied.prompt import Slot
from envs.interface import Observation

PICTURE_PX = 576
"""Width of the picture shown to a model: marks can be read, and it costs few tokens."""


def describe_scene(state: SceneState) -> str:
    """The scene as lines of text; metres in the robot's frame."""
    slots = state.perception.slots
    return "\n".join([describe_slots(slots, object_names(len(slots))), hand_sentence(state)])


def describe_slots(slots: Sequence[Slot], names: Sequence[str]) -> str:
    """What is in sight, a line each; metres in the robot's frame. names: of the slots, as plans have them."""
    lines = []
    for name, slot, base in zip(names, slots, supports(slots), strict=True):
        resting = "the table" if base is None else names[base]
        lines.append(f"- {name}: {quote(looks_of(slot))}, {_measures(slot)}, on {resting}")
    return "\n".join([_AXES, *(lines or ["- nothing is in sight"])])


def mark_scene(state: SceneState) -> str:
    """The scene of who looks at the picture: names alone."""
    names = ", ".join(object_names(len(state.perception.slots))) or "none"
    return f"Scene: the picture, in which each object's name is written over it: {names}.\n{hand_sentence(state)}"


_AXES = "Scene (metres; x away from the robot, y to its left, z up from the table):"


def hand_sentence(state: SceneState) -> str:
    """What the hand holds, in words."""
    if not state.is_holding:
        return "The hand is empty."
    return f"The hand holds: {quote('something' if state.held is None else looks_of(state.held))}."


def _measures(slot: Slot) -> str:
    (x, y, z), (width, depth, height) = slot.box.center, slot.box.size
    return f"size {width:.2f} x {depth:.2f} x {height:.2f}, at x {x:.2f} y {y:.2f} z {z:.2f}"


def picture_url(perception: Perception, observation: Observation) -> str:
    """A data URL: PNG of the perception's image, each object's name written where it stands."""
    camera, pixels = observation.cameras[perception.image.camera], perception.image.pixels
    scale = max(1, PICTURE_PX // pixels.shape[1])
    shown = PillowImage.fromarray(pixels).resize((pixels.shape[1] * scale, pixels.shape[0] * scale))
    draw = ImageDraw.Draw(shown)
    for name, slot in zip(object_names(len(perception.slots)), perception.slots, strict=True):
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
