"""What counts as in, on and gone, on tables built by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from envs.goals import judge
from envs.goals.language import TABLE
from envs.goals.wanted import Target, Wanted
from envs.tasks.predicates import GONE, Rest, is_gone, supports
from envs.world import World

R, G, B, BOWL = "red block", "green block", "blue block", "blue bowl"


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def block(world: World, name: str, x: float, y: float, bottom_z_m: float = 0.0, side_m: float = 0.04) -> None:
    world.spawn_block(name, side_m=side_m, rgb=(1.0, 0.0, 0.0), xy=(x, y), bottom_z_m=bottom_z_m)


def test_on_needs_contact_from_above(world: World):
    block(world, R, 0.5, 0.0, 0.04)
    block(world, G, 0.5, 0.0)
    block(world, B, 0.5, 0.0412)
    world.settle()
    assert Target(R, "on", G).is_met(Rest(world))
    assert not Target(G, "on", R).is_met(Rest(world)) and not Target(B, "on", G).is_met(Rest(world))
    assert supports(world, [R, G, B], [], None) == {R: G, G: TABLE, B: TABLE}
    assert judge.progress(Wanted((((Target(R, "on", G), Target(B, "on", R)),),)), (Rest(world),)) == 0.5


@pytest.mark.parametrize("offset_m", [0.0, 0.012])
def test_in_is_below_the_rim(world: World, offset_m: float):
    world.spawn_bowl(BOWL, rgb=(0.0, 0.0, 1.0), xy=(0.5, 0.0))
    block(world, R, 0.5 + offset_m, 0.0, 0.02)
    block(world, G, 0.5, 0.1)
    world.settle()
    assert Target(R, "in", BOWL).is_met(Rest(world)) and not Target(G, "in", BOWL).is_met(Rest(world))
    assert supports(world, [R, G], [BOWL], None) == {R: BOWL, G: TABLE}


def test_a_block_upon_a_block_in_the_bowl_is_in_the_bowl(world: World):
    world.spawn_bowl(BOWL, rgb=(0.0, 0.0, 1.0), xy=(0.5, 0.0))
    block(world, R, 0.5, 0.0, 0.007)
    block(world, G, 0.5, 0.0, 0.048)
    world.settle()
    assert Target(G, "in", BOWL).is_met(Rest(world)) and Target(G, "on", R).is_met(Rest(world))


def test_a_block_above_a_bowl_is_not_in_it(world: World):
    world.spawn_bowl(BOWL, rgb=(0.0, 0.0, 1.0), xy=(0.5, 0.0))
    block(world, R, 0.5, 0.0, 0.15)
    assert not Target(R, "in", BOWL).is_met(Rest(world))


def test_nothing_holds_while_it_moves(world: World):
    block(world, G, 0.5, 0.0)
    block(world, R, 0.5, 0.0, 0.04)
    world.settle()
    assert Target(R, "on", G).is_met(Rest(world))
    world.client.resetBaseVelocity(world._bodies[R], [0.0, 0.0, 0.2])
    assert not Target(R, "on", G).is_met(Rest(world))


def test_what_fell_is_gone(world: World):
    block(world, R, 1.4, 0.0)
    block(world, G, 0.5, 0.0)
    world.step(240)
    assert is_gone(world, R) and not is_gone(world, G)
    assert supports(world, [R, G], [], None)[R] == GONE


def test_the_held_block_is_left_out(world: World):
    block(world, G, 0.5, 0.0)
    block(world, R, 0.5, 0.0, 0.04)
    world.settle()
    assert supports(world, [R, G], [], held=R) == {G: TABLE}
