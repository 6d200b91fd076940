"""Readings of words, held against what is on the table."""

from __future__ import annotations

import pytest

from embodied.agents.rescoring import rescored
from embodied.planning.dialogue import Reading
from envs.goals.scene_spec import read_scene, table_of
from envs.goals.spelling import read, write

TABLE = table_of(read_scene([{"name": "white bowl", "at": [3, 3]}, {"name": "green bowl", "at": [5, 1]},
                             {"name": "red block", "in": "white bowl"}, {"name": "blue block", "at": [1, 1]}]))
ABSENT, THERE = "in(the cyan block, the green bowl)", "in(the blue block, the green bowl)"


def readings(first, *others):
    (text, sure), several = first, [Reading(read(text), sure, text) for text, sure in others]
    return Reading(read(text), sure, text, tuple(several))


def test_what_is_certain_stays_as_it_is():
    alone = readings((ABSENT, 0.97))
    assert rescored(alone, TABLE) is alone


def test_of_two_like_readings_the_one_that_can_be_done_is_meant():
    found = rescored(readings((ABSENT, 0.5), (THERE, 0.4)), TABLE)
    assert write(found.goal) == THERE and found.confidence > 0.6
    assert [one.text for one in found.alternatives] == [ABSENT]


def test_what_is_plainly_said_stays_a_refusal():
    assert rescored(readings((ABSENT, 0.85), (THERE, 0.1)), TABLE).text == ABSENT


def test_words_that_are_clear_are_not_acted_against_and_are_no_longer_sure():
    """The table makes the other one likelier, by as much as what can be done usually is; nobody is sure then."""
    found = rescored(readings((ABSENT, 0.7), (THERE, 0.25)), TABLE)
    assert found.text == ABSENT and found.confidence < 0.4 and found.alternatives[0].text == THERE


def test_readings_that_come_to_the_same_are_one():
    found = rescored(readings(("nothing", 0.3), ("not in(the red block, the white bowl)", 0.35),
                              ("on(the red block, table)", 0.31)), TABLE)
    assert found.text == "not in(the red block, the white bowl)" and found.confidence > 0.5
    assert len(found.alternatives) == 1


@pytest.mark.parametrize("sure", [0.0, 0.3, 0.6])
def test_probabilities_stay_probabilities(sure):
    found = rescored(readings((THERE, sure), ("tell count(a block)", 0.2)), TABLE)
    assert 0 <= found.confidence + sum(one.confidence for one in found.alternatives) <= 1
