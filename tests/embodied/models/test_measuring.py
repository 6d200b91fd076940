"""Boxes measured from rendered pictures of task scenes, given honest votes: the floor under the segmenter's errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.models.configuration import SegmenterConfig
from embodied.models.measuring import measure_box
from embodied.models.scene import best_matches, oracle_pixels, slots_from_pixels
from envs.interface import Box, Observation
from envs.sensors.cameras import VIEWS, calibrations, capture
from envs.tasks.families import TASKS, make_task
from envs.world.world import World

SIZE = 192


def observe(world: World) -> tuple[Observation, dict[str, np.ndarray], np.ndarray]:
    """The robot's view of a world without its arm; masks and poses of what is there."""
    pictures = capture(world, VIEWS, SIZE)
    masks = {name: np.full((SIZE, SIZE), -1, np.int16) for name in pictures}
    for body, index in world.body_indices().items():
        for name, picture in pictures.items():
            masks[name][picture.bodies == body] = index
    poses = np.array([[*np.concatenate(world.pose(name)), *world.size(name)] for name in world.names()], np.float32)
    observation = Observation(
        rgb={n: p.rgb for n, p in pictures.items()}, depth={n: p.depth for n, p in pictures.items()},
        cameras=calibrations(VIEWS, SIZE), joint_pos=np.zeros(9), tool_pose=np.zeros(7), gripper_width_m=0.08,
        time_s=0.0)
    return observation, masks, poses


@pytest.fixture(scope="module")
def measured() -> list[tuple[str, Box, Box]]:
    """Name, true box and measured box of every object of ten scenes, two of each family."""
    world, found = World(), []
    for seed in range(10):
        world.reset()
        rng = np.random.default_rng(seed)
        make_task(TASKS[seed % len(TASKS)]).arrange(world, rng)
        observation, masks, poses = observe(world)
        pixels = oracle_pixels(observation, masks, poses)
        pixels.votes[:] += rng.normal(0, 0.003, pixels.votes.shape)
        slots = slots_from_pixels(pixels, observation, SegmenterConfig())
        matches = best_matches(slots, world.names(), poses)
        assert len(slots) == len(matches) == len(world.names())
        found += [(name, world.box(name), slots[matches[name]].box) for name in world.names()]
    world.close()
    return found


def test_centres(measured):
    errors = [np.linalg.norm(np.subtract(true.center, seen.center)) for _, true, seen in measured]
    assert np.median(errors) < 0.0025 and max(errors) < 0.01


def test_yaw_of_blocks(measured):
    turns = [true.yaw - seen.yaw for name, true, seen in measured if "block" in name]
    turns = (np.array(turns) + np.pi / 4) % (np.pi / 2) - np.pi / 4
    assert np.degrees(np.median(np.abs(turns))) < 4


def test_sizes(measured):
    errors = [np.subtract(max(seen.size[:2]), max(true.size[:2])) for _, true, seen in measured]
    assert np.median(np.abs(errors)) < 0.002
    assert max(abs(true.top_z_m - seen.top_z_m) for _, true, seen in measured) < 0.004


@pytest.fixture
def world():
    world = World()
    make_task(TASKS[0]).arrange(world, np.random.default_rng(4))
    yield world
    world.close()


def test_what_nobody_measured_is_believed_to_be_as_it_is(world):
    """Of votes that are right; heights hang on what stands on the table, or is a cube."""
    observation, masks, poses = observe(world)
    pixels = oracle_pixels(observation, masks, poses)
    believed = replace(pixels, points=pixels.votes[:, :3])
    slots = slots_from_pixels(believed, observation, SegmenterConfig(is_flat=True))
    matches = best_matches(slots, world.names(), poses)
    assert sorted(matches) == sorted(world.names()) and len(slots) == len(matches)
    for name, place in matches.items():
        true, seen = world.box(name), slots[place].box
        assert np.allclose(seen.center, true.center, atol=1e-3) and np.allclose(sorted(seen.size), sorted(true.size),
                                                                               atol=3e-3)


def test_an_empty_table_is_as_deep_as_it_is_rendered(world):
    observation, masks, _ = observe(world)
    for name, camera in observation.cameras.items():
        table = camera.depth_of_table(SIZE, SIZE)
        height = camera.lift(observation.depth[name])[..., 2]
        is_table = (masks[name] < 0) & (np.abs(height) < 0.002) & (observation.depth[name] > 0)
        assert is_table.sum() > 5000 and np.abs(table - observation.depth[name])[is_table].max() < 0.004
    upwards = replace(observation.cameras["front"], pose=np.eye(4))
    assert not upwards.depth_of_table(8, 8).any(), "who looks up sees none"


@pytest.mark.parametrize(("covered_m", "width_m"), [(0.0, 0.048), (0.024, 0.042)])
def test_the_width_is_measured_on_a_whole_face_and_voted_where_something_lies_on_it(covered_m, width_m):
    pitch_m = 0.002
    axis = np.arange(-0.024, 0.0241, pitch_m)
    face = np.array([(x, y, 0.048) for x in axis for y in axis if max(abs(x), abs(y)) >= covered_m])
    face[:, :2] += (0.5, 0.1)
    count = len(face)

    measured = measure_box(face, np.array([0.5, 0.1, 0.024, 0.021]), np.full(count, pitch_m), np.zeros(count, int))

    assert measured.width_m == pytest.approx(width_m, abs=1e-3)
