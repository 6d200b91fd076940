"""Two who understand words, asked as one."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from embodied.agents.confidence import CALIBRATION, Calibration, CalibrationError, read_calibration, write_calibration
from embodied.agents.mind_card import CARD, card, with_second, write_card
from embodied.agents.second_opinion import Opinions, SecondOpinion, candidates
from embodied.planning.dialogue import Reading
from envs.goals.spelling import read
from scripts.weigh_opinions import ENDS, fitted

RED, BLUE, BOTH = (f"in({which} block, the white bowl)" for which in ("the red", "the blue", "both"))
HALF = Opinions(0.5, 0.5, -4.0)


class Scripted:
    """Reads words as it was told to, and finds goals as likely as it was told to; None: cannot read them whole."""

    def __init__(self, *readings: tuple[str, float], finds: dict[str, float] | None) -> None:
        several = [Reading(read(text), sure, text) for text, sure in readings]
        self.reading = Reading(None, 0.0, why_not="no")
        if several:
            self.reading = replace(several[0], alternatives=tuple(several[1:]))
        self.finds, self.asked = finds, 0

    def understand(self, text, before=()):
        self.asked += 1
        return self.reading

    def scores(self, text, before, goals):
        return None if self.finds is None else [math.log(self.finds.get(goal, 1e-9)) for goal in goals]


def test_what_both_read_and_the_first_is_certain_of_is_taken_as_it_is():
    one, other = Scripted((RED, 0.95), finds={}), Scripted((RED, 0.6), (BLUE, 0.2), finds={})
    assert SecondOpinion(one, other, HALF).understand("red in") is one.reading


def test_the_reading_that_both_find_likely_is_the_likeliest():
    one = Scripted((RED, 0.5), (BLUE, 0.3), finds={RED: 0.5, BLUE: 0.4})
    other = Scripted((BLUE, 0.9), finds={RED: 0.01, BLUE: 0.9})
    found = SecondOpinion(one, other, HALF).understand("blau rein")
    assert found.text == BLUE and [reading.text for reading in found.alternatives] == [RED]
    assert 0 < found.alternatives[0].confidence < found.confidence < 1
    assert found.confidence + found.alternatives[0].confidence < 1, "none of them may be meant"


def test_who_is_certain_is_doubted_where_the_other_reads_something_else():
    one, other = Scripted((RED, 0.95), finds={RED: 0.9, BLUE: 1e-6}), Scripted((BLUE, 0.95), finds={BLUE: 0.9})
    agreed = Scripted((RED, 0.95), finds={})
    doubted = SecondOpinion(one, other, HALF).understand("red in").confidence
    assert doubted < SecondOpinion(one, agreed, HALF).understand("red in").confidence


@pytest.mark.parametrize("other", [Scripted(finds=None), Scripted((BLUE, 0.9), finds=None)])
def test_who_cannot_read_the_words_has_no_opinion(other):
    one = Scripted((RED, 0.5), (BLUE, 0.3), finds={})
    assert SecondOpinion(one, other, HALF).understand("red in") is one.reading


def test_where_the_first_reads_nothing_the_second_is_not_asked():
    one, other = Scripted(finds={}), Scripted((BLUE, 0.9), finds={})
    assert SecondOpinion(one, other, HALF).understand("?").why_not == "no" and not other.asked


def test_each_goal_is_a_candidate_once_and_the_first_ones_come_first():
    one, other = Scripted((RED, 0.5), (BOTH, 0.2), finds={}), Scripted((BLUE, 0.4), (RED, 0.4), finds={})
    assert [reading.text for reading in candidates(one.reading, other.reading)] == [RED, BOTH, BLUE]
    assert candidates(one.reading, Reading(None)) == [replace(r) for r in (one.reading, *one.reading.alternatives)]


def test_opinions_stand_beside_the_weights_and_are_read_back(tmp_path):
    (tmp_path / CALIBRATION).write_text(write_calibration(Calibration(9, opinions=HALF)))
    assert read_calibration(tmp_path).opinions == HALF
    (tmp_path / CALIBRATION).write_text(write_calibration(Calibration(9)))
    assert read_calibration(tmp_path).opinions is None
    for wrong in ({"first": 1}, {"first": 1, "second": 1, "none": float("inf")}, 3):
        values = json.loads(write_calibration(Calibration(9))) | {"opinions": wrong}
        (tmp_path / CALIBRATION).write_text(json.dumps(values))
        with pytest.raises(CalibrationError):
            read_calibration(tmp_path)


def test_a_card_names_the_second_mind_and_forgets_it(tmp_path):
    (tmp_path / CARD).write_text(with_second(with_second(write_card("small"), "other"), "mind-tiny"))
    assert card(tmp_path) == {"eyes": "eyes", "base": "small", "second": "mind-tiny"}
    assert with_second((tmp_path / CARD).read_text(), None) == write_card("small")


def test_of_goals_that_are_as_likely_the_longer_one_is_meant():
    _, longer = Opinions(0.5, 0.5, -4.0, 0.02).chances([RED, f"{RED} then {RED}"], [-1.0, -1.0], [-1.0, -1.0])
    assert longer > 0.5 > HALF.chances([RED, BLUE], [-1.0, -1.0], [-1.0, -1.0])[1]


def test_weights_are_found_by_which_the_right_readings_are_the_likeliest():
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(300):  # the second one knows, the first one guesses; questions are never meant; sometimes none is
        right = int(rng.integers(3))
        second = np.where(np.arange(2) == right, -0.1, -4.0) + rng.normal(0, 0.3, 2)
        ends = ["task", "task"] if right < 2 else ["question", "task"]
        lengths = (9, 30) if right == 1 else (30, 9)  # what is meant is the longer one of them, as a rule
        texts = ["a" * length for length in (lengths if rng.random() < 0.9 else lengths[::-1])]
        rows.append({"texts": texts, "scores": [rng.normal(-2, 1, 2).tolist(), second.tolist()], "ends": ends,
                     "groups": [[0], [1]], "right": right})
    opinions, usual = fitted(rows)
    assert opinions.second > 0.5 > 5 * abs(opinions.first) and usual["question"] < 1 and opinions.length > 0
    assert set(usual) == {"task", "unknown", *ENDS}
