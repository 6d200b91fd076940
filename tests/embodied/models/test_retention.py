"""The retention meter: an untouched planner keeps all, one whose language is spoiled does not, and both are said."""

from __future__ import annotations

import json

import pytest
import torch

from embodied.cli.main import main
from embodied.models import save
from embodied.models.checkpoint_checks import CheckpointError
from embodied.models.retention import Reading, compare, items, texts
from embodied.models.retention.report import report
from tests.embodied.bases import made
from tests.embodied.bases.test_planner_on_base import planner, speak_up


def test_there_are_enough_items_and_each_can_be_checked():
    listed = items()
    assert len(listed) >= 100 and len({(item.start, item.right) for item in listed}) == len(listed)
    assert all(item.right not in item.wrong and len(item.wrong) == 3 for item in listed)
    assert len(texts()) >= 6 and all(len(text) > 300 for text in texts())


@pytest.fixture
def few(monkeypatch):
    """A tenth of the items: a model of chance gets some of them right."""
    listed = items()[::10]
    monkeypatch.setattr("embodied.models.retention.items", lambda: listed)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_planner_that_learned_nothing_keeps_its_base(few, family, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = save(*planner(made.folder(tmp_path / "base", family)), tmp_path / "planner")
    assert main(["evaluate", "suite=retention", f"weights={folder}", "hydra.run.dir=here"]) == 0
    found = json.loads((tmp_path / "here" / "retention.json").read_text())
    assert found["items"] == found["items_kept"] and found["is_base_without_adapters"]
    assert found["merged_relative_rms"] < 1e-5
    assert "adapters off: the base to the bit" in capsys.readouterr().out


def test_a_spoiled_language_is_said(few, tmp_path):
    model, processor = planner(made.folder(tmp_path / "base"), rank=8)
    torch.manual_seed(0)
    speak_up(model)
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:
            parameter.data.mul_(30)
    found = report(save(model, processor, tmp_path / "planner"))
    assert found["agreement"] < 0.9 and found["perplexity_rise"] > 0.02 and not found["is_kept"]
    assert found["is_base_without_adapters"]


def test_the_bounds_are_those_of_the_report():
    likeliest = torch.arange(4)
    base = Reading(10.0, 10.0, likeliest, (True,) * 20 + (False,))
    assert compare(Reading(10.19, 10.1, likeliest, (True,) * 19 + (False, False)), base)["is_kept"]
    assert not compare(Reading(10.21, 10.1, likeliest, (True,) * 21), base)["is_kept"]
    lost = compare(Reading(10.0, 10.0, likeliest.flip(0), (True,) * 18 + (False,) * 3), base)
    assert not lost["is_kept"] and (lost["items"], lost["items_kept"], lost["agreement"]) == (20, 18, 0.0)


def test_a_planner_that_names_no_base_is_asked_for_one(few, tmp_path):
    base = made.folder(tmp_path / "base")
    folder = save(*planner(base, "full"), tmp_path / "planner")
    with pytest.raises(CheckpointError, match=r"suite\.base=small"):
        report(folder)
    assert report(folder, str(base))["items_kept"] == report(folder, str(base))["items"]
