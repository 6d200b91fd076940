"""What a segmenter is shown of a picture, and in which frame.

One that is cut is shown what rises above the table where an arm serves, and black elsewhere: table tops, floors and
backgrounds of other worlds would shift what its norms go by. And it is shown that as from one direction, whichever the
camera looks in: the scene is turned about the middle of the workspace until the camera looks along x, and what is voted
is turned back. Lengths are metres.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from embodied.models.configuration import SegmenterConfig
from embodied.models.segmenter import segmenter_input
from envs.interface import Camera, PlainView

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, UInt8

ABOVE_M, ASIDE_M = 0.006, 0.12
"""What is so far above the table, and no further aside of the workspace, is shown."""


def looked_through(cameras: Iterable[str], config: SegmenterConfig) -> list[str]:
    """The cameras that a segmenter of a configuration sees by: all, or one where it sees no depth."""
    return [PlainView.camera_of(cameras)] if config.is_flat else list(cameras)


def framed_input(rgb: UInt8[np.ndarray, "H W 3"], depth: Float[np.ndarray, "H W"], camera: Camera,
                 config: SegmenterConfig) -> Float32[np.ndarray, "7 H W"]:
    """float32[7, H, W]: `segmenter_input` as a segmenter of a configuration is shown it, places in its frame."""
    if not config.is_cut:
        return segmenter_input(rgb, depth, camera)
    turn = turn_of(camera, config)
    images = segmenter_input(rgb, depth, Camera(camera.intrinsics, turn @ camera.pose))
    return images * _is_shown(images, turn, config)


def turn_of(camera: Camera, config: SegmenterConfig) -> Float64[np.ndarray, "4 4"]:
    """float64[4, 4]: from the world's frame to the one that a segmenter is shown a camera's picture in."""
    if not config.is_cut:
        return np.eye(4)
    heading = (camera.pose[:3, 2] - camera.pose[:3, 1])[:2]  # ahead, and, of one that looks down, up in its picture
    yaw = -np.arctan2(heading[1], heading[0])
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    middle = np.array([*np.add(config.workspace_low_m, config.workspace_high_m)[:2] / 2, 0.0])
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    return turn


def moved(points: Float[np.ndarray, "3 H W"], turn: Float64[np.ndarray, "4 4"]) -> Float32[np.ndarray, "3 H W"]:
    """float32[3, H, W]: points in another frame."""
    return (np.einsum("ij,jhw->ihw", turn[:3, :3], points) + turn[:3, 3, None, None]).astype(np.float32)


def knocked(camera: Camera, rng: np.random.Generator, shift_m: float, turn_rad: float) -> Camera:
    """The camera as if it had been calibrated wrong, by a normal shift and turn of these standard deviations."""
    turn, pose = rng.normal(0.0, turn_rad, 3), camera.pose.copy()
    pose[:3, :3] += np.cross(turn, pose[:3, :3], axisb=0, axisc=0)
    pose[:3, 3] += rng.normal(0.0, shift_m, 3)
    return Camera(camera.intrinsics, pose)


def _is_shown(images: Float32[np.ndarray, "7 H W"], turn: Float64[np.ndarray, "4 4"], config: SegmenterConfig
              ) -> Bool[np.ndarray, "H W"]:
    """bool[H, W]: which pixels of an input lie where a segmenter that is cut is shown something."""
    x, y, z = moved(images[3:6], np.linalg.inv(turn))
    (low_x, low_y, _), (high_x, high_y, high_z) = config.workspace_low_m, config.workspace_high_m
    return ((x > low_x - ASIDE_M) & (x < high_x + ASIDE_M) & (y > low_y - ASIDE_M) & (y < high_y + ASIDE_M)
            & (z > ABOVE_M) & (z < high_z) & (images[6] > 0))
