"""Other words for the same: they keep what words are about, and an environment knows what they ask."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.data.rewording import KEPT, Rewording
from envs.domains import find_domain
from envs.tasks.tamp import TampTask
from envs.tasks.tamp_rewordings import understand
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


@pytest.mark.parametrize("other", ["put the {c} away", "put it away"])
def test_a_wording_with_other_slots_is_refused(other: str):
    with pytest.raises(ValueError, match=r"expected the slots of 'take the \{a\} object', got 'put "):
        Rewording({"take the {a} object": [other]})


@pytest.mark.parametrize("name", ["grasp", "build", "where", "below", "possible"])
def test_the_table_knows_what_its_rewordings_ask(name):
    rng, rewording, task = np.random.default_rng(0), Rewording(find_domain("tamp").rewordings), TampTask(name)
    for seed in range(3):
        scene = task.arrange(World(), np.random.default_rng(seed))
        heard = {rewording.draw(task.instruction(scene, rng), rng) for _ in range(40)}
        assert len(heard) > 2 and {task.retarget(scene, words).roles == scene.roles for words in heard} == {True}


@pytest.mark.parametrize(("words", "family", "roles"), [
    ("is the red block under the blue one?", "below", "red blue"),
    ("is the blue block on the red one?", "below", "red blue"),
    ("is the blue cube on top of the red cube?", "below", "red blue"),
    ("does the blue block stand on the red one?", "below", "red blue"),
    ("is there the red block below the blue block?", "below", "red blue"),
    ("could you grasp the red block, put it on the blue block and then grasp the green block?", "possible",
     "red blue green"),
    ("put the white block on the red block", "build", "white red"),
    ("the white block goes on the red one", "build", "white red"),
    ("make a tower with the white block on the red block", "build", "white red"),
    ("please put the white one on top of the red cube", "build", "white red"),
    ("Q: How to stack the white object on top of the red object?", "build", "white red"),
    ("give me the cyan block, please", "grasp", "cyan"), ("where is the cyan cube?", "where", "cyan")])
def test_who_is_what_in_each_wording(words: str, family: str, roles: str):
    """Spelled out by hand, for a wording with its things swapped would be known by its own table."""
    assert understand(words) == (family, dict(zip("abc", (f"{color} block" for color in roles.split()), strict=False)))


def test_other_words_are_not_understood():
    for words in ("put the white block next to the red one", "stack the white block", "what color is obj_2?", "", "½"):
        assert understand(words) is None


def test_every_rewording_has_a_wording_that_is_drawn():
    known = find_domain("tamp").rewordings
    assert "Q: How to grasp the {a} object?" in known and "Which color does the {a} have?" in known
    assert all(len(set(others)) == len(others) >= 3 for others in known.values())


def test_things_of_several_words_and_a_slot_that_stands_twice():
    rewording = Rewording({"put the {a} at the {p}, then the {b} at the {p}": ("the {a} and the {b} go to the {p}",)})
    text = "put the coke can at the near counter, then the tea box at the near counter"
    drawn = {rewording.draw(text, np.random.default_rng(seed)) for seed in range(8)}
    assert drawn == {text, "the coke can and the tea box go to the near counter"}
    other = "put the coke can at the near counter, then the tea box at the table"
    assert {rewording.draw(other, np.random.default_rng(seed)) for seed in range(8)} == {other}
