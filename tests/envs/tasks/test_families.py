"""Arranging scenes and judging them, in the real world."""

from __future__ import annotations

import collections
from collections.abc import Iterator

import numpy as np
import pytest

from envs.goals.language import TABLE
from envs.goals.wanted import Target
from envs.interface import TABLE_WORKSPACE, TASK_IDS
from envs.tasks import TASKS, make_task
from envs.tasks.families import BLOCK_SIDES_M
from envs.tasks.layout import GAP_M
from envs.tasks.predicates import supports
from envs.world import World


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.reset()
    return shared_world


def arrange(world: World, task: str, seed: int, **options: object):
    world.reset()
    return make_task(task).arrange(world, np.random.default_rng(seed), **options)


def test_tasks_are_those_of_the_interface():
    assert tuple(TASKS) == tuple(TASK_IDS)
    with pytest.raises(ValueError, match="did you mean 'tower'"):
        make_task("towr")


@pytest.mark.parametrize("task", TASKS)
def test_scenes_are_within_bounds_and_unsolved(world: World, task: str):
    counts = collections.Counter()
    for seed in range(12):
        scene = arrange(world, task, seed)
        counts[len(scene.entities)] += 1
        assert sorted(world.names()) == sorted(scene.names)
        assert make_task(task).progress(world, scene) == 0.0
        for entity in scene.entities:
            place, size = world.pose(entity.name)[0], world.size(entity.name)
            assert TABLE_WORKSPACE.grown(reach_m=0.01).holds(place[:2])
            np.testing.assert_allclose(size, entity.size)
            if entity.kind == "block":
                assert BLOCK_SIDES_M[0] <= size[0] <= BLOCK_SIDES_M[1]
    assert min(counts) >= 4 and max(counts) == 8 and len(counts) >= 2


@pytest.mark.parametrize("task", TASKS)
def test_a_finger_fits_between_any_two_things_on_the_table(world: World, task: str):
    for seed in range(8):
        scene = arrange(world, task, seed)
        under = supports(world, scene.named("block"), scene.named("bowl"), None)
        standing = [e for e in scene.entities if under.get(e.name, TABLE) == TABLE]
        for i, a in enumerate(standing):
            for b in standing[:i]:
                apart_m = np.linalg.norm(world.pose(a.name)[0][:2] - world.pose(b.name)[0][:2])
                radii_m = sum(e.size[0] / (2 if e.kind == "bowl" else np.sqrt(2)) for e in (a, b))
                assert apart_m - radii_m > GAP_M - 0.003


@pytest.mark.parametrize("task", TASKS)
def test_same_seed_same_scene(world: World, task: str):
    first = arrange(world, task, 7)
    poses = [world.pose(name) for name in world.names()]
    assert arrange(world, task, 7) == first
    for (place, quaternion), name in zip(poses, world.names(), strict=True):
        np.testing.assert_array_equal(place, world.pose(name)[0])
        np.testing.assert_array_equal(quaternion, world.pose(name)[1])
    assert arrange(world, task, 8) != first


@pytest.mark.parametrize(("task", "require"), [
    ("put_in_bowl", ("red block", "blue bowl")), ("stack", ("red block", "green block")),
    ("unblock", ("red block", "blue bowl")), ("unblock", ("red block", "green block")),
    ("tower", ("red block", "green block", "blue block")), ("sort", ("red block", "blue bowl")),
    ("sort", tuple(f"{c} block" for c in ("red", "green", "blue", "cyan"))),
    ("put_in_bowl", tuple(f"{c} bowl" for c in ("red", "green", "blue", "cyan", "white"))),
])
def test_required_things_are_there(world: World, task: str, require: tuple[str, ...]):
    for seed in range(4):
        scene = arrange(world, task, seed, require=require)
        assert set(require) <= set(scene.names)
        assert len(scene.entities) <= 8


def test_the_goal_is_about_what_is_required(world: World):
    scene = arrange(world, "put_in_bowl", 0, require=("red block", "blue bowl"))
    assert scene.goal == (Target("red block", "in", "blue bowl"),)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("count", [4, 10])
def test_scenes_may_be_small_or_crowded(world: World, task: str, count: int):
    for seed in range(3):
        scene = arrange(world, task, seed, min_objects=count, max_objects=count)
        assert len(scene.entities) == count if count == 4 else len(scene.entities) >= 8


@pytest.mark.parametrize("options", [{"max_objects": 2}, {"max_objects": 40}, {"min_objects": 9},
                                     {"require": ("red spoon",)}, {"require": ("red block", "red block")}])
def test_bad_instructions_are_named(world: World, options: dict):
    with pytest.raises(ValueError, match="expected"):
        arrange(world, "tower", 0, **options)


@pytest.mark.parametrize("task", TASKS)
def test_retarget_understands_every_instruction(world: World, task: str):
    for seed in range(12):
        scene = arrange(world, task, seed)
        rng = np.random.default_rng(seed)
        for _ in range(20):
            assert make_task(task).retarget(scene, make_task(task).instruction(scene, rng)) == scene


def test_retarget_follows_another_instruction(world: World):
    task = make_task("sort")
    scene = arrange(world, "sort", 0, require=("red block", "blue block", "red bowl", "blue bowl"))
    other = task.retarget(scene, "put the red block in the blue bowl")
    assert other.goal == (Target("red block", "in", "blue bowl"),)
    assert (other.task, other.entities) == ("put_in_bowl", scene.entities)
    assert task.retarget(scene, "stack the red block on the red block") is None
    assert task.retarget(scene, "make me a sandwich") is None
    absent = next(c for c in ("white", "cyan", "purple", "orange", "yellow", "green")
                  if f"{c} bowl" not in scene.names)
    assert task.retarget(scene, f"put the red block in the {absent} bowl") is None
