"""The pushing policy on a table of somebody else's: other words, other axes, other bounds, another nearness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from envs.interface import Outcome
from envs.skills.perform import carry_out
from envs.skills.push import push
from envs.skills.push_table import OURS, PushTable
from envs.skills.situation import Hand, Situation
from envs.world.board import OUR_BOARD, BoardFrame

WORDS = {"red": "crimson", "blue": "navy", "green": "lime", "yellow": "golden"}
FRAME = BoardFrame(OUR_BOARD.low_m, OUR_BOARD.high_m, OUR_BOARD.border_m, up=(0.0, -1.0), left=(1.0, 0.0))
THEIRS = replace(OURS, frame=FRAME, palette={WORDS[color]: rgb for color, rgb in OURS.palette.items()},
                 outlines={f"{shape}oid": parts for shape, parts in OURS.outlines.items()},
                 symmetry={f"{shape}oid": turns for shape, turns in OURS.symmetry.items()})
"""Up is to our right, left is our up."""


@pytest.fixture(scope="module")
def board() -> Iterator[gymnasium.Env]:
    env = gymnasium.make("envs:embodied/BoardBlockToBlock-v0", cameras=[])
    yield env.unwrapped
    env.close()


def told(env: gymnasium.Env, words: str, table: PushTable) -> Outcome:
    """How it went on the scene of a seed."""
    env.reset(seed=7)
    situation = Situation(env.robot, None, Hand(), env.glance, env.domain.workspace)
    return carry_out(push(situation, words, table), env.robot, 12.0)


def named(env: gymnasium.Env) -> tuple[str, str]:
    """What stands there first, by our name and by theirs."""
    env.reset(seed=7)
    ours = next(iter(env.world.names()))
    color, shape = ours.split(" ")
    return ours, f"{WORDS[color]} {shape}oid"


def place(env: gymnasium.Env, name: str) -> np.ndarray:
    return env.world.pose(name)[0][:2]


def test_up_and_left_are_theirs(board: gymnasium.Env):
    ours, theirs = named(board)
    begun = place(board, ours).copy()
    assert told(board, f"push the {theirs} 6 cm up", THEIRS).status == "done"
    assert place(board, ours) - begun == pytest.approx((0.0, -0.06), abs=0.03)
    assert np.allclose(FRAME.place_m((1, 1)), OUR_BOARD.place_m((1, -1)))
    assert np.allclose(FRAME.unit((1, 0)), (0.0, -1.0))


def test_words_of_another_table_are_not_known(board: gymnasium.Env):
    ours, theirs = named(board)
    assert told(board, f"push the {ours} up", THEIRS).reason == f"I do not know the color {ours.split(' ')[0]}"
    assert told(board, f"push the {theirs} up", OURS).reason == f"I do not know the color {theirs.split(' ')[0]}"


def test_near_is_what_they_call_near(board: gymnasium.Env):
    ours, theirs = named(board)
    other = next(name for name in board.world.names() if name != ours)
    words = f"push the {theirs} to the {WORDS[other.split(' ')[0]]} {other.split(' ')[1]}oid"
    begun_m = np.linalg.norm(place(board, ours) - place(board, other))
    for next_to_m in (0.12, 0.061):
        assert begun_m > next_to_m + 0.03 or next_to_m < 0.1
        told(board, words, replace(THEIRS, next_to_m=next_to_m))
        between_m = np.linalg.norm(place(board, ours) - place(board, other))
        assert next_to_m - 0.035 < between_m < next_to_m + 0.015


def test_their_middle_is_that_of_their_bounds(board: gymnasium.Env):
    ours, theirs = named(board)
    lower = BoardFrame(OUR_BOARD.low_m, OUR_BOARD.high_m - (0.2, 0.0), 0.01)
    assert told(board, f"push the {theirs} to the center", replace(THEIRS, frame=lower)).status == "done"
    assert place(board, ours) == pytest.approx(lower.center_m, abs=0.04)
