"""What segmenters are shown in training: pictures in their frame with their labels, objects in their own colors."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from embodied.data.episodes import View, view_of
from embodied.models.configuration import SegmenterConfig
from embodied.models.framing import knocked, moved, turn_of
from embodied.models.segmenter import segmenter_input
from embodied.training.collate import _cameras, _stacked, disguised, vanished

CONFIG = SegmenterConfig(is_cut=True)


@pytest.fixture(scope="module")
def view() -> View:
    env = gymnasium.make("envs:embodied/Tabletop-v0", image_size=192, labels=1)
    seen, info = env.reset(seed=3)
    env.close()
    return view_of(seen, info["labels"])


def test_of_one_that_is_cut_each_picture_is_shown_as_from_one_direction_with_its_labels(view: View):
    parts = _cameras(view, CONFIG, None, False)
    for part, name in zip(parts, view.observation.cameras, strict=True):
        image, is_object = part["images"], part["foreground"] > 0
        assert is_object.any() and (image[6][is_object] > 0).all() and not image[:, image[6] == 0].any()
        assert (image[5][image[6] > 0] > 0.006).all()
        apart_m = np.linalg.norm(image[3:5, is_object] - part["votes"][:2, is_object], axis=0)
        assert apart_m.max() < 0.08 and np.median(apart_m) < 0.05, "a thing is voted to be where it is seen"
        columns, xs = np.nonzero(is_object)[0], image[3, is_object]
        assert np.corrcoef(columns, xs)[0, 1] < -0.9, "what lies further away, and higher in the picture, is ahead"
        turn = turn_of(view.observation.cameras[name], CONFIG)
        own = view.observation.cameras[name].lift(view.observation.depth[name])
        assert np.abs(moved(image[3:6], np.linalg.inv(turn))[:, is_object].T - own[is_object]).max() < 1e-5


def test_one_that_is_not_cut_is_shown_all_in_the_frame_of_the_world(view: View):
    [front, _] = _cameras(view, SegmenterConfig(), None, False)
    seen = view.observation
    whole = segmenter_input(seen.rgb["front"], seen.depth["front"], seen.cameras["front"])
    assert (front["images"] == whole).all() and (turn_of(seen.cameras["front"], SegmenterConfig()) == np.eye(4)).all()


def test_objects_keep_their_colors_and_the_rest_does_not(view: View):
    rgb, is_object = view.observation.rgb["top"], view.masks["top"] >= 0
    other = disguised(rgb, is_object, np.random.default_rng(1))
    assert (other[is_object] == rgb[is_object]).all() and (other[~is_object] != rgb[~is_object]).any()


def test_things_vanish_from_half_of_the_views_but_never_all():
    drawn = [vanished(4, np.random.default_rng(seed)) for seed in range(200)]
    left = np.bincount([4 - int(is_gone.sum()) for is_gone in drawn], minlength=5)
    assert left[0] == 0 and (left[1:4] > 10).all() and left[4] > 100, left
    assert vanished(0, np.random.default_rng(0)).shape == (0,)


def test_what_has_vanished_is_neither_shown_nor_voted_for(view: View):
    """Widths that are voted for tell things apart: one is left where all votes are of one."""
    told = [_cameras(view, CONFIG, np.random.default_rng(seed), True) for seed in range(40)]
    counts = [len(np.unique(np.concatenate([part["votes"][0][part["foreground"] > 0] for part in parts])))
              for parts in told]
    assert max(counts) == 2 * len(view.names) and min(counts) < max(counts), "two cameras, each with its frame"
    for part in told[counts.index(min(counts))]:
        is_object = part["foreground"] > 0
        assert (part["images"][6][is_object] > 0).all() and not part["weights"][~is_object].any()
    emptied, full = (sum(int(part["images"][6].sum()) for part in told[counts.index(n)])
                     for n in (min(counts), max(counts)))
    assert emptied < full


def test_a_distractor_is_what_no_world_asks_for(view: View):
    odd = replace(view, names=("distractor 1", *view.names[1:]))
    assert odd.is_distractor.tolist() == [True] + [False] * (len(view.names) - 1)
    for part, mask in zip(_cameras(odd, CONFIG, None, False), view.masks.values(), strict=True):
        assert ((part["distractor"] > 0) == ((mask == 0) & (part["foreground"] > 0))).all()


def test_a_knocked_camera_is_off_by_millimetres(view: View):
    camera = view.observation.cameras["front"]
    apart_m = [np.linalg.norm(knocked(camera, np.random.default_rng(seed), 0.0015, 0.0015).lift(np.ones((8, 8)))
                              - camera.lift(np.ones((8, 8))), axis=-1).mean() for seed in range(20)]
    assert 0.0005 < np.median(apart_m) < 0.008


def test_images_of_several_sizes_are_one_batch():
    images = [np.ones((7, 32, 48), np.float32), np.ones((7, 48, 32), np.float32)]
    stacked = _stacked(images)
    assert stacked.shape == (2, 7, 48, 48)
    assert stacked[0, :, :32].all() and not stacked[0, :, 32:].any() and not stacked[1, :, :, 32:].any()
