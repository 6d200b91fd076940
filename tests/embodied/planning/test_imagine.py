"""Scores of imagined plans, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from embodied.planning.imagine import SURE, Candidate, Foresight, choose, distinct, score
from embodied.planning.language import Plan
from envs.interface import SkillCall


def plan(*skills):
    return Plan(tuple(SkillCall(skill) for skill in skills))


@pytest.mark.parametrize(("foresight", "share"), [
    (Foresight(0.0, 1.0), 1.0), (Foresight(0.5, 0.75), 0.5), (Foresight(0.5, 0.5), 0.0), (Foresight(0.5, 0.0), 0.0),
    (Foresight(1.0, 1.0), 1.0), (Foresight(1.0, 0.5), 0.0), (Foresight(0.0, 1.0, failures=2), 0.25)])
def test_a_twin_believes_in_what_brings_the_task_on(foresight, share):
    assert foresight.probability == pytest.approx(SURE + (1 - 2 * SURE) * share)


def test_policy_and_twin_are_weighed_against_each_other():
    likely, right = Candidate(plan("home"), math.log(0.9)), Candidate(plan("pick", "place_in"), math.log(0.1))
    foresights = [Foresight(0.0, 0.0), Foresight(0.0, 1.0)]
    assert score(right, foresights[1], 1.0) == pytest.approx(math.log(0.1) + math.log(1 - SURE))
    assert choose([likely, right], foresights, weight=1.0) == 1
    assert choose([likely, right], foresights, weight=0.0) == 0
    assert choose([likely, right], foresights[::-1], weight=1.0) == 0
    assert choose([likely, likely], [foresights[1]] * 2, weight=1.0) == 0, "of equals the first"
    with pytest.raises(ValueError, match="zip"):
        choose([likely], foresights, weight=1.0)


def test_a_refusal_is_chosen_where_nothing_else_stands():
    refused, plan_b = Candidate(Plan((), refusal="I see no red block"), -0.1), Candidate(plan("pick"), -9.0)
    assert choose([refused, plan_b], [Foresight(0.0, 0.0), Foresight(0.0, 0.0)], weight=1.0) == 1
    assert choose([refused, plan_b], None, weight=1.0) == 1
    assert choose([refused, replace(refused, log_prob=-2.0)], None, weight=1.0) == 0
    assert choose([Candidate(plan("home"), -3.0), plan_b], None, weight=1.0) == 0, "without a twin the likeliest"


def test_plans_that_do_the_same_are_one():
    first, again, other = Candidate(plan("home"), -2.0), Candidate(plan("home"), -1.0), Candidate(plan("pick"), -1.5)
    assert distinct([first, other, again]) == [again, other]
