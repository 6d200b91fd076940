"""The demo with a mind: a scene that suits the words, questions, corrections, turns, and an honest word at the end."""

from __future__ import annotations

import json

import pytest

from embodied.agents import minds
from embodied.agents.mind_agent import MindAgent
from embodied.agents.shipped import load_agent
from embodied.cli.main import main
from embodied.cli.talk import Person, suited_scene
from envs.goals.outcome import Task, Told, outcome_of
from envs.goals.scenes import table_of
from envs.goals.spelling import read
from tests.embodied.agents.talking import Words

WISH = "could you drop both red cubes into whichever bowl is nearer?"
GOAL = "in(both red block, the bowl [nearest both red block])"
SCENE = [{"name": "red block", "at": [2, 1]}, {"name": "red block 2", "at": [4, 1]},
         {"name": "blue bowl", "at": [3, 3]}]
SMALL = ("video.width=160", "video.height=120", "video.fps=4")


@pytest.mark.parametrize("goal", [GOAL, "tell count(block)", "on(the blue block, the red block)"])
def test_a_scene_is_drawn_in_which_there_is_something_to_do(goal: str):
    outcome = outcome_of(read(goal), table_of(suited_scene(read(goal), 7)))
    assert isinstance(outcome, Told) or (isinstance(outcome, Task) and outcome.calls)
    assert suited_scene(read(goal), 7) == suited_scene(read(goal), 7)


def test_any_scene_will_do_for_what_cannot_be():
    assert suited_scene(None, 3) == suited_scene(read('in(the "black" block, the blue bowl)'), 3)


def test_people_answer_interrupt_and_go_on():
    person = Person(["the left one", "@1 no, the other", "@2 wait", "and now this"])
    assert person.answer() == "the left one" and person.interjections(0) == []
    assert person.interjections(2) == ["no, the other", "wait"]
    assert person.next_turn() == "and now this" and person.next_turn() is None and person.answer() is None


@pytest.fixture
def mind(monkeypatch) -> Words:
    words = Words({"take a red one": "in(the red block, the blue bowl)", "... now take it out again":
                   "on(the rightmost red block, table)", "how many are there?": "tell count(red block)",
                   "... no, the other one": "in(the leftmost red block, the blue bowl)", WISH: GOAL})
    monkeypatch.setattr(minds, "is_mind", lambda folder: True)
    monkeypatch.setattr(minds, "load_mind", lambda name: MindAgent(words, load_agent("tabletop-tiny").backend.perceive))
    return words


@pytest.mark.weights
def test_a_talk_of_three_turns_with_a_question_and_a_correction(mind: Words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.json").write_text(json.dumps(SCENE))
    replies = json.dumps(["the right one", "@1 no, the other one", "how many are there?"])
    assert main(["demo", "take a red one", "scene=scene.json", f"replies={replies}", "hydra.run.dir=here", *SMALL]) == 0
    told = capsys.readouterr().out
    for line in ("Question: Which red block do you mean, the left one or the right one?", "you: the right one",
                 "understood: put the rightmost red block in the blue bowl", "you: no, the other one",
                 "Done: I see the red block in the blue bowl.", "success, by what was understood",
                 "Answer: I see 2 red blocks."):
        assert line in told, told
    assert (tmp_path / "here" / "demo.mp4").stat().st_size > 1000


@pytest.mark.weights
def test_a_file_that_is_no_scene_is_refused_before_anything_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.json").write_text('[{"name": "red blok", "at": [2, 1]}]')
    assert main(["demo", "go", "scene=scene.json", "hydra.run.dir=here", *SMALL]) == 1
    assert "expected a name such as 'red block'" in capsys.readouterr().err
    assert main(["demo", "go", "scene=none.json", "hydra.run.dir=here", *SMALL]) == 1
    assert "expected a JSON file" in capsys.readouterr().err
