"""One spelling of what differs in spelling alone, and goals that come to the same."""

from __future__ import annotations

import pytest

from envs.goals.normal import normal, same
from envs.goals.scenes import table_of
from envs.goals.spelling import read, write

TABLE = table_of([
    {"name": "blue bowl", "at": [1, 1]}, {"name": "green bowl", "at": [5, 1]}, {"name": "red block", "in": "blue bowl"},
    {"name": "red block 2", "at": [4, 2]}, {"name": "green block", "at": [2, 3]}])


@pytest.mark.parametrize("text, expected", [
    ("in(block, the bowl [holding the red block])", "in(the block, the bowl [holding red block])"),
    ("keep(all block); not held(the red block); in(the red block, the blue bowl); in(a block, the blue bowl)",
     "in(a block, the blue bowl); in(the red block, the blue bowl); not held(the red block); keep(all block)"),
    ("tell count(all red block)", "tell count(red block)"),
    ("tell where(red block)", "tell where(the red block)"),
    ("if there_is(the red block): held(the red block)", "if there_is(a red block): held(the red block)"),
    ("tell whether there_is(2 red block)", "tell whether there_is(2 red block)"),
    ("tell whether not not at(the red block, left)", "tell whether at(the red block, left)"),
    ("held(the block [nearest the blue bowl] [alone] [alone])", "held(the block [alone] [nearest blue bowl])"),
    ('held(the "red" block)', "held(the red block)"),
    ('cannot "Wash"', 'cannot "wash"'),
    ("tell whether more(all red block, the bowl)", "tell whether more(red block, bowl)"),
    ("held(the red block); held(the red block)", "held(the red block)"),
])
def test_one_spelling(text: str, expected: str):
    assert write(normal(read(text))) == expected
    assert normal(read(expected)) == read(expected)


@pytest.mark.parametrize("one, other", [
    ("held(the green block)", "held(the leftmost block [on table])"),
    ("in(all red block, the green bowl)", "in(both red block, the green bowl)"),
    ("if there_is(a green bowl): held(the green block)", "held(the green block)"),
    ("on(the purple block, table)", "held(the purple block)"),  # there is none
    ('cannot "wash"', 'cannot "scrub"'),
])
def test_what_comes_to_the_same(one: str, other: str):
    assert same(read(one), read(other), TABLE)


@pytest.mark.parametrize("one, other", [
    ("held(the green block)", "held(a block)"),
    ("in(the green block, the green bowl)", "in(the green block, the blue bowl)"),
    ("in(the green block, the green bowl)", "in(the green block, the green bowl); keep(the green block)"),
    ("held(the green block) then on(the green block, table)", "on(the green block, table) then held(the green block)"),
    ("held(the purple block)", "held(the orange block)"),
    ("tell count(red block)", "tell count(block)"),
    ("tell count(bowl)", "tell what(bowl)"),
    ("nothing", "unclear"),
    ("held(the red block)", "held(both red block)"),
])
def test_what_does_not(one: str, other: str):
    assert not same(read(one), read(other), TABLE)
