"""What lies about in the kitchen: a dozen things known at sight. Solid as one box or cylinder each, drawn finer.

The catalogue (colours and sizes) is what a robot may know of them.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from envs.world import meshes
from envs.world.client import Client
from envs.world.meshes import Mesh, ball, box, create_visual, joined, moved, tube, turned

PALETTE = MappingProxyType({
    "red": (0.86, 0.07, 0.07), "orange": (0.98, 0.48, 0.03), "yellow": (0.98, 0.86, 0.10), "green": (0.10, 0.55, 0.14),
    "lime": (0.52, 0.82, 0.12), "teal": (0.05, 0.62, 0.60), "sky": (0.45, 0.74, 0.96), "blue": (0.10, 0.18, 0.72),
    "purple": (0.52, 0.12, 0.64), "brown": (0.42, 0.22, 0.10), "white": (0.95, 0.95, 0.95),
    "magenta": (0.85, 0.10, 0.50), "silver": (0.66, 0.67, 0.70), "black": (0.08, 0.08, 0.09),
    "pink": (0.96, 0.55, 0.70)})
"""Colour word -> RGB in [0, 1]."""
FRICTION = 0.9
_RIGID = {"useMaximalCoordinates": 1}


@dataclass(frozen=True, slots=True)
class Good:
    """One kind of thing. size: full extents as it stands, m. neck_m: how much of its top is too thin to grasp."""

    name: str
    size: tuple[float, float, float]
    mass_kg: float
    is_round: bool
    mesh: Callable[[], Mesh]
    neck_m: float = 0.0

    @property
    def radius_m(self) -> float:
        """Of a circle around its outline."""
        return self.size[0] / 2 if self.is_round else float(np.hypot(*self.size[:2])) / 2


def _apple() -> Mesh:
    stem = tube("brown", np.array([[0, 0, 0.020], [0.002, 0, 0.031]]), (0.003, 0.002), sides=6)
    leaf = moved(ball("green", 0.009, 0.25, rings=4), (0.010, 0.0, 0.029))
    outline = [(0.010, -0.029), (0.022, -0.026), (0.029, -0.014), (0.032, 0.004), (0.029, 0.018), (0.019, 0.027),
               (0.009, 0.026), (0.001, 0.020)]
    return joined(turned([("red", outline)]), stem, leaf)


def _orange() -> Mesh:
    return joined(ball("orange", 0.032, 0.95), moved(ball("green", 0.006, 0.5, rings=4), (0.0, 0.0, 0.030)))


def _banana() -> Mesh:
    bend = np.linspace(-0.62, 0.62, 9)
    path = np.stack([0.13 * np.sin(bend), 0.13 * (1 - np.cos(bend)) - 0.011, np.zeros(9)], axis=1)
    radii = [0.006, 0.012, 0.0165, 0.0175, 0.0175, 0.0175, 0.0165, 0.012, 0.005]
    stalk = tube("brown", np.array([path[-1], path[-1] + [0.008, 0.006, 0.0]]), (0.005, 0.005), sides=8)
    tip = tube("brown", np.array([path[0] - [0.003, -0.002, 0.0], path[0]]), (0.003, 0.006), sides=8)
    return joined(tube("yellow", path, radii), stalk, tip)


def _can(colour: str, stripe: str) -> Mesh:
    r = 0.031
    return turned([
        ("silver", [(0.001, -0.055), (0.026, -0.055), (r, -0.050)]), (colour, [(r, -0.050), (r, -0.012)]),
        (stripe, [(r, -0.012), (r, 0.010)]), (colour, [(r, 0.010), (r, 0.046)]),
        ("silver", [(r, 0.046), (0.027, 0.055), (0.025, 0.055), (0.024, 0.052), (0.001, 0.052)])])


def _bottle() -> Mesh:
    r = 0.031
    return turned([
        ("sky", [(0.001, -0.08), (r, -0.078), (r, -0.03)]), ("white", [(r, -0.03), (r, 0.005)]),
        ("sky", [(r, 0.005), (r, 0.054), (0.016, 0.066)]), ("blue", [(0.017, 0.066), (0.017, 0.08), (0.001, 0.08)])])


def _cup() -> Mesh:
    return turned([
        ("white", [(0.001, -0.045), (0.026, -0.045), (0.029, -0.022)]), ("pink", [(0.0292, -0.022), (0.0325, 0.018)]),
        ("white", [(0.0325, 0.018), (0.035, 0.045), (0.032, 0.045)]), ("white", [(0.032, 0.045), (0.024, -0.038)]),
        ("white", [(0.024, -0.038), (0.001, -0.038)])])


def _mug() -> Mesh:
    angle = np.linspace(-1.35, 1.35, 8)
    path = np.stack([0.031 + 0.020 * np.cos(angle), np.zeros(8), 0.026 * np.sin(angle)], axis=1)
    body = turned([("blue", [(0.001, -0.045), (0.032, -0.045), (0.032, 0.045), (0.028, 0.045)]),
                   ("white", [(0.028, 0.045), (0.028, -0.038), (0.001, -0.038)])])
    return joined(body, tube("blue", path, [0.005] * 8, sides=8))


def _sponge() -> Mesh:
    pad = box("green", (0.10, 0.062, 0.012), (0, 0, 0.013))
    return joined(box("yellow", (0.10, 0.062, 0.026), (0, 0, -0.006)), pad)


def _chips() -> Mesh:
    bands = [("white", 0.0, 0.08), ("purple", 0.08, 0.36), ("yellow", 0.36, 0.60), ("purple", 0.60, 0.92),
             ("white", 0.92, 1.0)]
    return meshes.cushion(bands, 0.12, 0.058, 0.16)


def _energy_bar() -> Mesh:
    return joined(box("brown", (0.076, 0.040, 0.024)), box("lime", (0.030, 0.041, 0.025)),
                  *(box("silver", (0.016, 0.040, 0.008), (s * 0.046, 0, 0)) for s in (-1, 1)))


def _pepper() -> Mesh:
    return turned([("black", [(0.001, -0.05), (0.024, -0.05), (0.020, 0.018)]),
                   ("silver", [(0.021, 0.018), (0.021, 0.040), (0.012, 0.050), (0.001, 0.050)])])


def _bowl() -> Mesh:
    return turned([("teal", [(0.001, -0.024), (0.020, -0.024), (0.030, -0.008), (0.033, 0.024), (0.030, 0.024)]),
                   ("white", [(0.030, 0.024), (0.025, -0.006), (0.001, -0.018)])])


def _tea() -> Mesh:
    return joined(box("magenta", (0.090, 0.050, 0.10)), box("white", (0.060, 0.051, 0.05), (0, 0, 0.01)))


GOODS = MappingProxyType({good.name: good for good in (
    Good("apple", (0.064, 0.064, 0.060), 0.15, True, _apple),
    Good("orange", (0.064, 0.064, 0.061), 0.16, True, _orange),
    Good("banana", (0.156, 0.046, 0.035), 0.12, False, _banana),
    Good("coke can", (0.062, 0.062, 0.110), 0.20, True, lambda: _can("red", "white")),
    Good("lime soda", (0.062, 0.062, 0.110), 0.20, True, lambda: _can("lime", "white")),
    Good("water bottle", (0.062, 0.062, 0.160), 0.25, True, _bottle, neck_m=0.012),
    Good("cup", (0.066, 0.066, 0.090), 0.06, True, _cup),
    Good("mug", (0.064, 0.064, 0.090), 0.20, True, _mug),
    Good("sponge", (0.100, 0.062, 0.038), 0.03, False, _sponge),
    Good("chip bag", (0.120, 0.058, 0.160), 0.06, False, _chips),
    Good("energy bar", (0.108, 0.040, 0.024), 0.05, False, _energy_bar),
    Good("pepper shaker", (0.048, 0.048, 0.100), 0.10, True, _pepper),
    Good("bowl", (0.066, 0.066, 0.048), 0.15, True, _bowl),
    Good("tea box", (0.090, 0.050, 0.100), 0.10, False, _tea),
)})
"""Name -> kind; one of each kind at most is in a kitchen."""


class Pantry:
    """Shapes of one client's goods, made when first wanted: PyBullet keeps a shape for as long as it lives."""

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[int, int]] = {}
        self._texture: int | None = None

    def make(self, client: Client, name: str, position: np.ndarray, quaternion: np.ndarray) -> int:
        """Body id of a new thing of that name."""
        if name not in self._shapes:
            self._shapes[name] = _collision(client, GOODS[name]), _visual(client, GOODS[name])
        if self._texture is None:
            self._texture = _load_palette(client)
        body = client.createMultiBody(GOODS[name].mass_kg, *self._shapes[name], list(position), list(quaternion),
                                      **_RIGID)
        client.changeVisualShape(body, -1, textureUniqueId=self._texture)
        client.changeDynamics(body, -1, lateralFriction=FRICTION, rollingFriction=2e-3, spinningFriction=2e-3)
        return body


def _collision(client: Client, good: Good) -> int:
    if good.is_round:
        return client.createCollisionShape(client.GEOM_CYLINDER, radius=good.size[0] / 2, height=good.size[2])
    return client.createCollisionShape(client.GEOM_BOX, halfExtents=[v / 2 for v in good.size])


def _visual(client: Client, good: Good) -> int:
    mesh, words = good.mesh(), list(PALETTE)
    uvs = [[(words.index(colour) + 0.5) / len(words), 0.5] for colour in mesh.colours]
    return create_visual(client, mesh.vertices, mesh.triangles, mesh.normals, uvs)


_BAND_PX = 8  # rows are then whole words and need no padding, which EGL reads as colours


def _load_palette(client: Client) -> int:
    """Texture id of a picture with one band a colour of the palette; PyBullet reads files only."""
    row = b"".join(bytes(round(255 * v) for v in reversed(rgb)) * _BAND_PX for rgb in PALETTE.values())
    rows = row * 4
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + len(rows), 0, 0, 54, 40, len(PALETTE) * _BAND_PX, 4, 1, 24, 0,
                       len(rows), 2835, 2835, 0, 0)
    with tempfile.TemporaryDirectory(prefix="embodied-") as folder:
        path = Path(folder) / "palette.bmp"
        path.write_bytes(head + rows)
        return client.loadTexture(str(path))


@cache
def colour_shares(name: str) -> MappingProxyType[str, float]:
    """Colour word -> its share of what one sees of the thing from above and aside, by area."""
    mesh = GOODS[name].mesh()
    corners = mesh.vertices[mesh.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    seen = area * np.clip(mesh.normals[mesh.triangles[:, 0], 2] + 0.5, 0.0, None)  # the underside is never seen
    shares = {word: 0.0 for word in PALETTE}
    for triangle, weight in zip(mesh.triangles, seen, strict=True):
        shares[mesh.colours[triangle[0]]] += float(weight)
    total = sum(shares.values())
    return MappingProxyType({word: share / total for word, share in shares.items()})
