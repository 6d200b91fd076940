"""The static map of the kitchen: where furniture stands. Data only; the robot knows it, as residents do."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

ROOM_HALF_M = (2.6, 2.2)
"""Of the floor, along x and y from the world's origin."""
BASE_RADIUS_M = 0.25
"""Of the mobile base's outline."""
DRAWER_TRAVEL_M = 0.30
DRAWER_INNER_M = (0.30, 0.38, 0.09)
"""Depth, width and height of the drawer's inside."""
DRAWER_FLOOR_Z_M = 0.505
DRAWER_CEILING_Z_M = 0.64
"""Under the top board of the unit."""
KNOB_OUT_M = 0.055
"""Of the middle of the knob, before the drawer's front."""
KNOB_Z_M = 0.57
UNIT_SIZE_M = (0.42, 0.50, 0.66)
"""Depth, width and height of the drawer unit."""
BIN_WALL_M = 0.012


@dataclass(frozen=True, slots=True)
class Place:
    """One piece of furniture. Its own frame: origin at the middle of its front edge on the floor, x towards the robot
    that serves it, y to the left of one who looks along x."""

    name: str
    front: tuple[float, float]  # world x, y of the middle of the front edge, m
    heading_rad: float  # of its x axis in the world
    depth_m: float
    width_m: float
    top_z_m: float  # of the face that things stand on
    standoff_m: float  # of the robot's middle from the front edge

    def to_world(self, x_m: float, y_m: float) -> np.ndarray:
        """float64[2]: world x, y of a point of the place's own frame."""
        c, s = np.cos(self.heading_rad), np.sin(self.heading_rad)
        return np.array([self.front[0] + c * x_m - s * y_m, self.front[1] + s * x_m + c * y_m])

    def to_own(self, xy: np.ndarray) -> np.ndarray:
        """float64[..., 2]: world points in the place's own frame."""
        c, s = np.cos(self.heading_rad), np.sin(self.heading_rad)
        shifted = np.asarray(xy, dtype=np.float64) - np.array(self.front)
        return np.stack([c * shifted[..., 0] + s * shifted[..., 1], c * shifted[..., 1] - s * shifted[..., 0]], axis=-1)

    @property
    def stand(self) -> np.ndarray:
        """float64[3]: x, y, yaw of a robot that serves it."""
        yaw = (self.heading_rad + 2 * np.pi) % (2 * np.pi) - np.pi  # looks against the place's x axis
        return np.array([*self.to_world(self.standoff_m, 0.0), yaw])

    @property
    def middle(self) -> np.ndarray:
        """float64[2]: world x, y of its middle."""
        return self.to_world(-self.depth_m / 2, 0.0)


_NORTH, _SOUTH, _EAST, _WEST = np.pi / 2, -np.pi / 2, 0.0, np.pi

PLACES = MappingProxyType({place.name: place for place in (
    Place("near counter", (1.90, 0.10), _WEST, 0.60, 1.10, 0.80, 0.33),
    Place("far counter", (0.0, 1.50), _SOUTH, 0.60, 1.20, 0.80, 0.33),
    Place("table", (-1.50, 0.0), _EAST, 0.70, 1.10, 0.70, 0.33),
    Place("bin", (-0.80, -1.62), _NORTH, 0.38, 0.38, 0.46, 0.33),
    Place("drawer", (0.75, -1.60), _NORTH, UNIT_SIZE_M[0], UNIT_SIZE_M[1], DRAWER_FLOOR_Z_M, 0.66),
)})
"""Name -> place, in the order in which a search goes."""
SURFACES = ("near counter", "far counter", "table")
"""Places whose whole top is open."""
HIDING = ("bin",)
"""Places whose inside no camera of the robot sees."""


def place_at(base: np.ndarray, within_m: float = 0.12) -> Place | None:
    """The place that a robot at base float64[3] (x, y, yaw) serves, None between places. It may stand aside of the
    middle, as it does to reach what lies at an end."""
    for place in PLACES.values():
        out, aside = place.to_own(base[:2])
        turn = (base[2] - place.stand[2] + np.pi) % (2 * np.pi) - np.pi
        if abs(out - place.standoff_m) < within_m and abs(aside) < place.width_m / 2 and abs(turn) < 0.2:
            return place
    return None
