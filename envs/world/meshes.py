"""Low-poly coloured meshes to draw: turned bodies, boxes, bent tubes, cushions. Own work; nothing is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from envs.world.client import Client

_SIDES = 20


@dataclass(frozen=True, slots=True)
class Mesh:
    """vertices, normals: float64[V, 3], m. triangles: int64[T, 3]. colours: the colour word of each vertex."""

    vertices: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    colours: tuple[str, ...]


def joined(*meshes: Mesh) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes)])[:-1]
    return Mesh(np.concatenate([m.vertices for m in meshes]), np.concatenate([m.normals for m in meshes]),
                np.concatenate([m.triangles + start for m, start in zip(meshes, starts, strict=True)]),
                tuple(colour for m in meshes for colour in m.colours))


def turned(bands: Sequence[tuple[str, Sequence[tuple[float, float]]]], sides: int = _SIDES) -> Mesh:
    """A body of revolution about z. bands: colour and outline (radius, height m) from below upwards, outside first."""
    vertices, normals, triangles, colours = [], [], [], []
    angles = 2 * np.pi * np.arange(sides + 1) / sides
    for colour, outline in bands:
        for (r0, z0), (r1, z1) in pairwise(outline):
            out, up = z1 - z0, r0 - r1
            length = np.hypot(out, up) or 1.0
            start = len(vertices)
            for c, s in zip(np.cos(angles), np.sin(angles), strict=True):
                vertices += [[r0 * c, r0 * s, z0], [r1 * c, r1 * s, z1]]
                normals += [[out / length * c, out / length * s, up / length]] * 2
            for i in range(start, start + 2 * sides, 2):
                triangles += [[i, i + 2, i + 3], [i, i + 3, i + 1]]
            colours += [colour] * (2 * (sides + 1))
    return Mesh(np.array(vertices), np.array(normals), np.array(triangles), tuple(colours))


def ball(colour: str, radius_m: float, flat: float = 1.0, rings: int = 8) -> Mesh:
    """A ball about the origin, flattened by that factor along z."""
    lat = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    return turned([(colour, [(radius_m * np.cos(a) + 1e-5, radius_m * flat * np.sin(a)) for a in lat])])


def box(colour: str, size: Sequence[float], center: Sequence[float] = (0.0, 0.0, 0.0)) -> Mesh:
    """An upright box."""
    vertices, normals, triangles = [], [], []
    half, center = np.array(size) / 2, np.array(center)
    for axis in range(3):
        for side in (-1.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            normal, start = side * np.eye(3)[axis], len(vertices)
            vertices += [center + half * (normal + a * u + b * v) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            normals += [normal] * 4
            order = ([0, 1, 2], [0, 2, 3]) if side > 0 else ([0, 2, 1], [0, 3, 2])
            triangles += [[start + i for i in face] for face in order]
    return Mesh(np.array(vertices), np.array(normals), np.array(triangles), (colour,) * len(vertices))


def tube(colour: str, path: np.ndarray, radii: Sequence[float], sides: int = 10) -> Mesh:
    """A tube around points float64[P, 3], m, as thick at each as radii says."""
    path = np.asarray(path, dtype=np.float64)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.where(np.abs(along[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    u = np.cross(up, along)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(along, u)
    angles = 2 * np.pi * np.arange(sides + 1) / sides
    normals = u[:, None] * np.cos(angles)[None, :, None] + v[:, None] * np.sin(angles)[None, :, None]
    vertices = path[:, None] + normals * np.asarray(radii)[:, None, None]
    triangles, row = [], sides + 1
    for i in range(len(path) - 1):
        for j in range(sides):
            a, b = i * row + j, (i + 1) * row + j
            triangles += [[a, b + 1, b], [a, a + 1, b + 1]]
    flat = vertices.reshape(-1, 3)
    return Mesh(flat, normals.reshape(-1, 3), np.array(triangles), (colour,) * len(flat))


def cushion(bands: Sequence[tuple[str, float, float]], width_m: float, depth_m: float, height_m: float) -> Mesh:
    """A filled bag that stands: flat seams below and above, thick in the middle. bands: colour, from, to (share of
    the height)."""
    meshes = []
    for colour, low, high in bands:
        levels = np.linspace(low, high, max(2, round((high - low) * 8) + 1))
        thick = depth_m / 2 * np.maximum(np.sin(np.pi * np.clip(levels, 0.0, 1.0)) ** 0.5, 0.06)
        outline = np.stack([thick, (levels - 0.5) * height_m], axis=1)
        meshes.append(_flattened(colour, outline, width_m))
    return joined(*meshes)


def _flattened(colour: str, outline: np.ndarray, width_m: float) -> Mesh:
    """A turned body drawn out along x to a given width; its thickness is along y."""
    body = turned([(colour, [(1.0, z) for _, z in outline])], sides=16)
    thick = np.interp(body.vertices[:, 2], outline[:, 1], outline[:, 0])
    corner = np.sign(body.vertices[:, 0]) * np.abs(body.vertices[:, 0]) ** 0.6  # squarer than an ellipse
    vertices = np.stack([corner * width_m / 2, body.vertices[:, 1] * thick, body.vertices[:, 2]], axis=1)
    return Mesh(vertices, body.normals, body.triangles, body.colours)


def moved(mesh: Mesh, shift: Sequence[float]) -> Mesh:
    """The mesh, shifted by m."""
    return Mesh(mesh.vertices + np.array(shift), mesh.normals, mesh.triangles, mesh.colours)


def create_visual(client: Client, vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray,
                  uvs: Sequence[Sequence[float]] = (), shine: float = 0.1) -> int:
    """Visual shape of a mesh: vertices float64[V, 3] m, triangles int[T, 3], normals float64[V, 3], uvs [V, 2] or none.
    EGL draws meshes from files only, and silently leaves out others."""
    gloss = {"specularColor": [shine] * 3}
    if client.renderer == "egl":
        path = client.folder / f"{len(list(client.folder.iterdir()))}.obj"
        path.write_text(_obj(vertices, triangles, normals, uvs), encoding="ascii")
        return client.createVisualShape(client.GEOM_MESH, fileName=str(path), **gloss)
    textured = {"uvs": [list(uv) for uv in uvs]} if len(uvs) else {}
    return client.createVisualShape(client.GEOM_MESH, vertices=vertices.tolist(), normals=normals.tolist(),
                                    indices=triangles.ravel().tolist(), **textured, **gloss)


def _obj(vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray, uvs: Sequence[Sequence[float]]) -> str:
    """The text of a Wavefront OBJ file."""
    uvs = uvs if len(uvs) else [(0.0, 0.0)] * len(vertices)
    rows = [f"{kind} {' '.join(f'{v:.9g}' for v in row)}"
            for kind, table in (("v", vertices), ("vt", uvs), ("vn", normals)) for row in table]
    faces = [f"f {' '.join(f'{i}/{i}/{i}' for i in corners)}" for corners in np.asarray(triangles) + 1]
    return "\n".join([*rows, *faces, ""])
