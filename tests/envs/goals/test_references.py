"""Which things words mean on a table."""

from __future__ import annotations

import pytest

from envs.goals.references import Trouble, find, meant
from envs.goals.scenes import table_of
from envs.goals.spelling import read

TABLE = table_of([
    {"name": "blue bowl", "at": [1, 1]}, {"name": "green bowl", "at": [5, 3]}, {"name": "red block", "in": "blue bowl"},
    {"name": "red block 2", "at": [4, 2], "size": "big"}, {"name": "green block", "on": "red block 2"},
    {"name": "white block", "at": [2, 1], "size": "small"}, {"name": "cyan block", "at": [1, 3]}])


def names(words: str) -> set[str]:
    return set(find(read(f"held({words})").steps[0][0].things.description, TABLE))


@pytest.mark.parametrize("words, expected", [
    ("the bowl [empty]", {"green bowl"}),
    ("the thing [empty]", {"green bowl"}),
    ("the block [in blue bowl]", {"red block"}),
    ("the block [in a bowl]", {"red block"}),
    ("the block [under green block]", {"red block 2"}),
    ("the bowl [holding red block [in blue bowl]]", {"blue bowl"}),
    ("the block [alone]", {"white block", "cyan block"}),
    ("the block [beside blue bowl]", {"white block"}),
    ("the block [left of blue bowl]", set()),  # what is in it is not to the left of it
    ("the block [right of cyan block]", {"red block 2", "green block", "white block"}),
    ("the block [nearest blue bowl] [alone]", {"white block"}),
    ("the block [alone] [nearest blue bowl]", {"white block"}),
    ("the bowl [nearest both red block]", {"blue bowl"}),
    ("the block [left of both red block]", set()),
    ("the block [right of all bowl]", set()),
    ("the block [left of a red block]", {"white block", "cyan block", "red block"}),
    ("the leftmost block [on table]", {"cyan block"}),
    ("the highest block", {"green block"}),
    ("the biggest block", {"red block 2"}),
    ("the small block", {"white block"}),
    ("the small red block", {"red block"}),
    ("all red block but big block", {"red block"}),
    ('the "black" block', set()),
])
def test_what_words_fit(words: str, expected: set[str]):
    assert names(words) == expected


@pytest.mark.parametrize("words, reason", [
    ("the red block", "ambiguous"), ("both block", "ambiguous"), ("the purple block", "missing"),
    ("3 red block", "too_few"), ("the block [in purple bowl]", "missing"), ("both green bowl", "too_few"),
    ("the block [left of red block]", "ambiguous"),
])
def test_what_is_wrong_with_them(words: str, reason: str):
    with pytest.raises(Trouble) as trouble:
        meant(read(f"held({words})").steps[0][0].things, TABLE)
    assert trouble.value.reason == reason
