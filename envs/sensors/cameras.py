"""Calibrated RGB-D cameras; the two that look at the table, and the spectator's view of it for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from envs.interface import Camera
from envs.world.images import Picture, View
from envs.world.world import World

VIEWS = MappingProxyType({
    "front": View(eye=(1.22, 0.0, 0.92), target=(0.535, 0.0, 0.03), up=(0.0, 0.0, 1.0), fov_rad=0.74),
    "top": View(eye=(0.55, 0.0, 1.20), target=(0.55, 0.0, 0.0), up=(1.0, 0.0, 0.0), fov_rad=0.68),
})
"""Camera name -> where it stands. In both, the robot's base is away from the viewer's side of the image: front looks
back at it, top has x upwards in the image."""

SPECTATOR = View(eye=(1.42, -0.92, 0.88), target=(0.36, 0.0, 0.27), up=(0.0, 0.0, 1.0), fov_rad=0.76, has_shadow=True,
                light=(0.5, -0.7, 2.0))
"""For pictures and videos; no observation comes from here."""

_SAMPLE_SHIFT_PX = MappingProxyType({"tiny": 0.5, "egl": 0.0})
"""Renderer -> from where it samples a pixel to the pixel's centre: TinyRenderer at its lower left corner; measured
against known tops of cubes."""


def calibration(view: View, height_px: int, width_px: int, renderer: str = "tiny") -> Camera:
    """The pinhole camera of a view: square pixels, optical axis through the middle of the image. renderer: of the
    picture, see `envs.world.graphics`."""
    focal_px, shift_px = height_px / 2 / np.tan(view.fov_rad / 2), _SAMPLE_SHIFT_PX[renderer]
    center_px = width_px / 2 + shift_px, height_px / 2 - shift_px
    intrinsics = np.array([[focal_px, 0.0, center_px[0]], [0.0, focal_px, center_px[1]], [0.0, 0.0, 1.0]])
    eye, up = np.array(view.eye), np.array(view.up)
    forward = np.array(view.target) - eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, up)
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(forward, right), forward, eye
    return Camera(intrinsics, pose)


def calibrations(views: Mapping[str, View], size_px: int, renderer: str = "tiny") -> dict[str, Camera]:
    """Camera name -> calibration, for square images of a renderer."""
    return {name: calibration(view, size_px, size_px, renderer) for name, view in views.items()}


def capture(world: World, views: Mapping[str, View], size_px: int) -> dict[str, Picture]:
    """Camera name -> what it sees now."""
    return {name: world.picture(view, size_px, size_px) for name, view in views.items()}
