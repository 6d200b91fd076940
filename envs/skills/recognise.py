"""What lies on a piece of furniture, by the looks that a catalogue gives: colours and sizes in an RGB-D image.

Nothing here knows where anything is: furniture comes from the static map, how far the drawer is open from depth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from envs.interface import Box, Observation
from envs.world import floorplan
from envs.world.floorplan import Place
from envs.world.goods import GOODS, PALETTE, colour_shares

OPEN_M = 0.20
"""A drawer this far out counts as open."""

_ABOVE_M, _HIGHEST_M = 0.008, 0.27
_GRID_M = 0.015
_FEWEST_PIXELS = 6
_WORST_SCORE = 0.80  # the second best kind fits worse than 1 as a rule
_SHADES = np.linspace(0.55, 1.05, 6)
_WORDS = tuple(PALETTE)
_MERGED = {"silver": "white"}  # shading makes one of the other
_COLOUR_WEIGHT = 2.0
_RIM_M = 0.02


class Detection(NamedTuple):
    """Something recognised: its catalogue name, the box around what is seen of it (world), how badly it fits."""

    name: str
    box: Box
    misfit: float


class Cluster(NamedTuple):
    """The pixels of one thing, whatever it is."""

    points: np.ndarray  # float64[P, 3], world, m
    colours: np.ndarray  # float64[P, 3] in [0, 1]
    rows: np.ndarray  # int64[P]
    columns: np.ndarray  # int64[P]


def detections(seen: Observation, camera: str, place: Place) -> list[Detection]:
    """Everything on (or in) a place that a camera sees, best fits first."""
    found = [_name(thing.points, thing.colours) for thing in things_on(seen, camera, place)]
    return sorted((s for s in found if s is not None and s.misfit < _WORST_SCORE), key=lambda s: s.misfit)


def things_on(seen: Observation, camera: str, place: Place) -> list[Cluster]:
    """Whatever stands on (or lies in) a place that a camera sees: what rises above it and hangs together, seen from
    above."""
    return _groups(_above(seen, camera, place))


def find_named(seen: Observation, camera: str, place: Place, name: str) -> Box | None:
    """The box of what looks most like the named thing, and like nothing else more; None when nothing does."""
    return next((s.box for s in detections(seen, camera, place) if s.name == name), None)


def points_around(seen: Observation, camera: str, place: Place, center: np.ndarray, radius_m: float,
                  below_m: float) -> np.ndarray:
    """float64[P, 3]: points, lower than below_m, of the one thing nearest to a world x, y, from a camera above it; P is
    0 without any."""
    above = _above(seen, camera, place)
    near = (np.linalg.norm(above.points[:, :2] - center[:2], axis=1) < radius_m) & (above.points[:, 2] < below_m)
    groups = [group.points for group in _groups(_some(above, near))]
    if not groups:
        return np.zeros((0, 3))
    return min(groups, key=lambda g: float(np.linalg.norm(g[:, :2].mean(axis=0) - center[:2])))


def drawer_opening_m(seen: Observation, camera: str) -> float:
    """How far the drawer's front stands out, by depth; 0 when it is not in sight."""
    place = floorplan.PLACES["drawer"]
    points = _points(seen, camera).points
    out, aside = place.to_own(points[:, :2]).T
    low, high = floorplan.DRAWER_FLOOR_Z_M + 0.02, floorplan.DRAWER_CEILING_Z_M
    is_front = (np.abs(aside) < 0.23) & (np.abs(aside) > 0.05) & (points[:, 2] > low) & (points[:, 2] < high)
    ahead = out[is_front & (out > -0.05) & (out < floorplan.DRAWER_TRAVEL_M + 0.05)]
    return max(0.0, float(np.quantile(ahead, 0.99))) if len(ahead) >= _FEWEST_PIXELS else 0.0


def _points(seen: Observation, camera: str) -> Cluster:
    """All pixels that returned something."""
    depth = np.nan_to_num(seen.depth[camera])
    valid = depth > 0
    return Cluster(seen.cameras[camera].lift(depth)[valid], seen.rgb[camera][valid] / 255.0, *np.nonzero(valid))


def _some(cluster: Cluster, chosen: np.ndarray) -> Cluster:
    """The chosen pixels: bool[P] or indices."""
    return Cluster(*(values[chosen] for values in cluster))


def _above(seen: Observation, camera: str, place: Place) -> Cluster:
    """The pixels of what stands on the place."""
    pixels = _points(seen, camera)
    out, aside = place.to_own(pixels.points[:, :2]).T
    rise = pixels.points[:, 2] - place.top_z_m
    near, far, half = -0.003, -place.depth_m, place.width_m / 2
    if place.name == "drawer":
        front = drawer_opening_m(seen, camera)
        near, far = front - 2 * _RIM_M, max(front - floorplan.DRAWER_INNER_M[0], 0.01)
        half = floorplan.DRAWER_INNER_M[1] / 2 - _RIM_M / 2
    return _some(pixels, (out < near) & (out > far) & (np.abs(aside) < half) & (rise > _ABOVE_M) & (rise < _HIGHEST_M))


def _groups(pixels: Cluster) -> list[Cluster]:
    """The pixels of each thing: what hangs together when seen from above."""
    if len(pixels.points) == 0:
        return []
    cells = np.floor((pixels.points[:, :2] - pixels.points[:, :2].min(axis=0)) / _GRID_M).astype(np.int64)
    grid = np.zeros(cells.max(axis=0) + 1, dtype=bool)
    grid[tuple(cells.T)] = True
    labels, count = ndimage.label(grid, structure=np.ones((3, 3)))
    owner = labels[tuple(cells.T)]
    groups = [_some(pixels, owner == i) for i in range(1, count + 1)]
    return [group for group in groups if len(group.points) >= _FEWEST_PIXELS]


def _name(points: np.ndarray, colours: np.ndarray) -> Detection | None:
    box, shares = Box.from_points(points), _shares(colours)
    misfits = {name: _misfit(name, box, points, shares) for name in GOODS}
    best = min(misfits, key=misfits.get)
    return Detection(best, box, misfits[best])


def _shares(colours: np.ndarray) -> dict[str, float]:
    """Colour word -> share of the pixels that are it, in some shade."""
    palette = np.array(list(PALETTE.values()))
    shades = (palette[:, None] * _SHADES[None, :, None]).reshape(-1, 3)
    nearest = np.argmin(np.linalg.norm(colours[:, None] - shades[None], axis=-1), axis=1) // len(_SHADES)
    counts = np.bincount(nearest, minlength=len(_WORDS)) / len(colours)
    return _merge(dict(zip(_WORDS, counts.tolist(), strict=True)))


def _merge(shares: dict[str, float]) -> dict[str, float]:
    merged = {word: 0.0 for word in _WORDS}
    for word, share in shares.items():
        merged[_MERGED.get(word, word)] += share
    return merged


def _misfit(name: str, box: Box, points: np.ndarray, shares: dict[str, float]) -> float:
    """0 for a perfect fit of colours and sizes."""
    known, good = _merge(dict(colour_shares(name))), GOODS[name]
    alike = sum(float(np.sqrt(known[word] * shares[word])) for word in _WORDS)  # a little red tells a can from a cup
    colour = _COLOUR_WEIGHT * (1.0 - alike)
    height = min(abs(box.size[2] - tall) for tall in (good.size[2], min(good.size[:2]))) / 0.12  # or it has toppled
    wide = abs(max(box.size[:2]) - max(good.size[:2])) / 0.25
    return colour + min(height, 0.5) + min(wide, 0.4)
