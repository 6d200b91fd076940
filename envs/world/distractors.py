"""Things that are neither blocks nor bowls, which stand on the table and are asked for by nobody: solids of any colour.

What they touch with is their convex hull; what is drawn is their true form. Some shapes are one form of any size; the
others, drawn anew for each thing, are what eyes that saw nothing else would take every strange thing for.
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
    """What a shape is drawn from: width and height, m, and the mesh of both (z up, about its middle).

    mesh: of width and height, m, and what draws the rest of a form that is another each time. share: how often it is
    drawn, beside others.
    """

    width_m: Range
    height_m: Range
    mesh: Callable[[float, float, np.random.Generator], Mesh]
    share: int = 1


def _always(mesh: Callable[[float, float], Mesh]) -> Callable[[float, float, np.random.Generator], Mesh]:
    """The form of which only the size is drawn."""
    return lambda width, height, _: mesh(width, height)


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


def _lathed(width: float, height: float, rng: np.random.Generator) -> Mesh:
    """A solid of revolution about upright bands; the narrowest is a third of the widest, so that none is a cone."""
    levels = np.sort(rng.uniform(-0.4, 0.4, int(rng.integers(1, 5))))
    radii = rng.uniform(_NARROWEST, 1.0, len(levels) + 2)
    radii *= width / 2 / radii.max()
    rim = zip(radii, height * np.array([-0.5, *levels, 0.5]), strict=True)
    outline = [(1e-4, -height / 2), *rim, (1e-4, height / 2)]
    return _fitted(turned([("white", outline)], int(rng.choice([3, 5, 8, 12, 24]))), width)


def _hollow(width: float, height: float, rng: np.random.Generator) -> Mesh:
    """A tray, a jar, a pot: a wall of any thickness and slope around a floor, so that none is a ring."""
    r, h = width / 2, height / 2
    low, high = rng.uniform(0.85, 1.0, 2)  # steeper than a bowl
    low, high = r * low / max(low, high), r * high / max(low, high)
    wall = float(rng.uniform(0.1, 0.5)) * min(low, high)
    floor = float(rng.uniform(0.1, 0.6)) * height - h
    outline = [(1e-4, -h), (low, -h), (high, h), (high - wall, h), (low - wall, floor), (1e-4, floor)]
    return _fitted(turned([("white", outline)], int(rng.choice([4, 5, 6, 8, 24]))), width)


def _boxes(width: float, height: float, rng: np.random.Generator) -> Mesh:
    """Two or three boxes that meet at a corner or along a side, of unequal heights: steps, T's, Z's; never a cross."""
    middle = np.array([rng.uniform(0.4, 0.7), rng.uniform(0.3, 0.6)]) * width
    tall = np.array([height, *height * rng.uniform(0.4, 0.85, 2)])
    parts = [box("white", (*middle, height))]
    for side, part in zip(rng.permutation(4)[: int(rng.integers(1, 3))], tall[1:], strict=False):
        along, sign = int(side) // 2, 1 if side % 2 else -1
        size = rng.uniform(0.25, 0.6, 2) * width
        center = np.zeros(2)
        center[along] = sign * (middle[along] + size[along]) / 2
        center[1 - along] = rng.choice([-1, 1]) * (middle[1 - along] - size[1 - along]) / 2
        parts.append(box("white", (*size, part), (*center, (part - height) / 2)))
    return _fitted(joined(*parts), width)


def _fitted(mesh: Mesh, width: float) -> Mesh:
    """The mesh with its box about its middle, and as wide as it is to be."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    middle, factor = (low + high) / 2, width / (high - low)[:2].max()
    return Mesh((mesh.vertices - middle) * [factor, factor, 1.0], mesh.normals, mesh.triangles, mesh.colours)


def _pile(width: float, height: float, rng: np.random.Generator) -> Mesh:
    """A box on a wider one."""
    side, low = width * float(rng.uniform(0.5, 1.0)), height * float(rng.uniform(0.25, 0.75))
    top = np.array([width, side]) * rng.uniform(0.3, 0.8, 2)
    shift = rng.uniform(-0.5, 0.5, 2) * (np.array([width, side]) - top)
    return joined(box("white", (width, side, low), (0.0, 0.0, (low - height) / 2)),
                  box("white", (*top, height - low), (*shift, low / 2)))


_NARROWEST = 0.33
SHAPES: Mapping[str, Form] = MappingProxyType({
    "tin": Form((0.03, 0.07), (0.03, 0.12), _always(_tin)),
    "cup": Form((0.05, 0.09), (0.04, 0.10), _always(_cup)),
    "dish": Form((0.08, 0.15), (0.015, 0.03), _always(_dish)),
    "bottle": Form((0.04, 0.07), (0.10, 0.18), _always(_bottle)),
    "dome": Form((0.04, 0.08), (0.02, 0.04), _always(_dome)),
    "slab": Form((0.05, 0.11), (0.015, 0.06), _always(_slab)),
    "ell": Form((0.06, 0.10), (0.02, 0.05), _always(_ell)),
    "prism": Form((0.03, 0.08), (0.02, 0.09), _always(partial(_tin, sides=6))),
    "ball": Form((0.03, 0.07), (0.03, 0.07), _always(_ball)),
    "cone": Form((0.04, 0.08), (0.04, 0.09), _always(_cone)),
    "cross": Form((0.06, 0.10), (0.02, 0.05), _always(_cross)),
    "torus": Form((0.06, 0.11), (0.016, 0.03), _always(_torus)),
    "lathed": Form((0.03, 0.10), (0.02, 0.12), _lathed, share=3),
    "hollow": Form((0.05, 0.13), (0.015, 0.07), _hollow, share=3),
    "boxes": Form((0.05, 0.10), (0.015, 0.07), _boxes, share=3),
    "pile": Form((0.04, 0.10), (0.03, 0.09), _pile, share=3),
})


def place(world: World, shape: str, name: str, rng: np.random.Generator, xy: tuple[float, float]) -> None:
    """Adds a thing of a shape, of a drawn size and colour, at world x, y, m."""
    form = SHAPES[shape]
    width, height = float(rng.uniform(*form.width_m)), float(rng.uniform(*form.height_m))
    mesh, rgb = form.mesh(width, height, rng), tuple(rng.uniform(0.05, 0.95, 3).tolist())
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
    return SHAPES[shape].width_m[1] * (0.71 if shape in ("ell", "cross", "boxes", "pile") else 0.58)
