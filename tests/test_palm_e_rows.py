"""scripts/palm_e_rows.py: evaluations of one row are counted together, and how far they are apart is told."""

from __future__ import annotations

import json

import pytest

from scripts import palm_e_rows


def cells(rate: float, f1: float) -> dict:
    rated = {"success_rate": rate, "ci95": [0, 1], "n": 300}
    return {"objects": {"3-5": {"p1": rated, "affordance": {"f1": f1, "ci95": [0, 1], "n": 234}}}}


def test_seeds_of_a_row_are_one_cell(tmp_path, capsys, monkeypatch):
    for name, found in (("a", cells(0.9, 0.5)), ("b", cells(0.7, 0.7))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "eval.json").write_text(json.dumps(found))
    rows = [f"slots={tmp_path / 'a'},{tmp_path / 'b'}", f"one={tmp_path / 'a'}"]
    monkeypatch.setattr("sys.argv", ["palm_e_rows", *rows])
    assert palm_e_rows.main() == 0
    both, alone = capsys.readouterr().out.splitlines()[2:]
    assert both == "| slots | - | - | - | - | 80.0% (75.1-84.1) [70% .. 90%] | - | 0.600 [0.50 .. 0.70] |"
    assert alone == "| one | - | - | - | - | 90.0% (86.1-92.9) | - | 0.500 |"


def test_a_folder_without_an_evaluation_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["palm_e_rows", f"slots={tmp_path}"])
    with pytest.raises(SystemExit):
        palm_e_rows.main()
    assert "expected folders with an eval.json of suite=palm_e" in capsys.readouterr().err
