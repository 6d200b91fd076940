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
from envs.interface import Observation


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
        off_m = np.linalg.norm(camera.lift(depth) - own, axis=-1)
        assert (off_m < seen.depth[name][grid] / seen.cameras[name].intrinsics[0, 0]).all(), "within a pixel"
        column, row = taken.own_pixel(name, (5, 9))
        assert seen.depth[name][row, column] == depth[9, 5]


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


def test_cameras_may_differ_in_size(segmenter: ObjectSegmenter):
    small, labels = scene(192)
    large, _ = scene(384)
    mixed = replace(small, **{part: {"front": getattr(small, part)["front"], "top": getattr(large, part)["top"]}
                              for part in ("rgb", "depth", "cameras")})
    assert {*best_matches(perceive(segmenter, mixed), labels["names"], labels["poses"])} == {*labels["names"]}
