"""Queries in their flat records: every answer comes back as it was, and records of every age are read."""

from __future__ import annotations

import json

import pytest

from embodied.data.queries import Calls, Query, Question, Refusal, TextAnswer, query_of, record_of

ANSWERS = [Calls((("pick", "red block"), ("place_in", "blue bowl")), any_order=True), Calls(()),
           Calls((("pick", "red block"),), told="A: First grasp the red object."), TextAnswer("A: No."),
           Refusal("I see no cup"), Question("which red block do you mean?")]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("about", [None, (), ("red block",)])
def test_a_query_comes_back_from_its_record(answer, about):
    query = Query("do it", answer, "stack", about)
    assert query_of(json.loads(json.dumps(record_of(query)))) == query


def test_records_of_format_1_tell_less():
    record = {"task": "where", "instruction": "where is it?", "calls": [], "any_order": False, "refusal": None}
    assert query_of(record) == Query("where is it?", Calls(()), "where", None)


def test_a_question_whose_answer_was_not_told_is_answered_by_nothing():
    record = {"task": "where", "instruction": "where?", "calls": [], "any_order": False, "refusal": None,
              "is_question": True, "about": []}
    assert query_of(record).answer == TextAnswer("")
