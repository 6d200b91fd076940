"""Dials that make the senses and motors of a world as imperfect as real ones: light, colours, grain, knocked cameras,
noisy depth with holes, joints that miss.

All are off by default and come from the episode's seed. The calibration that is reported stays the nominal one: a robot
knows where its cameras stood when they were last calibrated, not how they have been knocked since. Colour and grain are
laid on the rendered image, each in the frame of its own body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from envs.interface import Camera
from envs.names import unknown
from envs.sensors import cameras
from envs.sensors.textures import frames, grain, own_points, rotation
from envs.world.images import NO_BODY, Picture, View
from envs.world.world import World

_EDGE_M = 0.015  # a jump of depth beside a pixel that costs real cameras their return


@dataclass(frozen=True, slots=True, kw_only=True)
class Realism:
    """The dials; all at zero is the world as it is. Shares are in [0, 1]. Raises ValueError for numbers beyond."""

    light_turn_rad: float = 0.0  # standard deviation of the light's direction, about each axis, an episode
    light_share: float = 0.0  # standard deviation of its brightness, an episode
    colour_share: float = 0.0  # standard deviation of each colour channel of each thing, an episode
    grain_share: float = 0.0  # contrast of the grain on table and things
    rgb_noise_levels: float = 0.0  # standard deviation of each value of a pixel, of 255, an image
    camera_shift_m: float = 0.0  # standard deviation of each camera's place, about each axis, an episode
    camera_turn_rad: float = 0.0  # the same of its direction
    depth_noise_m: float = 0.0  # standard deviation at 1 m; grows with the square of the distance, an image
    depth_hole_share: float = 0.0  # of pixels without return, an image
    depth_edge_hole_share: float = 0.0  # of pixels without return where depth jumps
    joint_noise_rad: float = 0.0  # standard deviation of where an arm's joints are driven, a control period

    def __post_init__(self) -> None:
        for dial in fields(self):
            value, most = getattr(self, dial.name), 1.0 if dial.name.endswith("_share") else np.inf
            if not (np.isfinite(value) and 0.0 <= value <= most):
                raise ValueError(f"realism: expected {dial.name} in [0, {most}], got {value}; 0 turns it off")

    @property
    def is_off(self) -> bool:
        return self == Realism()

    @classmethod
    def of(cls, values: Realism | Mapping[str, float] | None) -> Realism:
        """The dials as given, or from their names and values. Raises ValueError with the nearest name."""
        if isinstance(values, cls):
            return values
        names = [dial.name for dial in fields(cls)]
        for name in values or ():
            if name not in names:
                raise ValueError(unknown(name, names, what="realism"))
        return cls(**{name: float(value) for name, value in (values or {}).items()})


class Reality:
    """What one episode makes of the dials. rng: of the noise that differs from image to image and period to period."""

    def __init__(self, dials: Realism, seed: int, names: Sequence[str]) -> None:
        """names: of all cameras."""
        self.dials, self._seed, self._names = dials, seed, tuple(names)
        self.rng = np.random.default_rng(seed)
        self._light_gain = max(0.0, 1.0 + dials.light_share * self.rng.standard_normal())
        self._light_turn = rotation(dials.light_turn_rad * self.rng.standard_normal(3))

    def capture(self, world: World, views: Mapping[str, View], size_px: int, paint: Paint | None) -> dict[str, Picture]:
        """Camera name -> what it sees now, imperfectly."""
        knocked = {name: self._knocked(view, self._names.index(name)) for name, view in views.items()}
        true = _painted(world, cameras.capture(world, knocked, size_px), knocked, paint)
        places = cameras.calibrations(knocked, size_px, world.graphics.renderer)
        return {name: self._spoilt(world, picture, places[name]) for name, picture in true.items()}

    def _knocked(self, view: View, index: int) -> View:
        """A view from where the camera really stands, in the light of this episode."""
        rng, d = np.random.default_rng([self._seed, index]), self.dials
        eye = np.array(view.eye) + d.camera_shift_m * rng.standard_normal(3)
        turn = rotation(d.camera_turn_rad * rng.standard_normal(3))
        target = eye + turn @ (np.array(view.target) - view.eye)
        return replace(view, eye=tuple(eye.tolist()), target=tuple(target.tolist()),
                       up=tuple((turn @ view.up).tolist()), light=tuple((self._light_turn @ view.light).tolist()))

    def _spoilt(self, world: World, picture: Picture, camera: Camera) -> Picture:
        rgb = picture.rgb * self._shades(world, picture, camera.lift(picture.depth))
        rgb += self.dials.rgb_noise_levels * self.rng.standard_normal(rgb.shape)
        return replace(picture, rgb=np.clip(np.rint(rgb), 0, 255).astype(np.uint8), depth=self._measured(picture.depth))

    def _shades(self, world: World, picture: Picture, points: np.ndarray) -> np.ndarray:
        """float64[H, W, 3]: factor of each value: light, and colour and grain of the body that is seen there."""
        gains = np.where(picture.bodies == NO_BODY, 1.0, self._light_gain)[..., None].repeat(3, axis=-1)
        for body, (key, position, turn) in frames(world).items():
            is_seen = picture.bodies == body
            if is_seen.any():
                rng = np.random.default_rng([self._seed, *key])
                gains[is_seen] *= 1.0 + self.dials.colour_share * rng.standard_normal(3)
                if self.dials.grain_share > 0:
                    laid = grain(own_points(points, is_seen, position, turn), rng)
                    gains[is_seen] *= 1.0 + self.dials.grain_share * laid[:, None]
        return np.maximum(gains, 0.0)

    def _measured(self, depth: np.ndarray) -> np.ndarray:
        """float32[H, W]: depth as a camera measures it, 0 = no return."""
        d, rng = self.dials, self.rng
        noisy = depth + d.depth_noise_m * depth.astype(np.float64) ** 2 * rng.standard_normal(depth.shape)
        at_edges = max(d.depth_edge_hole_share, d.depth_hole_share)
        lost_share = np.where(_jump_m(depth) > _EDGE_M, at_edges, d.depth_hole_share)
        is_lost = (rng.random(depth.shape) < lost_share) | (depth == 0)
        return np.where(is_lost, 0.0, np.maximum(noisy, 0.0)).astype(np.float32)


def _jump_m(depth: np.ndarray) -> np.ndarray:
    """float64[H, W]: how far depth breaks off beside each pixel, 0 along any plane however slanted: over pixels, one
    over its depth is linear. What sends nothing back is infinitely far."""
    nearness = np.divide(1.0, depth, out=np.zeros(depth.shape), where=depth > 0)
    bends = np.zeros((2, *depth.shape))  # none at the frame of the picture, beyond which nothing is known
    bends[0, 1:-1] = np.diff(nearness, 2, axis=0)
    bends[1, :, 1:-1] = np.diff(nearness, 2, axis=1)
    return np.abs(bends).max(axis=0) * depth.astype(np.float64) ** 2


Paint = Callable[[World, Picture, View], Picture]
"""What makes another picture of one, as it truly is, of a view of a world."""


def _painted(world: World, pictures: Mapping[str, Picture], views: Mapping[str, View], paint: Paint | None
             ) -> dict[str, Picture]:
    return {name: picture if paint is None else paint(world, picture, views[name])
            for name, picture in pictures.items()}


def capture(world: World, views: Mapping[str, View], size_px: int, reality: Reality | None, paint: Paint | None = None
            ) -> dict[str, Picture]:
    """Camera name -> what it sees now: truly without a reality. paint: what is done to what is there before that."""
    if reality is not None:
        return reality.capture(world, views, size_px, paint)
    return _painted(world, cameras.capture(world, views, size_px), views, paint)
