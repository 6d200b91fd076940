"""One spelling for what means the same: what planners are taught is a fixed point, and nothing that means goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embodied.planning.instruction import InstructionError, clean_instruction
from envs.tasks import board_words, tamp_words
from envs.tasks.kitchen import phrasings as kitchen
from envs.tasks.phrasings import PHRASINGS, say
from envs.tasks.scene import COLORS
from tests.envs.tasks.test_phrasings import roles_of

PLAIN = "put the red block in the blue bowl"


@pytest.mark.parametrize("text", [
    "PUT THE RED BLOCK IN THE BLUE BOWL", "put The RED block in the Blue bowl",
    "'put the red block in the \u2018blue bowl\u2019'", "put the 'red' block in the blue bowl'",
    " put  the red\tblock\nin the blue bowl",
    "put the red-block in the blue-bowl", "\u201cput the red block in the blue bowl\u201d",
    "(put the red block) in the *blue* bowl", "p\u200but the re\u00add block in the blue bowl\u2060",
    "\uff50\uff55\uff54 the red block in the blue bowl", "put\u00a0the red\u2003block in the blue bowl"])
def test_spellings_of_one_instruction_are_one(text: str):
    assert clean_instruction(text) == PLAIN


@pytest.mark.parametrize(("text", "clean"), [
    ("Put The Red Block in the bowl!!!", "Put the red block in the bowl."), ("I WANT the red", "I want the red"),
    ("don\u2019t put it", "don't put it"), ("don\u00b4t PUT it", "don't put it"), ("move -3 or 0.5", "move -3 or 0.5"),
    ("red block\u2014now;please", "red block, now; please"), ("really?!", "really?"), ("\u00bfis it?", "is it?"),
    ("red \u2192 blue", "red \u2192 blue"), ("r\u0336ed", "r\u0336ed"), ("p\u0443t", "p\u0443t"),
    ("<obj_1> up", "obj_1 up")])
def test_what_carries_meaning_stays(text: str, clean: str):
    assert clean_instruction(text) == clean


@given(st.text(max_size=80))
@example("0,- 0")
def test_cleaning_twice_changes_nothing(text: str):
    try:
        cleaned = clean_instruction(text)
    except InstructionError:
        return
    assert clean_instruction(cleaned) == cleaned


def test_what_planners_of_the_table_are_taught_is_spelled_so():
    rng = np.random.default_rng(0)
    for form in PHRASINGS:
        for _ in range(300):
            text = say(form, roles_of(form, list(rng.permutation(list(COLORS))[:3])), rng)
            assert clean_instruction(text) == text


@pytest.mark.parametrize("text", [*(s for group in board_words.PHRASINGS.values() for s in group),
                                  *(s for group in kitchen.TEMPLATES.values() for s in group),
                                  *(s for group in tamp_words.PHRASINGS.values() for s in group)])
def test_what_is_taught_in_other_worlds_is_spelled_so(text: str):
    spelled = text.replace("{", "").replace("}", "")
    assert clean_instruction(spelled) == spelled
