"""Told scenes in physics: what was told stands there at rest, and is read back as it was told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from envs.goals.scene_spec import COLUMNS, ROWS, read_scene, table_of
from envs.tasks.scene import ENTITY_NAMES, PLAIN_NAMES, has_namesakes, split_name, unmistakable
from envs.tasks.told_scenes import build, read_table
from envs.world import World

CROWD = [{"name": "red bowl", "at": [1, 1]}, {"name": "blue bowl", "at": [1, 2]}, {"name": "green bowl", "at": [2, 1]},
         {"name": "red block", "in": "red bowl", "size": "big"}, {"name": "red block 2", "in": "red bowl"},
         {"name": "blue block", "in": "blue bowl"}, {"name": "cyan block", "on": "blue block", "size": "small"},
         {"name": "white block", "at": [5, 3], "size": "big"}, {"name": "white block 2", "on": "white block"},
         {"name": "white block 3", "on": "white block 2", "size": "small"}]


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.reset()
    return shared_world


@pytest.mark.parametrize("seed", range(3))
def test_what_was_told_stands_there(world: World, seed: int):
    told = read_scene(CROWD)
    entities = build(world, np.random.default_rng(seed), told)
    wanted, found = table_of(told), read_table(world, [e.name for e in entities], None)
    assert dict(found.under) == dict(wanted.under) and not found.askew
    for name, thing in wanted.things.items():
        assert found.things[name].side_m == pytest.approx(thing.side_m)
        assert np.hypot(found.things[name].x - thing.x, found.things[name].y - thing.y) < 0.012, name
    assert world.settle()


def test_turning_what_was_told_lifts_nothing_off_the_table(world: World):
    """A block of a tower that is turned a known way stays below the one that it carries."""
    told = [replace(one, yaw_rad=0.3) for one in read_scene(CROWD)]
    build(world, np.random.default_rng(0), told)
    assert dict(read_table(world, world.names(), None).under) == dict(table_of(told).under)


def test_two_blocks_share_a_bowl_at_rest(world: World):
    """Of every pair of sizes each lies in the bowl itself, neither on the other."""
    sizes = ({"size": "small"}, {}, {"size": "big"})
    for one in sizes:
        for other in sizes:
            world.reset()
            build(world, np.random.default_rng(0), read_scene([
                {"name": "blue bowl", "at": [3, 2]}, {"name": "red block", "in": "blue bowl", **one},
                {"name": "cyan block", "in": "blue bowl", **other}]))
            table = read_table(world, world.names(), None)
            assert dict(table.under) == {"red block": "blue bowl", "cyan block": "blue bowl"}, (one, other)


def test_the_arm_serves_every_cell(world: World):
    from envs.interface import TABLE_WORKSPACE
    corners = [(c, r) for c in (1, COLUMNS) for r in (1, ROWS)]
    told = read_scene([{"name": f"{color} bowl", "at": list(cell)} for color, cell in
                       zip(("red", "blue", "green", "cyan"), corners, strict=True)])
    assert all(TABLE_WORKSPACE.holds(np.array([t.x, t.y])) for t in told)


def test_what_fell_is_left_out_and_what_is_held_is_carried_by_nothing(world: World):
    build(world, np.random.default_rng(0), read_scene(CROWD))
    world.move("white block 3", np.array([0.5, 0.3, -0.5]), np.array([0.0, 0.0, 0.0, 1.0]))
    table = read_table(world, world.names(), "cyan block")
    assert "white block 3" not in table.things and table.held == "cyan block"
    assert not {"white block 3", "cyan block"} & set(table.under)
    assert not table.holds("white block 3", "on", "table") and not table.holds("white block 2", "on", "white block 3")


def test_names_tell_looks_whatever_their_number():
    assert split_name("red block 2") == ("red", "block") and split_name("blue bowl 9") == ("blue", "bowl")
    assert len(set(ENTITY_NAMES)) == 9 * len(PLAIN_NAMES) and ENTITY_NAMES[:len(PLAIN_NAMES)] == PLAIN_NAMES
    for name in ("red block 1", "red block 10", "red block two", "red block  2", "red", "pink block 2"):
        with pytest.raises(ValueError, match="expected an entity"):
            split_name(name)
    names = ("red block", "blue bowl", "red block 2", "blue block")
    assert has_namesakes(names) and not has_namesakes(names[:2])
    assert unmistakable(names) == ["blue bowl", "blue block"]
