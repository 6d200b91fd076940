"""What a file of `scene_encoders` declares: the numbers of each picture, and the module that makes soft tokens of them.

N pictures, K encoder tokens, C encoder features, G geometry numbers, Q soft tokens a picture, D embedding width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.geometry import geometry_vector
from embodied.planning.scene import SceneEncoder
from embodied.prompt import Entity, Image

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, UInt8

WAVES = 5
"""Octaves of the geometry's Fourier features: the shortest resolves about 5 mm in height and 2 cm in the plane."""


@dataclass(frozen=True, slots=True)
class ProjectorSizes:
    """scale: standard deviation of new word embeddings, which soft tokens start with too."""

    vision_width: int
    geometry_size: int
    width: int
    language_width: int
    soft_tokens: int
    scale: float


@dataclass(frozen=True, slots=True)
class SegmentEncoder:
    """How the pictures of a sentence become soft tokens.

    scene: what the sentence says, and what plans may point at. picture: the kind of its segments that become soft
    tokens. make_projector: what makes the module (tokens float[N, K, C] or None, geometry float[N, G]) -> soft tokens
    float[N, Q, D]. pixels: the picture uint8[S, S, 3] of a segment and a side S; None for an encoder without a vision
    tower. geometry: float32[geometry_size] of a segment, None where there is none. is_square: whether soft tokens make
    a square grid, so that their number must be a square. is_privileged: whether it is shown objects where the
    simulator's masks say that they are, so that only a suite that has these can ask its planners.
    """

    scene: SceneEncoder
    picture: type[Entity] | type[Image]
    make_projector: Callable[[ProjectorSizes], nn.Module]
    pixels: Callable[[Entity | Image, int], np.ndarray] | None = None
    geometry: Callable[[Entity | Image], np.ndarray] | None = None
    geometry_size: int = 0
    is_square: bool = False
    is_privileged: bool = False

    @property
    def needs_segmenter(self) -> bool:
        """Whether a planner has to find objects by itself before it can be asked."""
        return self.scene.finds_objects and not self.is_privileged

    def check(self, soft_tokens: int) -> None:
        """Raise ValueError for a number of soft tokens that the encoder cannot make."""
        if self.is_square and math.isqrt(soft_tokens) ** 2 != soft_tokens:
            raise ValueError(f"soft_tokens: expected a square number to see images, got {soft_tokens}; use 64")


def resized(pixels: np.ndarray, size: int) -> UInt8[np.ndarray, "S S 3"]:
    """uint8[size, size, 3] of a picture, pixels: uint8[H, W, 3]. Raises ValueError for another array."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"picture: expected uint8[H, W, 3], got {pixels.dtype}{list(pixels.shape)}")
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(PillowImage.fromarray(pixels).resize((size, size), PillowImage.Resampling.BILINEAR))


def start_small(layer: nn.Linear, scale: float) -> None:
    """Initialise the last layer of a projector so that soft tokens start as small as word embeddings: random features
    thirty times longer than words drown the words for the first thousand steps."""
    nn.init.normal_(layer.weight, std=scale / math.sqrt(layer.in_features))
    nn.init.zeros_(layer.bias)


def waves(geometry: Float[Tensor, "N G"]) -> Float[Tensor, "N wide"]:
    """float[N, G * (1 + 2 * WAVES)]: the numbers and their sines and cosines, one octave apart."""
    octaves = math.pi * 2.0 ** torch.arange(WAVES, device=geometry.device, dtype=geometry.dtype)
    angles = (geometry[..., None] * octaves).flatten(1)
    return torch.cat([geometry, angles.sin(), angles.cos()], dim=-1)


def pooled(tokens: Float[Tensor, "N K C"], count: int) -> Float[Tensor, "N Q C"]:
    """float[N, count, C]: the mean of each of `count` parts of the tokens, squares of their grid where both are
    squares."""
    side, coarse = math.isqrt(tokens.shape[1]), math.isqrt(count)
    if side * side == tokens.shape[1] and coarse * coarse == count:
        return F.adaptive_avg_pool2d(tokens.mT.unflatten(2, (side, side)), coarse).flatten(2).mT
    return F.adaptive_avg_pool1d(tokens.mT, count).mT


def geometry_of(segment: Entity) -> Float32[np.ndarray, " G"]:
    """float32[GEOMETRY_SIZE]: what was measured of an object."""
    return geometry_vector(segment.slot)


def crop_of(segment: Entity, size: int) -> UInt8[np.ndarray, "S S 3"]:
    """uint8[size, size, 3]: an object's masked crop."""
    return resized(segment.slot.crop, size)


def image_of(segment: Image, size: int) -> UInt8[np.ndarray, "S S 3"]:
    """uint8[size, size, 3]: a whole image."""
    return resized(segment.pixels, size)
