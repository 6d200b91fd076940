"""Textures laid on what was rendered: solid patterns, each in the frame of the body that is seen, so that they turn and
move with it. Any renderer, any mesh: PyBullet offers textures for boxes and files only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from envs.world.images import Picture
from envs.world.world import World

_WAVES = 7  # of one body's grain: few enough to be cheap, enough not to look like stripes
_GRAIN_M = (0.012, 0.08)  # shortest and longest wave: a pixel is 4 mm
_NAMED, _FIXED = 1, 2  # streams of draws: things of the scene, and what stands there always
_PERIOD_M = (0.018, 0.07)  # of stripes, checks, rings and spots


def grain(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float64[P] in [-2, 2]: a smooth pattern in space, of unit deviation, at points float64[P, 3], m."""
    lengths_m = np.exp(rng.uniform(*np.log(_GRAIN_M), _WAVES))
    directions = rng.standard_normal((_WAVES, 3))
    directions *= 2 * np.pi / lengths_m[:, None] / np.linalg.norm(directions, axis=1, keepdims=True)
    phases = points @ directions.T + rng.uniform(0, 2 * np.pi, _WAVES)
    return np.clip(np.sin(phases).sum(axis=1) / np.sqrt(_WAVES / 2), -2.0, 2.0)


def _stripes(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _sign(points @ _turned(rng)[0] / _period(rng) + rng.random())


def _checks(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.prod([_sign(part) for part in (points @ _turned(rng).T / _period(rng) + rng.random(3)).T], axis=0)


def _rings(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As of wood: around an axis that passes somewhere near."""
    aside = (points - rng.uniform(-0.2, 0.2, 3)) @ _turned(rng)[:2].T
    return _sign(np.linalg.norm(aside, axis=1) / _period(rng))


def _spots(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cell = points @ _turned(rng).T / _period(rng) + rng.random(3)
    return np.where(np.linalg.norm(cell - np.round(cell), axis=1) < 0.38, 1.0, -1.0)


def _speckle(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.sign(grain(0.6 * points, rng)) * 0.5 + 0.5 * grain(3.0 * points, rng)


def _sign(phase: np.ndarray) -> np.ndarray:
    return np.where(phase % 1.0 < 0.5, 1.0, -1.0)


def _period(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(_PERIOD_M))))


def _turned(rng: np.random.Generator) -> np.ndarray:
    """float64[3, 3]: a rotation, drawn."""
    return np.linalg.qr(rng.standard_normal((3, 3)))[0]


TEXTURES: Mapping[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = MappingProxyType({
    "grain": grain, "stripes": _stripes, "spots": _spots, "speckle": _speckle, "checks": _checks, "rings": _rings})
"""Name -> (points float64[P, 3] m in the body's frame, generator): float64[P], about 0."""


def frames(world: World) -> dict[int, tuple[tuple[int, int], np.ndarray, np.ndarray]]:
    """Body id in a Picture -> a key that outlives the body, position float64[3], rotation float64[3, 3]. Not the robot:
    what is in the frame of its base would swim over its moving links."""
    named, fixed = world.body_indices(), world.fixed_bodies()
    found = {body: ((_FIXED, index), np.zeros(3), np.eye(3)) for index, body in enumerate(fixed)}
    for (body, index), name in zip(named.items(), world.names(), strict=True):
        position, quaternion = world.pose(name)
        found[body] = ((_NAMED, index), position, from_quaternion(quaternion))
    return found


def is_of_the_scene(key: tuple[int, int]) -> bool:
    """Whether a key of `frames` is of a thing of the scene, not of what stands there always."""
    return key[0] == _NAMED


def own_points(points: np.ndarray, is_seen: np.ndarray, position: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """float64[P, 3]: the points that a body shows, of float64[H, W, 3], in its frame."""
    return (points[is_seen] - position) @ turn


def rotation(vector: np.ndarray) -> np.ndarray:
    """float64[3, 3]: turn about a rotation vector float64[3], rad."""
    angle = float(np.linalg.norm(vector))
    return from_quaternion(np.array([*(vector * (0.5 * np.sinc(angle / (2 * np.pi)))), np.cos(angle / 2)]))


def from_quaternion(q: np.ndarray) -> np.ndarray:
    """float64[3, 3] of a unit quaternion x y z w."""
    x, y, z, w = q
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def painted(world: World, picture: Picture, points: np.ndarray, seed: int, *, texture: str | None, colors: bool
            ) -> np.ndarray:
    """uint8[H, W, 3]: the picture with a texture on table and things, and, with `colors`, in other colors.

    points: float64[H, W, 3], m, of the picture's pixels. seed: of what each body gets; the same from picture to
    picture. The table takes any color where a texture is laid on, too.
    """
    rgb = picture.rgb.astype(np.float64)
    for body, (key, position, turn) in frames(world).items():
        is_seen = picture.bodies == body
        if not is_seen.any():
            continue
        rng = np.random.default_rng([seed, *key])
        base, contrast = rng.uniform(0.1, 1.0, 3), rng.uniform(0.1, 0.35)
        if colors or not is_of_the_scene(key):
            rgb[is_seen] = rgb[is_seen].max(axis=-1, keepdims=True) * base
        if texture is not None:
            laid = TEXTURES[texture](own_points(points, is_seen, position, turn), rng)
            rgb[is_seen] *= 1.0 + contrast * laid[:, None]
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
