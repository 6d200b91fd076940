"""Pictures of any size and from any distance, at the pitch that segmenters learned at.

A segmenter knows how many pixels wide a block is: of pictures of 384 pixels one that learned from 192 finds six in ten
blocks, at its own pitch all of them. Pixels are taken, never mixed: a mean of two depths is on neither surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embodied.models.configuration import COARSEST_PX
from envs.interface import Camera, Observation

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

PITCH_M = 0.0045
"""Distance of neighbouring pixels on a surface that faces the camera, in the pictures that segmenters learn from."""

ALIKE = 1.2
"""Pictures whose pitch is within this factor of it are taken as they are."""

MOST_ENLARGED = 2.5
"""Larger, a picture says nothing more, and costs the square of it."""

_SIDES_PX = (4 * COARSEST_PX, 40 * COARSEST_PX)
_EVERY_PX = 4  # of the depths that the pitch is told from


@dataclass(frozen=True, slots=True)
class Resampled:
    """An observation at the segmenters' pitch, and which pixels of the cameras' own pictures it shows."""

    observation: Observation
    rows: Mapping[str, Int64[np.ndarray, " h"]]
    columns: Mapping[str, Int64[np.ndarray, " w"]]

    def own_pixel(self, camera: str, pixel: tuple[int, int]) -> tuple[int, int]:
        """Column and row, in the camera's own picture, of a pixel (column, row) of the resampled one."""
        column, row = pixel
        return int(self.columns[camera][column]), int(self.rows[camera][row])


def at_pitch(observation: Observation) -> Resampled:
    """The observation with every camera's picture at PITCH_M, sides multiples of what a segmenter takes; pictures that
    are so already are the same arrays. Small ones become at most MOST_ENLARGED times as large. Raises ValueError for
    a colour and a depth image of two sizes, and for an observation without cameras."""
    if not observation.cameras:
        raise ValueError("cameras: expected at least one with a colour and a depth image, got none")
    rows, columns = {}, {}
    rgb, depth, cameras = dict(observation.rgb), dict(observation.depth), dict(observation.cameras)
    for name, camera in observation.cameras.items():
        height, width = observation.depth[name].shape
        if observation.rgb[name].shape[:2] != (height, width):
            raise ValueError(f"camera {name}: expected colour and depth of one size, got "
                             f"{list(observation.rgb[name].shape[:2])} and {[height, width]}")
        factor = min(pitch_of(observation.depth[name], camera) / PITCH_M, MOST_ENLARGED)
        factor = 1.0 if 1 / ALIKE < factor < ALIKE else factor
        rows[name], columns[name] = _taken(height, factor), _taken(width, factor)
        if len(rows[name]) != height or len(columns[name]) != width:
            grid = np.ix_(rows[name], columns[name])
            rgb[name], depth[name] = observation.rgb[name][grid], observation.depth[name][grid]
            cameras[name] = _camera(camera, (columns[name], width), (rows[name], height))
    return Resampled(replace(observation, rgb=rgb, depth=depth, cameras=cameras), rows, columns)


def pitch_of(depth: Float[np.ndarray, "H W"], camera: Camera) -> float:
    """The pitch of a picture, m, from the median of what it measured; PITCH_M where it measured nothing."""
    measured = depth[::_EVERY_PX, ::_EVERY_PX]
    measured = measured[np.isfinite(measured) & (measured > 0)]
    return float(np.median(measured) / camera.intrinsics[0, 0]) if len(measured) else PITCH_M


def _taken(count: int, factor: float) -> Int64[np.ndarray, " n"]:
    """Which of `count` rows or columns are taken (some twice where factor > 1), a multiple of COARSEST_PX of them."""
    wanted = np.clip(COARSEST_PX * round(count * factor / COARSEST_PX), *_SIDES_PX)
    return ((np.arange(wanted) + 0.5) * count / wanted).astype(np.int64)


def _camera(camera: Camera, *taken_of: tuple[Int64[np.ndarray, " _"], int]) -> Camera:
    """The calibration of the taken pixels: lifted, they lie where they lay, to half a pixel of the own picture along
    each axis. taken_of: the columns that were taken, and of how many; the rows."""
    intrinsics = camera.intrinsics.copy()
    for axis, (taken, count) in enumerate(taken_of):
        steps, scale = np.arange(len(taken)) + 0.5, count / len(taken)
        offset = float(np.mean(taken + 0.5 - scale * steps))
        intrinsics[axis, axis] /= scale
        intrinsics[axis, 2] = (camera.intrinsics[axis, 2] - offset) / scale
    return Camera(intrinsics, camera.pose)
