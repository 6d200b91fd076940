"""Things that are neither blocks nor bowls, which stand on the table and are asked for by nobody: solids of any colour.

What they touch with is their convex hull; what is drawn is their true form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from envs.world.client import Client
from envs.world.meshes import Mesh, ball, box, create_visual, joined, tube, turned
from envs.world.world import Maker, World

MASS_KG = 0.15
FRICTION = 0.8
Range = tuple[float, float]


class Form(NamedTuple):
    """What a shape is drawn from: width and height, m, and the mesh of a unit of both (z up, about its middle)."""

    width_m: Range
    height_m: Range
    mesh: Callable[[float, float], Mesh]


def _tin(width: float, height: float, sides: int = 20) -> Mesh:
    r, h = width / 2, height / 2
    return turned([("white", [(1e-4, -h), (r, -h), (r, h), (1e-4, h)])], sides)


def _cup(width: float, height: float) -> Mesh:
    r, h, wall = width / 2, height / 2, 0.004
    return turned([("white", [(1e-4, -h), (0.8 * r, -h), (r, h), (r - wall, h), (0.8 * r - wall, 0.006 - h),
                              (1e-4, 0.006 - h)])])


def _dish(width: float, height: float) -> Mesh:
    r, h = width / 2, height / 2
    return turned([("white", [(1e-4, -h), (0.6 * r, -h), (r, h), (r - 0.003, h), (0.6 * r, 0.004 - h),
                              (1e-4, 0.004 - h)])])


def _bottle(width: float, height: float) -> Mesh:
    r, h = width / 2, height / 2
    return turned([("white", [(1e-4, -h), (r, -h), (r, 0.2 * h), (0.4 * r, 0.6 * h), (0.4 * r, h), (1e-4, h)])])


def _dome(width: float, height: float) -> Mesh:
    r, h = width / 2, height
    curve = [(r * np.cos(a) + 1e-4, h * np.sin(a) - h / 2) for a in np.linspace(0, np.pi / 2, 7)]
    return turned([("white", [(1e-4, -h / 2), *curve])])


def _slab(width: float, height: float) -> Mesh:
    return box("white", (width, 0.55 * width, height))


def _ell(width: float, height: float) -> Mesh:
    arm = 0.38 * width
    return joined(box("white", (width, arm, height), (0.0, (arm - width) / 2, 0.0)),
                  box("white", (arm, width - arm, height), ((arm - width) / 2, arm / 2, 0.0)))


def _ball(width: float, height: float) -> Mesh:
    return ball("white", width / 2, flat=height / width)


def _cone(width: float, height: float) -> Mesh:
    r, h = width / 2, height / 2
    return turned([("white", [(1e-4, -h), (r, -h), (1e-4, h)])])


def _cross(width: float, height: float) -> Mesh:
    arm = 0.34 * width
    return joined(box("white", (width, arm, height)), box("white", (arm, width, height)))


def _torus(width: float, height: float) -> Mesh:
    angles = np.linspace(0, 2 * np.pi, 25)
    r = (width - height) / 2
    return tube("white", np.stack([r * np.cos(angles), r * np.sin(angles), 0 * angles], axis=1),
                [height / 2] * len(angles))


SHAPES: Mapping[str, Form] = MappingProxyType({
    "tin": Form((0.03, 0.07), (0.03, 0.12), _tin),
    "cup": Form((0.05, 0.09), (0.04, 0.10), _cup),
    "dish": Form((0.08, 0.15), (0.015, 0.03), _dish),
    "bottle": Form((0.04, 0.07), (0.10, 0.18), _bottle),
    "dome": Form((0.04, 0.08), (0.02, 0.04), _dome),
    "slab": Form((0.05, 0.11), (0.015, 0.06), _slab),
    "ell": Form((0.06, 0.10), (0.02, 0.05), _ell),
    "prism": Form((0.03, 0.08), (0.02, 0.09), partial(_tin, sides=6)),
    "ball": Form((0.03, 0.07), (0.03, 0.07), _ball),
    "cone": Form((0.04, 0.08), (0.04, 0.09), _cone),
    "cross": Form((0.06, 0.10), (0.02, 0.05), _cross),
    "torus": Form((0.06, 0.11), (0.016, 0.03), _torus),
})


def place(world: World, shape: str, name: str, rng: np.random.Generator, xy: tuple[float, float]) -> None:
    """Adds a thing of a shape, of a drawn size and colour, at world x, y, m."""
    form = SHAPES[shape]
    width, height = float(rng.uniform(*form.width_m)), float(rng.uniform(*form.height_m))
    mesh, rgb = form.mesh(width, height), tuple(rng.uniform(0.05, 0.95, 3).tolist())
    extent = np.ptp(mesh.vertices, axis=0)
    yaw = float(rng.uniform(-np.pi, np.pi))
    world.spawn(name, _maker(mesh, rgb), size=tuple(extent.tolist()),
                position=np.array([*xy, -mesh.vertices[:, 2].min()]),
                quaternion=np.array([0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)]))


def _maker(mesh: Mesh, rgb: tuple[float, float, float]) -> Maker:
    def make(client: Client, position: np.ndarray, quaternion: np.ndarray) -> int:
        hull = client.createCollisionShape(client.GEOM_MESH, vertices=np.unique(mesh.vertices, axis=0).tolist())
        visual = create_visual(client, mesh.vertices, mesh.triangles, mesh.normals)
        body = client.createMultiBody(MASS_KG, hull, visual, list(position), list(quaternion),
                                      useMaximalCoordinates=1)
        client.changeVisualShape(body, -1, rgbaColor=[*rgb, 1.0])
        client.changeDynamics(body, -1, lateralFriction=FRICTION, rollingFriction=0.01, spinningFriction=0.01)
        return body

    return make


def reach_m(shape: str) -> float:
    """Half of the widest that a shape can be, m."""
    return SHAPES[shape].width_m[1] * (0.71 if shape in ("ell", "cross") else 0.58)
