"""Told scenes: what is read, what is refused and how, and the table that they mean. No physics."""

from __future__ import annotations

import itertools
import math

import pytest

from envs.goals.scene_spec import SIDES_M, SceneError, read_scene, table_of
from envs.goals.spelling import COLORS
from envs.goals.table import part_of
from envs.interface import BOWL_SIZE_M
from envs.tasks import scene

RED, BOWL = {"name": "red block", "at": [2, 1]}, {"name": "blue bowl", "at": [4, 2]}
GOOD = [RED, BOWL, {"name": "red block 2", "on": "red block", "size": "small"},
        {"name": "green block", "in": "blue bowl"}]


def test_a_scene_is_the_table_that_it_tells():
    table = table_of(read_scene(GOOD))
    assert dict(table.under) == {"red block": "table", "red block 2": "red block", "green block": "blue bowl"}
    assert (table.things["red block"].x, table.things["red block"].y) == (0.42, 0.13)
    assert [table.things[n].side_m for n in table.things] == [0.042, BOWL_SIZE_M[0], 0.034, 0.042]
    assert table.things["red block 2"].z == pytest.approx(0.042 + 0.017)
    assert part_of(table.things["red block"].y) == "left" and part_of(table.things["blue bowl"].y) == "right"


def test_colors_are_those_of_the_world():
    assert tuple(COLORS) == tuple(scene.COLORS)


@pytest.mark.parametrize(("spec", "said"), [
    ("red block", "expected a list of"), ([], "got 0 of them"), ([RED] * 11, "got 11 of them"),
    ([{"at": [1, 1]}], "expected things such as"), ([3], "expected things such as"),
    ([{"name": "red block"}], "one of at, on, in, got none"),
    ([{**RED, "on": "blue bowl"}], "got at and on"), ([{**RED, "sise": "big"}], "did you mean 'size'"),
    ([{"name": "pink block", "at": [1, 1]}], "got 'pink block'"),
    ([{"name": "red cup", "at": [1, 1]}], "got 'red cup'"),
    ([{"name": "red block 1", "at": [1, 1]}], "got 'red block 1'"),
    ([{"name": "red block 10", "at": [1, 1]}], "got 'red block 10'"),
    ([RED, {**RED, "at": [1, 1]}], "call it 'red block 2'"),
    ([RED, {**BOWL, "at": [2, 1]}], "where the red block stands"),
    ([{**RED, "at": [6, 1]}], r"got \[6, 1\]"), ([{**RED, "at": [1, 4]}], r"got \[1, 4\]"),
    ([{**RED, "at": 3}], "got 3"),
    ([{**RED, "at": [1.5, 1]}], "1.5"), ([{**RED, "at": [True, 1]}], "True"), ([{**RED, "size": "huge"}], "got 'huge'"),
    ([{**BOWL, "size": "big"}], "bowls have one"), ([BOWL, {"name": "red bowl", "in": "blue bowl"}], "stand at a cell"),
    ([{"name": "red block", "on": "blue block"}], "told before it"), ([RED, {"name": "blue block", "in": "red block"}],
                                                                     "write on"),
    ([BOWL, {"name": "blue block", "on": "blue bowl"}], "write in"),
    ([RED, *({"name": f"{c} block", "on": "red block"} for c in ("blue", "green"))], "at most 1"),
    ([BOWL, *({"name": f"{c} block", "in": "blue bowl"} for c in ("blue", "green", "red"))], "at most 2"),
    ([{**RED, "size": "small"}, {"name": "blue block", "on": "red block"}], "no bigger than the red block"),
    ([{"name": "a"}], "one of at, on, in"), ([{"name": "red block", "on": ["x"]}], "told before it"),
    ([{"name": "green block", "on": "blue block"}, {"name": "blue block", "on": "green block"}], "told before it"),
    ([RED, {"name": "blue block", "on": "red block"}, {"name": "green block", "on": "blue block"},
      {"name": "cyan block", "on": "green block"}], "at most 3 blocks, got 4"),
    ([BOWL, {"name": "blue block", "in": "blue bowl"}, {"name": "green block", "on": "blue block"},
      {"name": "red block", "in": "blue bowl"}], "got a stack"),
    ([BOWL, {"name": "blue block", "in": "blue bowl"}, {"name": "red block", "in": "blue bowl"},
      {"name": "green block", "on": "blue block"}], "share a bowl"),
])
def test_what_is_no_scene_is_refused_in_words(spec, said):
    with pytest.raises(SceneError, match=said):
        read_scene(spec)


def test_bowls_of_neighbouring_cells_do_not_touch():
    """Cells are narrower than two bowls, in both directions."""
    cells = [[1, 1], [1, 2], [2, 1], [2, 2], [3, 1], [1, 3]]
    told = [{"name": f"{c} bowl", "at": cell} for c, cell in zip(COLORS, cells, strict=False)]
    things = read_scene([*told, {"name": "red block", "in": "red bowl"}, {"name": "cyan block", "at": [5, 3]}])
    bowls, block = [t for t in things if t.kind == "bowl"], things[-2]
    assert all(math.dist((a.x, a.y), (b.x, b.y)) > BOWL_SIZE_M[0] for a, b in itertools.combinations(bowls, 2))
    assert (block.x, block.y) == (bowls[0].x, bowls[0].y)
    assert max(math.dist((t.x, t.y), (0.30 + 0.12 * r, 0.13 * (3 - c))) for t, (c, r) in
               zip(bowls, cells, strict=True)) < 0.05
    assert (things[-1].x, things[-1].y) == (0.66, -0.26)  # what is near to nothing stays in the middle of its cell


@pytest.mark.parametrize("sizes", [*itertools.product(SIDES_M, repeat=2)])
def test_two_blocks_in_a_bowl_lie_beside_each_other(sizes):
    pair = [{"name": f"{c} block", "in": "blue bowl", **({"size": s} if s else {})}
            for c, s in zip(("red", "green"), sizes, strict=True)]
    table = table_of(read_scene([BOWL, *pair]))
    sides = [table.things[p["name"]].side_m for p in pair]
    assert table.apart_m("red block", "green block") == pytest.approx(sum(sides) / 2, abs=2e-3)
    assert all(table.apart_m(p["name"], "blue bowl") < 0.03 for p in pair)
    assert [table.bowl_of(p["name"]) for p in pair] == ["blue bowl"] * 2
