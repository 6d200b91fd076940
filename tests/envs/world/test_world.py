"""Bodies on the table: where they rest, what touches what, and that a reset forgets everything."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from envs.world import BOWL_FLOOR_M, BOWL_INNER_RADIUS_M, World
from envs.world.table import FLOOR_BELOW_M


@pytest.fixture(scope="module")
def world():
    world = World()
    yield world
    world.close()


def test_a_block_rests_where_it_was_put(world):
    world.reset()
    world.spawn_block("red block", side_m=0.04, rgb=(1, 0, 0), xy=(0.5, 0.1), yaw_rad=0.4)
    assert world.settle()
    assert np.allclose(world.pose("red block")[0], (0.5, 0.1, 0.02), atol=1e-3)
    box = world.box("red block")
    assert abs(box.yaw - 0.4) < 1e-3 and abs(box.bottom_z_m) < 1e-3
    assert world.is_touching("red block", "table") and not world.robot_touches("red block")


def test_a_dropped_block_stays_in_the_bowl(world):
    world.reset()
    world.spawn_bowl("blue bowl", rgb=(0, 0, 1), xy=(0.5, 0.0))
    world.spawn_block("red block", side_m=0.05, rgb=(1, 0, 0), xy=(0.505, 0.003), bottom_z_m=0.03, yaw_rad=0.6)
    world.settle()
    block, bowl = world.pose("red block")[0], world.pose("blue bowl")[0]
    assert np.hypot(*(block - bowl)[:2]) < BOWL_INNER_RADIUS_M / 2
    assert abs(block[2] - 0.025 - BOWL_FLOOR_M) < 0.004, "it lies on the floor of the bowl"
    assert world.is_touching("red block", "blue bowl") and not world.is_touching("red block", "table")


def test_a_reset_forgets_what_was_there(world):
    def story() -> np.ndarray:
        world.reset()
        world.spawn_block("a", side_m=0.045, rgb=(1, 0, 0), xy=(0.5, 0.0), bottom_z_m=0.02, yaw_rad=0.3)
        world.spawn_block("b", side_m=0.04, rgb=(1, 0, 0), xy=(0.51, 0.01), bottom_z_m=0.07)
        world.step(100)
        return np.concatenate([*world.pose("a"), *world.pose("b")])

    first = story()
    world.reset()
    for i in range(5):
        world.spawn_block(f"other {i}", side_m=0.04, rgb=(0, 1, 0), xy=(0.5, 0.0), bottom_z_m=0.05 * i)
    world.step(57)
    world.doze()
    assert np.array_equal(story(), first)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory in use is read from /proc")
def test_scene_after_scene_takes_no_more_memory(world):
    def spawn_and_clear(times: int) -> int:
        for _ in range(times):
            world.reset()
            for place in range(4):
                world.spawn_bowl(f"bowl {place}", rgb=(1, 0, 0), xy=(0.5, 0.15 * place))
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = spawn_and_clear(10)
    grown_b = spawn_and_clear(50) - before
    assert grown_b < 50 * 4 * 50_000, f"{grown_b / 200:.0f} bytes a bowl; 300,000 when each brings its own shapes"


def test_sleepers_wake_when_something_falls_on_them(world):
    world.reset()
    world.spawn_block("low", side_m=0.04, rgb=(1, 0, 0), xy=(0.5, 0.0))
    world.settle()
    world.doze()
    world.spawn_block("high", side_m=0.05, rgb=(1, 0, 0), xy=(0.53, 0.0), bottom_z_m=0.06)
    world.settle()
    assert world.pose("high")[0][2] < 0.06, "it slid off"


def test_what_falls_off_the_table_ends_on_the_floor(world):
    world.reset()
    world.spawn_block("red block", side_m=0.04, rgb=(1, 0, 0), xy=(1.2, 0.0), bottom_z_m=0.01)
    assert world.settle(2.0)
    assert abs(world.pose("red block")[0][2] + FLOOR_BELOW_M - 0.02) < 0.002


@pytest.mark.parametrize("call", ["pose", "size", "speed", "box"])
def test_an_unknown_name_gets_the_nearest(world, call):
    world.reset()
    world.spawn_block("red block", side_m=0.04, rgb=(1, 0, 0), xy=(0.5, 0.0))
    with pytest.raises(ValueError, match="did you mean 'red block'"):
        getattr(world, call)("red blok")


def test_a_name_is_given_once(world):
    world.reset()
    world.spawn_block("red block", side_m=0.04, rgb=(1, 0, 0), xy=(0.5, 0.0))
    with pytest.raises(ValueError, match="expected a new name"):
        world.spawn_bowl("red block", rgb=(1, 0, 0), xy=(0.6, 0.2))
    assert world.names() == ["red block"]
