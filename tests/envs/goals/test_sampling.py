"""Drawn goals: of the kind that was asked for, met by their plans, in one spelling, of one split alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from envs.goals.combinations import combinations_of, constructs_of, fits_split, held_out, held_out_of
from envs.goals.judge import progress
from envs.goals.language import LONE_RELATIONS, NEAR_RELATIONS, SIZES, SUPERLATIVES
from envs.goals.normal import normal
from envs.goals.outcome import Question, Refusal, Task, Told, outcome_of
from envs.goals.planner import simulate
from envs.goals.sampling import KINDS_OF_PLANS, SHARES, Drawn, UndrawableError, difficulty_of, draw, draw_goal
from envs.goals.scenes import table_of
from envs.goals.spelling import read, write

DRAWS = 1500


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Drawn]]:
    rng = np.random.default_rng(7)
    return {split: [draw(rng, split=split) for _ in range(count)] for split, count in (
        ("train", DRAWS), ("test", DRAWS // 3))}


@pytest.fixture(scope="module")
def everything(drawn) -> list[Drawn]:
    return [*drawn["train"], *drawn["test"]]


def test_a_seed_draws_the_same():
    one, other = ([draw(np.random.default_rng(3)) for _ in range(3)] for _ in range(2))
    assert [(d.scene, write(d.goal)) for d in one] == [(d.scene, write(d.goal)) for d in other]


def test_goals_come_to_what_their_kind_says(everything):
    for found in everything:
        outcome = outcome_of(found.goal, found.table)
        assert outcome == found.outcome
        if found.kind in KINDS_OF_PLANS:
            assert isinstance(outcome, Task)
        elif found.kind in ("tell", "ambiguous"):
            assert isinstance(outcome, Told if found.kind == "tell" else Question)
        else:
            assert isinstance(outcome, Refusal) and outcome.reason == found.kind


def test_plans_reach_their_goals(everything):
    for found in everything:
        if isinstance(found.outcome, Task):
            tables = [found.table]
            for call in found.outcome.calls:
                tables.append(simulate(tables[-1], [call]))
            assert progress(found.outcome.wanted, tables) == 1, write(found.goal)


def test_there_is_one_spelling(everything):
    for found in everything:
        assert normal(found.goal) == found.goal and read(write(found.goal)) == found.goal


def test_questions_have_options(everything):
    assert all(len(found.outcome.options) > 1 for found in everything if found.kind == "ambiguous")


def test_shares_are_kept(drawn):
    counts = Counter(found.kind for found in drawn["train"])
    for kind, share in SHARES.items():
        assert counts[kind] / DRAWS == pytest.approx(share, abs=0.03), kind


def test_shares_can_be_asked_for():
    rng = np.random.default_rng(0)
    assert {draw(rng, shares={"tell": 1, "missing": 3}).kind for _ in range(30)} == {"tell", "missing"}


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_difficulty_is_what_was_asked_for(difficulty: int):
    rng = np.random.default_rng(difficulty)
    for kind in ("quantity", "steps", "clauses") if difficulty > 1 else ("fact", "quantity"):
        for _ in range(8):
            found = draw(rng, kind=kind, difficulty=difficulty)
            assert difficulty_of(found.goal, found.outcome) == difficulty


# The split -----------------------------------------------------------------------------------------------------------

def test_train_and_test_are_disjoint(drawn):
    assert not any(held_out_of(found.goal) for found in drawn["train"])
    assert all(held_out_of(found.goal) for found in drawn["test"])
    trained = {c for found in drawn["train"] for c in combinations_of(found.goal)}
    assert not any(map(held_out, trained)) and len(trained) > 300


def test_every_construct_occurs_in_training(drawn):
    counts = Counter(c for found in drawn["train"] for c in constructs_of(found.goal))
    expected = {"in", "on", "on table", "beside", "left_of", "right_of", "at", "held", "keep", "not", "then", "if",
                "there_is", "more", "count", "where", "color", "what", "a", "all", "both", "number", "each", "but",
                "thing", "unknown", "cannot", "nothing", "unclear", *SUPERLATIVES, *SIZES,
                *(f"[{relation}]" for relation in (*NEAR_RELATIONS, *LONE_RELATIONS))}
    assert not {construct for construct in expected if not counts[construct]}


def test_constructs_of_the_test_occur_in_training(drawn):
    trained = {c for found in drawn["train"] for c in constructs_of(found.goal)}
    counts = Counter(c for found in drawn["test"] for c in constructs_of(found.goal))
    assert not {construct for construct, count in counts.items() if count > 1} - trained


def test_what_is_held_out_stays_so():
    """The split is part of what was trained: a change of it makes figures of before worthless."""
    assert held_out("if: held") and held_out("then: [left of]") and held_out("right_of > [beside]")
    assert not any(map(held_out, ("in > both", "then: on", "there_is > a")))
    assert fits_split(read("in(the red block, the blue bowl)"), "train")
    assert combinations_of(read("in(both red block, the bowl [nearest both red block])")) == {
        "in > both", "in < [nearest]", "[nearest] + both"}


# What cannot be drawn ------------------------------------------------------------------------------------------------

def test_a_table_without_such_a_goal_says_so():
    table = table_of([{"name": "red block", "at": [1, 1]}, {"name": "blue block", "at": [2, 1]}])
    with pytest.raises(UndrawableError, match="found none on red block, blue block"):
        draw_goal(np.random.default_rng(0), table, kind="fact")


@pytest.mark.parametrize("options, said", [({"kind": "fun"}, "expected kinds"), ({"difficulty": 5}, "difficulty"),
                                           ({"split": "dev"}, "expected the split"),
                                           ({"split": "test", "kind": "nothing"}, "has none")])
def test_arguments_without_sense_are_refused(options: dict, said: str):
    with pytest.raises(ValueError, match=said):
        draw(np.random.default_rng(0), **options)


def test_goals_are_drawn_while_something_is_held():
    rng = np.random.default_rng(2)
    for _ in range(40):
        table = draw(rng).table
        name = next(block for block in table.blocks if not table.above(block))
        table = simulate(table, [("pick", name)])
        goal = draw_goal(rng, table)
        assert outcome_of(goal, table) == outcome_of(goal, table) and normal(goal) == goal
