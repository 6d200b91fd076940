"""Calibration that agrees with what is rendered; masks that agree with what is there."""

from __future__ import annotations

import numpy as np
import pytest

from envs.robots.panda import Panda
from envs.sensors import cameras
from envs.sensors.labels import masks
from envs.world import World

SIZE_PX = 192
SPOTS = ((0.40, -0.25), (0.40, 0.25), (0.55, 0.0), (0.70, -0.25), (0.70, 0.25))


@pytest.fixture(scope="module")
def world():
    world = World()
    Panda(world)
    for i, xy in enumerate(SPOTS):
        world.spawn_block(f"block {i}", side_m=0.045, rgb=(1, 0, 0), xy=xy)
    world.settle()
    yield world
    world.close()


@pytest.mark.parametrize("name", list(cameras.VIEWS))
def test_lifted_table_is_flat_and_at_zero(world, name):
    picture = cameras.capture(world, cameras.VIEWS, SIZE_PX)[name]
    camera = cameras.calibrations(cameras.VIEWS, SIZE_PX)[name]
    points = camera.lift(picture.depth)
    low, high = (0.36, -0.34), (0.74, 0.34)
    inside = ((points[..., :2] > low) & (points[..., :2] < high)).all(axis=-1)
    is_block = masks({name: picture}, world, None)[name] >= 0
    heights = points[inside & ~is_block][:, 2]
    assert len(heights) > 1000 and np.abs(heights).max() < 0.002


@pytest.mark.parametrize("name", list(cameras.VIEWS))
def test_projected_tops_fall_on_their_pixels(world, name):
    picture = cameras.capture(world, cameras.VIEWS, SIZE_PX)[name]
    camera = cameras.calibrations(cameras.VIEWS, SIZE_PX)[name]
    points, mask = camera.lift(picture.depth), masks({name: picture}, world, None)[name]
    for index, block in enumerate(world.names()):
        is_top = (mask == index) & (points[..., 2] > 0.043)
        seen = np.argwhere(is_top).mean(axis=0)[::-1] + 0.5
        expected = camera.project(np.array([*world.pose(block)[0][:2], 0.045]))
        assert np.abs(seen - expected).max() < 1.0, block
        assert np.abs(points[is_top].mean(axis=0)[:2] - world.pose(block)[0][:2]).max() < 0.002, block


def test_the_held_object_is_background_in_masks(world):
    pictures = cameras.capture(world, cameras.VIEWS, 64)
    both = masks(pictures, world, None), masks(pictures, world, "block 2")
    assert (both[0]["top"] == 2).any() and not (both[1]["top"] == 2).any()
    assert both[0]["top"].dtype == np.int16
