"""What a robot on wheels sees on the furniture before which it stands, as slots: whatever rises above it, of any kind.

Where furniture stands comes from the static map, where the robot stands from its own wheels, the rest from colour and
depth. Nothing is named here: that is for the planner.
"""

from __future__ import annotations

import numpy as np

from embodied.models.scene import masked_crop, window_of
from embodied.planning.memory import Look
from embodied.planning.scene import DRAWER
from embodied.prompt import Slot
from envs.interface import Box, Observation
from envs.skills.recognise import OPEN_M, Cluster, drawer_opening_m, things_on
from envs.world.floorplan import HIDING, Place, place_at

CAMERA = "head"
CROP_SIZE = 32  # pixels of a slot's side


def look(observation: Observation) -> Look:
    """What is seen where the robot stands. Boxes are in the place's own frame, x towards the robot, z above the face
    that things stand on, m."""
    place = place_at(observation.joint_pos[-3:])
    if place is None or place.name in HIDING:
        return Look(None if place is None else place.name)
    is_open = None
    if place.name == DRAWER:
        is_open = drawer_opening_m(observation, CAMERA) > OPEN_M
    if is_open is False:
        return Look(place.name, None, is_open)
    slots = tuple(_slot(thing, observation, place) for thing in things_on(observation, CAMERA, place))
    return Look(place.name, tuple(sorted(slots, key=lambda slot: slot.box.center[1])), is_open,
                _span_m(observation, place))


def _slot(thing: Cluster, observation: Observation, place: Place) -> Slot:
    rows, columns = thing.rows, thing.columns
    rgb = observation.rgb[CAMERA]
    window = window_of(rows, columns)
    points = np.concatenate([place.to_own(thing.points[:, :2]), thing.points[:, 2:] - place.top_z_m], axis=1)
    middle = int(((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin())
    return Slot(crop=masked_crop(rgb, rows, columns, window, CROP_SIZE), box=Box.from_points(points), camera=CAMERA,
                pixel=(int(columns[middle]), int(rows[middle])), area_px=len(rows), place=place.name)


def _span_m(observation: Observation, place: Place) -> tuple[float, float]:
    """From where to where along the place's own y its middle line is in the picture."""
    aside = np.linspace(-place.width_m / 2, place.width_m / 2, 45)
    middle = -place.depth_m / 2
    camera, (height, width) = observation.cameras[CAMERA], observation.depth[CAMERA].shape
    seen = [y for y in aside if _is_in(camera.project(np.array([*place.to_world(middle, y), place.top_z_m])),
                                       width, height)]
    return (float(seen[0]), float(seen[-1])) if seen else (0.0, 0.0)


def _is_in(pixel: np.ndarray, width: int, height: int) -> bool:
    return 0 <= pixel[0] < width and 0 <= pixel[1] < height
