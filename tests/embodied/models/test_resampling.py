"""Pictures of any size are looked at at one pitch, and what is found lies where it lies."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from embodied.agents.shipped import weights_folder
from embodied.models.loading import load
from embodied.models.resampling import ALIKE, PITCH_M, at_pitch, pitch_of
from embodied.models.scene import best_matches, perceive
from embodied.models.segmenter import ObjectSegmenter
from envs.interface import Camera, Observation


@pytest.fixture(scope="module")
def segmenter() -> ObjectSegmenter:
    return load(weights_folder("tabletop-tiny"))[0].segmenter


def scene(size_px: int, seed: int = 1) -> tuple[Observation, dict]:
    env = gymnasium.make("envs:embodied/Tabletop-v0", image_size=size_px, labels=1)
    seen, info = env.reset(seed=seed)
    env.close()
    return Observation.from_dict(seen), info["labels"]


def test_pictures_as_they_were_learned_from_are_taken_as_they_are():
    seen, _ = scene(192)
    same = at_pitch(seen).observation
    assert all(same.rgb[c] is seen.rgb[c] and same.cameras[c] is seen.cameras[c] for c in seen.cameras)


@pytest.mark.parametrize("size_px", [90, 128, 256, 384, 500, 640])
def test_taken_pixels_lie_where_they_lay(size_px: int):
    seen, _ = scene(size_px)
    taken = at_pitch(seen)
    for name, camera in taken.observation.cameras.items():
        depth = taken.observation.depth[name]
        assert depth.shape[0] % 16 == depth.shape[1] % 16 == 0
        assert 1 / ALIKE < pitch_of(depth, camera) / PITCH_M < ALIKE
        grid = np.ix_(taken.rows[name], taken.columns[name])
        own = seen.cameras[name].lift(seen.depth[name])[grid]
        off_px = np.abs(seen.cameras[name].project(camera.lift(depth)) - seen.cameras[name].project(own))
        assert off_px.max() < 0.501, "half a pixel along each axis"
        column, row = taken.own_pixel(name, (5, 9))
        assert seen.depth[name][row, column] == depth[9, 5]


def test_pictures_need_not_be_square_nor_free_of_holes():
    seen, _ = scene(640)
    rng = np.random.default_rng(0)
    wide = replace(seen, rgb={n: image[80:560] for n, image in seen.rgb.items()},
                   depth={n: np.where(rng.random((480, 640)) < 0.2, 0.0, d[80:560]) for n, d in seen.depth.items()},
                   cameras={n: Camera(c.intrinsics - [[0, 0, 0], [0, 0, 80], [0, 0, 0]], c.pose)
                            for n, c in seen.cameras.items()})
    taken = at_pitch(wide)
    for name, camera in taken.observation.cameras.items():
        assert taken.observation.depth[name].shape == (144, 192)
        points = camera.lift(taken.observation.depth[name])[taken.observation.depth[name] > 0]
        assert np.median(np.abs(points[:, 2])) < 0.002, "the table is where it is"


def test_what_cannot_be_looked_at_is_refused():
    seen, _ = scene(64)
    with pytest.raises(ValueError, match="colour and depth of one size"):
        at_pitch(replace(seen, depth={n: d[::2, ::2] for n, d in seen.depth.items()}))
    with pytest.raises(ValueError, match="expected at least one"):
        at_pitch(replace(seen, rgb={}, depth={}, cameras={}))


@pytest.mark.weights
@pytest.mark.parametrize("size_px", [96, 100, 128, 256, 640])
def test_every_thing_is_found_at_every_size_at_a_pixel_of_its_own(segmenter: ObjectSegmenter, size_px: int):
    seen, labels = scene(size_px)
    slots = perceive(segmenter, seen)
    found = best_matches(slots, labels["names"], labels["poses"])
    assert {*found} == {*labels["names"]}
    shown = [slots[place] for place in found.values()]
    for slot, name in zip(shown, found, strict=True):
        column, row = slot.pixel
        near = labels["masks"][slot.camera][max(0, row - 2):row + 3, max(0, column - 2):column + 3]
        assert labels["names"].index(name) in near


@pytest.mark.weights
def test_cameras_may_differ_in_size(segmenter: ObjectSegmenter):
    small, labels = scene(192)
    large, _ = scene(384)
    mixed = replace(small, **{part: {"front": getattr(small, part)["front"], "top": getattr(large, part)["top"]}
                              for part in ("rgb", "depth", "cameras")})
    assert {*best_matches(perceive(segmenter, mixed), labels["names"], labels["poses"])} == {*labels["names"]}
