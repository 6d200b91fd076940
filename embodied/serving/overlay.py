"""Objects in sight as clients get them: names, looks, measured boxes, and outlines to draw on the cameras' pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from embodied.planning.language import object_names
from embodied.planning.looks import looks_of
from embodied.prompt import Slot
from envs.interface import Box, Camera, Observation

HAND_RADIUS_M = 0.15
"""From the tool's axis to the edge of a gripper's housing, with play for what is seen of it from one side."""


def objects_of(slots: Sequence[Slot], seen: Observation, others: Sequence[Slot] = ()) -> list[dict[str, Any]]:
    """obj_1, obj_2 .. in the order of the prompt, without what is the robot's own hand. others: which nobody plans
    with; thing_1, thing_2 .. after those."""
    return [_object(name, slot, seen) for name, slot in zip(names_of(slots, others), (*slots, *others), strict=True)
            if not is_hand(slot.box, seen.tool_pose)]


def names_of(slots: Sequence[Slot], others: Sequence[Slot] = ()) -> list[str]:
    """The names of the same."""
    return [*object_names(len(slots)), *(f"thing_{number}" for number in range(1, len(others) + 1))]


def is_hand(box: Box, tool_pose: np.ndarray) -> bool:
    """Whether a measured box is a part of the robot's hand: all of it near the tool's axis and above the tool's point,
    where nothing that is held or stands on a table can be. tool_pose: float64[7], m and quaternion."""
    aside_m = np.linalg.norm(np.subtract(box.center[:2], tool_pose[:2]))
    return bool(box.bottom_z_m > tool_pose[2] and aside_m < HAND_RADIUS_M)


def _object(name: str, slot: Slot, seen: Observation) -> dict[str, Any]:
    outlines = {camera: outline(slot.box, lens, seen.rgb[camera].shape[:2]) for camera, lens in seen.cameras.items()
                if camera in seen.rgb}
    height, width = seen.rgb[slot.camera].shape[:2]
    return {"name": name, "looks": looks_of(slot), "camera": slot.camera, "pixel": [int(v) for v in slot.pixel],
            "image_size": [width, height], "box": box_values(slot.box), "outlines": outlines}


def box_values(box: Box) -> dict[str, Any]:
    return {"center": [round(float(v), 4) for v in box.center], "size": [round(float(v), 4) for v in box.size],
            "yaw": round(float(box.yaw), 4)}


def outline(box: Box, camera: Camera, size_px: tuple[int, int]) -> list[list[float]]:
    """The convex outline of a box in a camera's image, points (u, v) in 0..1 of its width and height."""
    corners = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, -1).T * np.array(box.size)
    c, s = np.cos(box.yaw), np.sin(box.yaw)
    turned = np.stack([corners[:, 0] * c - corners[:, 1] * s, corners[:, 0] * s + corners[:, 1] * c, corners[:, 2]], 1)
    points = camera.project(turned + np.array(box.center)) / np.array(size_px[::-1])
    around = ConvexHull(points, qhull_options="QJ").vertices  # QJ: a flat box has an outline too
    return [[round(float(u), 4), round(float(v), 4)] for u, v in points[around]]
