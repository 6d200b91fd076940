"""What lies on a pushing board, as slots: whatever rises above it, of any kind, as depth and colour tell one piece from
the next.

Where the board is and how large its pieces are comes from the world's own plan, where the peg is from its own joints.
Nothing is named here: that is for the planner.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embodied.models.scene import masked_crop, window_of
from embodied.planning.board_view import in_order
from embodied.planning.memory import Look
from embodied.planning.scene import BOARD_PLACE
from embodied.prompt import Slot
from envs.interface import Box, Observation
from envs.world.board import BOARD_HIGH_M, BOARD_LOW_M, BORDER_M
from envs.world.toys import TOY_AREA_M2, TOY_HEIGHT_M

CAMERA = "top"
CROP_SIZE = 32  # pixels of a slot's side

_FLOOR_M, _CEILING_M = 0.010, TOY_HEIGHT_M + 0.008
_FACE_M = 0.006  # below the highest points of a piece: its upper face
_PEG_M = 0.016  # around the middle of the peg
_ALIKE = 0.25  # sum of differences of the colour's shares between neighbours of one piece
_LEAST_SHARE = 0.25  # of the face of a piece that has to be seen
_MOST_TOGETHER = 4  # pieces of one colour that touch
_SPAN_M = (-1.0, 1.0)  # all of the board is in sight


def look(observation: Observation) -> Look:
    """What lies on the board. Boxes are in the world's frame; their middles are those of the upper faces, m."""
    depth, rgb = np.nan_to_num(observation.depth[CAMERA]), observation.rgb[CAMERA]
    points = observation.cameras[CAMERA].lift(depth)
    is_raised = (depth > 0) & _is_on_board(points, observation.joint_pos)
    groups = [part for group in _hanging_together(is_raised, rgb) for part in _apart(points, depth, group, observation)]
    slots = [_slot(points, rgb, *group) for group in groups]
    return Look(BOARD_PLACE, in_order(slots), None, _SPAN_M)


def _is_on_board(points: np.ndarray, peg_m: np.ndarray) -> np.ndarray:
    """bool[H, W]: what is above the board, below the top of its pieces, and no part of the peg."""
    low, high = BOARD_LOW_M - BORDER_M, BOARD_HIGH_M + BORDER_M
    plane = points[..., :2]
    return ((points[..., 2] > _FLOOR_M) & (points[..., 2] < _CEILING_M) & ((plane > low) & (plane < high)).all(axis=-1)
            & (np.linalg.norm(plane - peg_m[:2], axis=-1) > _PEG_M))


def _hanging_together(is_raised: np.ndarray, rgb: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the pixels of each patch of one colour."""
    share = rgb + 4.0
    share = share / share.sum(axis=-1, keepdims=True)
    number = np.arange(is_raised.size).reshape(is_raised.shape)
    links = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, -down or None), slice(max(0, -right), -right if right > 0 else None))
        there = (slice(down, None), slice(max(0, right), right if right < 0 else None))
        is_one = is_raised[here] & is_raised[there] & (np.abs(share[here] - share[there]).sum(axis=-1) < _ALIKE)
        links.append(np.stack([number[here][is_one], number[there][is_one]]))
    first, second = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(is_raised.size,) * 2)
    owner = connected_components(graph, directed=False)[1].reshape(is_raised.shape)
    rows, columns = np.nonzero(is_raised)
    mine = owner[rows, columns]
    return [(rows[mine == label], columns[mine == label]) for label in np.unique(mine)]


def _apart(points: np.ndarray, depth: np.ndarray, group: tuple[np.ndarray, np.ndarray], observation: Observation
           ) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pieces that a patch is made of, by how large its upper face is; [] for a scrap."""
    rows, columns = group
    is_face = _is_face(points[rows, columns])
    pitch_m = depth[rows, columns] / observation.cameras[CAMERA].intrinsics[0, 0]
    area_m2 = float((pitch_m[is_face] ** 2).sum())
    if area_m2 < _LEAST_SHARE * TOY_AREA_M2:
        return []
    count = int(np.clip(round(area_m2 / TOY_AREA_M2), 1, _MOST_TOGETHER))
    if count == 1:
        return [group]
    middles, _ = kmeans2(points[rows[is_face], columns[is_face], :2], count, minit="++", seed=0)
    owner = np.linalg.norm(points[rows, columns][:, None, :2] - middles, axis=-1).argmin(axis=1)
    return [(rows[owner == part], columns[owner == part]) for part in range(count) if (owner == part).any()]


def _is_face(points: np.ndarray) -> np.ndarray:
    """bool[P]: of the points float64[P, 3] of a piece, those of its upper face."""
    return points[:, 2] > points[:, 2].max() - _FACE_M


def _slot(points: np.ndarray, rgb: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Slot:
    mine = points[rows, columns]
    face = _is_face(mine)
    middle = mine[face, :2].mean(axis=0)
    box = Box.from_points(mine[face])
    box = Box((*middle.tolist(), TOY_HEIGHT_M / 2), (*box.size[:2], TOY_HEIGHT_M), box.yaw)
    nearest = int(np.linalg.norm(mine[:, :2] - middle, axis=-1).argmin())
    return Slot(crop=masked_crop(rgb, rows, columns, window_of(rows, columns), CROP_SIZE), box=box, camera=CAMERA,
                pixel=(int(columns[nearest]), int(rows[nearest])), area_px=len(rows), place=BOARD_PLACE)
