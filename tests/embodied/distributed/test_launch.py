"""A stage as a Ray Train job: the loss of the local run, and a killed worker costs no more than one interval."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from embodied.data.collect import CollectSpec, collect
from embodied.distributed.cluster import disconnect, refuse_odd_split
from embodied.distributed.launch import check_last, launch
from embodied.distributed.storage import RAYS_LIST
from embodied.training.checkpoint import CheckpointError
from embodied.training.parallel.layout import Layout
from embodied.training.recipe import finish_stage, run_stage, start_stage
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings
from tests.embodied.data.fake_env import ID
from tests.embodied.training.conftest import tiny
from tests.embodied.training.test_checkpoint import go, parts


@pytest.fixture
def settings(tmp_path):
    torch.set_num_threads(1)
    collect(CollectSpec(env_id=ID), tmp_path / "data", episodes=24, executed_fraction=0.25, workers=0)
    return read_settings(tiny(tmp_path / "data"))


def losses(path):
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    return [e["loss"] for e in lines if "loss" in e], [e for e in lines if "world_size" in e]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_workers_learn_what_one_does_even_when_one_is_killed(tmp_path, settings):
    local, job = tmp_path / "local", tmp_path / "job"
    alone = run_stage(settings, "segmenter", local)
    fault = {"rank": 1, "step": 3, "marker": str(tmp_path / "killed")}  # before Ray has heard of a checkpoint
    try:
        together = launch(settings, "segmenter", job, num_workers=2, fault=fault)
        assert (tmp_path / "killed").exists()
        (job / "ray" / "segmenter" / RAYS_LIST).write_text("{")  # as a driver that is killed may leave it
        assert launch(settings, "segmenter", job, num_workers=2) == together, "a finished job has nothing more to do"
        run = RunFolder(job, settings)
        finish_stage(run, "segmenter", together)
        start_stage(run, "sft")
        finish_stage(run, "sft", launch(settings, "sft", job, num_workers=2, layout=Layout(tensor=2)))
    finally:
        disconnect()
    one, two = (load_file(path / "model.safetensors") for path in (alone, together))
    # Sharing a batch changes the order of sums, no more; AdamW's first steps blow the rounding of tiny gradients up.
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 0.02
    seen, starts = losses(job / "segmenter" / "log.jsonl")
    assert len(seen) == 4 and np.isfinite(seen).all() and [e["step"] for e in starts][:2] == [0, 2]
    assert (job / "model" / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_workers_that_each_save_their_part_beside_training_and_elsewhere(tmp_path, settings):
    """One of them is killed, all go on from the parts at an address, and what a stage publishes is made of parts."""
    longer = {name: replace(stage, steps=8) for name, stage in settings.stages.items()}
    settings = replace(settings, stages=longer, saves_in_background=True)
    job, storage = tmp_path / "job", tmp_path / "storage"
    fault = {"rank": 1, "step": 7, "marker": str(tmp_path / "killed")}
    chosen = {"num_workers": 2, "is_sharded": True, "storage": f"file://{storage}"}
    try:
        last = launch(settings, "segmenter", job, layout=Layout(zero=1), fault=fault, **chosen)
        finish_stage(RunFolder(job, settings), "segmenter", last)
        start_stage(RunFolder(job, settings), "sft")
        last = launch(settings, "sft", job, layout=Layout(zero=3), **chosen)
    finally:
        disconnect()
    assert (tmp_path / "killed").exists()
    assert {"part-00000-of-00002.safetensors", "part-00001-of-00002.manifest.json"} <= {p.name for p in last.iterdir()}
    _, starts = losses(job / "segmenter" / "log.jsonl")
    assert len(starts) == 2 and starts[1]["step"] in (2, 4), "that of step 6 is reported after step 7 at the earliest"
    assert len(list((storage / "sft").glob("step_*"))) == settings.stages["sft"].keep
    finish_stage(RunFolder(job, settings), "sft", last)
    assert (job / "model" / "model.safetensors").exists()
    alone = run_stage(replace(settings, saves_in_background=False), "segmenter", tmp_path / "alone")
    one, two = load_file(alone / "model.safetensors"), load_file(job / "segmenter" / "segmenter.safetensors")
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 0.02


def test_a_checkpoint_that_is_not_of_the_last_step_ends_no_stage(tmp_path):
    go(parts(), tmp_path, 4)
    check_last(tmp_path / "step_00000004", 4)
    with pytest.raises(CheckpointError, match="expected the checkpoint of step 4, the last one, got that of step 2"):
        check_last(tmp_path / "step_00000002", 4)


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(ValueError, match="multiple of the 2 workers, got 5"):
        refuse_odd_split(5, 2)
