"""A box around what a pixel points at, from depth and colour alone: how a skill understands a pointing planner."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from envs.interface import Box, Observation, Referent, SkillCall

_ABOVE_TABLE_M = 0.005
_RADIUS_M = 0.08
_CHROMA_STEP = 0.12  # within one object shading changes brightness, hardly chroma
_JUMP_M = 0.012  # between neighbouring pixels of one surface
_HIDDEN_SHARE = 0.6  # a thing seen less deep than this share of its width was seen from above only


def measured(call: SkillCall, seen: Observation) -> tuple[Box | str | float, ...] | str:
    """The arguments of a call as its controller takes them, objects measured; or why one of them is nowhere, as a
    clause."""
    found = [where_is(a, seen) if isinstance(a, Referent) else a for a in call.arguments]
    reasons = (value for argument, value in zip(call.arguments, found, strict=True)
               if isinstance(argument, Referent) and isinstance(value, str))
    return next(reasons, tuple(found))


def where_is(referent: Referent, seen: Observation) -> Box | str:
    """The box of a referent, measured, or why there is none, as a clause. A box goes before a pixel, which is one of
    the first camera where it names none."""
    if referent.box is not None:
        return referent.box
    if referent.pixel is None:
        return "the call does not say where its object is"
    camera = referent.camera or next(iter(seen.cameras), "")
    return box_at(seen, camera, referent.pixel)


def box_at(seen: Observation, camera: str, pixel: tuple[int, int]) -> Box | str:
    """The measured box of the surface around pixel (column, row), or why there is none, as a clause."""
    if camera not in seen.depth:
        return f"nobody looks through the {camera} camera"
    depth = seen.depth[camera]
    column, row = pixel
    if not (0 <= row < depth.shape[0] and 0 <= column < depth.shape[1]):
        return "the pixel is outside the image"
    if not (np.isfinite(depth[row, column]) and depth[row, column] > 0):
        return "the depth camera sees nothing at the pixel"
    points = seen.cameras[camera].lift(np.nan_to_num(depth))
    if points[row, column, 2] < _ABOVE_TABLE_M:
        return "there is only the table at the pixel"
    colour = _chroma(seen.rgb[camera])[row, column]
    surface = _surface(points, seen.rgb[camera], colour, (row, column))
    found = [points[surface], *(_elsewhere(seen, other, colour, points[surface])
                                for other in seen.cameras if other != camera)]
    return _grounded(Box.from_points(np.concatenate(found)))


def _chroma(rgb: np.ndarray) -> np.ndarray:
    """float64[H, W, 3]: colour without brightness."""
    rgb = rgb.astype(np.float64) + 8.0
    return rgb / rgb.sum(axis=-1, keepdims=True)


def _surface(points: np.ndarray, rgb: np.ndarray, colour: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """bool[H, W]: the connected pixels of the seed's colour, above the table, near it, without a jump of depth."""
    near = np.linalg.norm(points[..., :2] - points[seed][:2], axis=-1) < _RADIUS_M
    alike = np.abs(_chroma(rgb) - colour).sum(axis=-1) < _CHROMA_STEP
    step = np.maximum(np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=-1),
                      np.linalg.norm(np.diff(points, axis=1, prepend=points[:, :1]), axis=-1))
    smooth = step < max(_JUMP_M, 4 * float(np.median(step[near])))
    labels, _ = ndimage.label(near & alike & smooth & (points[..., 2] > _ABOVE_TABLE_M))
    if labels[seed] == 0:  # the seed itself sits on an edge
        return near & alike & (points[..., 2] > _ABOVE_TABLE_M)
    return labels == labels[seed]


def _elsewhere(seen: Observation, camera: str, colour: np.ndarray, known: np.ndarray) -> np.ndarray:
    """float64[P, 3]: points of another camera of the same colour, near what is known and not above it."""
    points = seen.cameras[camera].lift(np.nan_to_num(seen.depth[camera]))
    middle = (known[:, :2].min(axis=0) + known[:, :2].max(axis=0)) / 2
    radius = np.linalg.norm(known[:, :2] - middle, axis=-1).max() + 0.006
    alike = np.abs(_chroma(seen.rgb[camera]) - colour).sum(axis=-1) < _CHROMA_STEP
    near = np.linalg.norm(points[..., :2] - middle, axis=-1) < radius
    is_level = (points[..., 2] > _ABOVE_TABLE_M) & (points[..., 2] < known[:, 2].max() + 0.006)
    return points[alike & near & is_level & (seen.depth[camera] > 0)]


def _grounded(box: Box) -> Box:
    """The box, taken to be as high as it is wide, or to stand on the table, where its sides were not seen."""
    width = min(box.size[:2])
    bottom = box.bottom_z_m
    if bottom < 0.015:
        bottom = 0.0
    elif box.size[2] < _HIDDEN_SHARE * width:
        bottom = max(0.0, box.top_z_m - width)
    top = box.top_z_m
    return Box((*box.center[:2], (top + bottom) / 2), (*box.size[:2], top - bottom), box.yaw)
