"""What the board's instructions are put as, too, asks for the same."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.data.rewording import Rewording
from envs.domains import find_domain
from envs.tasks.board_rewordings import REWORDINGS, rewordings
from envs.tasks.board_words import PHRASINGS, say, understand
from envs.world.board import COMPASS, CORNERS


@pytest.mark.parametrize("task", PHRASINGS)
def test_other_words_are_understood_alike(task):
    rng, put = np.random.default_rng(0), Rewording(find_domain("board").rewordings)
    said = set()
    for where in {"closest_corner": CORNERS, "push_side": ((0, 1), (0, -1))}.get(task, COMPASS):
        for _ in range(60 if any(where) or "relative" not in task else 0):
            text = say(task, {"block": "red star", "other": "blue cube", "where": where}, rng)
            other = put.draw(text, rng)
            assert understand(other) == understand(text) is not None, (text, other)
            said.add(other) if other != text else None
    assert len(said) >= len(REWORDINGS[task]) - 1


def test_every_wording_has_others():
    assert set(REWORDINGS) == set(PHRASINGS)
    assert all(rewordings(PHRASINGS).values())
    known = find_domain("board").rewordings
    assert known["find the block nearest to the top left corner and bring it to the other block of its color"]
