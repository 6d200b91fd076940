"""embodied evaluate suite=palm_e: what it refuses before it asks anything, and what it leaves."""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from embodied.agents.shipped import weights_path
from embodied.cli import palm_e
from embodied.cli.weights import check_usable, is_privileged
from embodied.data.pool import map_seeds
from embodied.evaluation.palm_e.report import render
from embodied.models.loading import save
from envs.skills.signatures import TAMP
from tests.embodied.models.test_planner import make

SUITE = SimpleNamespace(split="test", first=0, episodes=6, baseline_episodes=4, policies=("model", "oracle"),
                        objects=(5, 6), executed=0, max_calls=20, unseen_episodes=3, acted_episodes=5)
ENV = {"image_size": 48}


def entered(folder, **changes):
    return palm_e.enter(SimpleNamespace(**{**vars(SUITE), **changes}), str(folder), ENV, folder, "abc")


@pytest.fixture
def answers(monkeypatch):
    """Weights that learned the tamp table, as far as anybody asks."""
    monkeypatch.setattr("embodied.cli.weights.language_of", lambda folder, world: TAMP)
    monkeypatch.setattr("embodied.cli.weights.is_privileged", lambda folder: False)


@pytest.mark.weights
def test_weights_that_have_no_words_are_refused():
    with pytest.raises(ValueError, match=r"learned the tamp table; .*no skill answer .*experiment=palm_e_tiny"):
        entered(weights_path("tabletop-tiny"))


@pytest.mark.parametrize(("changes", "said"), [
    ({"policies": ("model", "saycan")}, "expected of model, blind, shuffled, oracle, got saycan"),
    ({"objects": (5, 5)}, "suite.objects: expected each once, got 5, 5"),
    ({"objects": (5, 9)}, r"expected 3 to 8 blocks, got \[9\]"), ({"objects": (6,)}, "expected 5, the scenes as of")])
def test_what_the_suite_cannot_ask_is_refused(tmp_path, answers, changes, said):
    with pytest.raises(ValueError, match=said):
        entered(tmp_path, **changes)
    assert not list(tmp_path.iterdir())


def test_a_planner_that_sees_by_the_simulators_masks_carries_nothing_out(tmp_path, answers, monkeypatch):
    monkeypatch.setattr("embodied.cli.weights.is_privileged", lambda folder: True)
    for changes in ({"executed": 2}, {"policies": ("model", "blind")}, {"policies": ("model", "shuffled", "oracle")}):
        with pytest.raises(ValueError, match=r"finds objects by itself, .* suite.executed=0 'suite.policies="):
            entered(tmp_path, **changes)
    assert entered(tmp_path)[0]


def test_true_masks_are_refused_where_nobody_has_them(tmp_path, monkeypatch):
    model, processor = make(scene_encoder="true_state")
    save(model, processor, tmp_path / "seer")
    assert is_privileged(tmp_path / "seer")
    with pytest.raises(ValueError, match="shown the simulator's own masks; ask it by embodied evaluate suite=palm_e"):
        check_usable(str(tmp_path / "seer"))
    check_usable(str(tmp_path / "seer"), has_masks=True)


@pytest.mark.parametrize("is_privileged", [False, True])
def test_a_report_says_who_sees_by_the_simulators_masks(is_privileged: bool):
    cells = {"p1": {"success_rate": 1.0, "ci95": [0.9, 1.0], "n": 4}}
    page = render({"objects": {"3-5": cells}, "baselines": {}, "calibration": {}, "latency_s": {},
                   "is_privileged": is_privileged}, [])
    assert ("model (PRIVILEGED" in page) == is_privileged


def test_a_world_elsewhere_is_refused(tmp_path, answers, monkeypatch):
    monkeypatch.setitem(ENV, "isolated", True)
    with pytest.raises(ValueError, match=r"env.isolated=true: expected false"):
        entered(tmp_path)


def test_eval_json_holds_what_was_asked(tmp_path, answers, capsys):
    """The labels answer in the model's place."""
    rows, jobs = entered(tmp_path)
    rows = [replace(row, spec=replace(row.spec, policy="oracle")) for row in rows]
    (tmp_path / "config.yaml").write_text("suite: palm_e")
    run = SimpleNamespace(folder=tmp_path, command="embodied evaluate suite=palm_e")
    mean = palm_e.judge(rows, jobs, SUITE, "abc", {"suite": "palm_e"}, run, partial(map_seeds, workers=0))
    found = json.loads((tmp_path / "eval.json").read_text())
    assert mean == 1.0 and found["suite"] == "palm_e" and set(found["objects"]) == {"3-5", "6"}
    assert {"q1", "q2", "q4", "p1", "p2"} <= set(found["per_task"]) and found["per_task"]["p1"]["n"] == 6
    assert found["baselines"]["oracle"]["p1"]["n"] == 4 and "p1" not in found["baselines"]["majority"]
    assert "6 objects: q1 100.0%" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg") == min(60, page.count("<figure")) > 10 and "<td>98.1%</td>" in page
    assert "embodied evaluate suite=palm_e" in page and "oracle (PRIVILEGED)" in page
