"""scripts/own_goals.py: wordings played with their own goals; of the sets that judge nothing is printed."""

from __future__ import annotations

import json

import pytest

from scripts import own_goals

SCENE = [{"name": "red block", "at": [1, 1]}, {"name": "blue bowl", "at": [3, 2]}]


def test_what_is_said_does_not_matter_and_what_is_wanted_does(tmp_path, monkeypatch, capsys):
    lines = [{"id": "done", "kind": "any", "text": "glorp", "scene": SCENE, "goal": "in(the red block, the blue bowl)"},
             {"id": "told", "kind": "any", "text": "fnord", "scene": SCENE, "goal": "tell count(block)"}]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr("sys.argv", ["own_goals", "--wordings", str(tmp_path / "own.jsonl")])
    own_goals.main()
    found = json.loads(capsys.readouterr().out)
    assert (found["right"]["rate"], found["right"]["n"], found["wrong_motion"]["rate"]) == (1.0, 2, 0.0)
    assert found["not_right"] == []


@pytest.mark.parametrize("wordings", ["test", "chinese", "questions", "nowhere.jsonl"])
def test_sets_that_judge_and_files_that_are_not_there_are_refused(wordings, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["own_goals", "--wordings", wordings])
    with pytest.raises(SystemExit):
        own_goals.main()
    assert "wordings: expected" in capsys.readouterr().err
