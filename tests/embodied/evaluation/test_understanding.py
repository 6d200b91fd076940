"""Wordings with their right outcomes: how lines are read, and how the judge counts what a mind does, in physics."""

from __future__ import annotations

import json

import gymnasium
import pytest

from embodied.agents.mind_agent import MindAgent
from embodied.agents.shipped import load_agent
from embodied.evaluation.understanding.items import SETS, ItemError, is_secret, load_items, path_of
from embodied.evaluation.understanding.judging import contradicts
from embodied.evaluation.understanding.playing import TableWatch, play, summary, without_words
from embodied.planning.dialogue import Reading, said
from embodied.planning.language import Plan, clause
from envs.goals import telling
from envs.goals.outcome import Refusal
from envs.goals.spelling import read
from envs.tasks.wordings.writing import WRITTEN, written

SCENE = [{"name": "red block", "at": [1, 1]}, {"name": "green block", "at": [3, 3]},
         {"name": "blue bowl", "at": [4, 1]}, {"name": "white bowl", "at": [2, 2]}]
TWINS = [*SCENE, {"name": "red block 2", "at": [5, 3]}]
IN_BLUE = "in(the red block, the blue bowl)"


def item_of(tmp_path, **line):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"text": "say", "scene": SCENE, **line}) + "\n", "utf-8")
    return load_items(path)[0]


# Reading -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", SETS)
def test_every_set_can_be_read_and_agrees_with_its_goals(name):
    assert len(load_items(path_of(name))) in (30, 40, 60, 100, 320, 640)


def test_the_fixed_set_holds_forty_wordings_of_each_of_sixteen_kinds():
    kinds = [item.kind for item in load_items(path_of("test"))]
    assert len(set(kinds)) == 16
    assert {kinds.count(kind) for kind in kinds} == {40}


@pytest.mark.parametrize(("line", "complaint"), [
    ({"goal": "in(the red"}, "own.jsonl, line 1"),
    ({"goal": IN_BLUE, "outcome": "question"}, "comes to a plan"),
    ({"scene": [{"name": "red cat", "at": [1, 1]}], "goal": IN_BLUE}, "expected a name"),
    ({"question": ["red block", "purple block"]}, "things of the scene"),
    ({"refusal": "tired"}, "expected goal, question or refusal"),
    ({}, "expected goal, question or refusal"),
    ({"goal": IN_BLUE, "mood": "gay"}, "got mood"),
])
def test_a_line_that_is_no_wording_is_refused_by_its_number(tmp_path, line, complaint):
    with pytest.raises(ItemError, match=complaint):
        item_of(tmp_path, **line)


def test_no_written_line_is_of_a_set():
    """But answers as short as "the red one", which are anybody's."""
    judged = {said(item.text) for name in SETS for item in load_items(path_of(name))}
    learned = [line.text for split in ("train", "validation") for line in written(split, 0)]
    learned += [item.text for item in load_items(WRITTEN / "scenes.jsonl")]
    assert not [text for text in learned if len(text.split()) > 5 and said(text) in judged]


def test_only_the_sets_that_come_along_are_secret(tmp_path):
    assert is_secret(path_of("test")) and is_secret(path_of("chinese")) and is_secret(path_of("questions"))
    assert not is_secret(path_of("development")) and not is_secret(tmp_path / "wordings" / "test.jsonl")


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="development"):
        path_of("no-such-file.jsonl")


# Judging -------------------------------------------------------------------------------------------------------------

class Told:
    def __init__(self, goal: str | None) -> None:
        self.goal = goal

    def understand(self, text, before=()):
        return Reading(read(self.goal) if self.goal else None)


@pytest.fixture(scope="module")
def env():
    watched = TableWatch(gymnasium.make("envs:embodied/Tabletop-v0"))
    yield watched
    watched.close()


@pytest.fixture(scope="module")
def eyes():
    return load_agent().backend.perceive


@pytest.fixture
def played(env, eyes, tmp_path):
    def play_(understood: str | None, **line):
        mind = MindAgent(Told(understood), eyes, language=env.unwrapped.language)
        return play(env, mind, item_of(tmp_path, **line), 2_000_003)

    return play_


def test_what_was_asked_for_is_right(played):
    record = played(IN_BLUE, goal=IN_BLUE)
    assert (record["right"], record["wrong_motion"], record["did"]) == (True, False, "plan")


def test_something_else_is_a_wrong_motion(played):
    record = played("in(the red block, the white bowl)", goal=IN_BLUE)
    assert (record["right"], record["wrong_motion"]) == (False, True)


def test_half_of_it_is_not_right_and_not_wrong(played):
    record = played(IN_BLUE, goal=f"{IN_BLUE}; in(the green block, the blue bowl)")
    assert (record["right"], record["wrong_motion"], record["did"]) == (False, False, "plan")


def test_a_question_is_right_only_between_the_true_candidates(played):
    asked = "in(the red block, the blue bowl)"
    assert played(asked, goal=asked, scene=TWINS)["right"]
    assert not played("in(the bowl, the red block)", goal=asked, scene=TWINS)["right"]
    assert played(asked, question=["red block", "red block 2"], scene=TWINS)["right"]


def test_moving_where_a_question_was_due_is_a_wrong_motion(played):
    record = played("in(a red block, the blue bowl)", goal=IN_BLUE, scene=TWINS)
    assert (record["right"], record["wrong_motion"]) == (False, True)


def test_a_refusal_is_right_only_for_the_reason_that_decides(played):
    missing = "in(the purple block, the blue bowl)"
    assert played(missing, goal=missing)["right"]
    assert not played(None, goal=missing)["right"]
    assert not played("in(the blue bowl, the white bowl)", refusal="missing")["right"]


def test_a_reason_is_held_against_the_table_whatever_was_meant(played, env):
    def judged(reason, understood):
        plan = Plan((), refusal=clause(telling.why_not(Refusal(reason, ("red block",)))), understood=understood,
                    outcome=Refusal(reason, ("red block",)))
        return contradicts(plan, env.tables[-1])

    assert played("in(the purple block, the blue bowl)", goal=IN_BLUE)["contradicts"] is False
    assert played(None, goal=IN_BLUE)["contradicts"] is None and played(IN_BLUE, goal=IN_BLUE)["contradicts"] is None
    assert judged("missing", IN_BLUE) and judged("conflict", IN_BLUE) and judged("missing", "") is None


def test_an_answer_is_held_against_the_truth(played):
    assert played("tell count(block)", goal="tell count(block)")["right"]
    assert not played("tell count(bowl)", goal="tell where(the red block)")["right"]
    assert played("tell what(thing [on table])", goal="tell what(thing [on table])")["right"]


def test_counts_have_intervals_and_secret_ones_no_words(played):
    records = [played(IN_BLUE, goal=IN_BLUE, kind="plain"), played(None, goal=IN_BLUE, kind="plain")]
    found = summary(records)
    assert found["right"]["rate"] == 0.5
    assert found["right"]["n"] == found["per_kind"]["plain"]["n"] == 2
    assert found["refused_rightly"] is None
    assert not {"said", "understood", "calls", "end"} & set(without_words(records[0]))
