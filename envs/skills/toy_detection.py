"""Where which toy lies, measured in one top view: colour from the picture, shape from the outline of the top face.

The top faces of all toys lie in one plane, where pixels of a camera that looks straight down are a square grid. A
patch of one colour is explained by outlines laid over it: position and turn by correlation, shape by what fits best.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from envs.interface import Observation
from envs.skills.push_table import PushTable

_PLANE_M = 0.006  # how far from the height of a toy its top face may seem to be
_CHROMA_STEP = 0.30
_LEAST_SHARE = 3e-4 / 1.33e-3  # of the face of a toy: a smaller patch is a scrap of something hidden
_MOST_IN_PATCH = 2
_TURN_STEP_DEG = 6
_SPARE_M = 0.003  # around the widest outline
_GRID_STEP = 16  # cells: few sizes of the correlation's grid, whose outlines are kept
_ROUNDS = 2  # in which two outlines make room for each other


class Toy(NamedTuple):
    """name: "red star". xy: float64[2], m."""

    name: str
    xy: np.ndarray


def paint(seen: Observation, table: PushTable) -> dict[str, np.ndarray]:
    """Color word -> points float64[P, 2] of top faces of toys of that color, m."""
    depth, rgb = seen.depth[table.camera], seen.rgb[table.camera].astype(np.float64) + 4.0
    points = seen.cameras[table.camera].lift(np.nan_to_num(depth))
    is_top = (np.abs(points[..., 2] - table.height_m) < _PLANE_M) & (depth > 0)
    points, chroma = points[is_top][:, :2], rgb[is_top] / rgb[is_top].sum(axis=-1, keepdims=True)
    known = np.array(list(table.palette.values()))
    away = np.abs(chroma[:, None] - known / known.sum(axis=1, keepdims=True)).sum(axis=-1)
    nearest = np.where(away.min(axis=1, initial=9.0) < _CHROMA_STEP, away.argmin(axis=1), -1)
    return {color: points[nearest == index] for index, color in enumerate(table.palette)}


def pitch_m(seen: Observation, table: PushTable) -> float:
    """Width of a pixel in the plane of the top faces."""
    view = seen.cameras[table.camera]
    return float((view.pose[2, 3] - table.height_m) / view.intrinsics[0, 0])


def find(seen: Observation, table: PushTable, colors: frozenset[str]) -> list[Toy]:
    """The toys of some colors, each with the shape that its outline fits best."""
    pitch, paints = pitch_m(seen, table), paint(seen, table)
    return [Toy(f"{color} {shape}", xy) for color in table.palette if color in colors
            for shape, xy in _shapes(paints[color], pitch, table)]


def follow(toys: list[Toy], paints: dict[str, np.ndarray]) -> list[Toy]:
    """The toys where they are now, a short way from where they were; what is out of sight stays where it was."""
    centers = {toy.name: toy.xy for toy in toys}
    for color in {toy.name.split(" ")[0] for toy in toys}:
        names = [name for name in centers if name.split(" ")[0] == color]
        for _ in range(2):
            places = np.stack([centers[name] for name in names])
            points = paints[color]
            owner = np.linalg.norm(points[:, None] - places, axis=-1).argmin(axis=1)
            centers |= {name: points[owner == i].mean(axis=0) for i, name in enumerate(names) if (owner == i).any()}
    return [Toy(name, xy) for name, xy in centers.items()]


def _shapes(points: np.ndarray, pitch: float, table: PushTable) -> list[tuple[str, np.ndarray]]:
    """Shape and place of every toy of one color."""
    if len(points) == 0:
        return []
    low = points.min(axis=0)
    cells = np.rint((points - low) / pitch).astype(np.int64)
    mask = np.zeros(cells.max(axis=0) + 1, dtype=bool)
    mask[tuple(cells.T)] = True
    patches, count = ndimage.label(mask, structure=np.ones((3, 3)))
    found = []
    for patch in range(1, count + 1):
        inside = np.argwhere(patches == patch)
        if len(inside) * pitch**2 > _LEAST_SHARE * table.area_m2:
            corner = inside.min(axis=0)
            crop = (patches == patch)[tuple(slice(a, b + 1) for a, b in zip(corner, inside.max(axis=0), strict=True))]
            found += [(shape, low + (corner + place) * pitch) for shape, place in _explain(crop, pitch, table)]
    return found


def _explain(crop: np.ndarray, pitch: float, table: PushTable) -> list[tuple[str, np.ndarray]]:
    """Shape and place (cells) of the toys that a patch bool[H, W] is made of."""
    count = int(np.clip(round(crop.sum() * pitch**2 / table.area_m2), 1, _MOST_IN_PATCH))
    pad = int(np.ceil(_reach_m(table) / pitch))
    stock = _stock(table, pitch, -(-(max(crop.shape) + 2 * pad) // _GRID_STEP) * _GRID_STEP)
    mask = np.zeros((stock.grid,) * 2, dtype=bool)
    mask[pad:pad + crop.shape[0], pad:pad + crop.shape[1]] = crop
    fits = [_fit(mask, stock)] if count == 1 else _fit_two(mask, stock)
    return [(fit.shape, np.array(fit.place) - pad) for fit in fits]


class _Stock(NamedTuple):
    """All outlines in all turns. outlines: bool[K, 2r+1, 2r+1]; spectra: their transforms on a grid bool[G, G]."""

    shapes: tuple[str, ...]
    outlines: np.ndarray
    spectra: np.ndarray
    areas: np.ndarray
    radius: int
    grid: int


class _Fit(NamedTuple):
    shape: str
    place: tuple[int, int]
    overlap: float  # intersection over union
    area: np.ndarray  # bool[G, G]


def _reach_m(table: PushTable) -> float:
    """Half the side of the square that every outline fits in."""
    return max(map(table.radius_m, (f"any {shape}" for shape in table.outlines))) + _SPARE_M


@lru_cache(maxsize=8)
def _stock(table: PushTable, pitch: float, grid: int) -> _Stock:
    radius = int(np.ceil(_reach_m(table) / pitch))
    cells = np.stack(np.meshgrid(*[np.arange(-radius, radius + 1)] * 2, indexing="ij"), axis=-1) * pitch
    shapes, outlines = [], []
    for shape in table.outlines:
        for degrees in np.arange(0, 360 / table.symmetry.get(shape, 1), _TURN_STEP_DEG):
            c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
            shapes.append(shape)
            outlines.append(table.covers(shape, cells @ np.array([[c, -s], [s, c]])))
    outlines = np.stack(outlines)
    spectra = np.conj(fft.rfft2(outlines.astype(np.float32), s=(grid, grid)))
    return _Stock(tuple(shapes), outlines, spectra, outlines.sum(axis=(1, 2)), radius, grid)


def _fit(mask: np.ndarray, stock: _Stock, only: str | None = None) -> _Fit:
    """The outline, its turn and place that overlap a mask bool[G, G] best."""
    chosen = [k for k, shape in enumerate(stock.shapes) if only in (None, shape)]
    shared = fft.irfft2(fft.rfft2(mask.astype(np.float32)) * stock.spectra[chosen], s=(stock.grid,) * 2)
    overlap = shared / (mask.sum() + stock.areas[chosen, None, None] - shared)
    overlap[:, -2 * stock.radius:] = overlap[:, :, -2 * stock.radius:] = 0.0  # outlines that leave the grid
    best, row, column = np.unravel_index(int(np.argmax(overlap)), overlap.shape)
    k, size = chosen[best], 2 * stock.radius + 1
    area = np.zeros_like(mask)
    area[row:row + size, column:column + size] = stock.outlines[k]
    place = int(row) + stock.radius, int(column) + stock.radius
    return _Fit(stock.shapes[k], place, float(overlap[best, row, column]), area)


def _fit_two(mask: np.ndarray, stock: _Stock) -> list[_Fit]:
    """The two outlines that explain a mask best together."""
    best, most = [], -1.0
    for shape in dict.fromkeys(stock.shapes):
        first = _fit(mask, stock, shape)
        for _ in range(_ROUNDS):
            second = _fit(mask & ~first.area, stock)
            first = _fit(mask & ~second.area, stock)
        both = first.area | second.area
        overlap = (both & mask).sum() / (both | mask).sum()
        if overlap > most:
            best, most = [first, second], overlap
    return best
