"""The pushing policy's ears and eyes."""

from __future__ import annotations

import numpy as np
import pytest

from envs.domains import find_domain
from envs.joint_env import WorldEnv
from envs.sensors import cameras
from envs.sensors.body_sense import observation
from envs.skills.push_table import OURS
from envs.skills.push_words import Order, understand
from envs.skills.routes import Floor, ahead
from envs.skills.toy_detection import find, follow, paint
from envs.world.toys import TOY_COLORS, TOY_HEIGHT_M, TOY_SHAPES, create_toy, toy_size_m

S, C = "red star", "blue cube"


@pytest.mark.parametrize(("text", "order"), [
    ("push the red star to the blue cube", Order("to_toy", S, C)),
    ("Please move the red star next to the blue cube.", Order("to_toy", S, C)),
    ("push the red star to the top right corner", Order("to_place", S, None, (1, -1))),
    ("slide the red star to the center of the board", Order("to_place", S, None, (0, 0))),
    ("push the red star to the left side", Order("to_place", S, None, (0, 1))),
    ("push the red star to the left", Order("by", S, None, (0, 1))),
    ("push the red star 7 cm down and to the right", Order("by", S, None, (-1, -1), 0.07)),
    ("push the red star up", Order("by", S, None, (1, 0))),
    ("push the red star to the top left of the blue cube", Order("beside", S, C, (1, 1))),
    ("push the red star to the right side of the blue cube", Order("beside", S, C, (0, -1))),
    ("put the red star below the blue cube", Order("beside", S, C, (-1, 0))),
    ("push the red star away from the blue cube", Order("away", S, C)),
    ("separate the red star from the blue cube", Order("away", S, C)),
    ("move to the red star", Order("reach", S)),
    ("point at the red star!", Order("reach", S)),
    ("move the arm to the red star", Order("reach", S)),
])
def test_words_are_understood(text, order):
    assert understand(text) == order


@pytest.fixture(scope="module")
def stage():
    env = WorldEnv("board", image_size=32)
    yield env.world, env.robot
    env.close()


def scatter(world, robot, seed: int, is_touching: bool) -> None:
    """Two toys of each colour, pairs touching or far apart."""
    rng = np.random.default_rng(seed)
    world.reset()
    robot.reset()
    for index, color in enumerate(TOY_COLORS):
        middle, angle = np.array([0.28 + 0.25 * (index % 2), -0.2 + 0.4 * (index // 2)]), rng.uniform(-np.pi, np.pi)
        offset = np.array([np.cos(angle), np.sin(angle)]) * (0.0265 if is_touching else 0.06)
        for side, shape in zip((-1, 1), rng.permutation(list(TOY_SHAPES)), strict=False):
            name, yaw = f"{color} {shape}", rng.uniform(-np.pi, np.pi)
            world.spawn(name, lambda client, *pose, name=name: create_toy(client, name, *pose), size=toy_size_m(shape),
                        position=np.array([*(middle + side * offset), TOY_HEIGHT_M / 2 + 0.001]),
                        quaternion=np.array([0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)]))
    world.settle()


def capture(world, robot, size_px):
    views = {"top": find_domain("board").views(robot)["top"]}
    return observation(robot, cameras.capture(world, views, size_px), cameras.calibrations(views, size_px), 0.0)


@pytest.mark.parametrize("is_touching", [False, True])
def test_toys_are_told_apart_and_placed_even_when_they_touch(stage, is_touching):
    for seed in range(3):
        scatter(*stage, seed, is_touching)
        world, robot = stage
        found = {toy.name: toy.xy for toy in find(capture(world, robot, 256), OURS, frozenset(TOY_COLORS))}
        assert set(found) == set(world.names())
        assert max(np.linalg.norm(found[n] - world.pose(n)[0][:2]) for n in found) < 0.006


def test_toys_are_followed_through_a_small_picture(stage):
    world, robot = stage
    scatter(world, robot, 0, True)
    toys = find(capture(world, robot, 256), OURS, frozenset({"red"}))
    for toy in toys:
        x, y, z = world.pose(toy.name)[0]
        world.client.resetBasePositionAndOrientation(world._bodies[toy.name], [x + 0.02, y, z],
                                                     world.pose(toy.name)[1].tolist())
    for toy in follow(toys, paint(capture(world, robot, 128), OURS)):
        assert np.linalg.norm(toy.xy - world.pose(toy.name)[0][:2]) < 0.008


def test_ways_lead_around_what_is_in_the_way():
    wall = np.stack([np.full(40, 0.4), np.linspace(-0.15, 0.15, 40)], axis=-1)
    start, goal = np.array([0.3, 0.0]), np.array([0.5, 0.0])
    way = Floor(wall).way(start, goal, 0.03)
    assert np.array_equal(way[-1], goal) and Floor(wall).room_m(way).min() > 0.02
    assert np.abs(way[:, 1]).max() > 0.17
    assert np.allclose(ahead(start, np.array([[0.4, 0.0]]), 0.03), [0.33, 0.0])
