"""Slots of what lies on a pushing board, on the board itself: every toy is one, wherever it was pushed to."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from embodied.models.pieces import CROP_SIZE, look
from embodied.planning.board_view import in_order
from envs.interface import Observation
from envs.world.toys import TOY_HEIGHT_M


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("envs:embodied/Board-v0")
    yield env
    env.close()


def seen(env, raw):
    found = look(Observation.from_dict(raw))
    true = {name: env.unwrapped.world.pose(name)[0] for name in env.unwrapped.world.names()}
    return found, np.array([xyz[:2] for xyz in true.values() if xyz[2] > 0])


def test_each_toy_is_one_slot_to_a_few_millimetres_and_nothing_else_is(env):
    off_m = []
    for seed in range(3_000_000 - 12, 3_000_000):
        raw, _ = env.reset(seed=seed % 900_000)
        found, true = seen(env, raw)
        assert found.place == "board" and len(found.slots) == len(true)
        apart = np.linalg.norm(true[:, None] - np.array([slot.box.center[:2] for slot in found.slots]), axis=-1)
        off_m += apart.min(axis=1).tolist()
        for slot in found.slots:
            column, row = slot.pixel
            assert slot.crop.shape == (CROP_SIZE, CROP_SIZE, 3) and slot.crop.any()
            assert slot.box.size[2] == pytest.approx(TOY_HEIGHT_M)
            assert raw["depth"]["top"][row, column] > 0
        assert found.slots == in_order(found.slots)
    assert max(off_m) < 0.006


def test_toys_of_one_color_that_touch_are_two(env):
    world, pushed = env.unwrapped.world, 0
    for seed in range(40, 60):
        env.reset(seed=seed)
        names = world.names()
        pair = [(a, b) for a in names for b in names if a < b and a.split(" ")[0] == b.split(" ")[0]]
        if not pair:
            continue
        one, other = pair[0]
        raw, _, _, _, info = env.step({"skill": np.int64(0), "text": (f"push the {one} to the {other}",)})
        found, true = seen(env, raw)
        pushed += info["outcome"]["status"] == "done"
        assert len(found.slots) == len(true)
    assert pushed >= 5


def test_an_empty_board_shows_nothing(env):
    raw, _ = env.reset(seed=3)
    raw["depth"]["top"] = np.full_like(raw["depth"]["top"], raw["depth"]["top"].max())
    assert look(Observation.from_dict(raw)).slots == ()
