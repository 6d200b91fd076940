"""The table of phrasings: what is said is understood, in a closed vocabulary."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import UNKNOWN_WORDS, VOCABULARY
from envs.tasks.phrasings import PHRASINGS, say, understand, words
from envs.tasks.scene import COLORS

ROLES = {"in": ("block", "bowl"), "on": ("block", "base"), "tower": ("low", "middle", "high"), "sort": ()}


def roles_of(form: str, colors: list[str]) -> dict[str, str]:
    return {role: f"{c} {'bowl' if role == 'bowl' else 'block'}" for role, c in zip(ROLES[form], colors, strict=False)}


@given(form=st.sampled_from(list(PHRASINGS)), seed=st.integers(0, 2**32 - 1),
       colors=st.lists(st.sampled_from(list(COLORS)), min_size=3, max_size=3, unique=True))
def test_what_is_said_is_understood(form: str, seed: int, colors: list[str]):
    roles = roles_of(form, colors)
    text = say(form, roles, np.random.default_rng(seed))
    assert understand(text) == (form, roles)
    assert set(words(text)) <= VOCABULARY


@pytest.mark.parametrize("form", list(PHRASINGS))
def test_every_form_has_many_sentences_and_manners(form: str):
    assert len(set(PHRASINGS[form])) >= 6
    rng = np.random.default_rng(0)
    said = {say(form, roles_of(form, ["red", "blue", "cyan"]), rng) for _ in range(400)}
    assert len(said) > 60
    assert any(text.islower() for text in said) and any(text[0].isupper() for text in said)
    assert any(text.endswith(".") for text in said) and any("please" in text for text in said)


@pytest.mark.parametrize(("text", "expected"), [
    ("put the red block in the blue bowl", ("in", {"block": "red block", "bowl": "blue bowl"})),
    ("Place the red cube into the blue dish, please.", ("in", {"block": "red block", "bowl": "blue bowl"})),
    ("stack the red block on the green one", ("on", {"block": "red block", "base": "green block"})),
    ("Build a tower from top to bottom: the red cube, the green block, the blue one!",
     ("tower", {"high": "red block", "middle": "green block", "low": "blue block"})),
    ("sort the blocks by colour into the dishes", ("sort", {})),
    ("put the red bowl in the blue bowl", None),
    ("put the magenta block in the blue bowl", None),
    ("never put the red block in the blue bowl", None),
    ("", None),
])
def test_known_wordings(text: str, expected: object):
    assert understand(text) == expected


def test_unknown_words_are_unknown():
    assert not set(UNKNOWN_WORDS) & VOCABULARY
    assert len(set(UNKNOWN_WORDS)) == len(UNKNOWN_WORDS)


def test_no_sentence_is_ambiguous():
    """The top-to-bottom and bottom-to-top towers must not be mistaken for each other."""
    rng = np.random.default_rng(1)
    for a, b, c in itertools.permutations(["red", "green", "blue"]):
        roles = roles_of("tower", [a, b, c])
        assert all(understand(say("tower", roles, rng)) == ("tower", roles) for _ in range(60))


def test_colors_are_well_separated():
    values = np.array(list(COLORS.values()))
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    assert len(values) == 8
    assert distances[~np.eye(8, dtype=bool)].min() >= 0.35
