"""The planner against a search through every table: it reaches what can be reached, and refuses nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from envs.goals.judge import progress
from envs.goals.normal import gist, normal
from envs.goals.outcome import Outcome, Refusal, Task, chosen_of, outcome_of
from envs.goals.planner import plan, simulate
from envs.goals.references import Trouble
from envs.goals.sampling import draw
from envs.goals.scenes import draw_scene, table_of
from envs.goals.spelling import read, write
from envs.goals.table import Table
from envs.goals.wanted import Wanted, wanted
from tests.envs.goals.brute_force import least_calls, minds_places
from tests.envs.goals.wild import wild_goal

SCENE = [{"name": "blue bowl", "at": [3, 1]}, {"name": "red block", "at": [1, 1]},
         {"name": "green block", "at": [5, 1]}, {"name": "white block", "at": [3, 3]},
         {"name": "cyan block", "on": "white block"}]


def outcome(text: str, scene: list = SCENE) -> Outcome:
    return outcome_of(read(text), table_of(scene))


def is_reached(task: Task, table: Table) -> bool:
    tables = [table]
    for call in task.calls:
        tables.append(simulate(tables[-1], [call]))
    return progress(task.wanted, tables) == 1


@pytest.mark.parametrize("text", [
    "not at(the red block, left)", "not beside(the white block, the cyan block)",
    "not left_of(the red block, the blue bowl)", "not on(the red block, table)",
    "not right_of(the red block, the green block)",
    "beside(the red block, the green block); left_of(the green block, the red block)",
    "left_of(the green block, the red block); keep(the green block)",
    "at(the red block, left); beside(the red block, the green block)",
    "in(the red block, the blue bowl); on(the red block, the green block)",
    "on(the white block, the cyan block) then in(the white block, the blue bowl)",
    "on(the red block, the green block); on(the green block, the white block)",
    "held(the white block); in(the cyan block, the blue bowl)",
])
def test_what_can_be_done_is_planned(text: str):
    found = outcome(text)
    assert isinstance(found, Task), found
    assert is_reached(found, table_of(SCENE))


@pytest.mark.parametrize("text", [
    "on(the red block, the red block)", "beside(the red block, the red block)", "held(2 block)",
    "on(the red block, the green block); on(the green block, the red block)",
    "beside(the red block, the green block); on(the red block, the green block)",
    "in(the white block, the blue bowl); keep(the cyan block)",
    "left_of(the red block, the green block); right_of(the red block, the green block)",
    "in(the red block, the blue bowl); not in(the red block, the blue bowl)",
])
def test_what_contradicts_itself_is_refused(text: str):
    found = outcome(text)
    assert isinstance(found, Refusal) and found.reason == "conflict"
    assert all(isinstance(name, str) for name in found.about)


@pytest.mark.parametrize(("verb", "reason"), [
    ("wash", "cannot_do"), ("take a photo", "cannot_do"), ("sing to", "cannot_do"), ("跳舞", "cannot_do"),
    ("put", "unclear"), ("Pick up", "unclear"),
    ("lift", "unclear"), ("拿", "unclear"),
])
def test_it_never_says_that_it_cannot_do_what_it_can(verb: str, reason: str):
    assert outcome(f'cannot "{verb}"').reason == reason


def small_goals(kind: str, count: int, places: bool) -> list[tuple[Table, Wanted, Outcome]]:
    """Goals on small tables, with what they come to; their words fit the table, whether or not they can be met."""
    rng, found = np.random.default_rng(len(kind)), []
    while len(found) < count:
        drawn = draw(rng, kind=kind, things=(3, 4 if places else 5))
        try:
            chosen = chosen_of(drawn.goal, drawn.table)
            aim = chosen and wanted(chosen, drawn.table)
        except Trouble:
            continue
        is_small = len(drawn.table.blocks) <= (3 if places else 5) and aim is not None and len(aim.ways) <= 3
        if is_small and any(map(minds_places, aim.ways)) == places:
            found.append((drawn.table, aim, drawn.outcome))
    return found


@pytest.mark.parametrize("places, count", [(False, 90), (True, 12)])
def test_what_is_refused_cannot_be_reached(places: bool, count: int):
    for table, aim, _ in small_goals("conflict", count, places):
        assert least_calls(table, aim) is None, (aim, dict(table.under))


@pytest.mark.parametrize("kind", ["fact", "clauses", "negation"])
def test_plans_of_one_step_are_as_short_as_can_be(kind: str):
    for table, aim, task in small_goals(kind, 25, places=False):
        assert len(task.calls) == least_calls(table, aim), (aim, dict(table.under))


def test_any_goal_on_any_table_comes_to_something():
    rng, counts = np.random.default_rng(11), {}
    for _ in range(1500):
        table, goal = table_of(draw_scene(rng)), wild_goal(rng)
        assert read(write(goal)) == goal
        found = outcome_of(goal, table)
        counts[type(found).__name__] = counts.get(type(found).__name__, 0) + 1
        if isinstance(found, Task):
            assert is_reached(found, table), write(goal)
            assert gist(outcome_of(normal(goal), table)) == gist(found)
    assert len(counts) == 4


def test_a_plan_made_after_a_call_is_the_rest_of_it():
    rng = np.random.default_rng(5)
    for _ in range(60):
        drawn = draw(rng, kind="clauses")
        calls, table = drawn.outcome.calls, drawn.table
        for number, call in enumerate(calls):
            table = simulate(table, [call])
            assert len(plan(table, drawn.outcome.wanted)) <= len(calls) - number - 1
