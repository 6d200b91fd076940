"""Few examples of each family, the best of a validation curve, and folders of before these settings were there."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from torch import nn

from embodied.data.batches import OnDemand
from embodied.data.jitter import USUAL
from embodied.distributed.launch import check_last
from embodied.training import checkpoint
from embodied.training.dataset import at_most
from embodied.training.hooks import KeepBest, Validation
from embodied.training.job import make_job
from embodied.training.loop import train
from embodied.training.placement import Replicated
from embodied.training.recipe import train_all
from embodied.training.settings import read_settings
from embodied.training.stage import ExampleSettings
from embodied.typed import SettingError
from tests.embodied.training.conftest import STAGE, tiny


def moved(measured, patience, steps=8):
    """(last state, weight at each measurement) of a training whose validation says what is listed."""
    model, said, weights = nn.Linear(1, 1, bias=False), iter(measured), []
    nn.init.zeros_(model.weight)

    def measure(model):
        weights.append(float(model.weight.detach()))
        exact, loss = next(said)
        return {"exact": exact, "loss": loss}

    state = train(model, OnDemand(lambda step: step), lambda model, batch: (-model.weight.sum(), {}),
                  torch.optim.SGD(model.parameters(), lr=1.0), steps=steps,
                  hooks=[Validation(measure, every=1), KeepBest(patience)])
    return state, weights


def test_it_ends_where_nothing_better_comes_and_leaves_the_best():
    state, weights = moved([(0.1, 3), (0.5, 2), (0.5, 2), (0.4, 1), (0.9, 0)], patience=2)
    assert state.step == 4 and state.is_enough and state.stop is None
    assert float(state.model.weight.detach()) == weights[1] and "step 2" in state.notes[-1]


def test_as_much_with_less_loss_is_better_and_the_last_step_ends_it_too():
    state, weights = moved([(0.5, 2), (0.5, 1), (0.1, 9)], patience=9, steps=3)
    assert state.step == 3 and float(state.model.weight.detach()) == weights[1]


class Killed(BaseException):
    """As a kill: nothing is saved at the end."""


class AfterSteps:
    """Does something after each step and nothing at the end."""

    def __init__(self, call):
        self.step = call

    def end(self, state):
        pass


def saved_and_killed(folder, measured, kill_at=None, steps=8, patience=2):
    """(last state, what validation said of each step) of a job whose every step is measured and saved, killed after a
    step, that goes on from its newest checkpoint."""
    model, batches = nn.Linear(2, 1, bias=False), OnDemand(lambda step: step)
    nn.init.zeros_(model.weight)
    settings = ExampleSettings(**{**STAGE, "steps": steps, "validate_every": 1}, jitter=USUAL)
    said = []

    def measure(model):
        said.append(measured[len(seen) + len(said)])
        return dict(zip(("exact", "loss"), said[-1], strict=True))

    def kill(state):
        if state.step == kill_at:
            raise Killed

    job = make_job(settings, model, batches, lambda model, batch: (-model.weight.sum(), {}), Replicated(), measure,
                   patience)
    newest = checkpoint.newest_valid(folder)
    if newest is not None:
        job.go_on_from(newest)
    seen = measured[:job.start]
    saver = checkpoint.Checkpointing(folder, batches, every=1, keep=2)
    return job.train([*job.listeners(), AfterSteps(saver.step), AfterSteps(kill)]), said


def test_the_best_lives_through_a_kill_and_ends_the_training_where_it_would_have_ended(tmp_path):
    measured = [(0.1, 3), (0.9, 2), (0.5, 2), (0.4, 1), (0.9, 0)]
    whole, _ = saved_and_killed(tmp_path / "whole", measured)
    with pytest.raises(Killed):
        saved_and_killed(tmp_path / "killed", measured, kill_at=3)
    found, said = saved_and_killed(tmp_path / "killed", measured)
    assert whole.step == found.step == 4 and said == measured[3:4]
    assert torch.equal(found.model.weight, whole.model.weight) and found.notes == whole.notes
    again, said = saved_and_killed(tmp_path / "killed", measured)
    assert again.step == 4 and not said and torch.equal(again.model.weight, whole.model.weight), "it was over"
    check_last(tmp_path / "killed" / "step_00000004", 8, patience=2)
    for patience in (None, 3):
        with pytest.raises(checkpoint.CheckpointError, match="expected the checkpoint of step 8"):
            check_last(tmp_path / "killed" / "step_00000004", 8, patience)


def test_a_damaged_best_is_a_damaged_checkpoint(tmp_path):
    with pytest.raises(Killed):
        saved_and_killed(tmp_path, [(0.5, 1)] * 8, kill_at=2)
    (tmp_path / "step_00000002" / checkpoint.BEST).write_bytes(b"")
    with pytest.warns(UserWarning, match=r"best\.safetensors"):
        assert checkpoint.newest_valid(tmp_path) == tmp_path / "step_00000001"


def test_of_each_family_at_most_so_many_drawn_by_the_seed():
    families = ["a", "b", "a", "c", "a", "b", "a"]
    assert at_most(None, range(7), families, 0) == list(range(7))
    kept = [at_most(2, range(7), families, seed) for seed in range(6)]
    assert all(Counter(families[i] for i in places) == {"a": 2, "b": 2, "c": 1} for places in kept)
    assert kept[0] == sorted(kept[0]) == at_most(2, range(7), families, 0) and len({tuple(k) for k in kept}) > 1
    scarce = at_most(None, range(7), families, 0, limits={"a": 1})
    assert Counter(families[i] for i in scarce) == {"a": 1, "b": 2, "c": 1}
    assert {families[i] for i in at_most(None, range(7), families, 0, limits={"a": 0})} == {"b", "c"}
    with pytest.raises(ValueError, match="family of limits"):
        at_most(None, range(7), families, 0, limits={"aa": 1})


def test_a_limit_below_nothing_is_refused(dataset):
    changed = tiny(dataset)
    changed["stages"]["sft"]["limits"] = {"put": -1}
    with pytest.raises(SettingError, match=r"limits.put=-1: expected at least 0"):
        read_settings(changed)


def test_a_folder_that_began_before_a_setting_was_there_goes_on_with_what_it_stands_for(dataset, tmp_path):
    settings = read_settings(tiny(dataset))
    model = train_all(settings, tmp_path)
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    for name in ("per_family", "patience", "replay", "measures_retention"):
        del recipe["stages"]["sft"][name]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    assert train_all(settings, tmp_path) == model
    changed = tiny(dataset)
    changed["stages"]["sft"]["per_family"] = 3
    with pytest.raises(ValueError, match="another stages"):
        train_all(read_settings(changed), tmp_path)
