"""The kitchen's furniture: floor, walls, counters, table and bin that never move, and the unit with its drawer."""

from __future__ import annotations

import numpy as np

from envs.world import floorplan
from envs.world.client import Client
from envs.world.floorplan import BIN_WALL_M, DRAWER_INNER_M, PLACES, ROOM_HALF_M, UNIT_SIZE_M, Place

DRAWER_JOINT = "drawer_slide"
DRAWER_FRICTION_N = 6.0
_FRICTION = 0.8
_BOARD_M = 0.012
_FLOOR_RGB, _WALL_RGB = (0.72, 0.66, 0.58), (0.86, 0.88, 0.86)
_STONE_RGB, _CUPBOARD_RGB = (0.80, 0.80, 0.79), (0.55, 0.62, 0.66)
_WOOD_RGB, _BIN_RGB = (0.66, 0.50, 0.34), (0.34, 0.37, 0.40)
_FRONT_RGB, _UNIT_RGB, _KNOB_RGB = "0.80 0.67 0.48 1", "0.58 0.44 0.30 1", "0.20 0.20 0.22 1"


def kitchen(client: Client) -> int:
    """Body id of the floor, whose top is z = 0; the rest stands on it."""
    x, y = ROOM_HALF_M
    floor = _box(client, (x, y, 0.1), (0.0, 0.0, -0.1), _FLOOR_RGB)
    _box(client, (0.04, y, 0.7), (x + 0.04, 0.0, 0.7), _WALL_RGB)
    _box(client, (x, 0.04, 0.7), (0.0, y + 0.04, 0.7), _WALL_RGB)
    for name in ("near counter", "far counter"):
        _counter(client, PLACES[name])
    _table(client, PLACES["table"])
    _bin(client, PLACES["bin"])
    return floor


def _counter(client: Client, place: Place) -> None:
    middle, turn = place.to_world(-place.depth_m / 2, 0.0), place.heading_rad
    half = (place.depth_m / 2, place.width_m / 2)
    _box(client, (*half, 0.02), (*middle, place.top_z_m - 0.02), _STONE_RGB, turn)
    body = place.to_world(-place.depth_m / 2 - 0.02, 0.0)
    height = (place.top_z_m - 0.04) / 2
    _box(client, (half[0] - 0.02, half[1] - 0.02, height), (*body, height), _CUPBOARD_RGB, turn)


def _table(client: Client, place: Place) -> None:
    turn, half = place.heading_rad, (place.depth_m / 2, place.width_m / 2)
    _box(client, (*half, 0.02), (*place.middle, place.top_z_m - 0.02), _WOOD_RGB, turn)
    height = (place.top_z_m - 0.04) / 2
    for sx in (0.05, place.depth_m - 0.05):
        for sy in (-1, 1):
            foot = place.to_world(-sx, sy * (half[1] - 0.05))
            _box(client, (0.03, 0.03, height), (*foot, height), _WOOD_RGB, turn)


def _bin(client: Client, place: Place) -> None:
    """Four walls and a floor; open above."""
    half, wall, height = place.width_m / 2, BIN_WALL_M / 2, place.top_z_m / 2
    _box(client, (half, half, 0.01), (*place.middle, 0.01), _BIN_RGB)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = (wall if dx else half, wall if dy else half, height)
        shift = half - wall
        _box(client, size, (place.middle[0] + dx * shift, place.middle[1] + dy * shift, height), _BIN_RGB)


def _box(client: Client, half: tuple[float, ...], center: tuple[float, ...], rgb: tuple[float, float, float],
         turn_rad: float = 0.0) -> int:
    """Body id of a fixed box."""
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=list(half))
    visual = client.createVisualShape(client.GEOM_BOX, halfExtents=list(half), rgbaColor=[*rgb, 1.0],
                                      specularColor=[0.0] * 3)
    turn = [0.0, 0.0, float(np.sin(turn_rad / 2)), float(np.cos(turn_rad / 2))]
    body = client.createMultiBody(0.0, shape, visual, [float(v) for v in center], turn)
    client.changeDynamics(body, -1, lateralFriction=_FRICTION)
    return body


def drawer_urdf() -> str:
    """URDF text of the drawer unit where the map has it: a body with one drawer on a prismatic joint, 0 when shut."""
    place = PLACES["drawer"]
    depth, width, height = UNIT_SIZE_M
    ceiling, floor = floorplan.DRAWER_CEILING_Z_M, floorplan.DRAWER_FLOOR_Z_M
    low = floor - 2 * _BOARD_M
    body = [((depth, width, low), (-depth / 2, 0, low / 2)),
            ((depth, width, height - ceiling), (-depth / 2, 0, (height + ceiling) / 2)),
            ((_BOARD_M, width, height), (-depth + _BOARD_M / 2, 0, height / 2)),
            *(((depth, 0.03, height), (-depth / 2, side * (width / 2 - 0.015), height / 2)) for side in (-1, 1))]
    joints = (
        f'<joint name="stand" type="fixed"><parent link="anchor"/><child link="unit"/>'
        f'<origin xyz="{place.front[0]} {place.front[1]} 0" rpy="0 0 {place.heading_rad}"/></joint>'
        f'<joint name="{DRAWER_JOINT}" type="prismatic"><parent link="unit"/><child link="drawer"/>'
        f'<axis xyz="1 0 0"/><origin xyz="0 0 {floor}"/>'
        f'<limit lower="0" upper="{floorplan.DRAWER_TRAVEL_M}" effort="100" velocity="2"/></joint>')
    return (f'<robot name="drawer_unit">{_link("anchor", [], 1.0, _UNIT_RGB)}{_link("unit", body, 20.0, _UNIT_RGB)}'
            f'{_link("drawer", _drawer_boxes(), 2.0, _FRONT_RGB)}{joints}</robot>')


def _drawer_boxes() -> list[tuple[tuple, tuple]]:
    """Size and place of each board, in the drawer's frame: its floor at z = 0, the outer face of its front at x = 0."""
    inner, width, height = DRAWER_INNER_M
    back = -0.02 - inner
    knob_z = floorplan.KNOB_Z_M - floorplan.DRAWER_FLOOR_Z_M
    return [((inner, width, _BOARD_M), (-0.02 - inner / 2, 0, -_BOARD_M / 2)),
            ((0.02, width + 0.05, 0.125), (-0.01, 0, 0.05)),
            ((_BOARD_M, width, height), (back, 0, height / 2)),
            *(((inner, _BOARD_M, height), (-0.02 - inner / 2, side * (width + _BOARD_M) / 2, height / 2))
              for side in (-1, 1)),
            ((0.05, 0.014, 0.014), (0.025, 0, knob_z)), ((0.022, 0.034, 0.034), (floorplan.KNOB_OUT_M, 0, knob_z))]


def _link(name: str, boxes: list[tuple[tuple, tuple]], mass_kg: float, rgba: str) -> str:
    """URDF text of a link of boxes (size, place); the last two of a drawer are its knob."""
    parts = []
    for index, (size, place) in enumerate(boxes):
        is_knob = name == "drawer" and index >= len(boxes) - 2
        shape = (f'<origin xyz="{place[0]} {place[1]} {place[2]}"/><geometry>'
                 f'<box size="{size[0]} {size[1]} {size[2]}"/></geometry>')
        colour = f'<material name="{name}{index}"><color rgba="{_KNOB_RGB if is_knob else rgba}"/></material>'
        parts.append(f"<visual>{shape}{colour}</visual><collision>{shape}</collision>")
    inertia = 0.05 * mass_kg
    return (f'<link name="{name}"><inertial><mass value="{mass_kg}"/><inertia ixx="{inertia}" iyy="{inertia}" '
            f'izz="{inertia}" ixy="0" ixz="0" iyz="0"/></inertial>{"".join(parts)}</link>')
