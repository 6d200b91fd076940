"""RGB-D images and masks of upright boxes on a table, by casting a ray a pixel: a world without a physics engine."""

from __future__ import annotations

import numpy as np

from envs.interface import Box, Camera, Observation

SIZE = 192


Triple = tuple[float, float, float]


def look(eye: Triple, at: Triple, up: Triple, focal: float) -> Camera:
    """A camera at `eye` that looks at `at`."""
    forward = np.subtract(at, eye) / np.linalg.norm(np.subtract(at, eye))
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = eye
    return Camera(np.array([[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1.0]]), pose)


CAMERAS = {
    "front": look((1.25, 0.0, 0.85), (0.55, 0.0, 0.0), (0, 0, 1), 230.0),
    "top": look((0.55, 0.0, 1.2), (0.55, 0.0, 0.0), (1, 0, 0), 290.0),
}


def observe(boxes: list[Box], colors: list[Triple]) -> tuple[Observation, dict[str, np.ndarray], np.ndarray]:
    """The observation, the masks of each camera (index into boxes) and poses float32[M, 10] of the boxes."""
    views = {name: _cast(camera, boxes) for name, camera in CAMERAS.items()}
    paint = np.array([*colors, (150, 140, 130)], dtype=np.uint8)
    observation = Observation(
        rgb={n: paint[mask] for n, (_, mask) in views.items()}, depth={n: depth for n, (depth, _) in views.items()},
        cameras=CAMERAS, joint_pos=np.zeros(9), tool_pose=np.zeros(7), gripper_width_m=0.08, time_s=0.0)
    poses = np.array([[*b.center, 0, 0, np.sin(b.yaw / 2), np.cos(b.yaw / 2), *b.size] for b in boxes], np.float32)
    return observation, {n: mask for n, (_, mask) in views.items()}, poses


def _cast(camera: Camera, boxes: list[Box]) -> tuple[np.ndarray, np.ndarray]:
    """Depth float32[H, W] and mask int16[H, W]."""
    eye = camera.pose[:3, 3]
    rays = camera.lift(np.ones((SIZE, SIZE))) - eye  # depth 1 along the optical axis
    depth, mask = -eye[2] / rays[..., 2], np.full((SIZE, SIZE), -1, dtype=np.int16)
    for index, box in enumerate(boxes):
        hit = _hit(box, eye, rays)
        mask[hit < depth] = index
        depth = np.minimum(depth, hit)
    return depth.astype(np.float32), mask


def _hit(box: Box, eye: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """float64[H, W]: how far along each ray the box begins; infinite where the ray misses it."""
    c, s = np.cos(box.yaw), np.sin(box.yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    start, direction = (eye - box.center) @ turn, rays @ turn
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (-np.array(box.size) / 2 - start) / direction, (np.array(box.size) / 2 - start) / direction
    near, far = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
    return np.where((near < far) & (near > 0), near, np.inf)
