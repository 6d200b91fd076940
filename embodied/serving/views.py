"""Views of any size, brought to what the planner learned to see through: near 192 px, in whole steps of 16."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embodied.serving.errors import ApiError
from envs.interface import Camera, Observation

LEARNED_PX, STEP_PX, LEAST_PX = 192, 16, 64
"""What is larger costs the planner gigabytes and seconds, and it sees less."""


def unfit(reason: str) -> ApiError:
    """422: what is wrong with a picture."""
    return ApiError(422, "bad_image", f"image: {reason}")


def stride_of(height_px: int, width_px: int) -> int:
    """Of how many pixels in a row one is kept."""
    return max(1, round(max(height_px, width_px) / LEARNED_PX))


def thinned(camera: Camera, stride: int) -> Camera:
    """The camera of an image of which every `stride`-th pixel was kept, from the first one on."""
    intrinsics = np.array(camera.intrinsics, dtype=np.float64)
    intrinsics[:2, :2] /= stride
    intrinsics[:2, 2] = (intrinsics[:2, 2] - 0.5) / stride + 0.5  # the first pixel's middle stays at 0.5
    return Camera(intrinsics, camera.pose)


def fitted(seen: Observation) -> Observation:
    """The same views, of large ones every k-th pixel, cut to whole steps at the right and the bottom. Raises ApiError
    422 for views that differ in size, or are too small."""
    shapes = {image.shape[:2] for image in seen.rgb.values()}
    if len(shapes) != 1:
        raise unfit(f"expected views of one size, got {sorted(shapes)}")
    height_px, width_px = shapes.pop()
    stride = stride_of(height_px, width_px)
    rows, columns = (-(-side // stride) // STEP_PX * STEP_PX for side in (height_px, width_px))
    if min(rows, columns) < LEAST_PX:
        raise unfit(f"expected views of at least {LEAST_PX} x {LEAST_PX} px and nearly square, got {height_px} x "
                    f"{width_px}")
    rgb, depth = ({name: np.ascontiguousarray(image[::stride, ::stride][:rows, :columns])
                   for name, image in images.items()} for images in (seen.rgb, seen.depth))
    return replace(seen, rgb=rgb, depth=depth, cameras={n: thinned(c, stride) for n, c in seen.cameras.items()})
