"""Scenes as people write them: read, refused, drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from envs.goals.language import TABLE
from envs.goals.scene_spec import MOST_IN_BOWL, MOST_LEVELS, SIDES_M
from envs.goals.scenes import FREE_CELLS, draw_scene, table_of

SCENE = [{"name": "blue bowl", "at": [1, 1]}, {"name": "red block", "at": [5, 3], "size": "big"},
         {"name": "green block", "on": "red block"}, {"name": "red block 2", "in": "blue bowl", "size": "small"}]


def test_a_scene_becomes_a_table():
    table = table_of(SCENE)
    assert dict(table.under) == {"red block": TABLE, "green block": "red block", "red block 2": "blue bowl"}
    bowl, red, green, small = (table.things[name] for name in ("blue bowl", "red block", "green block", "red block 2"))
    assert bowl.y > 0 > red.y and bowl.x < red.x  # columns from the left, rows from near
    assert green.z == pytest.approx(red.side_m + green.side_m / 2) and small.side_m < green.side_m < red.side_m


def test_drawn_scenes_keep_the_rules():
    rng = np.random.default_rng(0)
    sizes = list(SIDES_M)
    for _ in range(1500):
        scene = draw_scene(rng)
        table, cells = table_of(scene), [tuple(t["at"]) for t in scene if "at" in t]
        assert 3 <= len(scene) <= 7 and len(table.blocks) >= 2 and 1 <= len(table.bowls) <= 4
        assert len(set(cells)) == len(cells) <= 15 - FREE_CELLS
        for told in scene:
            if "on" in told:
                below = next(t for t in scene if t["name"] == told["on"])
                assert sizes.index(told.get("size", "")) <= sizes.index(below.get("size", "")) or (
                    SIDES_M[told.get("size", "")] <= SIDES_M[below.get("size", "")])
        assert max(len(table.below(block)) for block in table.blocks) < MOST_LEVELS
        assert all(sum(t.get("in") == bowl for t in scene) <= MOST_IN_BOWL for bowl in table.bowls)


def test_scenes_are_of_all_kinds():
    rng = np.random.default_rng(1)
    scenes = [draw_scene(rng) for _ in range(400)]
    shares = {what: np.mean([any(holds(t) for t in scene) for scene in scenes]) for what, holds in {
        "twins": lambda t: t["name"][-1].isdigit(), "stacks": lambda t: "on" in t, "filled": lambda t: "in" in t,
        "sizes": lambda t: "size" in t}.items()}
    assert all(0.25 < share < 0.85 for share in shares.values()), shares
    names = set(itertools.chain.from_iterable(t["name"].split()[:1] for scene in scenes for t in scene))
    assert len(names) == 8


def test_a_size_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="3 to 13 things"):
        draw_scene(np.random.default_rng(0), things=(2, 20))
