"""Old public names are refused by a message that names the new one, and docs/renamed.md says the same."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import pytest

from embodied.agents.prompting.memory import Memory
from embodied.cli.errors import UsageError
from embodied.cli.renamed import RENAMED, refuse_renamed
from embodied.evaluation.ledger import Ledger
from embodied.models.old_forms import renewed
from embodied.serving.routes.streams import UnknownCameraError, check_cameras
from embodied.training.old_runs import present_form

PAGE = (Path(__file__).parents[1] / "docs" / "renamed.md").read_text("utf-8")


def rows(heading: str) -> list[tuple[str, str, str]]:
    """(old, new, answer) of the table under a heading of the page."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in lines]


@pytest.mark.parametrize(("old", "new", "answer"), rows("Settings"))
def test_an_old_setting_answers_with_the_new_one(old: str, new: str, answer: str):
    with pytest.raises(UsageError) as refused:
        refuse_renamed([old], {})
    assert str(refused.value) == answer == f"{old}: is called {new} now"


def test_the_page_lists_every_old_setting():
    listed = {old for old, *_ in rows("Settings")}
    assert all(any(f"{old}.".startswith(f"{key}.") for old in listed) for key in RENAMED)


@pytest.mark.parametrize(("old", "new", "answer"), rows("Environments"))
def test_an_old_keyword_answers_with_the_new_one(old: str, new: str, answer: str):
    with pytest.raises(TypeError, match=answer):
        gymnasium.make("envs:embodied/Stack-v0", **{old: 0.1})


@pytest.mark.parametrize(("old", "new", "answer"), rows("Cameras"))
def test_an_old_camera_answers_with_the_new_one(old: str, new: str, answer: str):
    with pytest.raises(UnknownCameraError, match=answer):
        check_cameras([new, old])


def test_files_of_earlier_versions_are_read(tmp_path):
    assert renewed({"lexicon": ["put"], "seeing": "slots"}) == {"vocabulary": ["put"], "scene_encoder": "slots"}
    old = {"model": {"is_lexicon_open": True}, "segmenter": {}, "planner": {}}
    assert present_form(old)["model"] == {"is_vocabulary_open": True}
    path = tmp_path / "a.jsonl"
    lost = {"contestant": "model", "blame": {"culprit": "skill", "reason": "slipped"}}
    path.write_text(f"{json.dumps({'contestant': 'model'})}\n{json.dumps(lost)}\n")
    [record] = Ledger(path, {"policy": "model"}).records
    assert record == {"policy": "model", "attribution": {"component": "skill", "reason": "slipped"}}
    (tmp_path / "memory.json").write_text('[{"wish": "stack them", "end": "done", "troubles": []}]')
    assert Memory(tmp_path / "memory.json").notes[0].instruction == "stack them"
