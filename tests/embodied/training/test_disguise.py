"""In disguise segmenters are still shown what is there: scenes turn with their labels, objects keep their colors."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from embodied.data.episodes import View, view_of
from embodied.models.configuration import SegmenterConfig
from embodied.models.segmenter import shown_m
from embodied.training.collate import _shown, _stacked, disguised, knocked, segmenter_input, turned

CONFIG = SegmenterConfig(is_cut=True)


@pytest.fixture(scope="module")
def view() -> View:
    env = gymnasium.make("envs:embodied/Tabletop-v0", image_size=96, labels=1)
    seen, info = env.reset(seed=3)
    env.close()
    return view_of(seen, info["labels"])


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_scene_has_its_things_where_they_are_seen(view: View, seed: int):
    other = turned(view, CONFIG, np.random.default_rng(seed))
    assert np.abs(other.poses[:, :2] - view.poses[:, :2]).max() > 0.02 and (other.poses[:, 2] == view.poses[:, 2]).all()
    for name, camera in other.observation.cameras.items():
        points = camera.lift(other.observation.depth[name])
        for index, pose in enumerate(other.poses):
            mine = points[other.masks[name] == index]
            if len(mine) > 20:
                assert np.linalg.norm(np.median(mine, axis=0)[:2] - pose[:2]) < 0.05


def test_what_is_not_shown_is_no_object(view: View):
    name = "front"
    low, high = shown_m(CONFIG)
    image = segmenter_input(view.observation.rgb[name], view.observation.depth[name], view.observation.cameras[name])
    kept = _shown(view.masks[name], image, CONFIG) >= 0
    assert kept.any() and (view.masks[name] >= 0)[kept].all()
    points = image[3:6, kept].T
    assert (points > low).all() and (points < high).all()
    image[3] += 5.0
    assert not (_shown(view.masks[name], image, CONFIG) >= 0).any()
    assert (_shown(view.masks[name], image, SegmenterConfig()) == view.masks[name]).all(), "of one that is not cut"


def test_objects_keep_their_colors_and_the_rest_does_not(view: View):
    rgb, is_object = view.observation.rgb["top"], view.masks["top"] >= 0
    other = disguised(rgb, is_object, np.random.default_rng(1))
    assert (other[is_object] == rgb[is_object]).all() and (other[~is_object] != rgb[~is_object]).any()


def test_a_knocked_camera_is_off_by_millimetres(view: View):
    camera = view.observation.cameras["front"]
    apart_m = [np.linalg.norm(knocked(camera, np.random.default_rng(seed)).lift(np.ones((8, 8)))
                              - camera.lift(np.ones((8, 8))), axis=-1).mean() for seed in range(20)]
    assert 0.0005 < np.median(apart_m) < 0.008


def test_images_of_several_sizes_are_one_batch():
    images = [np.ones((7, 32, 48), np.float32), np.ones((7, 48, 32), np.float32)]
    stacked = _stacked(images)
    assert stacked.shape == (2, 7, 48, 48)
    assert stacked[0, :, :32].all() and not stacked[0, :, 32:].any() and not stacked[1, :, :, 32:].any()
