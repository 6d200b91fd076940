"""A board to push toys about on, in a tray with a lip, and the words for places and directions on it.

Seen from where people and cameras stand, up on the board is +x, left is +y.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from envs.words import plain_words
from envs.world.client import Client

BOARD_LOW_M, BOARD_HIGH_M = np.array([0.10, -0.38]), np.array([0.70, 0.38])
"""Corners of the board, x and y."""
BOARD_CENTER_M = (BOARD_LOW_M + BOARD_HIGH_M) / 2
BORDER_M = 0.045
"""From the board to the lip: a peg fits behind a toy at the edge."""
PLACE_INSET_M = 0.085
"""From the edge of the board to the point that a corner or side is named for."""
CORNER_SHARE = 1 / 3
"""Of the board's width and height that each corner takes up where blocks are sorted."""

_INSIDE_INSET_M = 0.03  # from the board's edge: nothing is pushed nearer to it
_LIP_WIDTH_M, _LIP_HEIGHT_M, _THICK_M = 0.015, 0.018, 0.02
_FRICTION = 0.5
_BOARD_RGB, _TRAY_RGB, _LIP_RGB = (0.80, 0.78, 0.74), (0.58, 0.57, 0.56), (0.33, 0.30, 0.28)
_UPWARD = MappingProxyType({"top": 1, "up": 1, "upper": 1, "upwards": 1, "above": 1,
                            "bottom": -1, "down": -1, "lower": -1, "downwards": -1, "below": -1})
_LEFTWARD = MappingProxyType({"left": 1, "right": -1})

Compass = tuple[int, int]
"""(up, left), each -1, 0 or 1; as a direction not both 0, as a place (0, 0) is the center."""


@dataclass(frozen=True, eq=False)
class BoardFrame:
    """Where a board is in the world, and which way is up and left on it for those who speak of it. low_m, high_m:
    float64[2], its corners. up, left: float64[2] of length 1, each along an axis."""

    low_m: np.ndarray
    high_m: np.ndarray
    border_m: float  # from the board to its lip
    up: tuple[float, float] = (1.0, 0.0)
    left: tuple[float, float] = (0.0, 1.0)

    @property
    def center_m(self) -> np.ndarray:
        """float64[2]."""
        return (self.low_m + self.high_m) / 2

    def place_m(self, where: Compass) -> np.ndarray:
        """float64[2]: the point that a corner, a side or the center is named for."""
        return self.center_m + self._along(where) * ((self.high_m - self.low_m) / 2 - PLACE_INSET_M)

    def unit(self, where: Compass) -> np.ndarray:
        """float64[2] of length 1 in a direction."""
        return self._along(where) / np.hypot(*where)

    def inside(self, place: np.ndarray) -> np.ndarray:
        """float64[..., 2]: the nearest places that toys are pushed to."""
        return np.clip(place, self.low_m + _INSIDE_INSET_M, self.high_m - _INSIDE_INSET_M)

    def _along(self, where: Compass) -> np.ndarray:
        return where[0] * np.array(self.up) + where[1] * np.array(self.left)

OUR_BOARD = BoardFrame(BOARD_LOW_M, BOARD_HIGH_M, BORDER_M)
place_m, unit = OUR_BOARD.place_m, OUR_BOARD.unit

COMPASS: tuple[Compass, ...] = tuple((up, left) for up in (1, 0, -1) for left in (1, 0, -1))
COMPASS_WORDS = frozenset((*_UPWARD, *_LEFTWARD))
_WAYS = MappingProxyType({
    (1, 0): "up", (-1, 0): "down", (0, 1): "to the left", (0, -1): "to the right", (1, 1): "up and to the left",
    (1, -1): "up and to the right", (-1, 1): "down and to the left", (-1, -1): "down and to the right"})
_VERTICAL, _HORIZONTAL = {1: "top", -1: "bottom", 0: ""}, {1: "left", -1: "right", 0: ""}
_FILLERS = frozenset(("and", "to", "the", "corner", "side"))
CORNERS: tuple[Compass, ...] = tuple(c for c in COMPASS if c[0] and c[1])


def compass(text: str) -> Compass | None:
    """What "up and to the left" or "bottom right corner" says; None when it says nothing, contradicts itself, or says
    anything beside."""
    words = plain_words(text)
    if words is None or not set(words) <= COMPASS_WORDS | _FILLERS:
        return None
    up, left = {_UPWARD[w] for w in words if w in _UPWARD}, {_LEFTWARD[w] for w in words if w in _LEFTWARD}
    if len(up) > 1 or len(left) > 1 or not (up or left):
        return None
    return (up or {0}).pop(), (left or {0}).pop()


def place_words(where: Compass) -> str:
    """ "top right corner", "left side", "center"."""
    if where == (0, 0):
        return "center"
    return f"{side_words(where)} {'corner' if all(where) else 'side'}"


def way_words(where: Compass) -> str:
    """ "up and to the left"."""
    return _WAYS[where]


def side_words(where: Compass) -> str:
    """ "top right", "left"."""
    return f"{_VERTICAL[where[0]]} {_HORIZONTAL[where[1]]}".strip()


def quarter(place: np.ndarray) -> Compass:
    """The corner of the quarter of the board that a place float64[2], m, lies in."""
    up, left = np.where(place[:2] > BOARD_CENTER_M, 1, -1).tolist()
    return up, left


def is_in_corner(place: np.ndarray, corner: Compass) -> bool:
    """Whether a place lies in the outer third of the board both ways."""
    outward = (place - BOARD_CENTER_M) * corner / (BOARD_HIGH_M - BOARD_LOW_M)
    return bool((outward >= 0.5 - CORNER_SHARE).all())


def board(client: Client) -> int:
    """Body id of the tray whose top is z = 0, with the board drawn on it and a lip around it."""
    half = (BOARD_HIGH_M - BOARD_LOW_M) / 2 + BORDER_M
    tray = _box(client, (*half, _THICK_M / 2), (*BOARD_CENTER_M, -_THICK_M / 2), _TRAY_RGB)
    flat = client.createVisualShape(client.GEOM_BOX, halfExtents=[*(half - BORDER_M), 0.0005],
                                    rgbaColor=[*_BOARD_RGB, 1.0], specularColor=[0.0] * 3)
    client.createMultiBody(0.0, -1, flat, [*BOARD_CENTER_M, 0.0])
    for axis in (0, 1):
        for side in (-1.0, 1.0):
            extent, middle = half + _LIP_WIDTH_M, BOARD_CENTER_M.copy()
            middle[axis] += side * (half[axis] + _LIP_WIDTH_M / 2)
            extent[axis] = _LIP_WIDTH_M / 2
            _box(client, (*extent, _LIP_HEIGHT_M / 2), (*middle, _LIP_HEIGHT_M / 2), _LIP_RGB)
    return tray


def _box(client: Client, half_m: tuple, center_m: tuple, rgb: tuple) -> int:
    """Body id of a box that never moves."""
    half = [float(v) for v in half_m]
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
    visual = client.createVisualShape(client.GEOM_BOX, halfExtents=half, rgbaColor=[*rgb, 1.0],
                                      specularColor=[0.0] * 3)
    body = client.createMultiBody(0.0, shape, visual, [float(v) for v in center_m])
    client.changeDynamics(body, -1, lateralFriction=_FRICTION)
    return body
