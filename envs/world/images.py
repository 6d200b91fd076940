"""What a pinhole camera sees of a world: colours, metric depth, which body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.world.client import Client

NO_BODY = -1
_BODY_BITS = (1 << 24) - 1  # the renderer packs link ids above the body id


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera with square pixels: where from, where to, how wide."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float]
    fov_rad: float  # vertical
    near_m: float = 0.1
    far_m: float = 3.0
    has_shadow: bool = False
    light: tuple[float, float, float] = (0.4, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Picture:
    rgb: np.ndarray  # uint8[H, W, 3]
    depth: np.ndarray  # float32[H, W], metres along the optical axis, 0 = no return
    bodies: np.ndarray  # int32[H, W], body id, NO_BODY = background; ids end with the scene, and with `World.restore`


def take(client: Client, view: View, height_px: int, width_px: int) -> Picture:
    """The picture of one view."""
    look = client.computeViewMatrix(view.eye, view.target, view.up)
    lens = client.computeProjectionMatrixFOV(np.degrees(view.fov_rad), width_px / height_px, view.near_m, view.far_m)
    renderer = client.ER_BULLET_HARDWARE_OPENGL if client.renderer == "egl" else client.ER_TINY_RENDERER
    _, _, colour, buffer, bodies = client.getCameraImage(
        width_px, height_px, look, lens, lightDirection=view.light, shadow=int(view.has_shadow),
        lightAmbientCoeff=0.55, lightDiffuseCoeff=0.5, lightSpecularCoeff=0.05, renderer=renderer)
    shape = (height_px, width_px)
    bodies = np.asarray(bodies, dtype=np.int64).reshape(shape)
    bodies = np.where(bodies < 0, NO_BODY, bodies & _BODY_BITS).astype(np.int32)
    rgb = np.ascontiguousarray(np.asarray(colour, dtype=np.uint8).reshape(*shape, 4)[..., :3])
    depth = _metric(np.asarray(buffer, dtype=np.float64).reshape(shape), view.near_m, view.far_m)
    return Picture(rgb, np.where(bodies == NO_BODY, np.float32(0.0), depth), bodies)


def _metric(buffer: np.ndarray, near_m: float, far_m: float) -> np.ndarray:
    """float32[H, W] metres of an OpenGL depth buffer in [0, 1]."""
    return (far_m * near_m / (far_m - (far_m - near_m) * buffer)).astype(np.float32)
