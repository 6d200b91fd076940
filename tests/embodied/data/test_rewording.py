"""Other words for the same: they keep what words are about, and an environment knows what they ask."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.data.rewording import KEPT, Rewording
from envs.domains import find_domain
from envs.tasks.tamp import TampTask
from envs.world import World

TEMPLATES = {"stack the {a} object on the {b} object": ("put {a} on {b}", "{b} below {a}!")}


def test_words_are_put_otherwise_half_of_the_time_and_about_the_same():
    rng, rewording = np.random.default_rng(0), Rewording(TEMPLATES)
    said = [rewording.draw("stack the red object on the blue object", rng) for _ in range(400)]
    assert set(said) == {"stack the red object on the blue object", "put red on blue", "blue below red!"}
    assert abs(said.count("stack the red object on the blue object") / 400 - KEPT) < 0.1


def test_what_nobody_knows_other_words_for_is_as_it_is():
    rng = np.random.default_rng(0)
    for rewording in (Rewording({}), Rewording(TEMPLATES)):
        assert {rewording.draw("grasp the red object", rng) for _ in range(20)} == {"grasp the red object"}
    assert not Rewording({}) and Rewording(TEMPLATES)


def test_a_slot_that_nothing_fills_is_refused():
    with pytest.raises(ValueError, match=r"\{c\} in 'put the \{c\} away'"):
        Rewording({"take the {a} object": ["put the {c} away"]})


@pytest.mark.parametrize("name", ["grasp", "build", "where", "below", "possible"])
def test_the_table_knows_what_its_rewordings_ask(name):
    rng, rewording, task = np.random.default_rng(0), Rewording(find_domain("tamp").rewordings), TampTask(name)
    for seed in range(3):
        scene = task.arrange(World(), np.random.default_rng(seed))
        heard = {rewording.draw(task.instruction(scene, rng), rng) for _ in range(40)}
        assert len(heard) > 2 and {task.retarget(scene, words).roles == scene.roles for words in heard} == {True}


def test_every_rewording_has_a_wording_that_is_drawn():
    known = find_domain("tamp").rewordings
    assert "Q: How to grasp the {a} object?" in known and "Which color does the {a} have?" in known
    assert all(len(set(others)) == len(others) >= 3 for others in known.values())
