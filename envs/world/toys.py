"""Flat coloured toys to push about: moon, star, cube, pentagon and heart, prisms over outlines of about one area.

A toy collides as boxes that cover its outline to within 3 mm, so a peg enters the hollow of a moon. Boxes, since
convex hulls on a board did not repeat themselves: the first scene of a process and its replay differed by a millimetre.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from envs.world.client import Client
from envs.world.meshes import create_visual

TOY_HEIGHT_M = 0.036
TOY_COLORS = MappingProxyType({"red": (0.85, 0.08, 0.08), "blue": (0.08, 0.20, 0.85), "green": (0.08, 0.60, 0.16),
                               "yellow": (0.96, 0.86, 0.08)})
"""Color word -> RGB in [0, 1]."""

Part = np.ndarray
"""float64[N, 2]: corners of a convex polygon, counter-clockwise, m."""

TOY_AREA_M2 = 1.33e-3
"""Of the upper face of a toy, whatever its shape, about."""

_MASS_KG = 0.045
_FRICTION = 0.6
_RIGID = {"useMaximalCoordinates": 1}  # a plain rigid body: a multibody without joints is four times as slow
_MOON_SLICES = 6
_LOBE_POINTS = 8
_ARM_SHARES = (0.35, 0.8)  # of the way from notch to tip, where the boxes of an arm end
_LOBE_ANGLES = np.radians([25.0, 52.0, 75.0])

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
    boxes = _boxes(shape)
    return client.createCollisionShapeArray(
        shapeTypes=[client.GEOM_BOX] * len(boxes), halfExtents=[[*b.half_m, TOY_HEIGHT_M / 2] for b in boxes],
        collisionFramePositions=[[*b.center_m, 0.0] for b in boxes],
        collisionFrameOrientations=[[0.0, 0.0, float(np.sin(b.yaw / 2)), float(np.cos(b.yaw / 2))] for b in boxes])


class _Rectangle(NamedTuple):
    center_m: tuple[float, float]
    half_m: tuple[float, float]
    yaw: float


def _rectangle(start: np.ndarray, end: np.ndarray, half_width_m: float) -> _Rectangle:
    """From the middle of one side to the middle of the opposite one."""
    along = end - start
    length, yaw = float(np.hypot(*along)), float(np.arctan2(along[1], along[0]))
    return _Rectangle(tuple(((start + end) / 2).tolist()), (length / 2, half_width_m), yaw)


def _boxes(shape: str) -> list[_Rectangle]:
    """Rectangles that cover the outline to within 3 mm."""
    parts = TOY_SHAPES[shape]
    if shape == "moon":
        return [_across_slice(part) for part in parts]
    if shape == "star":
        return [box for kite in parts for box in _along_arm(kite)]
    if shape == "heart":
        return _heart_boxes(parts)
    corners, count = parts[0], len(parts[0])
    sides = range(count if count % 2 else 1)  # each side of a pentagon with what lies behind it; a cube is one box
    return [_behind_side(corners[i], corners[(i + 1) % count], corners) for i in sides]


def _across_slice(part: Part) -> _Rectangle:
    """Of a slice of a moon; the slices at its tips are triangles."""
    outer, inner = part[[0, 1]], part[[-1, -2]] if len(part) == 4 else _inner_side(part)
    width_m = np.mean([np.linalg.norm(np.diff(side, axis=0)) for side in (outer, inner)])
    return _rectangle(inner.mean(axis=0), outer.mean(axis=0), float(width_m) / 2)


def _inner_side(part: Part) -> np.ndarray:
    """float64[2, 2]: of the triangle at a moon's tip, the side on the hollow."""
    is_first = part[0, 1] > 0  # the tip comes first in the upper one, second in the lower one
    return part[[0, 2]] if is_first else part[[2, 1]]


def _along_arm(kite: Part) -> list[_Rectangle]:
    """A wide and a narrow rectangle of a star's arm."""
    middle, notch, tip, _ = kite
    axis = (tip - middle) / np.linalg.norm(tip - middle)
    reach_m, base_m = float(np.linalg.norm(tip - middle)), float((notch - middle) @ axis)
    base_half_m = float(np.linalg.norm(notch - middle - base_m * axis))
    boxes, start_m = [], 0.0
    for share in _ARM_SHARES:
        end_m = base_m + share * (reach_m - base_m)
        boxes.append(_rectangle(middle + start_m * axis, middle + end_m * axis, base_half_m * (1 - share) + 5e-4))
        start_m = end_m
    return boxes


def _heart_boxes(parts: tuple[Part, ...]) -> list[_Rectangle]:
    """The square on its corner, and three strips of either half disc on it."""
    boxes = []
    for part, first in ((parts[0], 1), (parts[1], 0)):
        lobe = part[first:first + _LOBE_POINTS]
        middle, radius_m = (lobe[0] + lobe[-1]) / 2, float(np.linalg.norm(lobe[0] - lobe[-1]) / 2)
        side = (lobe[0] - lobe[-1]) / (2 * radius_m)
        out = np.array([side[1], -side[0]])
        out = out if out[1] > 0 else -out
        if not boxes:
            boxes.append(_rectangle(middle - 2 * radius_m * out, middle, radius_m))
        boxes += [_rectangle(middle, middle + radius_m * np.sin(a) * out, radius_m * np.cos(a)) for a in _LOBE_ANGLES]
    return boxes


def _behind_side(a: np.ndarray, b: np.ndarray, corners: np.ndarray) -> _Rectangle:
    """The deepest rectangle inside a convex outline on its side from a to b."""
    along = (b - a) / np.linalg.norm(b - a)
    inward = np.array([-along[1], along[0]])
    after = np.roll(corners, -1, axis=0)
    normal = np.stack([corners[:, 1] - after[:, 1], after[:, 0] - corners[:, 0]], axis=-1)
    rate = normal @ inward
    closing = rate < -1e-9
    depth_m = min(float((((a_or_b - corners) * normal).sum(axis=1)[closing] / -rate[closing]).min())
                  for a_or_b in (a, b))
    middle = (a + b) / 2
    return _rectangle(middle, middle + depth_m * inward, float(np.linalg.norm(b - a)) / 2)


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
    return create_visual(client, vertices, np.arange(len(vertices)).reshape(-1, 3), normals, shine=0.05)
