"""Looks that no eyes may be trained on: they are what tells whether eyes travel. Written before any were trained.

Each is a family of what an `Appearance` draws from, or a setting of an environment; everything of the same kind that is
not named here may be learned from. `embodied collect` makes no appearance that is held out, and the stage `segmenter`
learns from no dataset of which anything is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

TEXTURES = ("checks", "rings")
"""Patterns on table and things, of `envs.sensors.textures`."""
SHAPES = ("cone", "cross", "torus")
"""Things that are neither blocks nor bowls, of `envs.world.distractors`."""
AZIMUTHS_DEG = (70.0, 115.0)
"""Cameras that stand so far aside of the middle of the front, to either side; the trained ones stand within 60."""
ELEVATIONS_DEG = (30.0, 60.0)
"""How high above the table those stand."""
IMAGE_SIZES_PX = (128, 640)
"""Sides of pictures."""
RENDERERS = ("egl",)
LOOKS = ("stock",)
"""Makers' meshes, with their table and floor."""
WORLDS = ("embodied/PandaGym",)
"""How ids of others' worlds begin."""

HELD_OUT = "held_out"
"""The family of an `Appearance` that holds what is named above."""


def named_in(env_id: str, env_kwargs: Mapping[str, Any]) -> list[str]:
    """What of an environment is held out, as key=value; [] where all of it may be learned from."""
    appearance = env_kwargs.get("appearance") or {}
    appearance = asdict(appearance) if is_dataclass(appearance) else appearance
    found = [f"appearance.{key}={value}" for key, value in appearance.items() if value == HELD_OUT]
    for key, held in (("renderer", RENDERERS), ("looks", LOOKS), ("image_size", IMAGE_SIZES_PX)):
        if env_kwargs.get(key) in held:
            found.append(f"{key}={env_kwargs[key]}")
    return found + [env_id for start in WORLDS if env_id.split(":")[-1].startswith(start)]


def refuse_held_out(env_id: str, env_kwargs: Mapping[str, Any]) -> None:
    """Raise ValueError for an environment of which anything is held out."""
    if found := named_in(env_id, env_kwargs):
        raise ValueError(f"{', '.join(found)}: expected looks to learn from, got some that are held out to test eyes "
                         "on (envs/sensors/held_out.py); rollouts and evaluations take them, and "
                         "stage.segmenter.learns_held_out=true makes eyes of which docs/eyes.md says nothing")
