"""The upright box of one object from its depth points and what they voted.

P points of all cameras. Yaw comes from the fourth moment of the top face, which every sample of the face shares in (the
least-area rectangle hangs on the few outermost samples). Extents take no half-pixel correction: two cameras sample an
edge so differently that together they reach it (0.1 mm in the median over ray-cast scenes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.interface import YAW_STEP_RAD, Box

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float64, Int64

TOP_BAND_M = 0.005
"""Points this close under the highest belong to the top face."""

STANDING_M = 0.012
"""A bottom measured this close to the table is on it: the last pixel row of a side face is seldom at its foot."""

FILLED_SHARE = 0.7
"""A top face of which a camera sampled this share is whole; less, and something lies on it, or it is a rim."""

ALL_OF_IT_SHARE = 0.95
"""A face of which a camera sampled this share has no pixels of a neighbour, and hides none: it tells the width."""

HIDDEN_SHARE = 0.75
"""Points narrower than this share of the voted width (or as much wider) show a part of the object: trust the votes."""

BESIDE_M = 0.003
"""Points further than this beside the measured box are of something else: the floor of a bowl votes for the block that
stands on it in a narrow ring, and would colour its crop."""

LEAST_HEIGHT_M = 0.005
LEAST_POINTS = 12


class Measured(NamedTuple):
    """The box around what is seen of an object, and how wide all of it is: the wider side of a face that is seen as it
    is, else what the votes say (which are off by more than 4 mm in one of ten such blocks, the box in half)."""

    box: Box
    width_m: float


def believed_box(voted: Float64[np.ndarray, " 4"]) -> Measured:
    """The same where nothing was measured: a cube, or what is flatter and stands on the table."""
    x, y, z, half_m = map(float, voted)
    width_m = max(2 * half_m, LEAST_HEIGHT_M)
    height_m = min(max(2 * z, LEAST_HEIGHT_M), width_m)
    return Measured(Box((x, y, max(z, height_m / 2)), (width_m, width_m, height_m)), width_m)


def measure_box(points: Float64[np.ndarray, "P 3"], voted: Float64[np.ndarray, " 4"],
                pitch_m: Float64[np.ndarray, " P"], camera: Int64[np.ndarray, " P"]) -> Measured:
    """What one object measures.

    points: float64[P, 3]. voted: float64[4], the median of what they vote for. pitch_m: float64[P], distance of
    neighbouring samples on a surface that faces the camera. camera: int64[P], which one saw the point. P >= 1.
    """
    is_near = _is_near(points, voted)
    points, camera, pitch_m = points[is_near], camera[is_near], pitch_m[is_near]
    top_z = float(np.quantile(points[:, 2], 0.97))
    is_top = points[:, 2] > top_z - TOP_BAND_M
    sampled_m2 = _samples(camera[is_top], pitch_m[is_top])
    center, size, yaw = _footprint(points[:, :2], is_top, sampled_m2)
    width_m = float(max(size) if sampled_m2 > ALL_OF_IT_SHARE * np.prod(size) else 2 * voted[3])
    if min(size) < HIDDEN_SHARE * 2 * voted[3] or max(size) > 2 * voted[3] / HIDDEN_SHARE:
        center, size = voted[:2], (2 * voted[3], 2 * voted[3])
    bottom_z = _bottom(points[:, 2], top_z, float(voted[2]))
    box = Box((float(center[0]), float(center[1]), (top_z + bottom_z) / 2),
              (float(size[0]), float(size[1]), max(top_z - bottom_z, LEAST_HEIGHT_M)), yaw)
    return Measured(box, width_m)


def is_in_box(points: Float64[np.ndarray, "P 3"], box: Box) -> Bool[np.ndarray, " P"]:
    """bool[P]: over the rectangle of the box or hardly beside it; all when none is."""
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    local = np.abs((points[:, :2] - box.center[:2]) @ np.array([[cos, -sin], [sin, cos]]))
    is_in = (local < np.array(box.size[:2]) / 2 + BESIDE_M).all(axis=1)
    return is_in if is_in.any() else np.ones(len(points), dtype=bool)


def _is_near(points: Float[np.ndarray, "P 3"], voted: Float[np.ndarray, " 4"]) -> Bool[np.ndarray, " P"]:
    """bool[P]: inside the voted circle and a little around it, all when none is: drops what lies behind an edge."""
    is_near = ((points[:, :2] - voted[:2]) ** 2).sum(axis=1) < (1.42 * voted[3] + 0.01) ** 2
    return is_near if is_near.any() else np.ones(len(points), dtype=bool)


def _samples(camera: Int64[np.ndarray, " P"], pitch_m: Float[np.ndarray, " P"]) -> float:
    """Area in m2 of the samples of the camera that took most."""
    return float(np.bincount(camera, weights=pitch_m**2).max(initial=0.0))


def _footprint(xy: Float[np.ndarray, "P 2"], is_top: Bool[np.ndarray, " P"], sampled_m2: float
               ) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"], float]:
    """Centre float64[2], size float64[2] and yaw of the rectangle that holds an object's points float64[P, 2]."""
    face = xy[is_top]
    if len(face) >= LEAST_POINTS:
        yaw = moment_yaw(face)
        center, size = _rectangle(face, yaw)
        if sampled_m2 > FILLED_SHARE * np.prod(size):
            return center, size, yaw
    yaw = least_area_yaw(xy)
    return *_rectangle(xy, yaw), yaw


def _rectangle(face: Float[np.ndarray, "P 2"], yaw: float) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"]]:
    """Centre and extent along the axes turned by yaw."""
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    local = face @ turn
    low, high = local.min(axis=0), local.max(axis=0)
    return turn @ ((low + high) / 2), high - low


def moment_yaw(face: Float[np.ndarray, "P 2"]) -> float:
    """Yaw, rad, in [-pi/4, pi/4) of a filled square: the mean of (x + iy)^4 over it is negative along its axes."""
    local = face - face.mean(axis=0)
    moment = ((local[:, 0] + 1j * local[:, 1]) ** 4).mean()
    return float((np.angle(-moment) / 4 + np.pi / 4) % (np.pi / 2) - np.pi / 4)


def least_area_yaw(face: Float[np.ndarray, "P 2"]) -> float:
    """Yaw, rad, in [-pi/4, pi/4) of the least-area rectangle around samples float64[P, 2]."""
    yaws = np.arange(-np.pi / 4, np.pi / 4 - 1e-9, YAW_STEP_RAD)
    cos, sin = np.cos(yaws), np.sin(yaws)
    area = np.ptp(face @ np.stack([cos, sin]), axis=0) * np.ptp(face @ np.stack([-sin, cos]), axis=0)
    return float(yaws[int(np.argmin(area))])


def _bottom(heights: Float[np.ndarray, " P"], top_z: float, voted_z: float) -> float:
    """Where the object ends below: seen, or as far under the voted centre as its top is above; the table at least."""
    bottom = min(float(heights.min()), 2 * voted_z - top_z)
    return 0.0 if bottom < STANDING_M else bottom
