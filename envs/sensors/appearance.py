"""How else a table may look: from elsewhere, in other textures and colors, among things of other shapes, with the arm
in view (visual domain randomization, Tobin et al. 2017). Eyes learn from what is varied and are tested on what is held
out.

All is off by default and comes from the episode's seed. Unlike `realism`, nothing is wrong with what is reported: a
camera that stands elsewhere says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from envs.interface import DISTRACTOR, TABLE_WORKSPACE
from envs.names import unknown
from envs.sensors import held_out
from envs.sensors.cameras import calibration
from envs.sensors.held_out import HELD_OUT
from envs.sensors.textures import TEXTURES, painted
from envs.world import distractors
from envs.world.images import Picture, View
from envs.world.world import World

VARIED = "varied"
_FAMILIES = {
    "texture": ("plain", VARIED, HELD_OUT),
    "colors": ("own", VARIED),
    "cameras": ("own", VARIED, HELD_OUT),
    "distractors": ("none", VARIED, HELD_OUT),
    "arm": ("home", "above"),
}
_MOST_DISTRACTORS = 4
_GAP_M = 0.02  # between outlines of a distractor and of anything else
_TRIES = 80
_VARIED_AZIMUTH_DEG, _VARIED_ELEVATION_DEG = (0.0, 60.0), (35.0, 89.0)
_FIELD_OF_VIEW_RAD = (0.55, 0.95)
_RIM = (1.02, 1.25)  # how much more than what the arm serves is in the picture
_ABOVE_M = (0.20, 0.35)  # of the tool over the table
_CORNERS = np.array([[x, y, z] for x in (TABLE_WORKSPACE.low_m[0], TABLE_WORKSPACE.high_m[0])
                     for y in (TABLE_WORKSPACE.low_m[1], TABLE_WORKSPACE.high_m[1]) for z in (0.0, 0.12)])
_MIDDLE = _CORNERS.mean(axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """What is drawn for each episode; families are those of `held_out` and all the others. Raises ValueError for one
    that is not known.

    texture: of table and things. colors: of all things, which names then do not tell. cameras: where each stands, all
    that the arm serves in sight. distractors: up to four things that are neither blocks nor bowls. arm: where the tool
    is at the start.
    """

    texture: str = "plain"
    colors: str = "own"
    cameras: str = "own"
    distractors: str = "none"
    arm: str = "home"

    def __post_init__(self) -> None:
        for name, known in _FAMILIES.items():
            if getattr(self, name) not in known:
                raise ValueError(unknown(str(getattr(self, name)), known, what=f"appearance.{name}"))

    @property
    def is_off(self) -> bool:
        return self == Appearance()

    @classmethod
    def of(cls, values: Appearance | Mapping[str, str] | None) -> Appearance:
        """As given, or from names and values. Raises ValueError with the nearest name."""
        if isinstance(values, cls):
            return values
        names = [field.name for field in fields(cls)]
        for name in values or ():
            if name not in names:
                raise ValueError(unknown(name, names, what="appearance"))
        return cls(**dict(values or {}))


class Look:
    """What one episode makes of an appearance."""

    def __init__(self, appearance: Appearance, seed: int) -> None:
        self.appearance, self._seed = appearance, seed
        self._rng = np.random.default_rng(seed)
        self._texture = None if appearance.texture == "plain" else self._one(TEXTURES, held_out.TEXTURES,
                                                                           appearance.texture)

    def _one(self, known: Mapping[str, Any], kept: tuple[str, ...], family: str) -> str:
        """A name of a family, drawn; a known thing that has a share is drawn so many times as often."""
        names = [name for name, thing in known.items() if (name in kept) == (family == HELD_OUT)
                 for _ in range(getattr(thing, "share", 1))]
        return names[int(self._rng.integers(len(names)))]

    def add_distractors(self, world: World) -> None:
        """Puts distractors, where it has some, among the things of a scene."""
        if self.appearance.distractors == "none":
            return
        for number in range(1, 1 + int(self._rng.integers(1, _MOST_DISTRACTORS + 1))):
            shape = self._one(distractors.SHAPES, held_out.SHAPES, self.appearance.distractors)
            spot = _free_spot(world, distractors.reach_m(shape), self._rng)
            if spot is not None:
                distractors.place(world, shape, f"{DISTRACTOR} {number}", self._rng, spot)
        world.settle()

    def tool(self) -> tuple[tuple[float, float, float], float] | None:
        """Where the tool is at the start, m, and the yaw of its jaws, rad; None at home."""
        if self.appearance.arm == "home":
            return None
        x, y = _drawn_spot(self._rng, 0.06)
        return (x, y, float(self._rng.uniform(*_ABOVE_M))), float(self._rng.uniform(-1.5, 1.5))

    def views(self, views: Mapping[str, View]) -> dict[str, View]:
        """Where each camera of an episode stands: those given, all of the world's, or drawn ones in their place."""
        if self.appearance.cameras == "own":
            return dict(views)
        return {name: self._elsewhere(view, place) for place, (name, view) in enumerate(sorted(views.items()))}

    def _elsewhere(self, view: View, place: int) -> View:
        rng = np.random.default_rng([self._seed, place])
        azimuths, elevations = ((held_out.AZIMUTHS_DEG, held_out.ELEVATIONS_DEG)
                                if self.appearance.cameras == HELD_OUT else
                                (_VARIED_AZIMUTH_DEG, _VARIED_ELEVATION_DEG))
        azimuth = np.deg2rad(rng.uniform(*azimuths)) * rng.choice([-1, 1])
        height = np.deg2rad(rng.uniform(*elevations))
        away = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
        drawn = replace(view, fov_rad=float(rng.uniform(*_FIELD_OF_VIEW_RAD)), up=(0.0, 0.0, 1.0),
                        target=tuple(_MIDDLE.tolist()))
        rim = float(rng.uniform(*_RIM))
        distance = next(m for m in np.arange(0.5, 4.0, 0.02) if _holds_all(_at(drawn, away, m), rim))
        return _at(drawn, away, float(distance))

    def painted(self, world: World, picture: Picture, view: View) -> Picture:
        """The picture of a view, as it truly is, in this look's textures and colors."""
        if self._texture is None and self.appearance.colors == "own":
            return picture
        camera = calibration(view, *picture.depth.shape, world.graphics.renderer)
        return replace(picture, rgb=painted(world, picture, camera.lift(picture.depth), self._seed,
                                            texture=self._texture, colors=self.appearance.colors != "own"))


def _at(view: View, away: np.ndarray, distance_m: float) -> View:
    return replace(view, eye=tuple((_MIDDLE + distance_m * away).tolist()))


def _holds_all(view: View, rim: float) -> bool:
    """Whether all that the arm serves is in a square picture, with some room around."""
    camera = calibration(view, 100, 100)
    local = (_CORNERS - camera.pose[:3, 3]) @ camera.pose[:3, :3]
    if (local[:, 2] < view.near_m).any():
        return False
    return bool(np.abs(rim * (camera.project(_CORNERS) - 50.0)).max() < 50.0)


def _drawn_spot(rng: np.random.Generator, rim_m: float) -> tuple[float, float]:
    low, high = np.array(TABLE_WORKSPACE.low_m[:2]) + rim_m, np.array(TABLE_WORKSPACE.high_m[:2]) - rim_m
    x, y = rng.uniform(low, high).tolist()
    return x, y


def _free_spot(world: World, reach_m: float, rng: np.random.Generator) -> tuple[float, float] | None:
    """World x, y, m, around which nothing stands; None where no room was found."""
    taken = [(world.pose(name)[0][:2], float(np.hypot(*world.size(name)[:2])) / 2) for name in world.names()]
    for _ in range(_TRIES):
        spot = np.array(_drawn_spot(rng, reach_m))
        if all(np.linalg.norm(spot - xy) > reach_m + radius + _GAP_M for xy, radius in taken):
            return tuple(spot.tolist())
    return None


APPEARANCES: Mapping[str, tuple[str, ...]] = MappingProxyType(_FAMILIES)
"""Name -> the families that it can be of."""
