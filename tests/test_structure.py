"""The figures of the structure: counted by hand on a small house, and what the real one promises of itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scripts import structure
from scripts.structure import cycles, figures, kept_of, page, read_tree, sort_files, spread

FILES = {
    "embodied/__init__.py": '"""The mind."""\n',
    "embodied/prompt.py": "from envs.interface import Box\n",
    "embodied/models/__init__.py": "",
    "embodied/models/planner.py": (
        "from embodied.models import tokens\nfrom embodied.prompt import Prompt, Slot\nimport numpy as np\n\n\n"
        'def plan(x):\n    """A plan."""\n    y = x\n    return y\n'),
    "embodied/models/tokens.py": "def late():\n    from embodied.models.planner import plan\n    return plan\n",
    "envs/__init__.py": "",
    "envs/interface.py": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                          "    from embodied.prompt import Prompt\n"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_small_house_is_counted_as_by_hand(house):
    found = figures(read_tree(house))
    assert (found["files"], found["functions"]) == (7, 2)
    assert found["lines_per_function"] == {"p50": 2, "p90": 2, "max": 2}, "without the docstring"
    assert found["rooms"]["embodied.models"] == {"files": 3, "lines": 12, "imports": ["embodied.prompt"]}
    assert found["room_arrows"] == 2, "models -> prompt -> interface"
    assert found["most_imported_names"] == {"embodied.models.planner.plan": 1, "embodied.prompt.Prompt": 1,
                                            "embodied.prompt.Slot": 1, "envs.interface.Box": 1}


def test_a_cycle_is_found_through_an_import_in_a_function_and_not_through_one_for_type_checkers(house):
    found = figures(read_tree(house))
    assert found["module_cycles"] == [["embodied.models.planner", "embodied.models.tokens"]]
    assert found["room_cycles"] == []


def test_cycles_are_whole_groups():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": {"e"}}
    assert cycles(arrows) == [["a", "b", "c"], ["e", "f"]]


def test_a_spread_is_of_numbers_that_occur():
    assert spread(range(1, 11)) == {"p50": 6, "p90": 10, "max": 10}
    assert spread([]) == {"p50": 0, "p90": 0, "max": 0}


def test_files_of_a_change_are_told_apart():
    assert sort_files(["envs/a.py", "configs/x.yaml", "tests/t.py", "docs/d.md", "README.md", "scripts/s.py"]) == {
        "code": ["configs/x.yaml", "envs/a.py"], "tests": ["tests/t.py"], "docs": ["README.md", "docs/d.md"],
        "other": ["scripts/s.py"]}


def test_a_page_sets_two_trees_side_by_side_and_lists_changes(house):
    before = {**figures(read_tree(house)), "files_per_commit": spread([1, 2])}
    (house / "envs/names.py").write_text("NAMES = ()\n")
    after = {**figures(read_tree(house)), "files_per_commit": spread([1])}
    text = page({"before": before, "now": after}, {"a skill": sort_files(["envs/skills/turn.py"])})
    assert "| files | 7 | 8 |" in text and "| `envs.names` | - | 1 / 1 |" in text
    assert "| a skill | 1 | 0 | 0 | 0 | `envs/skills/turn.py` |" in text
    assert "- embodied.models.planner - embodied.models.tokens" in text


def test_a_page_written_again_keeps_the_changes_that_it_lists(house, tmp_path):
    values = {"now": {**figures(read_tree(house)), "files_per_commit": spread([1])}}
    path = tmp_path / "page.md"
    assert kept_of(path) == ""
    path.write_text(page(values, {"a skill": sort_files(["envs/skills/turn.py"])}))
    assert page(values, {}) + kept_of(path) == path.read_text()


def test_another_commit_and_a_change_are_read_from_the_history(house, monkeypatch):
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(house), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True,
                       capture_output=True)

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "house")
    (house / "envs/names.py").write_text("NAMES = ()\n")
    git("add", "-A")
    git("commit", "-qm", "names")
    monkeypatch.setattr(structure, "ROOT", house)
    assert len(structure.tree_at("HEAD~1").modules) == 7 and len(structure.tree_at("HEAD").modules) == 8
    assert structure.files_of("HEAD~1..HEAD")["code"] == ["envs/names.py"]
    assert structure.files_per_commit("HEAD") == {"p50": 7, "p90": 7, "max": 7}


def test_nothing_in_the_real_house_leads_back_to_itself():
    found = figures(read_tree(structure.ROOT))
    assert found["room_cycles"] == found["module_cycles"] == []
    assert json.dumps(found)
