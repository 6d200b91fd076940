"""The things that stand on the table: their geometry, mass and colour. Blocks are boxes, bowls compounds of boxes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from envs.interface import BOWL_FLOOR_M, BOWL_SIZE_M
from envs.world.client import Client
from envs.world.meshes import create_visual

BOWL_OUTER_RADIUS_M = BOWL_SIZE_M[0] / 2
"""Of the rim."""
BOWL_INNER_RADIUS_M = 0.060
"""Of the opening at the rim."""
BOWL_HEIGHT_M = BOWL_SIZE_M[2]
BOWL_FOOT_RADIUS_M = 0.046
"""Outer radius at the table; the inner floor is one wall narrower, wide enough for a 50 mm cube."""

BLOCK_DENSITY_KG_M3 = 700.0
BOWL_MASS_KG = 0.35
FRICTION = 0.8
_RIGID = {"useMaximalCoordinates": 1}
"""A plain rigid body, not a multibody without joints, which is Bullet's default and four times as slow."""

_WALL_M = BOWL_OUTER_RADIUS_M - BOWL_INNER_RADIUS_M
_WALL_LIFT_M = 0.001  # off the table, so that only the floor touches it
_WALLS = 16  # boxes in the ring: enough that a cube sliding down meets no gap
_SIDES = 40  # of the drawn mesh


def create_block(client: Client, side_m: float, rgb: tuple[float, float, float], position: np.ndarray,
                 quaternion: np.ndarray) -> int:
    """Body id of a new cube."""
    half = [side_m / 2] * 3
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
    visual = client.createVisualShape(client.GEOM_BOX, halfExtents=half, rgbaColor=[*rgb, 1.0],
                                      specularColor=[0.1, 0.1, 0.1])
    body = client.createMultiBody(BLOCK_DENSITY_KG_M3 * side_m**3, shape, visual, list(position), list(quaternion),
                                  **_RIGID)
    client.changeDynamics(body, -1, lateralFriction=FRICTION)
    return body


def create_bowl_shapes(client: Client) -> tuple[int, int]:
    """Collision and visual shape that all bowls of a client share: PyBullet keeps a shape for as long as it lives."""
    vertices, triangles, normals = bowl_mesh()
    visual = create_visual(client, vertices, triangles, normals)
    halves, places, turns = _bowl_boxes()
    collision = client.createCollisionShapeArray(
        shapeTypes=[client.GEOM_BOX] * len(halves), halfExtents=halves, collisionFramePositions=places,
        collisionFrameOrientations=turns)
    return collision, visual


def create_bowl(client: Client, bowl_shapes: tuple[int, int], rgb: tuple[float, float, float], position: np.ndarray,
                quaternion: np.ndarray) -> int:
    """Body id of a new bowl, its frame at the middle of its height. bowl_shapes: from `create_bowl_shapes`."""
    body = client.createMultiBody(BOWL_MASS_KG, *bowl_shapes, list(position), list(quaternion), **_RIGID)
    client.changeVisualShape(body, -1, rgbaColor=[*rgb, 1.0])
    client.changeDynamics(body, -1, lateralFriction=FRICTION)
    return body


def _bowl_boxes() -> tuple[list, list, list]:
    """Half extents, places and quaternions of the floor and of the ring of slanted walls, in the bowl's frame."""
    bottom = -BOWL_HEIGHT_M / 2
    foot = BOWL_FOOT_RADIUS_M * np.sqrt(0.5)  # one square stands on four contacts; a rounder floor would cost more
    halves, places = [[foot, foot, BOWL_FLOOR_M / 2]], [[0.0, 0.0, bottom + BOWL_FLOOR_M / 2]]
    turns = [[0.0, 0.0, 0.0, 1.0]]
    lean = np.arctan2(BOWL_OUTER_RADIUS_M - BOWL_FOOT_RADIUS_M, BOWL_HEIGHT_M)
    middle = (BOWL_OUTER_RADIUS_M + BOWL_FOOT_RADIUS_M) / 2 - _WALL_M / 2
    length = BOWL_HEIGHT_M / np.cos(lean) - _WALL_M * np.tan(lean)
    width = np.pi * BOWL_OUTER_RADIUS_M / _WALLS * 1.02
    for angle in 2 * np.pi * np.arange(_WALLS) / _WALLS:
        halves.append([_WALL_M / 2 * np.cos(lean), width, length / 2])
        places.append([middle * np.cos(angle), middle * np.sin(angle), _WALL_LIFT_M])
        turns.append(_turn(angle, lean))
    return halves, places, turns


def _turn(angle: float, lean: float) -> list[float]:
    """Quaternion x y z w: lean about y, then turn by angle about z."""
    cz, sz, cy, sy = np.cos(angle / 2), np.sin(angle / 2), np.cos(lean / 2), np.sin(lean / 2)
    return [float(-sz * sy), float(cz * sy), float(sz * cy), float(cz * cy)]


def bowl_mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices float64[V, 3], triangles int[T, 3] and normals float64[V, 3] of the drawn bowl, m, in its frame."""
    profile = _bowl_profile()
    angles = 2 * np.pi * np.arange(_SIDES + 1) / _SIDES
    around = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    vertices, normals, triangles = [], [], []
    for (r0, z0), (r1, z1) in pairwise(profile):
        out, up = z1 - z0, -(r1 - r0)  # outward normal of a profile walked from the foot up, over the rim and down
        out, up = out / np.hypot(out, up), up / np.hypot(out, up)
        start = len(vertices)
        for x, y in around:
            vertices += [[r0 * x, r0 * y, z0], [r1 * x, r1 * y, z1]]
            normals += [[out * x, out * y, up]] * 2
        for i in range(start, start + 2 * _SIDES, 2):
            triangles += [[i, i + 2, i + 3], [i, i + 3, i + 1]]
    return np.array(vertices), np.array(triangles), np.array(normals)


def _bowl_profile() -> np.ndarray:
    """float64[P, 2] radius and height of the outline: foot, outer wall, rim, inner wall, centre of the floor."""
    h, inner_foot = BOWL_HEIGHT_M, BOWL_FOOT_RADIUS_M - _WALL_M
    points = [(BOWL_FOOT_RADIUS_M, 0.0), (BOWL_OUTER_RADIUS_M, h - 0.002), (BOWL_OUTER_RADIUS_M - 0.001, h),
              (BOWL_INNER_RADIUS_M, h), (inner_foot + 0.003, BOWL_FLOOR_M + 0.003), (inner_foot - 0.003, BOWL_FLOOR_M),
              (0.0001, BOWL_FLOOR_M)]
    return np.array(points) - np.array([0.0, h / 2])
