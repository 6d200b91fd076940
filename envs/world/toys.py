"""Flat coloured toys to push about: moon, star, cube, pentagon and heart, prisms over outlines of about one area.

A toy collides as a compound of convex prisms, so a peg enters the hollow of a moon and the notch of a heart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from weakref import WeakKeyDictionary

import numpy as np

from envs.world.client import Client

TOY_HEIGHT_M = 0.036
TOY_COLORS = MappingProxyType({"red": (0.85, 0.08, 0.08), "blue": (0.08, 0.20, 0.85), "green": (0.08, 0.60, 0.16),
                               "yellow": (0.96, 0.86, 0.08)})
"""Color word -> RGB in [0, 1]."""

Part = np.ndarray
"""float64[N, 2]: corners of a convex polygon, counter-clockwise, m."""

_MASS_KG = 0.045
_FRICTION = 0.6
_RIGID = {"useMaximalCoordinates": 1}  # a plain rigid body: a multibody without joints is four times as slow
_MOON_SLICES = 6
_LOBE_POINTS = 8

_shapes_of: WeakKeyDictionary[Client, dict[str, tuple[int, int]]] = WeakKeyDictionary()
"""Collision and visual shapes of a client: PyBullet keeps a shape for as long as it lives, so toys share theirs."""


def _polar(radius_m: float, degrees: np.ndarray | list[float]) -> np.ndarray:
    """float64[N, 2]: points of a circle."""
    angles = np.radians(np.asarray(degrees, dtype=np.float64))
    return radius_m * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _star(outer_m: float = 0.031, inner_m: float = 0.0143) -> list[Part]:
    """Five kites around the middle."""
    tips, notches = _polar(outer_m, 90 + 72 * np.arange(5)), _polar(inner_m, 126 + 72 * np.arange(5))
    return [np.stack([np.zeros(2), notches[i - 1], tips[i], notches[i]]) for i in range(5)]


def _moon(outer_m: float = 0.031, inner_m: float = 0.025, shift_m: float = 0.0165) -> list[Part]:
    """Slices between a circle and a smaller one moved to the right."""
    x = (outer_m**2 - inner_m**2 + shift_m**2) / (2 * shift_m)  # of the tips, where the circles meet
    begin, inside = np.degrees(np.arccos(x / outer_m)), np.degrees(np.arccos((x - shift_m) / inner_m))
    outer = _polar(outer_m, np.linspace(begin, 360 - begin, _MOON_SLICES + 1))
    inner = _polar(inner_m, np.linspace(inside, 360 - inside, _MOON_SLICES + 1)) + np.array([shift_m, 0.0])
    slices = [np.stack([outer[i], outer[i + 1], inner[i + 1], inner[i]]) for i in range(_MOON_SLICES)]
    return [slices[0][:3], *slices[1:-1], slices[-1][[0, 1, 3]]]  # the tips are triangles


def _heart(side_m: float = 0.0275) -> list[Part]:
    """Two convex halves: a square on its corner, with a half disc on either upper side."""
    a = side_m / np.sqrt(2)
    lobe = _polar(side_m / 2, np.linspace(45, 225, _LOBE_POINTS)) + np.array([-a / 2, a / 2])
    left = np.concatenate([[[0.0, -a]], lobe])
    return [left, (left * [-1.0, 1.0])[::-1]]


def _centred(parts: list[Part]) -> tuple[Part, ...]:
    """The parts with the centroid of their common area at the origin."""
    areas, middles = zip(*(_area_and_middle(part) for part in parts), strict=True)
    middle = np.average(np.array(middles), axis=0, weights=np.array(areas))
    return tuple(part - middle for part in parts)


def _area_and_middle(part: Part) -> tuple[float, np.ndarray]:
    after = np.roll(part, -1, axis=0)
    cross = part[:, 0] * after[:, 1] - part[:, 1] * after[:, 0]
    return float(cross.sum() / 2), ((part + after) * cross[:, None]).sum(axis=0) / (3 * cross.sum())


TOY_SHAPES: Mapping[str, tuple[Part, ...]] = MappingProxyType({
    "moon": _centred(_moon()), "star": _centred(_star()), "cube": _centred([_polar(0.0255, [45, 135, 225, 315])]),
    "pentagon": _centred([_polar(0.0238, 90 + 72 * np.arange(5))]), "heart": _centred(_heart())})
"""Shape word -> the convex parts of its outline, in the toy's frame."""
TOY_NAMES = tuple(f"{color} {shape}" for color in TOY_COLORS for shape in TOY_SHAPES)
"""Every name that a toy can have."""


def covers(shape: str, points: np.ndarray) -> np.ndarray:
    """bool[...]: which of the points float[..., 2], m, in the toy's frame, lie inside its outline."""
    inside = np.zeros(points.shape[:-1], dtype=bool)
    for part in TOY_SHAPES[shape]:
        edges, away = np.roll(part, -1, axis=0) - part, points[..., None, :] - part
        inside |= (edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0] >= 0).all(axis=-1)
    return inside


def toy_size_m(shape: str) -> tuple[float, float, float]:
    """Full extents in the toy's frame."""
    corners = np.concatenate(TOY_SHAPES[shape])
    return (*(float(v) for v in 2 * np.abs(corners).max(axis=0)), TOY_HEIGHT_M)


def create_toy(client: Client, name: str, position: np.ndarray, quaternion: np.ndarray) -> int:
    """Body id of a new toy such as "red star", its frame at the middle of its height."""
    color, shape = name.split(" ")
    known = _shapes_of.setdefault(client, {})
    if shape not in known:
        known[shape] = _collision(client, shape), _visual(client, shape)
    body = client.createMultiBody(_MASS_KG, *known[shape], list(position), list(quaternion), **_RIGID)
    client.changeVisualShape(body, -1, rgbaColor=[*TOY_COLORS[color], 1.0])
    client.changeDynamics(body, -1, lateralFriction=_FRICTION, rollingFriction=0.0, spinningFriction=0.0)
    return body


def _prism(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Vertices float64[2N, 3], lower ones first, and triangles int[T, 3] of the prism over a convex part."""
    n, half = len(part), TOY_HEIGHT_M / 2
    vertices = np.concatenate([np.insert(part, 2, -half, axis=1), np.insert(part, 2, half, axis=1)])
    caps = [[0, i + 1, i] for i in range(1, n - 1)] + [[n, n + i, n + i + 1] for i in range(1, n - 1)]
    sides = [[(i, j, n + j), (i, n + j, n + i)] for i in range(n) for j in [(i + 1) % n]]
    return vertices, np.array(caps + [list(t) for pair in sides for t in pair])


def _collision(client: Client, shape: str) -> int:
    """Collision shape: of a file with several objects, PyBullet makes the convex hull of each."""
    lines, first = [], 1
    for index, part in enumerate(TOY_SHAPES[shape]):
        vertices, triangles = _prism(part)
        lines += [f"o part{index}", *("v {:.9f} {:.9f} {:.9f}".format(*v) for v in vertices)]
        lines += ["f {} {} {}".format(*t) for t in triangles + first]
        first += len(vertices)
    with tempfile.TemporaryDirectory(prefix="embodied-") as folder:
        path = Path(folder) / f"{shape}.obj"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return client.createCollisionShape(client.GEOM_MESH, fileName=str(path))


def _visual(client: Client, shape: str) -> int:
    """Flat-shaded mesh of all parts; walls between parts lie inside and are never seen."""
    corners = []
    for part in TOY_SHAPES[shape]:
        vertices, triangles = _prism(part)
        corners.append(vertices[triangles])
    corners = np.concatenate(corners)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.repeat(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12), 3, axis=0)
    vertices = corners.reshape(-1, 3)
    return client.createVisualShape(client.GEOM_MESH, vertices=vertices.tolist(), indices=list(range(len(vertices))),
                                    normals=normals.tolist(), specularColor=[0.05] * 3)
