"""What counts as done on the board, and the words that query for it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.interface import DOMAINS
from envs.tasks.board_families import BOARD_TASKS, make_board_task
from envs.tasks.board_goals import Apart, At, Beside, NextTo, PointedAt, Shifted, Sorted, Together
from envs.tasks.board_words import PHRASINGS, say, understand
from envs.world import World
from envs.world.board import board, compass, place_m

A, B, C, D = "red star", "red moon", "blue cube", "blue heart"


def at(**places):
    return {name.replace("_", " "): np.array(xy) for name, xy in places.items()}


@pytest.mark.parametrize(("goal", "good", "bad"), [
    (NextTo(A, C), at(red_star=(0.4, 0.0), blue_cube=(0.46, 0.0)), at(red_star=(0.4, 0.0), blue_cube=(0.48, 0.0))),
    (At(A, (1, 1)), at(red_star=(0.6, 0.28)), at(red_star=(0.6, 0.1))),
    (Shifted(A, (0, 1), (0.4, 0.0)), at(red_star=(0.41, 0.13)), at(red_star=(0.4, 0.05))),
    (Beside(A, (1, 0), C), at(red_star=(0.5, 0.0), blue_cube=(0.4, 0.0)),
     at(red_star=(0.4, 0.1), blue_cube=(0.4, 0.0))),
    (Apart(A, C), at(red_star=(0.4, 0.0), blue_cube=(0.4, 0.16)), at(red_star=(0.4, 0.0), blue_cube=(0.4, 0.14)))])
def test_distances_are_judged(goal, good, bad):
    assert goal.excess_m(good, 0.0) <= 0 < goal.excess_m(bad, 0.0)


def test_pointing_needs_the_peg_near():
    assert PointedAt(A).excess_m({}, 0.019) < 0 < PointedAt(A).excess_m({}, 0.021)


def test_sorting_takes_any_corners_but_one_for_each_color():
    goal, (left, right) = Sorted((A, B, C, D)), (place_m((1, 1)), place_m((-1, -1)))
    assert goal.share({A: left, B: left, C: right, D: right}) == 1.0
    assert goal.share({A: right, B: right, C: left, D: left}) == 1.0
    assert goal.share({A: left, B: left, C: left, D: left}) == 0.5
    assert goal.share({A: left, B: right, C: left, D: right}) == 0.5


def test_a_side_is_together_without_the_other_side():
    goal, row = Together((A, B, C), (D,), 1), {A: (0.3, 0.1), B: (0.38, 0.1), C: (0.46, 0.1), D: (0.4, -0.1)}
    row = {name: np.array(xy) for name, xy in row.items()}
    assert goal.share(row) == 1.0, "a chain is together"
    assert goal.share({**row, D: np.array([0.4, 0.2])}) == 0.5
    assert goal.share({**row, C: np.array([0.6, 0.1])}) == 0.5


@pytest.mark.parametrize(("text", "meant"), [
    ("top right corner", (1, -1)), ("down and to the left", (-1, 1)), ("up", (1, 0)), ("up and down", None),
    ("nowhere", None)])
def test_directions(text, meant):
    assert compass(text) == meant


@pytest.fixture(scope="module")
def world():
    world = World(scenery=board)
    yield world
    world.close()


@pytest.mark.parametrize("task", BOARD_TASKS)
def test_scenes_are_open_and_every_wording_is_understood(world, task):
    family = make_board_task(task)
    for seed in range(4):
        world.reset()
        scene = family.arrange(world, np.random.default_rng(seed))
        assert len(scene.names) == 8 and family.progress(world, scene) < 0.7
        said = {family.instruction(scene, np.random.default_rng(s)) for s in range(40)}
        assert len(said) == len(PHRASINGS[task])
        assert all(family.retarget(scene, text) == scene for text in said)


def test_the_papers_own_words_are_among_the_wordings():
    rng = np.random.default_rng(0)
    first = {say("closest_corner", {"where": (1, -1)}, rng) for _ in range(40)}
    assert ("There is a block that is closest to top right corner. Push that block to the other block of the same "
            "color.") in first
    assert "How to sort the blocks by colors into corners?" in PHRASINGS["sort_corners"]
    assert ("How to push all the blocks that are on the left side together, without bringing over any of the blocks "
            "that are on the right side?") in {say("push_side", {"where": (0, 1)}, rng) for _ in range(40)}


def test_another_instruction_is_another_goal(world):
    world.reset()
    family = make_board_task("block_to_block")
    scene = family.arrange(world, np.random.default_rng(0), require=(A, C))
    assert scene.goal == NextTo(A, C)
    other = family.retarget(scene, "push the red star to the bottom left corner")
    assert other.goal == At(A, (-1, 1)) and other.task == "block_to_location"
    assert family.retarget(scene, "push the red star to the red star") is None
    assert family.retarget(scene, "sing") is None and understand("sing") is None


@pytest.mark.parametrize("options", [{"max_objects": 3}, {"require": ("red banana",)}, {"require": (A, A)},
                                     {"require": (A, B, "red heart")}])
def test_bad_instructions_are_named(world, options):
    world.reset()
    with pytest.raises(ValueError, match="expected"):
        make_board_task("separate").arrange(world, np.random.default_rng(0), **options)
    with pytest.raises(ValueError, match="did you mean 'separate'"):
        make_board_task("seperate")
    assert tuple(DOMAINS["board"]) == BOARD_TASKS
